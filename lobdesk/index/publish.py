"""The published catalogue: small, derived from the commits, replaced as a whole."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec
import numpy as np

from lobdesk.index import duck
from lobdesk.index.parts import TEMPORARY, merge_stats, publish
from lobdesk.index.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from lobdesk.index.chain import Chains
    from lobdesk.index.segments import Segment
    from lobdesk.paths import DataPaths

APPLICATION = "lobdesk index"
STATS = (
    "rows", "rejects", "crossed", "unverified", "seq_min", "seq_max",
    "exch_ts_us_min", "exch_ts_us_max", "recv_ts_us_min", "recv_ts_us_max",
)  # fmt: skip


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


def publish_catalog(paths: DataPaths, chains: Chains, segments: list[Segment]) -> bool:
    """Build the catalogue privately and publish it, unless it says the same already."""
    rows = _segment_rows(chains, segments)
    parts = [
        (table, found.commit.source, found.commit.symbol, found.commit.date, found.commit.segment,
         found.commit.begin, found.commit.end, path, found.commit.rows[table])
        for _, chain in sorted(chains.items())
        for found in chain
        for table, path in sorted(found.commit.parts.items())
    ]  # fmt: skip
    frames = [
        (found.commit.source, seq)
        for _, chain in sorted(chains.items())
        for found in chain
        for seq in found.commit.frames
    ]
    digest = hashlib.blake2b(msgspec.json.encode([SCHEMA_VERSION, rows, parts]), digest_size=16)
    if _published_digest(paths.catalog) == digest.hexdigest():
        return False
    _write(paths.catalog, digest.hexdigest(), rows, parts, frames)
    return True


def totals(chains: Chains) -> dict[str, int]:
    """Return the rows of each table."""
    counts: dict[str, int] = {}
    for chain in chains.values():
        for found in chain:
            for table, rows in found.commit.rows.items():
                counts[table] = counts.get(table, 0) + rows
    return dict(sorted(counts.items()))


def published_stamps(path: Path) -> dict[tuple[str, str], str]:
    """Return which sealed files the published catalogue was made of."""
    rows = _ask(path, "SELECT source, segment, stamp FROM catalog.segments WHERE is_sealed", [])
    return {(source, segment): stamp for source, segment, stamp in rows or []}


def _segment_rows(chains: Chains, segments: list[Segment]) -> list[SegmentRow]:
    listed = {segment.key: segment for segment in segments}
    rows = []
    for key, chain in sorted(chains.items()):
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


def _published_digest(path: Path) -> str | None:
    rows = _ask(path, "SELECT value FROM catalog.meta WHERE key = 'digest'", [])
    return str(rows[0][0]) if rows else None


def _ask(path: Path, query: str, values: list[Any]) -> list[Any] | None:
    """Return rows of the published catalogue, None if it is absent or not ours."""
    if not path.is_file():
        return None
    con = duck.connect(threads=1)
    try:
        con.execute(f"ATTACH {duck.quote(str(path))} AS catalog (READ_ONLY)")
        return con.execute(query, values).fetchall()
    except duckdb.Error:
        return None
    finally:
        con.close()


def _write(
    path: Path, digest: str, rows: list[SegmentRow], parts: list[Any], frames: list[Any]
) -> None:
    temporary = path.with_name(path.name + TEMPORARY)
    temporary.unlink(missing_ok=True)
    temporary.with_name(temporary.name + ".wal").unlink(missing_ok=True)
    con = duck.connect(threads=1)
    try:
        # Files of the newer format cannot be read by DuckDB 1.5.
        con.execute(f"ATTACH {duck.quote(str(temporary))} AS catalog (STORAGE_VERSION 'v1.5.0')")
        con.execute("CREATE TABLE catalog.meta (key VARCHAR, value VARCHAR)")
        meta = {"application": APPLICATION, "schema_version": str(SCHEMA_VERSION), "digest": digest}
        con.executemany("INSERT INTO catalog.meta VALUES (?, ?)", list(meta.items()))
        _insert(con, "segments", _segment_columns(rows))
        names = ("table", "source", "symbol", "date", "segment", "from", "to", "path", "rows")
        texts = {"table", "source", "symbol", "date", "segment", "path"}
        _insert(con, "parts", _columns(names, parts, texts))
        _insert(con, "book_frames", _columns(("source", "seq"), frames, {"source"}))
        con.execute("DETACH catalog")
    finally:
        con.close()
    publish(temporary, path)


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


def _columns(names: tuple[str, ...], rows: list[Any], texts: set[str]) -> dict[str, Any]:
    values = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return {
        name: np.array(column, dtype=object if name in texts else np.int64)
        for name, column in zip(names, values, strict=True)
    }
