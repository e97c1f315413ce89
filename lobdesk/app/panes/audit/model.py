"""What the Audit pane knows: shipped queries, the schema, the last answer."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lobdesk.app.widgets.grid import ListTable
from lobdesk.index.queries import list_queries
from lobdesk.index.user_sql import run_user_sql

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from lobdesk.index import Catalog, SqlResult

ROW_LIMIT = 100_000
SCHEMA_SQL = """
SELECT table_name, column_name, data_type FROM duckdb_columns()
WHERE schema_name = 'main' AND NOT internal ORDER BY table_name, column_index
"""
RAW_SQL = """
SELECT raw, segment, "offset" FROM raw_events WHERE source = ? AND seq = ?
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list on the left.

    Attributes:
        text: What is shown.
        note: Beside it.
        sql: Query to load and run, empty for names.
        name: Name to insert into the editor, empty for queries and headings.
    """

    text: str
    note: str = ""
    sql: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query returned.

    Attributes:
        result: Columns and rows.
        elapsed_s: How long it took.
    """

    result: SqlResult
    elapsed_s: float
    places: dict[str, int] = field(default_factory=dict)

    @property
    def table(self) -> ListTable:
        """For the grid."""
        return ListTable(self.result.columns, self.result.rows)

    def value(self, row: int, column: str) -> Any:  # noqa: ANN401 - any SQL value
        """Return one value, None if there is no such column."""
        place = self.places.get(column)
        return None if place is None else self.result.rows[row][place]

    def title(self) -> str:
        """Return what the frame of the results says."""
        rows = len(self.result.rows)
        cut = f"  cut at {ROW_LIMIT:,}: there are more" if self.result.is_cut else ""
        return f"Results  {rows:,} {'row' if rows == 1 else 'rows'}  {self.elapsed_s:.2f} s{cut}"


def ask(data_dir: Path, text: str, cancel: threading.Event) -> Answer:
    """Run a query behind the fence; call it in a thread."""
    start_s = time.monotonic()
    result = run_user_sql(data_dir, text, limit=ROW_LIMIT, cancel=cancel)
    places = {name: place for place, name in enumerate(result.columns)}
    return Answer(result, time.monotonic() - start_s, places)


def queries() -> list[Entry]:
    """Return the shipped queries as entries of the list."""
    return [
        Entry(f"{number:>2} {query.name.replace('_', ' ').capitalize()}", sql=query.sql)
        for number, query in enumerate(list_queries(), start=1)
    ]


def schema(catalog: Catalog) -> list[Entry]:
    """Return tables and columns as entries of the list."""
    entries: list[Entry] = []
    table = ""
    for name, column, kind in catalog.sql(SCHEMA_SQL).fetchall():
        if name != table:
            table = name
            entries.append(Entry(f"▾ {name}", name=name))
        entries.append(Entry(f"    {column}", note=kind.lower(), name=column))
    return entries


def raw_line(catalog: Catalog, source: str, seq: int) -> tuple[str, str] | None:
    """Return ``(place, raw text)`` of one event, None if the index does not hold it."""
    rows = catalog.sql(RAW_SQL, [source, seq]).fetchall()
    if not rows:
        return None
    raw, segment, offset = rows[0]
    return f"{source}  {segment}  byte {offset:,}  seq {seq:,}", raw
