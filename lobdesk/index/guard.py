"""The second line behind the fence: one statement, and nothing in it but reading."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb

from lobdesk.index.errors import QueryError
from lobdesk.index.query import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

READING_NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}


def check_statement(con: duckdb.DuckDBPyConnection, text: str) -> str:
    """Return the text of the only statement.

    Raises:
        QueryError: There is none or more than one, it is not a SELECT, or something in it writes.
    """
    try:
        statements = con.extract_statements(text)
    except duckdb.Error as error:
        raise QueryError(one_line(error)) from error
    if len(statements) != 1:
        raise QueryError(f"one statement is expected, there are {len(statements)}")
    kind = str(statements[0].type).rpartition(".")[2]
    if kind != "SELECT":
        raise QueryError(f"only SELECT is allowed, this is {kind}")
    ((tree,),) = con.execute("SELECT json_serialize_sql(?::VARCHAR)", [text]).fetchall()
    try:
        parsed = json.loads(tree)
        nodes = set(_nodes(parsed))
    except RecursionError:
        raise QueryError("the statement is nested too deeply to be checked") from None
    if parsed.get("error", True):
        raise QueryError(f"only SELECT is allowed: {parsed.get('error_message', 'not readable')}")
    if not nodes or nodes - READING_NODES:
        names = ", ".join(sorted(nodes - READING_NODES)) or "nothing"
        raise QueryError(f"only reading is allowed, the statement holds {names}")
    return str(statements[0].query)


def _nodes(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        kind = value.get("type")
        if isinstance(kind, str) and kind.endswith("_NODE"):
            yield kind
        for one in value.values():
            yield from _nodes(one)
    elif isinstance(value, list):
        for one in value:
            yield from _nodes(one)
