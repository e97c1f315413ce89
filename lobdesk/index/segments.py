"""The journal's segments as the indexer sees them: which exist, and their complete bytes."""

from __future__ import annotations

import io
import os
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import zstandard

from lobdesk.errors import JournalError
from lobdesk.paths import decode_symbol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lobdesk.paths import DataPaths, JournalRoot

KINDS = ("snapshots", "trades", "events")
"""In the order in which sizes are read: an event is written before what is derived from it."""

BLOCK_BYTES = 64 * 1024 * 1024
HEAD_BYTES = 4096
FILE_NAME = re.compile(r"(\d{12})\.jsonl(\.zst)?")
DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of one log.

    Attributes:
        source: Journal it belongs to.
        kind: ``events``, ``snapshots`` or ``trades``.
        symbol: Empty for events.
        date: UTC date of its folder.
        first_seq: Stem of the file name.
        path: The file.
        name: Path within the journal without the suffix; the same before and after sealing.
        size_bytes: Of the file when it was listed.
        is_sealed: True if compressed, and thus final.
    """

    source: str
    kind: str
    symbol: str
    date: str
    first_seq: str
    path: Path
    name: str
    size_bytes: int
    is_sealed: bool

    @property
    def key(self) -> tuple[str, str]:
        """What identifies a segment in a data directory."""
        return self.source, self.name


@dataclass(frozen=True, slots=True)
class Block:
    """Complete lines of one segment.

    Attributes:
        segment: Where they come from.
        begin: Offset of the first byte.
        data: The bytes; the last one is a newline, or the end of a sealed segment.
    """

    segment: Segment
    begin: int
    data: bytes

    @property
    def end(self) -> int:
        """Offset behind the last byte."""
        return self.begin + len(self.data)


def list_segments(paths: DataPaths) -> list[Segment]:
    """Return all segments, events first, each log in the order of its rows.

    Sizes of derived logs are read before those of the event logs, so the events of every listed
    derived line are listed as well.
    """
    found = {kind: [] for kind in KINDS}  # type: dict[str, list[Segment]]
    for kind in KINDS:
        for root in paths.journals():
            found[kind] += _segments_of(root, kind)
    return found["events"] + found["snapshots"] + found["trades"]


def head_crc(segment: Segment, length: int) -> int:
    """Return the CRC-32 of a segment's first bytes, which tells a replaced file."""
    with open_segment(segment) as stream:
        return zlib.crc32(stream.read(length))


def open_segment(segment: Segment) -> io.BufferedIOBase:
    """Open a segment for reading its uncompressed bytes.

    Raises:
        JournalError: The file cannot be opened.
    """
    try:
        raw = segment.path.open("rb")
    except OSError as error:
        raise JournalError(f"{segment.path}: cannot be read: {error.strerror}") from error
    if not segment.is_sealed:
        return raw
    reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True, closefd=True)
    return io.BufferedReader(_Raw(reader))


def read_blocks(segment: Segment, begin: int, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Yield the complete lines behind an offset, in blocks.

    Of a plain file only the bytes it had when it was listed are read, up to the last newline.

    Raises:
        JournalError: The file cannot be read, or a sealed one cannot be unpacked.
    """
    with open_segment(segment) as stream:
        try:
            stream.seek(begin)
            limit = None if segment.is_sealed else segment.size_bytes - begin
            yield from _cut(segment, stream, begin, limit, block_bytes)
        except (zstandard.ZstdError, OSError) as error:
            raise JournalError(f"{segment.path}: cannot be read: {error}") from error


def _cut(
    segment: Segment, stream: io.BufferedIOBase, begin: int, limit: int | None, block_bytes: int
) -> Iterator[Block]:
    rest = b""
    left = limit
    while left is None or left > 0:
        data = stream.read(block_bytes if left is None else min(block_bytes, left))
        if not data:
            break
        left = None if left is None else left - len(data)
        data = rest + data
        cut = data.rfind(b"\n") + 1
        rest = data[cut:]
        if cut:
            yield Block(segment, begin, data[:cut])
            begin += cut
    if rest and segment.is_sealed:
        yield Block(segment, begin, rest)


def _segments_of(root: JournalRoot, kind: str) -> list[Segment]:
    base = root.path / kind
    if kind == "events":
        return [found for day in _days(base) for found in _files(root, kind, "", day)]
    if not base.is_dir():
        return []
    return [
        found
        for folder in sorted(base.iterdir())
        for day in _days(folder)
        for found in _files(root, kind, decode_symbol(folder.name), day)
    ]


def _days(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(day for day in folder.iterdir() if DATE.fullmatch(day.name) and day.is_dir())


def _files(root: JournalRoot, kind: str, symbol: str, day: Path) -> list[Segment]:
    by_stem: dict[str, Segment] = {}
    with os.scandir(day) as entries:
        for entry in entries:
            match = FILE_NAME.fullmatch(entry.name)
            if match is None:
                continue
            stem, is_sealed = match[1], match[2] is not None
            if stem in by_stem and is_sealed:
                continue  # sealing was interrupted: the plain file is still complete
            path = day / entry.name
            name = f"{path.parent.relative_to(root.path).as_posix()}/{stem}"
            size = entry.stat().st_size
            by_stem[stem] = Segment(
                root.source, kind, symbol, day.name, stem, path, name, size, is_sealed
            )
    return [by_stem[stem] for stem in sorted(by_stem)]


class _Raw(io.RawIOBase):
    """A decompressing stream that can also skip forward."""

    def __init__(self, reader: zstandard.ZstdDecompressionReader) -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._reader.seek(offset, whence)

    def tell(self) -> int:
        return self._reader.tell()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._reader.readinto(buffer)

    def close(self) -> None:
        self._reader.close()  # type: ignore[no-untyped-call]
        super().close()
