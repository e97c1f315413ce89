"""Running the shipped queries: their limits and parameters as SQL variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.errors import did_you_mean
from lobdesk.index import duck
from lobdesk.index.catalog_sql import ALL_SOURCES_SQL
from lobdesk.index.errors import QueryError, UnknownSymbolError, WrongQuestionError
from lobdesk.index.queries import load_query
from lobdesk.index.query import fetch
from lobdesk.index.symbols import match_symbol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb

    from lobdesk.index.catalog import Catalog
    from lobdesk.index.result import SqlResult

SCOPE = ("source", "symbol", "from_us", "to_us")
"""Variables that every shipped query knows."""


def run_audit(catalog: Catalog, name: str, **values: str | float | None) -> SqlResult:
    """Run one shipped query in this process.

    Args:
        catalog: The index.
        name: Of the query, see ``lobdesk sql``.
        **values: ``source``, ``symbol``, ``from_us``, ``to_us``, and the query's own parameters.

    Raises:
        WrongQuestionError: There is no such query, parameter or source.
        UnknownSymbolError: The index has nothing of the symbol.
    """
    query = load_query(name)
    given = {key: value for key, value in values.items() if value is not None}
    query.read_parameters({key: str(given[key]) for key in given if key not in SCOPE})
    with catalog.cursor() as con:
        set_variables(con, given)
        return fetch(con, query.sql)


def set_variables(con: duckdb.DuckDBPyConnection, values: Mapping[str, str | float]) -> None:
    """Set what ``getvariable`` returns on a connection; a symbol may be meant by its short name.

    Raises:
        UnknownSymbolError: The index has nothing of the symbol.
        WrongQuestionError: The index has nothing of the source.
        QueryError: A name is no name.
    """
    for name, value in values.items():
        if not name.isidentifier():
            raise QueryError(f"{name!r} is no name of a parameter")
        found = _pair(con, str(value)) if name == "symbol" else value
        if name == "source":
            _require_source(con, str(value))
        literal = duck.quote(found) if isinstance(found, str) else repr(found)
        con.execute(f'SET VARIABLE "{name}" = {literal}')


def _pair(con: duckdb.DuckDBPyConnection, name: str) -> str:
    rows = con.execute(
        "SELECT symbol FROM internal.segments WHERE symbol <> '' UNION "
        "SELECT symbol FROM tail.snapshots UNION SELECT symbol FROM tail.trades ORDER BY symbol"
    ).fetchall()
    known = [symbol for (symbol,) in rows]
    found = match_symbol(name, known)
    if found is None:
        raise UnknownSymbolError(name, known)
    return found


def _require_source(con: duckdb.DuckDBPyConnection, name: str) -> None:
    known = [source for (source,) in con.execute(ALL_SOURCES_SQL).fetchall()]
    if name not in known:
        hint = did_you_mean(name, known)
        raise WrongQuestionError(f"source {name!r} is not indexed; {hint}")
