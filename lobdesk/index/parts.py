"""Immutable Parquet parts and the commit that makes a byte range count as indexed.

A range of a segment's bytes becomes up to a few parts (one for each table that has rows), all
named ``<source>.<segment>.<from>-<to>``. The commit, written last, is a JSON file of that name.
What a crash leaves behind is therefore always recognizable: it has no commit.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from lobdesk.index import duck
from lobdesk.index.schema import SCHEMA_VERSION, TABLES
from lobdesk.paths import encode_symbol

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from lobdesk.index.extract import Columns, Extract
    from lobdesk.index.segments import Block, Segment
    from lobdesk.paths import DataPaths

COMMITS = "commits"
TEMPORARY = ".tmp"
COMMIT_NAME = re.compile(r"(?P<seq>\d{12,})\.(?P<begin>\d+)-(?P<end>\d+)\.json")


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
        parts: Table → path within the lake.
        rows: Table → rows.
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
    parts: dict[str, str]
    rows: dict[str, int]
    stats: dict[str, int]
    frames: list[int]
    crc: int
    head_crc: int
    tail_crc: int

    @property
    def key(self) -> tuple[str, str]:
        """What identifies the segment in a data directory."""
        return self.source, self.segment


@dataclass(frozen=True, slots=True)
class Committed:
    """A commit and the file that holds it."""

    path: Path
    commit: Commit


class PartWriter:
    """Writes parts and commits, durable and in the right order."""

    def __init__(self, paths: DataPaths) -> None:
        self._lake = paths.lake
        self._rejects = paths.rejects
        self._con: duckdb.DuckDBPyConnection = duck.connect(threads=1)

    def close(self) -> None:
        """Let go of the database."""
        self._con.close()

    def write(self, block: Block, extract: Extract, proof: tuple[int, int]) -> Committed:
        """Write all parts of a block, then its commit.

        Args:
            block: The lines.
            extract: Their rows.
            proof: CRC-32 of the first and last bytes before the block's end.
        """
        segment = block.segment
        stem = part_stem(segment.source, segment.name, block.begin, block.end)
        parts, rows = {}, {}
        for name, columns in extract.tables.items():
            path = part_path(segment, name, stem)
            self._write_part(name, columns, self._lake / path)
            parts[name] = path
            rows[name] = len(columns["offset"] if "offset" in columns else columns["seq"])
        if "rejects" in extract.tables:
            self._write_rejects(block, extract.tables["rejects"], stem)
        commit = Commit(
            v=SCHEMA_VERSION, source=segment.source, kind=segment.kind, symbol=segment.symbol,
            date=segment.date, segment=segment.name, begin=block.begin, end=block.end, parts=parts,
            rows=rows, stats=extract.stats, frames=extract.frames, crc=zlib.crc32(block.data),
            head_crc=proof[0], tail_crc=proof[1],
        )  # fmt: skip
        return self.write_commit(commit)

    def merge(self, commits: list[Commit]) -> Committed:
        """Write one part a table instead of those of adjacent ranges, then its commit."""
        first, last = commits[0], commits[-1]
        stem = part_stem(first.source, first.segment, first.begin, last.end)
        parts, rows = {}, {}
        for name in sorted({name for commit in commits for name in commit.parts}):
            olds = [commit.parts[name] for commit in commits if name in commit.parts]
            path = f"{olds[0].rpartition('/')[0]}/{stem}.parquet"
            scan = duck.parquet_scan(self._lake / old for old in olds)
            columns = TABLES[name].column_list()
            self._copy(f"SELECT {columns} FROM {scan}", self._lake / path)
            parts[name] = path
            rows[name] = sum(commit.rows.get(name, 0) for commit in commits)
        merged = msgspec.structs.replace(
            first,
            end=last.end,
            tail_crc=last.tail_crc,
            head_crc=last.head_crc,
            parts=parts,
            rows=rows,
            stats=merge_stats([commit.stats for commit in commits]),
            frames=[seq for commit in commits for seq in commit.frames],
            crc=crc32_of_joined([(commit.crc, commit.end - commit.begin) for commit in commits]),
        )
        return self.write_commit(merged)

    def write_commit(self, commit: Commit) -> Committed:
        """Write the commit of a range whose parts are all durable."""
        path = self._lake / commit_path(commit)
        write_durably(path, msgspec.json.encode(commit))
        return Committed(path, commit)

    def _write_part(self, name: str, columns: Columns, path: Path) -> None:
        table = TABLES[name]
        self._con.register("block", duck.flatten(columns))
        try:
            self._copy(f"SELECT {duck.select_list(table, columns)} FROM block", path)
        finally:
            self._con.unregister("block")

    def _copy(self, query: str, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + TEMPORARY)
        self._con.execute(
            f"COPY ({query}) TO {duck.quote(str(temporary))} (FORMAT parquet, COMPRESSION zstd)"
        )
        publish(temporary, path)

    def _write_rejects(self, block: Block, columns: Columns, stem: str) -> None:
        lines = []
        for offset, length, reason in zip(
            columns["offset"].tolist(), columns["length"].tolist(), columns["reason"], strict=True
        ):
            text = block.data[offset - block.begin :][: min(length, 200)]
            fact = {
                "file": str(block.segment.file.path),
                "offset": offset,
                "length": length,
                "reason": reason,
                "begins_with": text.decode("utf-8", "backslashreplace"),
            }
            lines.append(json.dumps(fact) + "\n")
        folder = block.segment.name.replace("/", "_").rpartition("_")[0]
        path = self._rejects / encode_symbol(block.segment.source) / folder / f"{stem}.jsonl"
        write_durably(path, "".join(lines).encode())


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


def write_durably(path: Path, data: bytes) -> None:
    """Write a file so that after a crash it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + TEMPORARY)
    temporary.write_bytes(data)
    publish(temporary, path)


def publish(temporary: Path, path: Path) -> None:
    """Make a finished temporary file durable under its real name."""
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
