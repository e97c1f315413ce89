"""Bringing the index up to the journal: exactly once, whatever is killed when."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lobdesk.index import chain, publish
from lobdesk.index.errors import IndexBusyError
from lobdesk.index.extract import SnapshotFrames, extract
from lobdesk.index.parts import Commit, Committed, PartWriter
from lobdesk.index.segments import (
    BLOCK_BYTES,
    end_proof,
    list_segments,
    read_blocks,
)
from lobdesk.journal.retention import read_cut
from lobdesk.paths import DataPaths
from lobdesk.progress import NoProgress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lobdesk.index.segments import Segment
    from lobdesk.progress import Progress

LOCK_NAME = "indexer.lock"


@dataclass(slots=True)
class IndexReport:
    """What one run of the indexer did.

    Attributes:
        rows: Table → rows added.
        rejects: Lines that could not be indexed.
        bytes: Journal bytes added.
        parts: Parts written.
        merged: Parts written in place of several.
        replaced: Segments whose file is not the one that was indexed before; indexed anew.
        missing: Indexed segments whose file is gone; their rows stay.
        removed: Left-over files deleted.
        is_published: True if the catalogue changed.
        totals: Table → rows in the index now.
    """

    rows: dict[str, int] = field(default_factory=dict)
    rejects: int = 0
    bytes: int = 0
    parts: int = 0
    merged: int = 0
    replaced: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    removed: int = 0
    is_published: bool = False
    totals: dict[str, int] = field(default_factory=dict)


def update_index(
    data_dir: Path,
    *,
    rebuild: bool = False,
    progress: Progress | None = None,
    block_bytes: int = BLOCK_BYTES,
    grace_s: float = chain.GRACE_S,
) -> IndexReport:
    """Index all complete new lines of all journals, and publish the catalogue.

    Doing it twice changes nothing. It may be killed at any moment: the next run neither misses nor
    doubles a line.

    Args:
        data_dir: Data directory.
        rebuild: Drop everything whose segment still exists and index it again.
        progress: Who hears how far it is.
        block_bytes: Most bytes of lines of a part.
        grace_s: How long merged-away parts stay for running readers.

    Raises:
        IndexBusyError: Another indexer is at work in this data directory.
        JournalError: A segment cannot be read.
    """
    paths = DataPaths(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    with index_lock(data_dir):
        run = _Run(paths, progress if progress is not None else NoProgress(), block_bytes)
        try:
            return run.execute(rebuild=rebuild, grace_s=grace_s)
        finally:
            run.writer.close()


class _Run:
    """One run of the indexer."""

    def __init__(self, paths: DataPaths, progress: Progress, block_bytes: int) -> None:
        self.paths = paths
        self.progress = progress
        self.block_bytes = block_bytes
        self.writer = PartWriter(paths)
        self.report = IndexReport()
        self.frames = SnapshotFrames()
        self.chains: chain.Chains = {}
        self.stamps = publish.published_stamps(paths.catalog)

    def execute(self, *, rebuild: bool, grace_s: float) -> IndexReport:
        segments = list_segments(self.paths)
        self.chains, others = chain.load_chains(self.paths)
        self._compare(segments, others, rebuild=rebuild)
        self.report.removed += chain.sweep(self.paths, self.chains, others, grace_s)
        for commits in self.chains.values():
            self._remember_frames(commits)
        total = sum(segment.size_bytes for segment in segments)
        done = 0
        for segment in segments:
            self._index(segment)
            done += segment.size_bytes
            self.progress.update("index", done, total, segment=segment.name)
        self._merge(segments)
        self.report.is_published = publish.publish_catalog(self.paths, self.chains, segments)
        self.report.totals = publish.totals(self.chains)
        return self.report

    def _compare(self, segments: list[Segment], others: list[Committed], *, rebuild: bool) -> None:
        """Drop the chains of segments that are to be indexed anew."""
        listed = {segment.key for segment in segments}
        cuts = {root.source: read_cut(root.path).seq for root in self.paths.journals()}
        self.report.missing = [
            f"{source}:{name}"
            for source, name in sorted(self.chains)
            # What retention has deleted is not missed.
            if (source, name) not in listed and int(name.rpartition("/")[2]) > cuts.get(source, 0)
        ]
        for segment in segments:
            commits = self.chains.get(segment.key)
            if commits is None or (not rebuild and self._is_same(segment, commits)):
                continue
            if not rebuild:
                self.report.replaced.append(f"{segment.source}:{segment.name}")
            stale = [*commits, *(one for one in others if one.commit.key == segment.key)]
            for found in stale:
                chain.remove_commit(self.paths, found)
            others[:] = [one for one in others if one.commit.key != segment.key]
            del self.chains[segment.key]

    def _is_same(self, segment: Segment, commits: list[Committed]) -> bool:
        if segment.is_sealed and self.stamps.get(segment.key) == segment.stamp:
            return True
        return _is_same_file(segment, commits)

    def _remember_frames(self, commits: list[Committed]) -> None:
        for found in commits:
            if found.commit.frames:
                self.frames.add(found.commit.source, found.commit.frames)

    def _index(self, segment: Segment) -> None:
        commits = self.chains.setdefault(segment.key, [])
        begin = commits[-1].commit.end if commits else 0
        for block in read_blocks(segment, begin, self.block_bytes):
            extracted = extract(block, self.frames)
            found = self.writer.write(block, extracted, end_proof(segment, block.end))
            commits.append(found)
            self._remember_frames([found])
            self._count(found.commit)
            self.progress.update(
                "index", block.end, segment.size_bytes, segment=segment.name, rows=self._rows()
            )

    def _rows(self) -> int:
        return sum(self.report.rows.values())

    def _count(self, commit: Commit) -> None:
        for name, count in commit.rows.items():
            self.report.rows[name] = self.report.rows.get(name, 0) + count
        self.report.rejects += commit.stats["rejects"]
        self.report.bytes += commit.end - commit.begin
        self.report.parts += len(commit.parts)

    def _merge(self, segments: list[Segment]) -> None:
        """Join the small ranges of sealed segments; the old ones go after the grace period."""
        for segment in segments:
            commits = self.chains.get(segment.key, [])
            if not segment.is_sealed or len(commits) < 2:
                continue
            merged: list[Committed] = []
            for group in _groups(commits, self.block_bytes):
                if len(group) == 1:
                    merged += group
                else:
                    merged.append(self.writer.merge([found.commit for found in group]))
                    self.report.merged += 1
            self.chains[segment.key] = merged


def _groups(commits: list[Committed], block_bytes: int) -> Iterator[list[Committed]]:
    """Yield runs of adjacent ranges of together at most ``block_bytes``."""
    group: list[Committed] = []
    size = 0
    for found in commits:
        length = found.commit.end - found.commit.begin
        if group and size + length > block_bytes:
            yield group
            group, size = [], 0
        group.append(found)
        size += length
    if group:
        yield group


def _is_same_file(segment: Segment, commits: list[Committed]) -> bool:
    """Tell whether what was indexed still begins and ends as it did.

    Recovery after a power cut may have taken back lines that were never confirmed by the disk.
    """
    last = commits[-1].commit
    if segment.size_bytes < last.end:
        return False
    return end_proof(segment, last.end) == (last.head_crc, last.tail_crc)


@contextmanager
def index_lock(data_dir: Path) -> Iterator[None]:
    """Hold the indexer's lock, which the system drops with the process.

    Raises:
        IndexBusyError: Another process holds it.
    """
    path = data_dir / LOCK_NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 64, 0).decode("ascii", "replace").strip()
            raise IndexBusyError(path, holder or "unknown process") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
