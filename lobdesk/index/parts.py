"""Writing immutable Parquet parts, and the commits that make them count."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import TYPE_CHECKING

import msgspec

from lobdesk import engine
from lobdesk.index import duck
from lobdesk.index.commits import (
    Commit,
    Committed,
    Day,
    DayCommitted,
    Part,
    commit_path,
    crc32_of_joined,
    day_name,
    day_path,
    merge_stats,
    part_path,
    part_stem,
)
from lobdesk.index.durable import publishing, write_durably
from lobdesk.index.hand_over import HandOver
from lobdesk.index.schema import SCHEMA_VERSION, TABLES
from lobdesk.paths import encode_symbol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import duckdb

    from lobdesk.index.extract import Columns, Extract
    from lobdesk.index.segments import Block
    from lobdesk.paths import DataPaths

SOURCES_KEY = "lobdesk_sources"
"""Name of the Parquet metadata in which a merged part lists what it was merged from."""

GROUP_ROWS = 20_480
"""Ten of DuckDB's vectors. A stretch of time opens few groups, of little more than it asks for;
six times as many are larger, slower to write, and no faster to read as a whole."""


class PartWriter:
    """Writes parts and commits, durable and in the right order."""

    def __init__(self, paths: DataPaths) -> None:
        self._lake = paths.lake
        self._rejects = paths.rejects
        self._open: duckdb.DuckDBPyConnection | None = None

    @property
    def _con(self) -> duckdb.DuckDBPyConnection:
        if self._open is None:
            self._open = duck.connect(threads=1)
        return self._open

    def close(self) -> None:
        """Let go of the database."""
        if self._open is not None:
            self._open.close()

    def write(self, block: Block, extract: Extract, proof: tuple[int, int]) -> Commit:
        """Write all parts of a block and return what makes them count.

        Args:
            block: The lines.
            extract: Their rows.
            proof: CRC-32 of the first and last bytes before the block's end.

        Raises:
            IndexWriteError: A file cannot be written.
        """
        segment = block.segment
        stem = part_stem(segment.source, segment.name, block.begin, block.end)
        parts = {}
        for name, columns in extract.tables.items():
            parts[name] = self._write_part(name, columns, part_path(segment, name, stem))
        if "rejects" in extract.tables:
            self._write_rejects(block, extract.tables["rejects"], stem)
        return Commit(
            v=SCHEMA_VERSION, source=segment.source, kind=segment.kind, symbol=segment.symbol,
            date=segment.date, segment=segment.name, begin=block.begin, end=block.end, parts=parts,
            stats=extract.stats, frames=extract.frames, crc=engine.crc32(block.data),
            head_crc=proof[0], tail_crc=proof[1],
        )  # fmt: skip

    def commit(self, commit: Commit) -> Committed:
        """Let a range count.

        Raises:
            IndexWriteError: The file cannot be written; the range then does not count.
        """
        path = self._lake / commit_path(commit)
        write_durably(path, msgspec.json.encode(commit))
        return Committed(path, commit)

    def merge(self, commits: list[Commit]) -> Committed:
        """Write one part a table instead of those of adjacent ranges, then its commit."""
        first, last = commits[0], commits[-1]
        stem = part_stem(first.source, first.segment, first.begin, last.end)
        parts = {}
        for name in sorted({name for commit in commits for name in commit.parts}):
            olds = [commit.parts[name] for commit in commits if name in commit.parts]
            folder = olds[0].path.rpartition("/")[0]
            parts[name] = self._join(name, olds, f"{folder}/{stem}.parquet")
        merged = msgspec.structs.replace(
            first,
            end=last.end,
            tail_crc=last.tail_crc,
            head_crc=last.head_crc,
            parts=parts,
            stats=merge_stats([commit.stats for commit in commits]),
            frames=[seq for commit in commits for seq in commit.frames],
            crc=crc32_of_joined([(commit.crc, commit.end - commit.begin) for commit in commits]),
        )
        return self.commit(merged)

    def merge_day(self, commits: list[Commit], olds: list[Part]) -> DayCommitted:
        """Write one part that holds the rows of all segments of a symbol and day.

        Args:
            commits: Those of the day, in order.
            olds: The parts that hold their rows now.
        """
        first = commits[0]
        members = [commit.member for commit in commits]
        folder = olds[0].path.rpartition("/")[0]
        name = f"{encode_symbol(first.source)}.{day_name(members)}.parquet"
        part = self._join(first.kind, olds, f"{folder}/{name}")
        day = Day(
            v=SCHEMA_VERSION, source=first.source, kind=first.kind, symbol=first.symbol,
            date=first.date, members=members, part=part,
        )  # fmt: skip
        path = self._lake / day_path(day)
        write_durably(path, msgspec.json.encode(day))
        return DayCommitted(path, day)

    def _write_part(self, name: str, columns: Columns, path: str) -> Part:
        block = HandOver(TABLES[name], columns)
        self._con.register("block", block)
        try:
            return self._copy(block.select, "block", path, block.rows)
        finally:
            self._con.unregister("block")

    def _join(self, table: str, olds: Iterable[Part], path: str) -> Part:
        olds = list(olds)
        scan = duck.parquet_scan(self._lake / old.path for old in olds)
        sources = json.dumps([old.path.rpartition("/")[2] for old in olds])
        metadata = f", KV_METADATA {{{SOURCES_KEY}: {duck.quote(sources)}}}"
        rows = sum(old.rows for old in olds)
        return self._copy(TABLES[table].column_list(), scan, path, rows, metadata)

    def _copy(self, columns: str, source: str, path: str, rows: int, metadata: str = "") -> Part:
        path = self._free(path)
        with publishing(self._lake / path) as temporary:
            self._con.execute(
                f"COPY (SELECT {columns} FROM {source}) TO {duck.quote(str(temporary))} "
                f"(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, "
                f"ROW_GROUP_SIZE {GROUP_ROWS}{metadata})"
            )
            digest = file_digest(temporary)
            size = temporary.stat().st_size
        return Part(path, rows, size, digest)

    def _free(self, path: str) -> str:
        """Return a name that no part has: readers may be using those that this one replaces."""
        stem = path.removesuffix(".parquet")
        names = itertools.chain([path], (f"{stem}.{n}.parquet" for n in itertools.count(1)))
        return next(name for name in names if not (self._lake / name).exists())

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


def file_digest(path: Path) -> str:
    """Return the digest of a part's bytes, as its commit notes it."""
    state = hashlib.blake2b(digest_size=16)
    with path.open("rb") as stream:
        while data := stream.read(1 << 20):
            state.update(data)
    return state.hexdigest()
