"""Bringing the index up to the journal: exactly once, whatever is killed when."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lobdesk.errors import JournalError
from lobdesk.index import chain, merging, publish
from lobdesk.index.column_cache import drop_columns
from lobdesk.index.errors import IndexBusyError, IndexWriteError
from lobdesk.index.extract import SnapshotFrames
from lobdesk.index.parts import PartWriter, file_digest
from lobdesk.index.pipeline import Pipeline, writers_here
from lobdesk.index.segments import BLOCK_BYTES, has_changed, list_segments, read_range, safe_proof
from lobdesk.journal import JournalReadError
from lobdesk.journal.retention import read_cut
from lobdesk.paths import DataPaths
from lobdesk.progress import NoProgress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

    from lobdesk.index.commits import Commit, Committed
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
        damaged: Segments that cannot be read wholly, and why; all others are indexed.
        lost: Segments that are gone from the journal, and whose part is gone or damaged too.
        repaired: Parts that were gone or damaged; their rows were read from the journal again.
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
    damaged: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    removed: int = 0
    is_published: bool = False
    totals: dict[str, int] = field(default_factory=dict)

    @property
    def is_sound(self) -> bool:
        """True if nothing of the journal is damaged and nothing of the index is lost."""
        return not (self.damaged or self.lost or self.rejects)


def update_index(
    data_dir: Path,
    *,
    rebuild: bool = False,
    check: bool = False,
    progress: Progress | None = None,
    block_bytes: int = BLOCK_BYTES,
    grace_s: float = chain.GRACE_S,
) -> IndexReport:
    """Index all complete new lines of all journals, and publish the catalogue.

    Doing it twice changes nothing. It may be killed at any moment: the next run neither misses nor
    doubles a line. A part that is gone or cut is written again from the journal.

    Args:
        data_dir: Data directory.
        rebuild: Drop everything whose segment still exists and index it again.
        check: Read all parts and the indexed journal, and index anew whose bytes changed.
        progress: Who hears how far it is.
        block_bytes: Most bytes of lines of a part.
        grace_s: How long merged-away parts stay for running readers.

    Raises:
        IndexBusyError: Another indexer is at work in this data directory.
        IndexWriteError: The disk is full or failing; the next run goes on from there.
    """
    with Indexer(data_dir, progress=progress, block_bytes=block_bytes, grace_s=grace_s) as indexer:
        return indexer.update(rebuild=rebuild, check=check)


class Indexer:
    """The one process that writes the index of a data directory, for one update or many.

    Between updates it remembers what is indexed, so that an update costs what is new, not what is
    there.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        progress: Progress | None = None,
        block_bytes: int = BLOCK_BYTES,
        grace_s: float = chain.GRACE_S,
    ) -> None:
        self._paths = DataPaths(data_dir)
        self._progress: Progress = progress if progress is not None else NoProgress()
        self._block_bytes = block_bytes
        self._grace_s = grace_s
        self._report = IndexReport()
        self._frames = SnapshotFrames()
        self._chains = chain.Chains()
        self._published = publish.Published()
        self._is_loaded = False
        self._lock = _lock(data_dir)
        self._writers = [PartWriter(self._paths) for _ in range(writers_here())]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others index."""
        for writer in self._writers:
            writer.close()
        os.close(self._lock)

    def pending_bytes(self) -> int:
        """Return how many bytes of the journal are not in parts."""
        segments = list_segments(self._paths, self._published.stamps, {})
        return sum(max(0, one.size_bytes - self._end(one)) for one in segments)

    def forget(self) -> None:
        """Look at the whole lake again at the next update, and delete what no reader needs."""
        self._is_loaded = False

    def update(self, *, rebuild: bool = False, check: bool = False) -> IndexReport:
        """Index all complete new lines and publish the catalogue; see ``update_index``."""
        self._report = IndexReport()
        if rebuild or check or not self._is_loaded:
            self._load(check=check)
        faults: dict[chain.Key, str] = {}
        segments = list_segments(self._paths, self._published.stamps, faults)
        self._report.damaged += [f"{source}:{why}" for (source, _), why in sorted(faults.items())]
        unreadable = self._compare(segments, set(faults), rebuild=rebuild, check=check)
        if not self._is_loaded:
            listed = {segment.key for segment in segments}
            self._report.removed += chain.sweep(
                self._paths, self._chains, listed, self._grace_s,
                published=self._published.parts, retired=self._published.retired,
            )  # fmt: skip
            self._is_loaded = True
        self._index_all([one for one in segments if one.key not in unreadable])
        self._merge(segments)
        published = publish.publish_catalog(self._paths, self._chains, segments, self._published)
        self._report.is_published = published is not self._published
        self._published = published
        self._report.totals = publish.totals(self._chains)
        return self._report

    def _end(self, segment: Segment) -> int:
        commits = self._chains.commits.get(segment.key)
        return commits[-1].commit.end if commits else 0

    def _load(self, *, check: bool) -> None:
        self._is_loaded = False
        known = publish.read_published(self._paths.catalog)
        self._published = known
        self._chains = chain.load_chains(self._paths, self._chains.cache or known.commits)
        if check:
            drop_columns(self._paths)  # to compare them is to decode the parts, as writing them is
            if self._drop_changed_parts():
                self._chains = chain.load_chains(self._paths, self._chains.cache)
        self._remember_frames()
        for found in self._chains.others:
            is_whole = all(map(self._chains.listing.has, found.commit.parts.values()))
            if not is_whole and self._chains.replacement(found) is None:
                self._report.repaired.append(f"{found.commit.source}:{found.commit.segment}")

    def _remember_frames(self) -> None:
        self._frames = SnapshotFrames()
        for found in self._chains.all_commits():
            if found.commit.frames:
                self._frames.add(found.commit.source, found.commit.frames)

    def _drop_changed_parts(self) -> int:
        """Delete the parts whose bytes are not those that were written."""
        dropped = 0
        for _, _, part in self._chains.parts():
            path = self._paths.lake / part.path
            if file_digest(path) != part.digest:
                path.unlink()
                dropped += 1
        return dropped

    def _compare(
        self, segments: list[Segment], unlisted: set[chain.Key], *, rebuild: bool, check: bool
    ) -> set[chain.Key]:
        """Drop the commits of segments that are to be indexed anew; return those not readable."""
        listed = {segment.key for segment in segments}
        cuts = {root.source: read_cut(root.path).seq for root in self._paths.journals()}
        self._report.missing = [
            f"{source}:{name}"
            for source, name in sorted(self._chains.commits.keys() - listed - unlisted)
            # What retention has deleted is not missed.
            if int(name.rpartition("/")[2]) > cuts.get(source, 0)
        ]
        stale: set[chain.Key] = set()
        unreadable: set[chain.Key] = set()
        for segment in segments:
            commits = self._chains.commits.get(segment.key)
            if not commits:
                continue
            is_same = not rebuild and self._is_same(segment, commits)
            if is_same and not (check and self._has_changed(segment, commits)):
                continue
            if not self._is_readable(segment):
                unreadable.add(segment.key)
                continue
            stale.add(segment.key)
            if not rebuild:
                self._report.replaced.append(f"{segment.source}:{segment.name}")
        if stale:
            self._drop(stale)
        repaired = {name.partition(":")[::2] for name in self._report.repaired}
        self._report.repaired = sorted(f"{s}:{name}" for s, name in repaired & listed)
        self._report.lost = sorted(f"{s}:{name}" for s, name in repaired - listed)
        return unreadable

    def _is_readable(self, segment: Segment) -> bool:
        """Tell whether a file can be read at all; if not, name it: what is indexed of it stays."""
        try:
            read_range(segment, 0, 1)
        except JournalReadError as error:
            if not isinstance(error.__cause__, OSError):
                return True
            self._report.damaged.append(f"{segment.source}:{error}")
            return False
        return True

    def _drop(self, stale: set[chain.Key]) -> None:
        for found in [*self._chains.all_commits(), *self._chains.others]:
            if found.commit.key in stale:
                # Its parts stay until a catalogue without them is published, and for the grace.
                found.path.unlink(missing_ok=True)
        self._chains = chain.load_chains(self._paths, self._chains.cache)
        self._remember_frames()
        self._is_loaded = False

    def _is_same(self, segment: Segment, commits: list[Committed]) -> bool:
        """Tell whether what was indexed still begins and ends as it did.

        Recovery after a power cut may have taken back lines that were never confirmed by the disk;
        a damaged segment may have been put right.
        """
        stamp, _ = self._published.stamps.get(segment.key, ("", 0))
        if segment.is_sealed and stamp == segment.stamp:
            return True
        last = commits[-1].commit
        if segment.size_bytes < last.end:
            return False
        if any("damaged" in found.commit.stats for found in commits):
            return False
        return safe_proof(segment, last.end) == (last.head_crc, last.tail_crc)

    def _has_changed(self, segment: Segment, commits: list[Committed]) -> bool:
        try:
            return has_changed(segment, commits)
        except JournalError as error:
            # Its rows are still right; nothing better can be had from the journal.
            self._report.damaged.append(f"{segment.source}:{error}")
            return False

    def _index_all(self, segments: list[Segment]) -> None:
        commits = self._chains.commits
        total = sum(segment.size_bytes for segment in segments)
        ranges = [
            (segment, begin, end)
            for segment in segments
            for begin, end in chain.holes(commits.get(segment.key, ()), segment.size_bytes)
        ]
        done = total - sum(end - begin for _, begin, end in ranges)
        with Pipeline(self._writers, self._frames, self._block_bytes) as pipeline:
            for segment, found in pipeline.run(ranges):
                if isinstance(found, JournalError):
                    self._report.damaged.append(f"{segment.source}:{found}")
                    continue
                commits.setdefault(segment.key, []).append(found)
                self._chains.add(self._paths, found)
                self._count(found.commit)
                done += found.commit.end - found.commit.begin
                self._progress.update(
                    "index", done, total, segment=segment.name, rows=sum(self._report.rows.values())
                )
        if ranges:
            self._progress.update("index", total, total)
        for segment in segments:
            self._close(segment)

    def _close(self, segment: Segment) -> None:
        """Put a segment's commits in order and tell what of it cannot be read."""
        commits = self._chains.commits.get(segment.key, [])
        commits.sort(key=lambda one: one.commit.begin)
        damaged = sum(found.commit.stats.get("damaged", 0) for found in commits)
        if damaged:
            self._report.damaged.append(
                f"{segment.source}:{segment.file.path}: {damaged} stretches cannot be read, see: "
                "lobdesk sql rejects"
            )

    def _count(self, commit: Commit) -> None:
        for name, part in commit.parts.items():
            self._report.rows[name] = self._report.rows.get(name, 0) + part.rows
        self._report.rejects += commit.stats["rejects"]
        self._report.bytes += commit.end - commit.begin
        self._report.parts += len(commit.parts)

    def _merge(self, segments: list[Segment]) -> None:
        merged = merging.merge_ranges(self._chains, self._writers[0], segments, self._block_bytes)
        days = merging.merge_days(self._chains, self._writers[0], segments)
        for found in merged:
            self._chains.add(self._paths, found)
        for day in days:
            self._chains.add(self._paths, day)
        self._report.merged += len(merged) + len(days)


@contextmanager
def index_lock(data_dir: Path) -> Iterator[None]:
    """Keep every indexer away.

    Raises:
        IndexBusyError: Another process is at work there.
    """
    descriptor = _lock(data_dir)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(data_dir: Path) -> int:
    """Take the indexer's lock, which the system drops with the process; return its file."""
    path = data_dir / LOCK_NAME
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise IndexWriteError(path, error) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IndexWriteError(path, FileExistsError(errno.EEXIST, "is no plain file"))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 64, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise IndexBusyError(path, holder or "unknown process") from None
    os.ftruncate(descriptor, 0)
    with contextlib.suppress(OSError):  # on a full disk nobody learns our number
        os.pwrite(descriptor, f"process {os.getpid()}\n".encode(), 0)
    return descriptor
