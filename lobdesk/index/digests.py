"""One number for all rows of a table, whatever parts they lie in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

    from lobdesk.index.schema import Table

HALF = 1 << 64


def table_digest(con: duckdb.DuckDBPyConnection, table: Table) -> str:
    """Return the digest of a table's rows: their count and the sums of their MD5 halves.

    The MD5 is that of the stored columns as text, joined by the control character 31, with a null
    as the control character 0. A sum does not ask for an order, and unlike an exclusive-or it
    notices a row that is there twice.
    """
    texts = ", ".join(f'coalesce("{one.name}"::VARCHAR, chr(0))' for one in table.columns)
    query = (
        f"SELECT count(*), coalesce(sum((m % {HALF})::HUGEINT), 0), "
        f"coalesce(sum((m // {HALF})::HUGEINT), 0) "
        f"FROM (SELECT md5_number(concat_ws(chr(31), {texts})) AS m FROM internal.{table.name})"
    )
    ((count, low, high),) = con.execute(query).fetchall()
    return f"{count}:{(high % HALF) << 64 | low % HALF:032x}"
