"""One reader's private database: views over the parts and the journal's tail."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np

from lobdesk.index import duck
from lobdesk.index.errors import IndexMissingError, IndexUnreadableError
from lobdesk.index.extract import SnapshotFrames
from lobdesk.index.publish import APPLICATION
from lobdesk.index.queries import shared_macros
from lobdesk.index.query import query_errors
from lobdesk.index.runs_views import create_ledgers
from lobdesk.index.schema import PUBLISHED, SCHEMA_VERSION, TABLES, Table
from lobdesk.index.tail import Indexed, load_tail
from lobdesk.index.view_sql import EXACT_DECIMAL, LINE_SPANS, LINE_VERDICTS, VERDICTS, VIEWS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lobdesk.index.segments import Known
    from lobdesk.paths import DataPaths


FILES = """
CREATE TABLE internal.files AS
SELECT p."table", p.source, p.symbol, concat(?, '/', p.path) AS file, p."rows", p.digest,
       d.exch_from_us, d.exch_to_us, d.recv_from_us, d.recv_to_us
FROM internal.parts p LEFT JOIN (
    SELECT source, kind, symbol, date,
           min(exch_ts_us_min) AS exch_from_us, max(exch_ts_us_max) AS exch_to_us,
           min(recv_ts_us_min) AS recv_from_us, max(recv_ts_us_max) AS recv_to_us
    FROM internal.segments GROUP BY ALL
) d ON d.source = p.source AND d.kind = p."table" AND d.symbol = p.symbol AND d.date = p.date
ORDER BY p.source, p.segment, p."from"
"""
"""All parts, and from when to when the rows of its symbol and day are."""

SYMBOL = "url_decode(regexp_extract(filename, '/pair=([^/]*)/date=[^/]*/[^/]*$', 1)) AS symbol"
"""A part's symbol from its path, which is the data directory's and then ``part_path``'s."""


@dataclass(frozen=True, slots=True)
class PartFile:
    """One Parquet file that the views read.

    Attributes:
        source: Journal that its rows are from.
        symbol: Empty where a part holds several.
        path: The file.
        rows: Rows.
        digest: Of its bytes.
    """

    source: str
    symbol: str
    path: Path
    rows: int
    digest: str


@dataclass(slots=True)
class Session:
    """A private database and what it was made of.

    Attributes:
        con: The database; each thread takes its own ``cursor()``.
        parts: Table → its parts in the order of (source, segment, first byte).
        tail_symbols: Those whose snapshots are partly in no part yet.
        files: Parquet files that the views read.
        frames: Numbers of events that replaced a book.
        left_out_bytes: Journal bytes that are in no view, because the index is too far behind.
    """

    con: duckdb.DuckDBPyConnection
    parts: dict[str, list[PartFile]] = field(default_factory=dict)
    tail_symbols: frozenset[str] = frozenset()
    files: list[Path] = field(default_factory=list)
    frames: SnapshotFrames = field(default_factory=SnapshotFrames)
    left_out_bytes: int = 0
    _gap_ends: dict[tuple[str, str], NDArray[np.int64]] | None = None

    def gap_ends(
        self, con: duckdb.DuckDBPyConnection, source: str, symbol: str
    ) -> NDArray[np.int64]:
        """Return the first verified event behind each gap of a symbol; asked for once."""
        if self._gap_ends is None:
            rows = con.execute(
                "SELECT source, symbol, list(first_verified_seq) FROM internal.gaps "
                "WHERE first_verified_seq IS NOT NULL GROUP BY source, symbol"
            ).fetchall()
            self._gap_ends = {(one, two): np.array(seqs, np.int64) for one, two, seqs in rows}
        return self._gap_ends.get((source, symbol), np.empty(0, np.int64))


def open_session(
    paths: DataPaths,
    *,
    temp_dir: Path | None = None,
    threads: int = 2,
    has_tail: bool = True,
    memory_limit: str = duck.MEMORY_LIMIT,
    catalog: Path | None = None,
) -> Session:
    """Open a private database with all views over one data directory.

    Args:
        paths: Data directory.
        temp_dir: Where large queries may spill.
        threads: DuckDB's workers.
        has_tail: Also read what is not in parts yet.
        memory_limit: DuckDB's own bound.
        catalog: Copy of the catalogue to read instead of the published one.

    Raises:
        IndexMissingError: There is no index.
        IndexUnreadableError: It is damaged or of another version.
        QueryError: A part is missing or damaged.
    """
    con = duck.connect(threads=threads, temp_dir=temp_dir, memory_limit=memory_limit)
    try:
        indexed, session = _copy_catalog(con, paths, catalog or paths.catalog)
        con.execute(EXACT_DECIMAL)
        con.execute("CREATE SCHEMA tail")
        for table in TABLES.values():
            con.execute(f"CREATE TABLE tail.{table.name} ({table.definition()})")
        if has_tail:
            known = _known(con)
            session.left_out_bytes = load_tail(con, paths, indexed, known, session.frames)
            symbols = con.execute("SELECT DISTINCT symbol FROM tail.snapshots").fetchall()
            session.tail_symbols = frozenset(symbol for (symbol,) in symbols)
        with query_errors():
            for table in TABLES.values():
                files = [part.path for part in session.parts.get(table.name, ())]
                session.files += _create_base(con, table, files)
            con.execute(f"CREATE VIEW internal.line_spans AS {LINE_SPANS}")
            con.execute(f"CREATE VIEW internal.line_verdicts AS {LINE_VERDICTS}")
            con.execute(f"CREATE VIEW internal.verdicts AS {VERDICTS}")
            session.files += create_ledgers(con, paths)
            for name, text in VIEWS.items():
                con.execute(f"CREATE VIEW {name} AS {text}")
            con.execute(shared_macros())
    except BaseException:
        con.close()
        raise
    return session


def _copy_catalog(
    con: duckdb.DuckDBPyConnection, paths: DataPaths, file: Path
) -> tuple[Indexed, Session]:
    """Copy the published catalogue and let go of it at once."""
    path = paths.catalog
    if not file.is_file():
        raise IndexMissingError(paths.root)
    try:
        con.execute(f"ATTACH {duck.quote(str(file))} AS catalog (READ_ONLY)")
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
    con.execute("CREATE SCHEMA published")
    for table in PUBLISHED:
        con.execute(f"CREATE TABLE published.{table} AS SELECT * FROM catalog.{table}")
    con.execute("DETACH catalog")
    session = Session(con)
    frames = con.execute("SELECT source, list(seq) FROM internal.book_frames GROUP BY source")
    for source, seqs in frames.fetchall():
        session.frames.add(source, np.array(seqs, np.int64))
    con.execute(FILES, [str(paths.lake)])
    parts = con.execute('SELECT "table", source, symbol, file, "rows", digest FROM internal.files')
    for table, source, symbol, name, count, digest in parts.fetchall():
        part = PartFile(source, symbol, Path(name), count, digest)
        session.parts.setdefault(table, []).append(part)
    rows = con.execute("SELECT source, segment, indexed_bytes FROM internal.segments")
    indexed = {(source, name): end for source, name, end in rows.fetchall()}
    return indexed, session


def _known(con: duckdb.DuckDBPyConnection) -> Known:
    rows = con.execute(
        "SELECT source, segment, stamp, indexed_bytes FROM internal.segments WHERE is_sealed"
    )
    return {(source, name): (stamp, size) for source, name, stamp, size in rows.fetchall()}


def _create_base(con: duckdb.DuckDBPyConnection, table: Table, parts: list[Path]) -> list[Path]:
    """Create ``internal.<table>``: what is indexed in order, then the tail; return its files."""
    files: list[Path] = []
    columns = table.column_list()
    selects = [f"SELECT {columns} FROM tail.{table.name}"]
    if table.name in PUBLISHED:
        order = 'source, segment, "offset"' if table.name != "instruments" else "source, seq"
        selects.insert(0, f"(SELECT {columns} FROM published.{table.name} ORDER BY {order})")
    elif parts:
        files = parts
        selects.insert(0, _from_parts(table, files))
    con.execute(f"CREATE VIEW internal.{table.name} AS {' UNION ALL '.join(selects)}")
    return files


def _from_parts(table: Table, files: list[Path]) -> str:
    """Return a query for a table's parts that opens only the files of the symbols it asks for.

    DuckDB drops files by conditions on their names, so the symbol is taken from there.
    """
    scan = duck.parquet_scan(files, has_names=table.is_by_pair)
    if not table.is_by_pair:
        return f"SELECT {table.column_list()} FROM {scan}"
    others = ", ".join(f'"{one.name}"' if one.name != "symbol" else SYMBOL for one in table.columns)
    return f"SELECT {others} FROM {scan}"
