"""Columns of one symbol and source as files that grow: appended to, published at once, mapped.

A folder holds one file for each column, named ``<generation>.<column>``, and ``columns.json``,
which says how many rows of which generation count and of which parts they are. New rows are written
behind those that count, and count once the statement is replaced; what is mapped never changes.
Rows that are no longer the same go into files of another generation.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import mmap
import os
import secrets
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk.index.durable import write_durably
from lobdesk.index.errors import IndexWriteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

Arrays = dict[str, "NDArray[Any]"]

VERSION = 1
STATEMENT = "columns.json"
LOCK = "columns.lock"
BOOK_LEVELS = 10
TYPES = {
    "seq": "<i8",
    "exch_ts_us": "<i8",
    "recv_ts_us": "<i8",
    "price_precision": "<i1",
    "qty_precision": "<i1",
    "verified": "<i1",
    "starts": "|b1",
    "bid_ticks": "<i8",
    "bid_lots": "<i8",
    "ask_ticks": "<i8",
    "ask_lots": "<i8",
}
LEVELS = ("bid_ticks", "bid_lots", "ask_ticks", "ask_lots")


@dataclass(frozen=True, slots=True)
class Statement:
    """What counts in a folder.

    Attributes:
        generation: Which files.
        rows: How many rows of each.
        parts: Digest and rows of each part that they are of, in order.
        is_sorted: True if the rows are not in the order of the parts.
        digest: Of the rows.
        version: Of this format.
    """

    generation: str = field(default_factory=lambda: secrets.token_hex(6))
    rows: int = 0
    parts: list[tuple[str, int]] = field(default_factory=list)
    is_sorted: bool = False
    digest: str = ""
    version: int = VERSION


def read_statement(folder: Path) -> Statement | None:
    """Return what counts; None if there is nothing, or it is damaged or of another version."""
    try:
        found = json.loads((folder / STATEMENT).read_bytes())
        if found["version"] != VERSION:
            return None
        parts = [(str(digest), int(rows)) for digest, rows in found["parts"]]
        statement = Statement(**found | {"parts": parts})
        is_whole = statement.rows > 0 and statement.rows == sum(rows for _, rows in parts)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return statement if is_whole else None


def map_columns(folder: Path, statement: Statement) -> Arrays | None:
    """Return the columns, read-only; None if a file is gone or cut."""
    try:
        return {name: _map(folder, statement, name) for name in TYPES}
    except (OSError, ValueError):
        return None


@contextmanager
def writing(folder: Path) -> Iterator[bool]:
    """Keep other writers out; False if one is at work.

    Raises:
        IndexWriteError: The folder cannot be written.
    """
    path = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise IndexWriteError(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(descriptor)


def append_rows(folder: Path, statement: Statement, columns: Arrays) -> None:
    """Write rows behind those that count, durably. They do not count yet.

    Raises:
        IndexWriteError: A file cannot be written.
    """
    for name, kind in TYPES.items():
        path = _path(folder, statement, name)
        try:
            with path.open("r+b" if path.exists() else "w+b") as stream:
                stream.seek(statement.rows * _row_bytes(name))
                stream.truncate()  # what a writer left that was killed
                stream.write(np.ascontiguousarray(columns[name], kind).data)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise IndexWriteError(path, error) from error


def publish(folder: Path, statement: Statement) -> None:
    """Let rows count, and delete the files of other generations.

    Raises:
        IndexWriteError: The statement cannot be written.
    """
    write_durably(folder / STATEMENT, json.dumps(asdict(statement)).encode())
    keep = {STATEMENT, LOCK, *(_path(folder, statement, name).name for name in TYPES)}
    with contextlib.suppress(OSError):  # the next writer tries again
        for path in folder.iterdir():
            if path.name not in keep:
                path.unlink(missing_ok=True)


def _path(folder: Path, statement: Statement, name: str) -> Path:
    return folder / f"{statement.generation}.{name}"


def _row_bytes(name: str) -> int:
    return np.dtype(TYPES[name]).itemsize * (BOOK_LEVELS if name in LEVELS else 1)


def _map(folder: Path, statement: Statement, name: str) -> NDArray[Any]:
    shape = (statement.rows, BOOK_LEVELS) if name in LEVELS else (statement.rows,)
    with _path(folder, statement, name).open("rb") as stream:
        # Raises ValueError if the file is shorter.
        data = mmap.mmap(
            stream.fileno(), statement.rows * _row_bytes(name), access=mmap.ACCESS_READ
        )
    return np.frombuffer(data, TYPES[name]).reshape(shape)
