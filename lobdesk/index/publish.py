"""The published catalogue: small, derived from the commits, replaced as a whole."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec
import numpy as np

from lobdesk.index import duck
from lobdesk.index.commits import merge_stats
from lobdesk.index.durable import publishing
from lobdesk.index.runs_views import run_rows, runs_definition
from lobdesk.index.schema import PUBLISHED, SCHEMA_VERSION, TABLES
from lobdesk.index.view_sql import VIEWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lobdesk.index.chain import Cache, Chains
    from lobdesk.index.segments import Segment
    from lobdesk.paths import DataPaths

APPLICATION = "lobdesk index"
STATS = (
    "rows", "rejects", "crossed", "unverified", "seq_min", "seq_max",
    "exch_ts_us_min", "exch_ts_us_max", "recv_ts_us_min", "recv_ts_us_max",
)  # fmt: skip
PART_NAMES = (
    "table", "source", "symbol", "date", "segment", "from", "to", "path", "rows", "bytes", "digest",
)  # fmt: skip
_IDENTITY = (APPLICATION, str(SCHEMA_VERSION))
COMMIT_NAMES = ("path", "bytes", "changed_ns", "text")
COMMIT_NUMBERS = {"bytes", "changed_ns"}
PART_NUMBERS = {"from", "to", "rows", "bytes"}


class SegmentRow(msgspec.Struct, frozen=True):
    """One line of the catalogue's table ``segments``."""

    source: str
    kind: str
    symbol: str
    date: str
    segment: str
    indexed_bytes: int
    is_sealed: bool
    is_missing: bool
    stamp: str
    stats: dict[str, int]


@dataclass(frozen=True, slots=True)
class Published:
    """What the last catalogue says that spares reading it again elsewhere.

    Attributes:
        digest: Of what it was made of; empty if there is none.
        stamps: Sealed segment → stamp and uncompressed bytes of its file.
        commits: Path of a commit → its size and time, and its text.
        parts: Paths of the parts that readers open.
        retired: Paths of parts that readers of an earlier catalogue may open → since when they are
            replaced, µs.
    """

    digest: str = ""
    stamps: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    commits: Cache = field(default_factory=dict)
    parts: frozenset[str] = frozenset()
    retired: dict[str, int] = field(default_factory=dict)


def read_published(path: Path) -> Published:
    """Return what the published catalogue says; nothing if it is absent, damaged or not ours."""
    if not path.is_file():
        return Published()
    con = duck.connect(threads=1)
    try:
        _attach(con, path)
        meta = dict(con.execute("SELECT key, value FROM old.meta").fetchall())
        if (meta.get("application"), meta.get("schema_version")) != _IDENTITY:
            return Published()
        stamps = con.execute(
            "SELECT source, segment, stamp, indexed_bytes FROM old.segments WHERE is_sealed"
        ).fetchall()
        commits = con.execute("SELECT path, bytes, changed_ns, text FROM old.commits").fetchall()
        parts = con.execute("SELECT path FROM old.parts").fetchall()
        retired = con.execute("SELECT path, since_us FROM old.retired").fetchall()
    except duckdb.Error:
        return Published()
    finally:
        con.close()
    return Published(
        digest=str(meta.get("digest", "")),
        stamps={(source, segment): (stamp, size) for source, segment, stamp, size in stamps},
        commits={name: ((size, changed), text) for name, size, changed, text in commits},
        parts=frozenset(path for (path,) in parts),
        retired=dict(retired),
    )


def publish_catalog(
    paths: DataPaths, chains: Chains, segments: list[Segment], published: Published
) -> Published:
    """Build the catalogue privately and publish it, unless it says the same already.

    Returns:
        What is published now; the same object if nothing changed.

    Raises:
        IndexWriteError: It cannot be written; the old one stays.
    """
    rows = _segment_rows(chains, segments)
    parts = [
        (table, commit.source, commit.symbol, commit.date, commit.segment,
         commit.begin, commit.end, part.path, part.rows, part.bytes, part.digest)
        for table, commit, part in chains.parts()
    ]  # fmt: skip
    runs = run_rows(paths)
    digest = hashlib.blake2b(
        msgspec.json.encode([SCHEMA_VERSION, VIEWS, rows, parts, runs]), digest_size=16
    ).hexdigest()
    if published.digest == digest and paths.catalog.is_file():
        return published
    frames = [
        (found.commit.source, seq) for found in chains.all_commits() for seq in found.commit.frames
    ]
    names = frozenset(part[7] for part in parts)
    retired = _retired(paths, published, names)
    texts = [(name, *stamp, text) for name, (stamp, text) in sorted(chains.cache.items())]
    meta = {"application": APPLICATION, "schema_version": str(SCHEMA_VERSION), "digest": digest}
    with publishing(paths.catalog) as temporary, _create(temporary) as con:
        _insert(con, "meta", _columns(("key", "value"), list(meta.items()), set()))
        _insert(con, "segments", _segment_columns(rows))
        _insert(con, "parts", _columns(PART_NAMES, parts, PART_NUMBERS))
        _insert(con, "retired", _columns(("path", "since_us"), list(retired.items()), {"since_us"}))
        _insert(con, "book_frames", _columns(("source", "seq"), frames, {"seq"}))
        _insert(con, "commits", _columns(COMMIT_NAMES, texts, COMMIT_NUMBERS))
        _insert(con, "views", _columns(("name", "sql"), list(VIEWS.items()), set()))
        _copy_runs(con, runs)
        _copy_small(con, paths, parts)
    stamps = {
        (row.source, row.segment): (row.stamp, row.indexed_bytes) for row in rows if row.is_sealed
    }
    return Published(digest, stamps, chains.cache, names, retired)


def _retired(paths: DataPaths, published: Published, names: frozenset[str]) -> dict[str, int]:
    """Return the parts that are there, but only for readers of an earlier catalogue."""
    now_us = time.time_ns() // 1000
    found = dict.fromkeys(published.parts - names, now_us) | {
        path: at_us for path, at_us in published.retired.items() if path not in names
    }
    return {path: at_us for path, at_us in sorted(found.items()) if (paths.lake / path).exists()}


def totals(chains: Chains) -> dict[str, int]:
    """Return the rows of each table."""
    counts: dict[str, int] = {}
    for found in chains.all_commits():
        for table, part in found.commit.parts.items():
            counts[table] = counts.get(table, 0) + part.rows
    return dict(sorted(counts.items()))


def _segment_rows(chains: Chains, segments: list[Segment]) -> list[SegmentRow]:
    listed = {segment.key: segment for segment in segments}
    rows = []
    for key, chain in sorted(chains.commits.items()):
        if not chain:
            continue
        first, last = chain[0].commit, chain[-1].commit
        segment = listed.get(key)
        is_sealed = segment is not None and segment.is_sealed
        rows.append(
            SegmentRow(
                first.source, first.kind, first.symbol, first.date, first.segment, last.end,
                is_sealed, segment is None,
                segment.stamp if segment is not None and is_sealed else "",
                merge_stats([found.commit.stats for found in chain]),
            )
        )  # fmt: skip
    return rows


def _attach(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    con.execute(f"ATTACH {duck.quote(str(path))} AS old (READ_ONLY)")


@contextmanager
def _create(target: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Make a new database file, attached as ``catalog``, and let go of it."""
    if "?" in str(target):
        # DuckDB takes what follows for parameters and looks for its log at another path.
        with tempfile.TemporaryDirectory(prefix="lobdesk-catalog-") as folder:
            file = Path(folder) / target.name
            with _create(file) as con:
                yield con
            shutil.copyfile(file, target)
        return
    con = duck.connect(threads=1)
    try:
        # Files of the newer format cannot be read by DuckDB 1.5.
        con.execute(f"ATTACH {duck.quote(str(target))} AS catalog (STORAGE_VERSION 'v1.5.0')")
        yield con
        con.execute("DETACH catalog")
    finally:
        con.close()
        target.with_name(target.name + ".wal").unlink(missing_ok=True)


def _copy_runs(con: duckdb.DuckDBPyConnection, runs: list[list[Any]]) -> None:
    con.execute(f"CREATE TABLE catalog.runs ({runs_definition()})")
    if runs:
        marks = ", ".join("?" for _ in runs[0])
        con.executemany(f"INSERT INTO catalog.runs VALUES ({marks})", runs)


def _copy_small(con: duckdb.DuckDBPyConnection, paths: DataPaths, parts: list[Any]) -> None:
    """Put the rows of small tables into the catalogue; those of known parts come from the last."""
    has_old = _attach_old(con, paths.catalog)
    for name in PUBLISHED:
        table = TABLES[name]
        con.execute(f"CREATE TABLE catalog.{name} ({table.definition()}, part VARCHAR)")
        wanted = {part[-1]: part[7] for part in parts if part[0] == name}
        known: set[str] = set()
        if has_old:
            found = con.execute(f"SELECT DISTINCT part FROM old.{name}").fetchall()
            known = {digest for (digest,) in found} & wanted.keys()
            con.execute(
                f"INSERT INTO catalog.{name} SELECT * FROM old.{name} "
                "WHERE part IN (SELECT unnest(?::VARCHAR[]))",
                [sorted(known)],
            )
        for digest in sorted(wanted.keys() - known):
            scan = duck.parquet_scan([paths.lake / wanted[digest]])
            con.execute(
                f"INSERT INTO catalog.{name} SELECT {table.column_list()}, ? FROM {scan}", [digest]
            )


def _attach_old(con: duckdb.DuckDBPyConnection, path: Path) -> bool:
    """Attach the last catalogue and tell whether it can be copied from."""
    if not path.is_file():
        return False
    try:
        _attach(con, path)
        meta = dict(con.execute("SELECT key, value FROM old.meta").fetchall())
        for name in PUBLISHED:
            con.execute(f"SELECT max(part) FROM old.{name}")
    except duckdb.Error:
        return False
    return (meta.get("application"), meta.get("schema_version")) == _IDENTITY


def _insert(con: duckdb.DuckDBPyConnection, table: str, columns: dict[str, Any]) -> None:
    con.register("new_rows", columns)
    con.execute(f"CREATE TABLE catalog.{table} AS SELECT * FROM new_rows")
    con.unregister("new_rows")


def _segment_columns(rows: list[SegmentRow]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name in ("source", "kind", "symbol", "date", "segment", "stamp"):
        columns[name] = np.array([getattr(row, name) for row in rows], dtype=object)
    columns["indexed_bytes"] = np.array([row.indexed_bytes for row in rows], np.int64)
    for name in ("is_sealed", "is_missing"):
        columns[name] = np.array([getattr(row, name) for row in rows], bool)
    for name in STATS:
        values = [row.stats.get(name) for row in rows]
        filled = np.array([0 if value is None else value for value in values], np.int64)
        columns[name] = np.ma.masked_array(filled, mask=[value is None for value in values])
    return columns


def _columns(names: tuple[str, ...], rows: list[Any], numbers: set[str]) -> dict[str, Any]:
    values = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    columns: dict[str, Any] = {}
    for name, column in zip(names, values, strict=True):
        if name in numbers:
            columns[name] = np.array(column, np.int64)
        else:
            columns[name] = np.empty(len(column), dtype=object)
            columns[name][:] = column
    return columns
