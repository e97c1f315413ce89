"""``docs/schema.md`` from the schema: ``python -m lobdesk.index.schema_doc > docs/schema.md``."""

from __future__ import annotations

import sys

from lobdesk.index.other_views import OPEN_ENDED, OTHER_VIEWS
from lobdesk.index.schema import SCHEMA_VERSION, TABLES, Table

HEAD = f"""# Tables of the index

Schema version {SCHEMA_VERSION}. Written by `python -m lobdesk.index.schema_doc`; do not edit.

Every table is a view over immutable Parquet parts and the journal's newest lines. Times ending in
`_us` are integer microseconds since the epoch, UTC; the columns without the suffix are the same as
`TIMESTAMP`. `_ticks` and `_lots` are integers at the row's precision: price = `price_ticks` /
10^`price_precision`. Columns of type `DECIMAL(38,18)` are exact; `DOUBLE` columns are rounded.
Ticks times lots overflows 64 bits: cast to `DOUBLE` or `HUGEINT` before multiplying.

`(source, seq)` joins a snapshot, trade or gap with its raw event; `segment`, `offset` and `length`
find its line in the journal.
"""


def render() -> str:
    """Return the whole document."""
    tables = (*TABLES.values(), *OTHER_VIEWS)
    return "\n".join([HEAD, *(_section(table) for table in tables)])


def _section(table: Table) -> str:
    lines = [f"## {table.name}", "", table.text]
    if table in OPEN_ENDED:
        lines += ["", "The main columns; a run may have more, which appear once it exists."]
    lines += ["", "| column | type | meaning |", "| --- | --- | --- |"]
    lines += [
        f"| `{column.name}` | `{column.type}` | {column.text} |"
        for column in (*table.columns, *table.view_columns)
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
