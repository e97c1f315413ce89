"""Reading blocks while those before are written."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from queue import SimpleQueue
from typing import TYPE_CHECKING

from lobdesk.errors import JournalError
from lobdesk.index.blocks import extract_blocks
from lobdesk.index.segments import safe_proof

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future
    from typing import Self

    from lobdesk.index.commits import Commit, Committed
    from lobdesk.index.extract import Extract, SnapshotFrames
    from lobdesk.index.parts import PartWriter
    from lobdesk.index.segments import Block, Segment

    Range = tuple[Segment, int, int]
    Writing = tuple[Segment, Future[Commit]]

MOST_WRITERS = 4
"""Each holds a block, its rows and what it encodes: about 300 MB."""


def writers_here() -> int:
    """Return how many parts are written at a time: one for each processor, at most four."""
    return min(os.cpu_count() or 1, MOST_WRITERS)


class Pipeline:
    """Scans in the caller's thread and writes parts in others.

    All leave Python's lock to others for most of their time. Ranges are committed by the caller's
    thread, in the order in which they were scanned: what a crash leaves has no commit.
    """

    def __init__(self, writers: list[PartWriter], frames: SnapshotFrames, block_bytes: int) -> None:
        self._frames = frames
        self._block_bytes = block_bytes
        self._most = len(writers)
        self._idle: SimpleQueue[PartWriter] = SimpleQueue()
        for writer in writers:
            self._idle.put(writer)
        self._committer = writers[0]
        self._pool = ThreadPoolExecutor(self._most, thread_name_prefix="lobdesk-parts")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def run(self, ranges: Iterable[Range]) -> Iterator[tuple[Segment, Committed | JournalError]]:
        """Index the lines of ranges of segments' bytes and yield each block once it counts.

        A segment that cannot be read gives an error behind those of its blocks that count.

        Raises:
            IndexWriteError: A file cannot be written.
        """
        waiting: deque[Writing] = deque()
        for segment, begin, end in ranges:
            blocks = extract_blocks(
                segment, begin, self._frames, block_bytes=self._block_bytes, end=end
            )
            fault: JournalError | None = None
            while fault is None:
                try:
                    found = next(blocks, None)
                except JournalError as error:
                    fault, found = error, None
                if found is None:
                    break
                proof = safe_proof(segment, found[0].end)
                done = waiting.popleft() if len(waiting) == self._most else None
                if done is not None:
                    wait([done[1]])
                waiting.append((segment, self._pool.submit(self._write, *found, proof)))
                if done is not None:
                    yield self._commit(done)  # the disk is waited for while all write
            if fault is not None:
                while waiting:
                    yield self._commit(waiting.popleft())
                yield segment, fault
        while waiting:
            yield self._commit(waiting.popleft())

    def _write(self, block: Block, extracted: Extract, proof: tuple[int, int]) -> Commit:
        writer = self._idle.get()
        try:
            return writer.write(block, extracted, proof)
        finally:
            self._idle.put(writer)

    def _commit(self, writing: Writing) -> tuple[Segment, Committed]:
        segment, part = writing
        return segment, self._committer.commit(part.result())
