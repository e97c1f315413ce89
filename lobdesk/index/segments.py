"""The journal's segments as the indexer sees them: which exist, and their complete bytes."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lobdesk.journal import (
    EVENTS,
    SNAPSHOTS,
    TRADES,
    JournalReadError,
    list_symbols,
    read_seal,
    symbol_log_dir,
)
from lobdesk.journal import Segment as JournalSegment
from lobdesk.journal import list_segments as list_log
from lobdesk.journal.seal import read_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from lobdesk.paths import DataPaths, JournalRoot

    T = TypeVar("T")

KINDS = (SNAPSHOTS, TRADES, EVENTS)
"""In the order in which sizes are read: an event is written before what is derived from it."""

BLOCK_BYTES = 64 * 1024 * 1024
PROOF_BYTES = 4096
"""Bytes at either end of what is indexed that tell whether a file is still the same."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of one log.

    Attributes:
        source: Journal it belongs to.
        symbol: Empty for events.
        kind: ``events``, ``snapshots`` or ``trades``.
        name: Path within the journal without the suffix; the same before and after sealing.
        file: The file.
        size_bytes: Uncompressed bytes when it was listed.
        stamp: Size and time of the file's last change, ns; a sealed file with the same stamp is
            the same file.
    """

    source: str
    symbol: str
    kind: str
    name: str
    file: JournalSegment
    size_bytes: int
    stamp: str

    @property
    def key(self) -> tuple[str, str]:
        """What identifies a segment in a data directory."""
        return self.source, self.name

    @property
    def date(self) -> str:
        """UTC date of its folder."""
        return self.file.date

    @property
    def is_sealed(self) -> bool:
        """True if it is compressed and thus final."""
        return self.file.is_sealed


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

    Raises:
        JournalReadError: A sealed segment lacks its table.
    """
    found: dict[str, list[Segment]] = {kind: [] for kind in KINDS}
    for kind in KINDS:
        for root in paths.journals():
            symbols = [""] if kind == EVENTS else list_symbols(root.path, kind)
            for symbol in symbols:
                found[kind] += _log(root, kind, symbol)
    return found[EVENTS] + found[SNAPSHOTS] + found[TRADES]


def end_proof(segment: Segment, end: int) -> tuple[int, int]:
    """Return the CRC-32 of the first and of the last bytes before an offset.

    Raises:
        JournalReadError: The file cannot be read or is shorter.
    """
    length = min(PROOF_BYTES, end)
    return (
        zlib.crc32(read_range(segment, 0, length)),
        zlib.crc32(read_range(segment, end - length, length)),
    )


def read_range(segment: Segment, begin: int, length: int) -> bytes:
    """Return uncompressed bytes of a segment; fewer only where it ends.

    Raises:
        JournalReadError: The file cannot be read.
    """
    return _while_it_seals(segment, lambda file: _read_range(file, begin, length))


def read_blocks(segment: Segment, begin: int, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Yield the complete lines behind an offset, in blocks.

    Only the bytes that the segment had when it was listed are read, up to the last newline; behind
    that newline a sealed segment cannot have more to come, so its rest counts as a line.

    Raises:
        JournalReadError: The file cannot be read or is damaged.
    """
    rest = b""
    offset = begin
    while offset < segment.size_bytes:
        data = read_range(segment, offset, min(block_bytes, segment.size_bytes - offset))
        if not data:
            break
        offset += len(data)
        joined = rest + data
        cut = joined.rfind(b"\n") + 1
        rest = joined[cut:]
        if cut:
            yield Block(segment, begin, joined[:cut])
            begin += cut
    if rest and segment.is_sealed:
        yield Block(segment, begin, rest)


def _log(root: JournalRoot, kind: str, symbol: str) -> list[Segment]:
    folder = root.path / kind if kind == EVENTS else symbol_log_dir(root.path, kind, symbol)
    found = []
    for file in list_log(folder):
        listed = _while_it_seals_file(file, lambda one: (one, *_size(one)))
        if listed is None:
            continue
        now, size, stamp = listed
        name = now.plain_path.with_suffix("").relative_to(root.path).as_posix()
        found.append(Segment(root.source, symbol, kind, name, now, size, stamp))
    return found


def _size(file: JournalSegment) -> tuple[int, str]:
    stat = file.path.stat()
    size = read_seal(file).length if file.is_sealed else stat.st_size
    return size, f"{stat.st_size}:{stat.st_mtime_ns}"


def _while_it_seals(segment: Segment, read: Callable[[JournalSegment], T]) -> T:
    found = _while_it_seals_file(segment.file, read)
    if found is None:
        raise JournalReadError(segment.file.path, "is gone")
    return found


def _while_it_seals_file(file: JournalSegment, read: Callable[[JournalSegment], T]) -> T | None:
    """Read a segment; if the recorder has just sealed it, read its sealed form; None if gone."""
    sealed = JournalSegment(file.first_seq, file.date, file.sealed_path, is_sealed=True)
    for one in (file, sealed):
        try:
            return read(one)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise JournalReadError(one.path, f"cannot be read: {error.strerror}") from error
    return None


def _read_range(file: JournalSegment, begin: int, length: int) -> bytes:
    if not file.is_sealed:
        with file.path.open("rb") as stream:
            stream.seek(begin)
            return stream.read(length)
    pieces: list[bytes] = []
    left = length
    seal = read_seal(file)
    frames = [frame for frame in seal.frames if frame.offset + frame.length > begin]
    skip = begin - frames[0].offset if frames else 0
    for block in read_frames(file, seal, begin):
        pieces.append(block[skip : skip + left])
        left -= len(pieces[-1])
        skip = 0
        if left <= 0:
            break
    return b"".join(pieces)
