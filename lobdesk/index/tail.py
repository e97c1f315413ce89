"""The journal's newest lines, which no part holds yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.index import duck
from lobdesk.index.extract import extract
from lobdesk.index.schema import TABLES
from lobdesk.index.segments import list_segments, read_blocks

if TYPE_CHECKING:
    import duckdb

    from lobdesk.index.extract import Extract, SnapshotFrames
    from lobdesk.index.segments import Segment
    from lobdesk.paths import DataPaths

TAIL_BYTES = 64 * 1024 * 1024
"""Most unindexed bytes that a reader takes in; above that it says what is missing."""

Indexed = dict[tuple[str, str], int]
"""Source and segment → indexed bytes."""


def unindexed(paths: DataPaths, indexed: Indexed) -> list[tuple[Segment, int, int]]:
    """Return segments with new bytes: where they begin, and how many there are."""
    found = []
    for segment in list_segments(paths):
        begin = indexed.get(segment.key, 0)
        if segment.size_bytes > begin:
            found.append((segment, begin, segment.size_bytes - begin))
    return found


def load_tail(
    con: duckdb.DuckDBPyConnection, paths: DataPaths, indexed: Indexed, frames: SnapshotFrames
) -> int:
    """Fill the tables ``tail.…`` with all complete lines behind the parts.

    Returns:
        Bytes left out because there are more than ``TAIL_BYTES``, whole segments at a time, those
        of derived logs first.
    """
    pending = unindexed(paths, indexed)
    left, taken = 0, 0
    for segment, begin, size in pending:
        if taken + size > TAIL_BYTES:
            left += size
            continue
        taken += size
        for extracted in _read(segment, begin, frames):
            _insert(con, extracted)
    return left


def _read(segment: Segment, begin: int, frames: SnapshotFrames) -> list[Extract]:
    found = []
    for block in read_blocks(segment, begin):
        extracted = extract(block, frames)
        frames.add(segment.source, extracted.frames)
        found.append(extracted)
    return found


def _insert(con: duckdb.DuckDBPyConnection, extracted: Extract) -> None:
    for name, columns in extracted.tables.items():
        con.register("tail_block", duck.flatten(columns))
        select = duck.select_list(TABLES[name], columns)
        con.execute(f"INSERT INTO tail.{name} SELECT {select} FROM tail_block")
        con.unregister("tail_block")
