"""Which byte ranges count: the chain of commits of each segment, rebuilt from their names."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from lobdesk.index.parts import COMMIT_NAME, COMMITS, TEMPORARY, Commit, Committed, commit_path
from lobdesk.index.schema import SCHEMA_VERSION, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lobdesk.paths import DataPaths

GRACE_S = 900.0
"""How long parts that a merge replaced stay for readers that still have the old list."""

Chains = dict[tuple[str, str], list[Committed]]
"""Source and segment → commits whose ranges follow one another from byte 0."""


def load_chains(paths: DataPaths) -> tuple[Chains, list[Committed]]:
    """Return the chains, and the commits that belong to none.

    A commit that cannot be read, is of another version or misses a part counts as absent. Where a
    merged range and its pieces both exist, the longest range wins.
    """
    by_segment: dict[tuple[str, str], list[Committed]] = defaultdict(list)
    for found in _read_commits(paths.lake):
        by_segment[found.commit.key].append(found)
    chains: Chains = {}
    others: list[Committed] = []
    for key, commits in by_segment.items():
        chain = _chain(commits)
        if chain:
            chains[key] = chain
        kept = {found.path for found in chain}
        others += [found for found in commits if found.path not in kept]
    return chains, others


def remove_commit(paths: DataPaths, found: Committed) -> None:
    """Delete a commit, then its parts, so that a crash leaves parts without a commit only."""
    found.path.unlink(missing_ok=True)
    for part in found.commit.parts.values():
        (paths.lake / part).unlink(missing_ok=True)


def sweep(paths: DataPaths, chains: Chains, others: list[Committed], grace_s: float) -> int:
    """Delete what no chain needs and return how many files went.

    Ranges that a longer commit covers stay for ``grace_s`` seconds, because readers may be using
    their parts; everything else off the chain is what a crash left behind.
    """
    referenced = _files(paths, [found for chain in chains.values() for found in chain])
    waiting: list[Committed] = []
    removed = 0
    for found in others:
        if _is_covered(found, chains) and _age_s(found, chains) < grace_s:
            waiting.append(found)
            continue
        shared = set(found.commit.parts.values()) & referenced
        if shared:
            found.path.unlink(missing_ok=True)
        else:
            remove_commit(paths, found)
        removed += 1
    keep = referenced | _files(paths, waiting)
    for path in _lake_files(paths.lake):
        if path.relative_to(paths.lake).as_posix() not in keep:
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _read_commits(lake: Path) -> Iterator[Committed]:
    folder = lake / COMMITS
    if not folder.is_dir():
        return
    decoder = msgspec.json.Decoder(Commit)
    for path in sorted(folder.rglob("*.json")):
        match = COMMIT_NAME.fullmatch(path.name)
        try:
            commit = decoder.decode(path.read_bytes())
        except (OSError, msgspec.DecodeError):
            continue
        is_ours = (
            match is not None
            and commit.v == SCHEMA_VERSION
            and lake / commit_path(commit) == path
            and all((lake / part).is_file() for part in commit.parts.values())
        )
        if is_ours:
            yield Committed(path, commit)


def _chain(commits: list[Committed]) -> list[Committed]:
    longest: dict[int, Committed] = {}
    for found in commits:
        known = longest.get(found.commit.begin)
        if known is None or known.commit.end < found.commit.end:
            longest[found.commit.begin] = found
    chain, offset = [], 0
    while offset in longest and longest[offset].commit.end > offset:
        chain.append(longest[offset])
        offset = longest[offset].commit.end
    return chain


def _is_covered(found: Committed, chains: Chains) -> bool:
    chain = chains.get(found.commit.key, [])
    return bool(chain) and chain[-1].commit.end >= found.commit.end


def _age_s(found: Committed, chains: Chains) -> float:
    """Return how long ago the range's replacement was written."""
    newer = [
        other.path.stat().st_mtime
        for other in chains[found.commit.key]
        if other.commit.begin <= found.commit.begin and other.commit.end >= found.commit.end
    ]
    return time.time() - max(newer) if newer else float("inf")


def _files(paths: DataPaths, commits: list[Committed]) -> set[str]:
    names = {part for found in commits for part in found.commit.parts.values()}
    return names | {found.path.relative_to(paths.lake).as_posix() for found in commits}


def _lake_files(lake: Path) -> list[Path]:
    """Return everything that the indexer may have written; nothing else in the lake is touched."""
    files = []
    for name in (*TABLES, COMMITS):
        files += [path for path in (lake / name).rglob("*") if path.is_file()]
    suffixes = (".parquet", ".json", TEMPORARY)
    return [path for path in files if path.name.endswith(suffixes)]
