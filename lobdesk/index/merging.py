"""Fewer, larger parts: of a segment's ranges, and of a day's segments."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import TYPE_CHECKING

from lobdesk.journal import EVENTS
from lobdesk.paths import RECORDER_SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lobdesk.index.chain import Chains, DayKey
    from lobdesk.index.commits import Committed, DayCommitted
    from lobdesk.index.parts import PartWriter
    from lobdesk.index.segments import Segment

OPEN_RANGES = 8
"""So many ranges of similar size at the end of a growing segment become one."""


def merge_ranges(
    chains: Chains, writer: PartWriter, segments: list[Segment], block_bytes: int
) -> list[Committed]:
    """Join ranges of each segment; the old ones go after the grace period.

    Of a sealed segment as few stay as ``block_bytes`` allows. Of a growing one the last few are
    joined when they are many of a size, so that a byte is written again once for each power of
    ``OPEN_RANGES``, and readers open few parts.
    """
    written: list[Committed] = []
    covered = chains.covered()
    for segment in segments:
        commits = chains.commits.get(segment.key, [])
        is_in_day = any((one.commit.source, one.commit.member) in covered for one in commits)
        if len(commits) < 2 or is_in_day:
            continue
        merged: list[Committed] = []
        groups = _groups(commits, block_bytes) if segment.is_sealed else _tiers(commits)
        for group in groups:
            if len(group) == 1:
                merged += group
                continue
            merged.append(writer.merge([found.commit for found in group]))
            written.append(merged[-1])
        chains.commits[segment.key] = merged
    return written


def merge_days(chains: Chains, writer: PartWriter, segments: list[Segment]) -> list[DayCommitted]:
    """Join the parts of each symbol and UTC day that is over.

    A recorder's day is over when its journal has a later one, an import's when it is sealed.
    """
    newest: dict[str, str] = defaultdict(str)
    days: dict[DayKey, list[Segment]] = defaultdict(list)
    for segment in segments:
        newest[segment.source] = max(newest[segment.source], segment.date)
        if segment.kind != EVENTS:
            days[segment.source, segment.kind, segment.symbol, segment.date].append(segment)
    written = []
    for key, found in days.items():
        is_over = key[0] != RECORDER_SOURCE or newest[key[0]] > key[3]
        if not is_over or not all(one.is_sealed for one in found):
            continue
        merged = _merge_day(chains, writer, key, found)
        if merged is not None:
            chains.days[key] = merged
            written.append(merged)
    return written


def _merge_day(
    chains: Chains, writer: PartWriter, key: DayKey, segments: list[Segment]
) -> DayCommitted | None:
    commits = [found.commit for one in segments for found in chains.commits.get(one.key, [])]
    commits = [commit for commit in commits if key[1] in commit.parts]
    known = chains.days.get(key)
    members = known.day.members if known is not None else []
    if len(commits) < 2 or len(members) >= len(commits):
        return None
    joined = set(members)
    olds = [known.day.part] if known is not None else []
    olds += [commit.parts[key[1]] for commit in commits if commit.member not in joined]
    return writer.merge_day(commits, olds)


def _groups(commits: list[Committed], block_bytes: int) -> Iterator[list[Committed]]:
    """Yield runs of adjacent ranges of together at most ``block_bytes``."""
    group: list[Committed] = []
    size = 0
    for found in commits:
        length = found.commit.end - found.commit.begin
        is_next = bool(group) and group[-1].commit.end == found.commit.begin
        if group and (size + length > block_bytes or not is_next):
            yield group
            group, size = [], 0
        group.append(found)
        size += length
    if group:
        yield group


def _tiers(commits: list[Committed]) -> Iterator[list[Committed]]:
    """Yield single ranges, and at the end one run of ranges of similar size if they are enough."""
    last = commits[-OPEN_RANGES:]
    sizes = [found.commit.end - found.commit.begin for found in last]
    are_next = all(a.commit.end == b.commit.begin for a, b in itertools.pairwise(last))
    is_full = len(last) == OPEN_RANGES and max(sizes) < OPEN_RANGES * max(1, min(sizes))
    split = len(commits) - OPEN_RANGES if is_full and are_next else len(commits)
    for found in commits[:split]:
        yield [found]
    if split < len(commits):
        yield last
