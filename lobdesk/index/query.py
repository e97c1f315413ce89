"""Running one statement and taking its rows out of the database."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

import duckdb

from lobdesk.index.errors import QueryError
from lobdesk.index.result import SqlResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


PART = re.compile(r"/lake/v1/.*\.parquet")
REPAIR = "what is damaged is read from the journal again with: lobdesk index --check"


@contextlib.contextmanager
def query_errors() -> Iterator[None]:
    """Turn errors of the database into ours, of one line each."""
    try:
        yield
    except duckdb.Error as error:
        raise QueryError(one_line(error)) from error


def fetch(
    con: duckdb.DuckDBPyConnection,
    text: str,
    values: Sequence[Any] | None = None,
    *,
    limit: int | None = None,
    notes: tuple[str, ...] = (),
) -> SqlResult:
    """Run one statement on a connection of the caller's own.

    Raises:
        QueryError: It is wrong or failed; the message is one line.
    """
    with query_errors():
        columns, types = describe(con, text, values)
        rows = con.fetchall() if limit is None else con.fetchmany(limit + 1)
    is_cut = limit is not None and len(rows) > limit
    return SqlResult(columns, types, rows[:limit] if is_cut else rows, is_cut, notes)


def describe(
    con: duckdb.DuckDBPyConnection, text: str, values: Sequence[Any] | None = None
) -> tuple[list[str], list[str]]:
    """Run a statement and return names and types of its columns.

    Raises:
        QueryError: There is no statement, or a column cannot be a Python value.
    """
    con.execute(text, values)
    if con.description is None:
        raise QueryError("the text holds no query")
    columns = [str(entry[0]) for entry in con.description]
    types = [str(entry[1]) for entry in con.description]
    zoned = [name for name, kind in zip(columns, types, strict=True) if "TIME ZONE" in kind]
    if zoned:
        # Python values with a zone would need one more library.
        raise QueryError(f"cast times with a zone to TIMESTAMP or VARCHAR: {', '.join(zoned)}")
    return columns, types


def fetch_rows(
    con: duckdb.DuckDBPyConnection, batch_rows: int, limit: int | None
) -> Iterator[dict[str, Any]]:
    """Yield the rows of the running statement in batches, then whether the limit cut them."""
    left = limit
    while left is None or left > 0:
        rows = con.fetchmany(batch_rows if left is None else min(batch_rows, left))
        if not rows:
            yield {"is_cut": False}
            return
        left = None if left is None else left - len(rows)
        yield {"rows": rows}
    yield {"is_cut": bool(con.fetchmany(1))}


def one_line(error: Exception) -> str:
    """Return the facts of a database error in one line, with a way out if a part is damaged."""
    lines = [line.strip() for line in str(error).splitlines()]
    useful = [line for line in lines if line and not line.startswith(("^", "LINE "))]
    place = next((line for line in lines if line.startswith("LINE ")), "")
    text = " ".join(useful[:2])
    if PART.search(text):
        return f"{text}; {REPAIR}"
    if type(error) is duckdb.Error:  # of the Parquet reader, which then names no file
        return f"a part cannot be read ({text}); {REPAIR}"
    return f"{text} ({place})".strip() if place else text
