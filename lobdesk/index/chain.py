"""Which byte ranges count: the commits of each segment, and the merges of each day.

Loading looks at names and sizes of all files of the lake once, and reads those commits that the
published catalogue does not repeat. After that an indexer that stays knows what it wrote.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lobdesk.index.commits import (
    COMMIT_NAME,
    COMMITS,
    Commit,
    Committed,
    Day,
    DayCommitted,
    Member,
    commit_path,
    day_path,
    part_stem,
)
from lobdesk.index.durable import TEMPORARY
from lobdesk.index.schema import SCHEMA_VERSION, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lobdesk.index.commits import Part
    from lobdesk.paths import DataPaths

GRACE_S = 900.0
"""How long parts that a merge replaced stay for readers that still have the old list."""

Key = tuple[str, str]
"""Source and segment."""

DayKey = tuple[str, str, str, str]
"""Source, kind, symbol and date."""


@dataclass(slots=True)
class Listing:
    """The lake's files: path within it → size and time of the last change, ns."""

    files: dict[str, tuple[int, int]] = field(default_factory=dict)

    def has(self, part: Part) -> bool:
        """Tell whether a part is there with its whole length."""
        return self.files.get(part.path, (-1, 0))[0] == part.bytes


class Head(msgspec.Struct):
    """What commits of all versions say."""

    v: int
    source: str
    segment: str = ""
    begin: int = 0
    end: int = 0


Cache = dict[str, tuple[tuple[int, int], str]]
"""Path of a commit → its size and time, and its text."""


@dataclass(slots=True)
class Chains:
    """What counts, and what does not.

    Attributes:
        commits: Segment → its commits, whose ranges never overlap, in order.
        days: The merge that stands for the parts of a day's commits.
        others: Commits that longer ones replaced, or that a crash left.
        other_days: The same for merges.
        old: Commits of other versions.
        listing: The lake's files when this was loaded.
        cache: Texts of all commits.
    """

    commits: dict[Key, list[Committed]] = field(default_factory=dict)
    days: dict[DayKey, DayCommitted] = field(default_factory=dict)
    others: list[Committed] = field(default_factory=list)
    other_days: list[DayCommitted] = field(default_factory=list)
    old: list[Head] = field(default_factory=list)
    listing: Listing = field(default_factory=Listing)
    cache: Cache = field(default_factory=dict)

    def all_commits(self) -> Iterator[Committed]:
        """Yield all commits that count, by segment."""
        for key in sorted(self.commits):
            yield from self.commits[key]

    def parts(self) -> Iterator[tuple[str, Commit, Part]]:
        """Yield the parts that hold the rows: table, the first commit of each, part."""
        covered = self.covered()
        for found in self.all_commits():
            for table, part in sorted(found.commit.parts.items()):
                day = covered.get((found.commit.source, found.commit.member))
                if day is None or table != found.commit.kind:
                    yield table, found.commit, part
                elif found.commit.member == day.day.members[0]:
                    yield table, found.commit, day.day.part

    def add(self, paths: DataPaths, found: Committed | DayCommitted) -> None:
        """Remember the file of a commit that was just written."""
        fact = found.commit if isinstance(found, Committed) else found.day
        stat = found.path.stat()
        name = _name(paths, found.path)
        text = msgspec.json.encode(fact).decode()
        self.cache[name] = ((stat.st_size, stat.st_mtime_ns), text)

    def replacement(self, found: Committed) -> Committed | None:
        """Return the commit that counts instead of one."""
        for other in self.commits.get(found.commit.key, []):
            if other.commit.begin <= found.commit.begin and other.commit.end >= found.commit.end:
                return other
        return None

    def covered(self) -> dict[tuple[str, Member], DayCommitted]:
        """Return for each commit in a day's merge that merge."""
        return {
            (day.day.source, member): day
            for day in self.days.values()
            for member in day.day.members
        }


def load_chains(paths: DataPaths, cached: Cache) -> Chains:
    """Return what counts.

    A commit that cannot be read, is of another version or misses a part counts as absent; where a
    merged range and its pieces both exist, the longest range wins.
    """
    chains = Chains(listing=Listing(dict(_list_files(paths.lake))))
    commits, days = _read_all(paths.lake, chains, cached)
    by_key: dict[DayKey, list[DayCommitted]] = defaultdict(list)
    for day in days:
        by_key[day.day.key].append(day)
    for key, found in by_key.items():
        found.sort(key=lambda one: (len(one.day.members), one.path.name))
        chains.days[key] = found[-1]
    while True:
        _choose(chains, commits)
        on_chain = {(one.commit.source, one.commit.member) for one in chains.all_commits()}
        broken = [
            key
            for key, day in chains.days.items()
            if any((day.day.source, member) not in on_chain for member in day.day.members)
        ]
        if not broken:
            break
        for key in broken:
            by_key[key].remove(chains.days.pop(key))
            if by_key[key]:
                chains.days[key] = by_key[key][-1]
    kept = {day.path for day in chains.days.values()}
    chains.other_days = [day for day in days if day.path not in kept]
    return chains


def sweep(
    paths: DataPaths,
    chains: Chains,
    listed: set[Key],
    grace_s: float,
    *,
    published: frozenset[str] = frozenset(),
    retired: Mapping[str, int] | None = None,
) -> int:
    """Delete what does not count and return how many files went.

    Ranges that a longer commit or a day's merge covers stay for ``grace_s`` seconds, because
    readers may be using their parts. For good stays what another version indexed of segments that
    are gone, and what is left of a range whose segment is gone and of whose parts one is.
    Everything else is what a crash left behind.

    Args:
        paths: Data directory.
        chains: What counts, just loaded.
        listed: Segments that exist.
        grace_s: How long replaced parts stay.
        published: Parts that the published catalogue names: until another is published, all
            readers use them.
        retired: Parts that an earlier catalogue named → when they were replaced, µs.
    """
    covered = chains.covered()
    now = time.time()
    since_us = (now - grace_s) * 1e6
    keep = {path for path, at_us in (retired or {}).items() if at_us > since_us} | published
    for found in chains.all_commits():
        keep.add(_name(paths, found.path))
        day = covered.get((found.commit.source, found.commit.member))
        is_spent = day is not None and now - _changed_s(chains, paths, day.path) >= grace_s
        keep |= {
            part.path
            for table, part in found.commit.parts.items()
            if not (is_spent and table == found.commit.kind)
        }
    for day in chains.days.values():
        keep |= {_name(paths, day.path), day.day.part.path}
    for found in chains.others:
        newer = chains.replacement(found)
        is_lost = newer is None and found.commit.key not in listed
        if is_lost or (newer is not None and now - _changed_s(chains, paths, newer.path) < grace_s):
            keep |= {_name(paths, found.path), *(p.path for p in found.commit.parts.values())}
    for other in chains.other_days:
        known = chains.days.get(other.day.key)
        if known is not None and now - _changed_s(chains, paths, known.path) < grace_s:
            keep |= {_name(paths, other.path), other.day.part.path}
    stems = tuple(_stem(head) for head in chains.old if (head.source, head.segment) not in listed)
    gone = [
        name
        for name in chains.listing.files
        if name not in keep and not (stems and _is_of(name, stems))
    ]
    for name in sorted(gone, key=lambda one: not one.startswith(COMMITS)):
        (paths.lake / name).unlink(missing_ok=True)
        del chains.listing.files[name]
    return len(gone)


def holes(commits: Iterable[Committed], size: int) -> Iterator[tuple[int, int]]:
    """Yield the byte ranges of a segment that no commit holds, the last one open-ended."""
    offset = 0
    for found in commits:
        if found.commit.begin > offset:
            yield offset, found.commit.begin
        offset = found.commit.end
    if size > offset:
        yield offset, size


def _list_files(lake: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield everything that the indexer may have written; nothing else in the lake is touched."""
    suffixes = (".parquet", ".json", TEMPORARY)
    waiting = [name for name in (*TABLES, COMMITS) if (lake / name).is_dir()]
    while waiting:
        folder = waiting.pop()
        with os.scandir(lake / folder) as entries:
            for entry in entries:
                name = f"{folder}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(name)
                elif entry.name.endswith(suffixes):
                    facts = entry.stat()
                    yield name, (facts.st_size, facts.st_mtime_ns)


def _read_all(
    lake: Path, chains: Chains, cached: Cache
) -> tuple[list[Committed], list[DayCommitted]]:
    commits: list[Committed] = []
    days: list[DayCommitted] = []
    of_commit, of_day = msgspec.json.Decoder(Commit), msgspec.json.Decoder(Day)
    for name in sorted(chains.listing.files):
        if not name.startswith(f"{COMMITS}/") or name.endswith(TEMPORARY):
            continue
        stamp = chains.listing.files[name]
        known = cached.get(name)
        path = lake / name
        try:
            text = known[1] if known is not None and known[0] == stamp else path.read_text()
            head = msgspec.json.decode(text, type=Head)
            if head.v != SCHEMA_VERSION:
                chains.old.append(head)
                continue
            if COMMIT_NAME.fullmatch(path.name):
                commit = of_commit.decode(text)
                is_ours = commit_path(commit) == name
                commits += [Committed(path, commit)] if is_ours else []
            else:
                day = of_day.decode(text)
                is_ours = day_path(day) == name and chains.listing.has(day.part)
                days += [DayCommitted(path, day)] if is_ours else []
        except (OSError, ValueError, IndexError):
            continue
        if is_ours:
            chains.cache[name] = (stamp, text)
    return commits, days


def _choose(chains: Chains, commits: list[Committed]) -> None:
    """Fill ``commits`` and ``others``: of each segment the longest ranges that are whole."""
    covered = chains.covered()
    by_segment: dict[Key, list[Committed]] = defaultdict(list)
    chains.others = []
    for found in commits:
        is_covered = (found.commit.source, found.commit.member) in covered
        is_whole = all(
            chains.listing.has(part) or (is_covered and table == found.commit.kind)
            for table, part in found.commit.parts.items()
        )
        (by_segment[found.commit.key] if is_whole else chains.others).append(found)
    chains.commits = {}
    for key, ranges in by_segment.items():
        ranges.sort(key=lambda one: (one.commit.begin, -one.commit.end))
        offset = 0
        chosen: list[Committed] = []
        for found in ranges:
            is_next = found.commit.begin >= offset and found.commit.end > found.commit.begin
            (chosen if is_next else chains.others).append(found)
            offset = found.commit.end if is_next else offset
        chains.commits[key] = chosen


def _changed_s(chains: Chains, paths: DataPaths, path: Path) -> float:
    return chains.listing.files.get(_name(paths, path), (0, time.time_ns()))[1] / 1e9


def _name(paths: DataPaths, path: Path) -> str:
    return path.relative_to(paths.lake).as_posix()


def _stem(head: Head) -> str:
    return part_stem(head.source, head.segment, head.begin, head.end)


def _is_of(name: str, stems: tuple[str, ...]) -> bool:
    """Tell whether a file is a part of one of these ranges, or a commit of another version."""
    file = Path(name).name
    return any(
        (file.startswith(f"{stem}.") and file.endswith(".parquet")) or f"{stem}.json".endswith(file)
        for stem in stems
    )
