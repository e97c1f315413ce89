"""Deleting the oldest part of a recorder's journal, once the index holds all of it."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lobdesk.derive.checkpoint import load_checkpoint
from lobdesk.derive.retained import advance, load_retained, store_retained
from lobdesk.errors import JournalError
from lobdesk.index.chain import holes, load_chains
from lobdesk.index.indexer import index_lock
from lobdesk.journal import (
    DERIVED_LOGS,
    EVENTS,
    ORDERS,
    list_segments,
    list_symbols,
    read_seal,
)
from lobdesk.journal.layout import symbol_log_dir
from lobdesk.journal.retention import Cut, list_kept, split_at
from lobdesk.journal.segment_file import sync_folder
from lobdesk.paths import RECORDER_SOURCE, DataPaths
from lobdesk.units import US_PER_DAY, parse_rfc3339_us

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lobdesk.journal import Segment

logger = logging.getLogger(__name__)

NEWEST_SEQ = 2**63


@dataclass(slots=True)
class RetentionReport:
    """What a run of retention did, or would do.

    Attributes:
        deleted_up_to: Last record deleted, now or before; 0 if none ever was.
        segments: Segments of the raw log that go.
        bytes: Stored size of what goes, derived logs included.
        kept_bytes: Stored size of what stays.
        reason: Why what the limits ask for does not go; empty if nothing is held back.
    """

    deleted_up_to: int = 0
    segments: int = 0
    bytes: int = 0
    kept_bytes: int = 0
    reason: str = ""


def apply_retention(
    data_dir: Path,
    *,
    now_us: int,
    max_days: float = 0.0,
    max_bytes: int = 0,
    dry_run: bool = False,
    is_locked: bool = False,
) -> RetentionReport:
    """Delete the oldest segments beyond the limits; run it beside a recorder at any time.

    Only sealed segments that are wholly indexed and wholly derived go, never the newest one. What
    the rest follows from is on the disk before anything goes, so a kill at any moment leaves a
    journal that verifies, and the next run finishes.

    Args:
        data_dir: Data directory.
        now_us: Present wall clock.
        max_days: Days to keep, counted from the end of a segment's UTC date; 0 for no limit.
        max_bytes: Stored bytes of the recorder's journal to keep; 0 for no limit.
        dry_run: Only tell.
        is_locked: The caller keeps every other indexer away.

    Raises:
        IndexBusyError: The indexer is at work.
        BrokenChainError: What would go is damaged; it stays, as evidence.
        JournalReadError: A file cannot be read.
        JournalError: There is no recorder's journal.
    """
    paths = DataPaths(data_dir)
    if not paths.recorder_journal.is_dir():
        raise JournalError(f"{paths.recorder_journal}: no recorder has recorded here")
    with contextlib.nullcontext() if is_locked else index_lock(data_dir):
        return _Run(paths, now_us).execute(max_days, max_bytes, dry_run=dry_run)


class _Run:
    def __init__(self, paths: DataPaths, now_us: int) -> None:
        self._root = paths.recorder_journal
        self._now_us = now_us
        chains = load_chains(paths, {})
        self._commits = {
            name: commits
            for (source, name), commits in chains.commits.items()
            if source == RECORDER_SOURCE
        }

    def execute(self, max_days: float, max_bytes: int, *, dry_run: bool) -> RetentionReport:
        retained = load_retained(self._root)
        if not dry_run:
            self._remove(self._to_remove(retained.seq))
        kept = list_kept(self._root, Cut(seq=retained.seq))
        total = _stored_bytes(_files(self._root))
        report = RetentionReport(deleted_up_to=retained.seq, kept_bytes=total)
        most, report.reason = self._deletable(kept)
        count = self._beyond(kept, total, max_days, max_bytes)
        if count <= most:
            report.reason = ""
        count = min(count, most)
        if count == 0:
            return report
        going = self._to_remove(kept[count].first_seq - 1)
        report.segments, report.bytes = count, sum(map(_stored_size, going))
        report.kept_bytes -= report.bytes
        report.deleted_up_to = kept[count].first_seq - 1
        if not dry_run:
            behind = advance(retained, kept[:count], self._now_us, report.bytes)
            store_retained(self._root, behind)
            self._remove(going)
        return report

    def _deletable(self, kept: list[Segment]) -> tuple[int, str]:
        """Return how many of the oldest segments may go, and why the next one may not."""
        checkpoint = load_checkpoint(self._root, NEWEST_SEQ)
        derived_to = checkpoint.mark.seq if checkpoint is not None else 0
        for number, segment in enumerate(kept):
            if number == len(kept) - 1:
                return number, f"{segment.path.name} is the newest segment"
            if not segment.is_sealed:
                return number, f"{segment.path.name} is not sealed"
            if not self._is_indexed(segment):
                return number, f"{segment.path.name} is not wholly indexed; run: lobdesk index"
            if kept[number + 1].first_seq > derived_to:
                return number, f"{segment.path.name}: no checkpoint says that it was derived"
        return 0, "there is no journal"

    def _is_indexed(self, segment: Segment) -> bool:
        name = segment.plain_path.with_suffix("").relative_to(self._root).as_posix()
        commits = self._commits.get(name, [])
        is_whole = not any("damaged" in found.commit.stats for found in commits)
        return is_whole and not list(holes(commits, read_seal(segment).length))

    def _beyond(self, kept: list[Segment], total: int, max_days: float, max_bytes: int) -> int:
        """Return how many of the oldest segments the limits ask to delete."""
        oldest_us = self._now_us - int(max_days * US_PER_DAY)
        count = 0
        if max_days:
            while count < len(kept) and _day_end_us(kept[count].date) <= oldest_us:
                count += 1
        if max_bytes:
            while count < len(kept):
                seq = kept[count].first_seq - 1
                if total - sum(map(_stored_size, self._to_remove(seq))) <= max_bytes:
                    break
                count += 1
        return count

    def _to_remove(self, seq: int) -> list[Segment]:
        """Return the segments of all logs whose lines all have at most this number."""
        going = split_at(list_segments(self._root / EVENTS), seq)
        for log in DERIVED_LOGS:
            for symbol in list_symbols(self._root, log):
                for segment in split_at(
                    list_segments(symbol_log_dir(self._root, log, symbol)), seq
                ):
                    # Orders are not indexed themselves; the raw events that give them are.
                    is_known = log == ORDERS or self._is_indexed(segment)
                    if not segment.is_sealed or not is_known:
                        break
                    going.append(segment)
        return going

    def _remove(self, segments: list[Segment]) -> None:
        folders = set()
        for segment in segments:
            for path in (segment.plain_path, segment.sealed_path, segment.seal_path):
                path.unlink(missing_ok=True)
            folders.add(segment.path.parent)
            logger.info("segment deleted", extra={"path": str(segment.path)})
        for folder in folders | _orphans(self._root):
            sync_folder(folder)
            with contextlib.suppress(OSError):
                folder.rmdir()


def _orphans(root: Path) -> set[Path]:
    """Delete tables whose segment a killed run has deleted, and return their folders."""
    folders = set()
    for path in root.glob("**/*.seal.json"):
        stem = path.name.removesuffix(".seal.json")
        if not any(path.with_name(stem + end).exists() for end in (".jsonl", ".jsonl.zst")):
            path.unlink()
            folders.add(path.parent)
    return folders


def _day_end_us(date: str) -> int:
    return parse_rfc3339_us(f"{date}T00:00:00Z") + US_PER_DAY


def _files(root: Path) -> Iterable[Path]:
    for log in (EVENTS, *DERIVED_LOGS):
        yield from (path for path in (root / log).rglob("*") if path.is_file())


def _stored_bytes(files: Iterable[Path]) -> int:
    total = 0
    for path in files:
        with contextlib.suppress(FileNotFoundError):  # just sealed
            total += path.stat().st_size
    return total


def _stored_size(segment: Segment) -> int:
    return _stored_bytes([segment.path, segment.seal_path])
