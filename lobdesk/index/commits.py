"""Statements of what is indexed, each a JSON file written after the parts that it names.

A range of a segment's bytes becomes up to a few parts (one for each table that has rows), all
named ``<source>.<segment>.<from>-<to>``, and a commit of that name. Once a UTC day of a symbol is
over, its parts become one, and a day's merge names the commits whose parts it stands for. What a
crash leaves behind is therefore always recognizable: no commit names it.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from lobdesk.index.schema import TABLES
from lobdesk.paths import encode_symbol

if TYPE_CHECKING:
    from pathlib import Path

    from lobdesk.index.segments import Segment

COMMITS = "commits"
COMMIT_NAME = re.compile(r"\d{12,}\.\d+-\d+\.json")


class Part(msgspec.Struct, frozen=True):
    """One Parquet file.

    Attributes:
        path: Within the lake.
        rows: Rows.
        bytes: Its size.
        digest: BLAKE2b of the file, 16 bytes in hexadecimal.
    """

    path: str
    rows: int
    bytes: int
    digest: str


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """Statement that a byte range of a segment is indexed, and what it holds.

    Attributes:
        v: Schema version.
        source: Journal.
        kind: ``events``, ``snapshots`` or ``trades``.
        symbol: Empty for events.
        date: UTC date of the segment's folder.
        segment: Path of the segment within its journal, without the suffix.
        begin: First byte.
        end: Behind the last byte.
        parts: Table → part.
        stats: Counts and extremes, see ``Extract``.
        frames: Numbers of events that replaced a book.
        crc: CRC-32 of the bytes.
        head_crc: CRC-32 of the segment's first 4,096 bytes, or of those before ``end``.
        tail_crc: CRC-32 of the last 4,096 bytes before ``end``.
    """

    v: int
    source: str
    kind: str
    symbol: str
    date: str
    segment: str
    begin: int
    end: int
    parts: dict[str, Part]
    stats: dict[str, int]
    frames: list[int]
    crc: int
    head_crc: int
    tail_crc: int

    @property
    def key(self) -> tuple[str, str]:
        """What identifies the segment in a data directory."""
        return self.source, self.segment

    @property
    def member(self) -> Member:
        """What a day's merge calls it."""
        return Member(self.segment, self.begin, self.end, self.crc)


class Member(msgspec.Struct, frozen=True, array_like=True):
    """A commit whose part is in a day's merge: ``[segment, begin, end, crc]``."""

    segment: str
    begin: int
    end: int
    crc: int


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """Statement that one part holds all rows of one symbol and UTC day.

    Attributes:
        v: Schema version.
        source: Journal.
        kind: ``snapshots`` or ``trades``, which is also the table.
        symbol: Exchange name of the pair.
        date: UTC date of the segments' folder.
        members: The commits whose parts it stands for, in order.
        part: The merged part.
    """

    v: int
    source: str
    kind: str
    symbol: str
    date: str
    members: list[Member]
    part: Part

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Which day of which log."""
        return self.source, self.kind, self.symbol, self.date


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit and the file that holds it."""

    path: Path
    commit: Commit


@dataclass(frozen=True, slots=True)
class DayCommitted:
    """A day's merge and the file that holds it."""

    path: Path
    day: Day


def part_stem(source: str, segment: str, begin: int, end: int) -> str:
    """Return the name that a range's parts share."""
    first_seq = segment.rpartition("/")[2]
    return f"{encode_symbol(source)}.{first_seq}.{begin}-{end}"


def part_path(segment: Segment, table: str, stem: str) -> str:
    """Return a part's path within the lake."""
    pair = f"pair={encode_symbol(segment.symbol)}/" if TABLES[table].is_by_pair else ""
    if table == "rejects":
        return f"{table}/{segment.kind}/{encode_symbol(segment.symbol) or '_'}/{stem}.parquet"
    return f"{table}/{pair}date={segment.date}/{stem}.parquet"


def commit_path(commit: Commit) -> str:
    """Return a commit's path within the lake."""
    folder, _, first_seq = commit.segment.rpartition("/")
    name = f"{first_seq}.{commit.begin}-{commit.end}.json"
    return f"{COMMITS}/{encode_symbol(commit.source)}/{folder}/{name}"


def day_name(members: list[Member]) -> str:
    """Return the name of a day's merge of these commits."""
    return f"day.{zlib.crc32(msgspec.json.encode(members)):08x}"


def day_path(day: Day) -> str:
    """Return the path of a day's merge within the lake."""
    folder = day.members[0].segment.rpartition("/")[0]
    return f"{COMMITS}/{encode_symbol(day.source)}/{folder}/{day_name(day.members)}.json"


def merge_stats(stats: list[dict[str, int]]) -> dict[str, int]:
    """Return the counts and extremes of several ranges together."""
    merged: dict[str, int] = {}
    for one in stats:
        for name, value in one.items():
            if name not in merged:
                merged[name] = value
            elif name.endswith("_min"):
                merged[name] = min(merged[name], value)
            elif name.endswith("_max"):
                merged[name] = max(merged[name], value)
            else:
                merged[name] += value
    return merged


def crc32_of_joined(parts: list[tuple[int, int]]) -> int:
    """Return the CRC-32 of byte strings in a row from the CRC-32 and length of each."""
    total, _ = parts[0]
    for crc, length in parts[1:]:
        total = _shift(total, length) ^ crc
    return total


def _shift(crc: int, zeros: int) -> int:
    """Return what a CRC-32 becomes when zero bytes follow, by squaring matrices over GF(2)."""
    if zeros == 0:
        return crc
    matrix = [0xEDB88320] + [1 << bit for bit in range(31)]  # one zero bit
    for _ in range(3):
        matrix = _square(matrix)  # one zero byte after three squarings
    while zeros:
        if zeros & 1:
            crc = _times(matrix, crc)
        matrix = _square(matrix)
        zeros >>= 1
    return crc


def _times(matrix: list[int], vector: int) -> int:
    total, row = 0, 0
    while vector:
        if vector & 1:
            total ^= matrix[row]
        vector >>= 1
        row += 1
    return total


def _square(matrix: list[int]) -> list[int]:
    return [_times(matrix, row) for row in matrix]
