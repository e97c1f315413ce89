"""The process in which SQL from outside runs: ``python -m lobdesk.index.worker``.

It reads one request from standard input, builds its fence, opens the views, gives up everything
else, runs the statement and writes the rows to standard output.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import duckdb
import msgspec

from lobdesk.errors import LobdeskError
from lobdesk.index import duck, fence, wire
from lobdesk.index.audits import set_variables
from lobdesk.index.errors import QueryError
from lobdesk.index.guard import check_statement
from lobdesk.index.query import describe, fetch_rows, one_line
from lobdesk.index.request import PARQUET_NAME, Request
from lobdesk.index.segments import KINDS
from lobdesk.index.session import Session, open_session
from lobdesk.paths import DataPaths

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH_ROWS = 4096
MESSAGE_BYTES = 64_000_000
"""Most bytes of rows that the asking process takes at a time: its own memory has no fence."""
MEMORY_LIMIT = "2GB"
SPILL_LIMIT = "4GB"
NEEDS_MEMORY = (
    f"the query needs more than the {MEMORY_LIMIT} of memory and {SPILL_LIMIT} of temporary files "
    "that it may have"
)
ADDRESS_SPACE = 8 * fence.GIB
LARGEST_FILE = 4 * fence.GIB
SYSTEM_FACTS = (
    "/proc/self/cgroup",
    "/proc/meminfo",
    "/proc/cpuinfo",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu",
)
"""What DuckDB asks for at its start; without them it ends the process."""


def main() -> None:
    """Serve one request."""
    # Whatever a library prints must not mix with the answer.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    try:
        for message in _serve(request):
            _send(out, message)
    except LobdeskError as error:
        _send(out, {"error": str(error), "exit_code": error.exit_code})
    except OSError as error:
        place = error.filename or request.data_dir
        _send(out, {"error": f"{place}: {error.strerror or error}"})
    except duckdb.OutOfMemoryException as error:
        reason = str(error).splitlines()[0].removeprefix("Out of Memory Error: ")
        _send(out, {"error": f"{NEEDS_MEMORY} ({reason})"})
    except duckdb.Error as error:
        _send(out, {"error": one_line(error)})
    except MemoryError:
        _send(out, {"error": NEEDS_MEMORY})


def _serve(request: Request) -> Iterator[dict[str, Any]]:
    paths = DataPaths(Path(request.data_dir))
    temp_dir = Path(request.temp_dir)
    catalog = _copy_catalog(paths, temp_dir)
    if request.is_fenced:
        fence.confine(readable=readable(paths), writable=[temp_dir])
    fence.limit_resources(memory_bytes=ADDRESS_SPACE, cpu_s=request.cpu_s, file_bytes=LARGEST_FILE)
    if duck.glob_free(paths.root) != str(paths.root):
        # For a pattern DuckDB lists the folder above, which the fence refuses.
        os.chdir(paths.root)
        paths = DataPaths(Path())
    session = open_session(paths, temp_dir=temp_dir, memory_limit=MEMORY_LIMIT, catalog=catalog)
    set_variables(session.con, request.variables)
    _lock_down(session, temp_dir)
    text = check_statement(session.con, request.text)
    if request.is_parquet:
        written = _to_parquet(session.con, text, temp_dir / PARQUET_NAME, request.limit)
        yield written | {"left_out": session.left_out_bytes}
        return
    columns, types = describe(session.con, text)
    yield {"columns": columns, "types": types, "left_out": session.left_out_bytes}
    yield from fetch_rows(session.con, BATCH_ROWS, request.limit)


def _copy_catalog(paths: DataPaths, temp_dir: Path) -> Path:
    """Copy the catalogue before the fence, which would not know a newer one of the same name."""
    copy = temp_dir / paths.catalog.name
    with contextlib.suppress(FileNotFoundError):
        shutil.copyfile(paths.catalog, copy)
    return copy


def readable(paths: DataPaths) -> list[Path]:
    """Return what the session opens, and what Python may still import."""
    data = [paths.lake, paths.runs, paths.recorder_journal, paths.sources]
    # A rule is about a folder, not about what links in it lead to: journals may lie elsewhere.
    roots = [root.path for root in paths.journals()]
    data += [*roots, *(root / log for root in roots for log in KINDS)]
    code = [Path(name) for name in {sys.prefix, sys.base_prefix, *sys.path} if name]
    package = Path(__file__).parent.parent
    libraries = [Path(name) for name in ("/usr/lib", "/lib", "/lib64", "/usr/share/zoneinfo")]
    facts = [Path(name) for name in SYSTEM_FACTS]
    return [*data, *(path for path in code if _is_code(path)), package, *libraries, *facts]


def _is_code(path: Path) -> bool:
    """Tell whether a folder is one of the interpreter's, not for example the current directory."""
    return (
        (path / "pyvenv.cfg").is_file()
        or path.name.startswith("python")
        or (path.name in {"site-packages", "dist-packages", "lib-dynload"})
    )


def _lock_down(session: Session, temp_dir: Path) -> None:
    """Give up files, extensions and settings."""
    con = session.con
    names = ", ".join(duck.quote(str(path)) for path in session.files)
    con.execute("SET python_enable_replacements = false")
    con.execute(f"SET max_temp_directory_size = '{SPILL_LIMIT}'")
    con.execute(f"SET allowed_directories = [{duck.quote(str(temp_dir))}]")
    con.execute(f"SET allowed_paths = [{names}]")
    con.execute("SET enable_external_access = false")
    con.execute("SET lock_configuration = true")


def _to_parquet(
    con: duckdb.DuckDBPyConnection, text: str, path: Path, limit: int | None
) -> dict[str, Any]:
    """Write the rows to a file; the text is one checked SELECT."""
    relation = con.sql(text)
    (relation if limit is None else relation.limit(limit + 1)).create("result")
    ((count,),) = con.execute("SELECT count(*) FROM result").fetchall()
    bound = "" if limit is None else f" LIMIT {limit}"
    con.execute(
        f"COPY (SELECT * FROM result{bound}) TO {duck.quote(str(path))} "
        "(FORMAT parquet, COMPRESSION zstd)"
    )
    is_cut = limit is not None and count > limit
    return {"written": limit if is_cut else count, "is_cut": is_cut}


def _send(out: BinaryIO, message: dict[str, Any]) -> None:
    """Write a message, its rows in as many as keep each within ``MESSAGE_BYTES``."""
    data = wire.encode(message)
    rows = message.get("rows", ())
    if len(data) > MESSAGE_BYTES and rows:
        if len(rows) == 1:
            raise QueryError(
                f"a row of {len(data):,} bytes is longer than the {MESSAGE_BYTES:,} that one may "
                "have; take a part of its values"
            )
        half = len(rows) // 2
        _send(out, {"rows": rows[:half]})
        _send(out, {"rows": rows[half:]})
        return
    out.write(len(data).to_bytes(8, "little") + data)
    out.flush()


if __name__ == "__main__":
    main()
