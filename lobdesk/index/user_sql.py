"""Running SQL that people type: in a process of its own, behind a fence, with a deadline."""

from __future__ import annotations

import contextlib
import itertools
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from lobdesk.index import wire
from lobdesk.index.errors import (
    FenceError,
    IndexMissingError,
    QueryCancelledError,
    QueryError,
    QueryTimeoutError,
    WrongQuestionError,
)
from lobdesk.index.fence import landlock_abi
from lobdesk.index.request import PARQUET_NAME, Request
from lobdesk.index.result import SqlResult, left_out_note
from lobdesk.paths import DataPaths

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator, Iterator, Mapping

DEFAULT_TIMEOUT_S = 60.0
POLL_S = 0.05
MOST_ROWS = 2_000_000
"""Most rows that are kept in memory here; files take any number."""


@dataclass(slots=True)
class Answer:
    """The rows of a query while they arrive.

    Attributes:
        columns: Names in order.
        types: DuckDB's name of each column's type.
        notes: What the reader should know.
        rows: Each row once.
        is_cut: Known at the end: True if the limit left rows out.
    """

    columns: list[str]
    types: list[str]
    notes: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]
    is_cut: bool = False


def run_user_sql(
    data_dir: Path | str,
    text: str,
    *,
    limit: int | None = 1000,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    cancel: threading.Event | None = None,
    is_unsafe: bool = False,
    variables: Mapping[str, str | float] | None = None,
) -> SqlResult:
    """Run one SELECT from outside and return its rows.

    It runs in a process that can read the index and the journal, and write nowhere else than in a
    folder of its own that is deleted afterwards; it has no network, bounded memory and time.

    Args:
        data_dir: Data directory.
        text: One SELECT.
        limit: Most rows; None for all.
        timeout_s: After this the process is killed.
        cancel: Set it from another thread to kill the process.
        is_unsafe: Run without the operating system's fence where there is none.
        variables: What ``getvariable`` returns; ``symbol`` may be a short name.

    Raises:
        FenceError: No fence can be built, and ``is_unsafe`` is False.
        QueryError: The statement is wrong, was refused or failed, or there are too many rows.
        QueryTimeoutError: The deadline passed.
        QueryCancelledError: ``cancel`` was set.
        IndexMissingError: There is no index.
    """
    with open_user_sql(
        data_dir, text, limit=limit, timeout_s=timeout_s, cancel=cancel, is_unsafe=is_unsafe,
        variables=variables,
    ) as answer:  # fmt: skip
        rows = list(itertools.islice(answer.rows, MOST_ROWS + 1))
    if len(rows) > MOST_ROWS:
        raise QueryError(
            f"more than {MOST_ROWS:,} rows do not go into memory; set a limit, or write a file"
        )
    return SqlResult(answer.columns, answer.types, rows, answer.is_cut, answer.notes)


class Written(NamedTuple):
    """What went into a file.

    Attributes:
        rows: How many.
        is_cut: True if the limit left rows out.
        note: What the reader should know; empty if nothing.
    """

    rows: int
    is_cut: bool
    note: str


@contextlib.contextmanager
def open_user_sql(
    data_dir: Path | str,
    text: str,
    *,
    limit: int | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    cancel: threading.Event | None = None,
    is_unsafe: bool = False,
    variables: Mapping[str, str | float] | None = None,
) -> Iterator[Answer]:
    """Run one SELECT from outside and give its rows as they arrive; see ``run_user_sql``."""
    with _folder() as temp_dir:
        request = _request(
            data_dir, text, temp_dir, limit, timeout_s, is_unsafe=is_unsafe, variables=variables
        )
        with contextlib.closing(_messages(request, timeout_s, cancel)) as messages:
            head = next(messages)
            note = left_out_note(head["left_out"])
            notes = (note,) if note else ()
            answer = Answer(head["columns"], head["types"], notes, iter(()))
            answer.rows = _rows(answer, messages)
            yield answer


def _rows(answer: Answer, messages: Iterator[dict[str, Any]]) -> Iterator[tuple[Any, ...]]:
    for message in messages:
        for row in message.get("rows", ()):
            yield tuple(row)
        answer.is_cut = message.get("is_cut", answer.is_cut)


def write_user_sql(
    data_dir: Path | str,
    text: str,
    path: Path,
    *,
    limit: int | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    is_unsafe: bool = False,
    variables: Mapping[str, str | float] | None = None,
) -> Written:
    """Run one SELECT from outside and write its rows to a Parquet file.

    Raises:
        QueryError: As in ``run_user_sql``, or the file cannot be written.
    """
    with _folder() as temp_dir:
        request = _request(
            data_dir, text, temp_dir, limit, timeout_s, is_unsafe=is_unsafe, is_parquet=True,
            variables=variables,
        )  # fmt: skip
        (message,) = list(_messages(request, timeout_s, None))
        try:
            shutil.copyfile(Path(temp_dir) / PARQUET_NAME, path)
        except OSError as error:
            raise QueryError(f"{path}: cannot be written: {error.strerror}") from error
        return Written(message["written"], message["is_cut"], left_out_note(message["left_out"]))


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="lobdesk-sql-")


def _request(
    data_dir: Path | str,
    text: str,
    temp_dir: str,
    limit: int | None,
    timeout_s: float,
    *,
    is_unsafe: bool,
    variables: Mapping[str, str | float] | None,
    is_parquet: bool = False,
) -> Request:
    _require_text(text, variables or {})
    if not DataPaths(Path(data_dir)).catalog.is_file():
        raise IndexMissingError(Path(data_dir))
    has_fence = landlock_abi() > 0
    if not has_fence and not is_unsafe:
        raise FenceError("this system has no Landlock")
    return Request(
        data_dir=str(Path(data_dir).resolve()),
        text=text,
        temp_dir=temp_dir,
        limit=limit,
        cpu_s=int(timeout_s * (os.cpu_count() or 1)) + 5,
        is_fenced=has_fence,
        is_parquet=is_parquet,
        variables=dict(variables or {}),
    )


def _require_text(text: str, variables: Mapping[str, str | float]) -> None:
    """Refuse what a command line brought that is no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise QueryError("the query is not UTF-8 text") from None
    for name, value in variables.items():
        try:
            str(value).encode()
        except UnicodeEncodeError:
            raise WrongQuestionError(f"{name}: {value!r} is not UTF-8 text") from None


def _messages(
    request: Request, timeout_s: float, cancel: threading.Event | None
) -> Generator[dict[str, Any], None, None]:
    """Start the worker and yield what it says; it is dead when this ends, however it ends."""
    # NumPy's own threads would start before the fence.
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
    }
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "lobdesk.index.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=request.temp_dir,
        start_new_session=True,
    )
    try:
        assert process.stdin is not None  # noqa: S101 - we asked for pipes
        process.stdin.write(msgspec.json.encode(request))
        process.stdin.close()
        yield from _read(process, time.monotonic() + timeout_s, timeout_s, cancel)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _read(
    process: subprocess.Popen[bytes],
    deadline_s: float,
    timeout_s: float,
    cancel: threading.Event | None,
) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None  # noqa: S101 - we asked for pipes
    assert process.stderr is not None  # noqa: S101 - we asked for pipes
    buffer, complaint = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, buffer)
        selector.register(process.stderr, selectors.EVENT_READ, complaint)
        while selector.get_map():
            if cancel is not None and cancel.is_set():
                raise QueryCancelledError
            if time.monotonic() > deadline_s:
                raise QueryTimeoutError(timeout_s)
            for key, _ in selector.select(POLL_S):
                data = os.read(key.fd, 1 << 20)
                key.data.extend(data)
                if not data:
                    selector.unregister(key.fileobj)
            for message in _cut(buffer):
                _raise(message)
                yield message
                if "is_cut" in message:
                    return  # the last message; nobody waits for the process to clear up
    last = complaint.decode("utf-8", "replace").strip().splitlines()[-1:]
    code = process.wait()
    raise QueryError(" ".join(["the query's process died", f"(status {code})", *last]))


def _cut(buffer: bytearray) -> Iterator[dict[str, Any]]:
    """Take the complete messages from the front of a buffer."""
    while len(buffer) >= 8:
        length = int.from_bytes(buffer[:8], "little")
        if len(buffer) < 8 + length:
            return
        data = bytes(buffer[8 : 8 + length])
        del buffer[: 8 + length]
        yield wire.decode(data)


def _raise(message: dict[str, Any]) -> None:
    if "error" not in message:
        return
    is_wrong = message.get("exit_code") == WrongQuestionError.exit_code
    raise (WrongQuestionError if is_wrong else QueryError)(message["error"])
