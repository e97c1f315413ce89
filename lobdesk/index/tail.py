"""The journal's newest lines, which no part holds yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.errors import JournalError
from lobdesk.index.blocks import extract_blocks
from lobdesk.index.hand_over import HandOver
from lobdesk.index.schema import TABLES
from lobdesk.index.segments import list_segments

if TYPE_CHECKING:
    import duckdb

    from lobdesk.index.extract import Extract, SnapshotFrames
    from lobdesk.index.segments import Known
    from lobdesk.paths import DataPaths

TAIL_BYTES = 64 * 1024 * 1024
"""Most unindexed bytes that a reader takes in; above that it says what is missing."""

Indexed = dict[tuple[str, str], int]
"""Source and segment → indexed bytes."""


def load_tail(
    con: duckdb.DuckDBPyConnection,
    paths: DataPaths,
    indexed: Indexed,
    known: Known,
    frames: SnapshotFrames,
) -> int:
    """Fill the tables ``tail.…`` with all complete lines behind the parts.

    Args:
        con: Where the tables are.
        paths: Data directory.
        indexed: What is in parts.
        known: Sealed segments as they were when they were indexed.
        frames: Takes the numbers of events that replaced a book.

    Returns:
        Bytes left out: of segments that cannot be read (``lobdesk index`` names them), and whole
        segments where there are more than ``TAIL_BYTES``, those of derived logs first.
    """
    left, taken = 0, 0
    for segment in list_segments(paths, known):
        begin = indexed.get(segment.key, 0)
        size = segment.size_bytes - begin
        if size <= 0:
            continue
        if taken + size > TAIL_BYTES:
            left += size
            continue
        taken += size
        try:
            found = [extracted for _, extracted in extract_blocks(segment, begin, frames)]
        except JournalError:
            left += size
            continue
        for extracted in found:
            _insert(con, extracted)
    return left


def _insert(con: duckdb.DuckDBPyConnection, extracted: Extract) -> None:
    for name, columns in extracted.tables.items():
        block = HandOver(TABLES[name], columns)
        con.register("tail_block", block)
        con.execute(f"INSERT INTO tail.{name} SELECT {block.select} FROM tail_block")
        con.unregister("tail_block")
