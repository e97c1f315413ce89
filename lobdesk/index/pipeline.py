"""Reading the next block while the last one is written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from lobdesk.errors import JournalError
from lobdesk.index.blocks import extract_blocks
from lobdesk.index.segments import safe_proof

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future
    from typing import Self

    from lobdesk.index.commits import Committed
    from lobdesk.index.extract import SnapshotFrames
    from lobdesk.index.parts import PartWriter
    from lobdesk.index.segments import Segment


class Pipeline:
    """Scans in the caller's thread and writes in one other, one block behind.

    Both leave Python's lock to others for most of their time. One thread writes, so ranges are
    committed in order.
    """

    def __init__(self, writer: PartWriter, frames: SnapshotFrames, block_bytes: int) -> None:
        self._writer = writer
        self._frames = frames
        self._block_bytes = block_bytes
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="lobdesk-parts")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def run(self, segment: Segment, begin: int, end: int) -> Iterator[Committed]:
        """Index the lines of a segment's bytes and yield each range once it counts.

        Raises:
            JournalError: The segment cannot be read; what was yielded before counts.
            IndexWriteError: A file cannot be written.
        """
        blocks = extract_blocks(
            segment, begin, self._frames, block_bytes=self._block_bytes, end=end
        )
        waiting: Future[Committed] | None = None
        fault: JournalError | None = None
        while fault is None:
            found = None
            try:
                found = next(blocks, None)
            except JournalError as error:
                fault = error
            if waiting is not None:
                yield waiting.result()
            if found is None:
                break
            block, extracted = found
            proof = safe_proof(segment, block.end)
            waiting = self._pool.submit(self._writer.write, block, extracted, proof)
        if fault is not None:
            raise fault
