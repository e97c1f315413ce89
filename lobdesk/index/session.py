"""One reader's private database: views over the parts and the journal's tail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np

from lobdesk.index import duck
from lobdesk.index.errors import IndexMissingError, IndexUnreadableError
from lobdesk.index.extract import SnapshotFrames
from lobdesk.index.publish import APPLICATION
from lobdesk.index.queries import shared_macros
from lobdesk.index.query import query_errors
from lobdesk.index.runs_views import create_run_views
from lobdesk.index.schema import SCHEMA_VERSION, TABLES, Table
from lobdesk.index.tail import Indexed, load_tail

if TYPE_CHECKING:
    from pathlib import Path

    from lobdesk.paths import DataPaths

MACROS = """
CREATE MACRO exact_decimal(mantissa, digits) AS
    mantissa::DECIMAL(19,0) * CASE digits
        {cases}
    END
"""

SEGMENTS_VIEW = """
CREATE VIEW segments AS
SELECT source, kind, symbol, date, segment, indexed_bytes, is_sealed, is_missing, "rows", rejects,
       crossed, unverified, seq_min, seq_max, exch_ts_us_min, exch_ts_us_max, recv_ts_us_min,
       recv_ts_us_max, make_timestamp(recv_ts_us_min) AS first_recv_ts,
       make_timestamp(recv_ts_us_max) AS last_recv_ts
FROM internal.segments
"""

# What failed follows from the gaps: the frame that began one, and snapshots that did not end it.
# A LEFT JOIN whose right side is grouped by its key costs nothing where the column is not used.
VERDICTS_VIEW = """
CREATE VIEW internal.verdicts AS
SELECT source, seq, bool_and(checksum_ok) AS checksum_ok FROM (
    SELECT source, seq, verified AS checksum_ok FROM internal.snapshots
    UNION ALL
    SELECT source, seq, false FROM (
        SELECT g.source, e.seq, e.type, min(e.seq) OVER (PARTITION BY g.source, g.seq) AS first
        FROM internal.gaps g
        JOIN internal.raw_events e
          ON e.source = g.source AND e.seq > g.last_verified_seq AND e.seq < g.first_verified_seq
        WHERE g.cause = 'checksum' AND e.dir = 'in' AND e.channel = 'book' AND e.symbol = g.symbol
    ) WHERE seq = first OR type = 'snapshot'
) GROUP BY source, seq
"""


@dataclass(slots=True)
class Session:
    """A private database and what it was made of.

    Attributes:
        con: The database; each thread takes its own ``cursor()``.
        files: Parquet files that the views read.
        frames: Numbers of events that replaced a book.
        left_out_bytes: Journal bytes that are in no view, because the index is too far behind.
    """

    con: duckdb.DuckDBPyConnection
    files: list[Path] = field(default_factory=list)
    frames: SnapshotFrames = field(default_factory=SnapshotFrames)
    left_out_bytes: int = 0


def open_session(
    paths: DataPaths,
    *,
    temp_dir: Path | None = None,
    threads: int = 2,
    has_tail: bool = True,
    memory_limit: str = duck.MEMORY_LIMIT,
) -> Session:
    """Open a private database with all views over one data directory.

    Args:
        paths: Data directory.
        temp_dir: Where large queries may spill.
        threads: DuckDB's workers.
        has_tail: Also read what is not in parts yet.
        memory_limit: DuckDB's own bound.

    Raises:
        IndexMissingError: There is no index.
        IndexUnreadableError: It is damaged or of another version.
        QueryError: A part is missing or damaged.
    """
    con = duck.connect(threads=threads, temp_dir=temp_dir, memory_limit=memory_limit)
    try:
        indexed, session = _copy_catalog(con, paths)
        con.execute(MACROS.format(cases=_powers()))
        con.execute("CREATE SCHEMA tail")
        for table in TABLES.values():
            con.execute(f"CREATE TABLE tail.{table.name} ({table.definition()})")
        if has_tail:
            session.left_out_bytes = load_tail(con, paths, indexed, session.frames)
        with query_errors():
            for table in TABLES.values():
                session.files += _create_base(con, paths, table)
            con.execute(VERDICTS_VIEW)
            for table in TABLES.values():
                _create_view(con, table)
            con.execute(SEGMENTS_VIEW)
            session.files += create_run_views(con, paths)
            con.execute(shared_macros())
    except BaseException:
        con.close()
        raise
    return session


def _copy_catalog(con: duckdb.DuckDBPyConnection, paths: DataPaths) -> tuple[Indexed, Session]:
    """Copy the published catalogue and let go of it at once."""
    path = paths.catalog
    if not path.is_file():
        raise IndexMissingError(paths.root)
    try:
        con.execute(f"ATTACH {duck.quote(str(path))} AS catalog (READ_ONLY)")
        meta = dict(con.execute("SELECT key, value FROM catalog.meta").fetchall())
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise IndexUnreadableError(path, f"is not a readable index ({reason})") from error
    if meta.get("application") != APPLICATION:
        raise IndexUnreadableError(path, "is not an index of lobdesk")
    if meta.get("schema_version") != str(SCHEMA_VERSION):
        version = meta.get("schema_version")
        raise IndexUnreadableError(path, f"has version {version}, this is {SCHEMA_VERSION}")
    con.execute("CREATE SCHEMA internal")
    for table in ("segments", "parts", "book_frames"):
        con.execute(f"CREATE TABLE internal.{table} AS SELECT * FROM catalog.{table}")
    con.execute("DETACH catalog")
    session = Session(con)
    frames = con.execute("SELECT source, list(seq) FROM internal.book_frames GROUP BY source")
    for source, seqs in frames.fetchall():
        session.frames.add(source, np.array(seqs, np.int64))
    rows = con.execute("SELECT source, segment, indexed_bytes FROM internal.segments")
    indexed = {(source, name): end for source, name, end in rows.fetchall()}
    return indexed, session


def _create_base(con: duckdb.DuckDBPyConnection, paths: DataPaths, table: Table) -> list[Path]:
    """Create ``internal.<table>``: the parts in order, then the tail."""
    rows = con.execute(
        'SELECT path FROM internal.parts WHERE "table" = ? ORDER BY source, segment, "from"',
        [table.name],
    )
    files = [paths.lake / path for (path,) in rows.fetchall()]
    columns = table.column_list()
    selects = [f"SELECT {columns} FROM {duck.parquet_scan(files)}"] if files else []
    selects.append(f"SELECT {columns} FROM tail.{table.name}")
    con.execute(f"CREATE VIEW internal.{table.name} AS {' UNION ALL '.join(selects)}")
    return files


def _create_view(con: duckdb.DuckDBPyConnection, table: Table) -> None:
    stored = [f't."{column.name}"' for column in table.columns]
    added = [f'({column.expression}) AS "{column.name}"' for column in table.view_columns]
    con.execute(
        f"CREATE VIEW {table.name} AS SELECT {', '.join([*stored, *added])} "
        f"FROM internal.{table.name} t {table.joins}"
    )


def _powers() -> str:
    cases: list[Any] = [
        f"WHEN {digits} THEN {'1' if digits == 0 else '0.' + '0' * (digits - 1) + '1'}"
        "::DECIMAL(19,18)"
        for digits in range(19)
    ]
    return " ".join(cases)
