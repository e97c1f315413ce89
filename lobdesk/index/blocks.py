"""A segment's bytes to rows: what is damaged or of a newer version is named, never taken in."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lobdesk import engine
from lobdesk.index.errors import NewerJournalError
from lobdesk.index.extract import Extract, extract
from lobdesk.index.segments import BLOCK_BYTES, crc_before, read_blocks
from lobdesk.journal import EVENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from lobdesk.index.extract import SnapshotFrames
    from lobdesk.index.segments import Block, Segment

LINE_VERSION = 1
VERSION = re.compile(rb'\{"v":(\d{1,9})[,}]')
WRONG_CHECKSUM = "its checksum does not follow from its bytes and the line before"


def extract_blocks(
    segment: Segment,
    begin: int,
    frames: SnapshotFrames,
    *,
    block_bytes: int = BLOCK_BYTES,
    end: int | None = None,
) -> Iterator[tuple[Block, Extract]]:
    """Yield the blocks of a segment's bytes and their rows, and remember replaced books.

    An event line whose checksum is wrong, and a stretch of a sealed segment that cannot be
    decompressed, have no rows but rejects.

    Raises:
        JournalReadError: The file cannot be read.
        NewerJournalError: A line is of a version that this program does not know.
    """
    crc = crc_before(segment, begin) if segment.kind == EVENTS else None
    for block in read_blocks(segment, begin, block_bytes, end):
        if block.damage:
            crc = None
            yield block, _damaged(block)
            continue
        bad: NDArray[np.int64] = np.empty(0, np.int64)
        if segment.kind == EVENTS:
            bad, crc = engine.check_line_chain(block.data, previous=crc)
        extracted = extract(_without(block, bad), frames)
        if "rejects" in extracted.tables:
            _refuse_newer(block, extracted)
            rejects = extracted.tables["rejects"]
            rejects["reason"][np.isin(rejects["offset"], bad + block.begin)] = WRONG_CHECKSUM
        frames.add(segment.source, extracted.frames)
        yield block, extracted


def _without(block: Block, bad: NDArray[np.int64]) -> Block:
    """Return a block in which no reader accepts the bad lines."""
    if not len(bad):
        return block
    data = np.frombuffer(block.data, np.uint8).copy()
    data[bad] = ord("!")
    return replace(block, data=data.tobytes())


def _refuse_newer(block: Block, extracted: Extract) -> None:
    for offset in extracted.tables["rejects"]["offset"].tolist():
        found = VERSION.match(block.data, offset - block.begin)
        if found is not None and int(found[1]) > LINE_VERSION:
            path = block.segment.file.path
            raise NewerJournalError(path, offset, int(found[1]), LINE_VERSION)


def _damaged(block: Block) -> Extract:
    rejects = {
        "offset": np.array([block.begin], np.int64),
        "length": np.array([block.end - block.begin], np.int64),
        "reason": np.array([f"the sealed segment {block.damage}"], dtype=object),
        "source": block.segment.source,
        "segment": block.segment.name,
    }
    stats = {"rows": 0, "rejects": 1, "damaged": 1}
    return Extract(tables={"rejects": rejects}, stats=stats)
