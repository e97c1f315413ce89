"""The journal's segments as the indexer sees them: which exist, and their complete bytes."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from stat import S_ISREG
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
from lobdesk.journal.line import stored_crc
from lobdesk.journal.seal import read_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    from lobdesk.index.commits import Committed
    from lobdesk.paths import DataPaths, JournalRoot

    T = TypeVar("T")

KINDS = (SNAPSHOTS, TRADES, EVENTS)
"""In the order in which sizes are read: an event is written before what is derived from it."""

BLOCK_BYTES = 64 * 1024 * 1024
PROOF_BYTES = 4096
"""Bytes at either end of what is indexed that tell whether a file is still the same."""

CRC_BYTES = 32
"""More than the end of a line from the key of its checksum on."""


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
        before: The segment before it in its log.
    """

    source: str
    symbol: str
    kind: str
    name: str
    file: JournalSegment
    size_bytes: int
    stamp: str
    before: JournalSegment | None = None

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Complete lines of one segment, or a stretch of it that cannot be read.

    Attributes:
        segment: Where they come from.
        begin: Offset of the first byte.
        end: Offset behind the last byte.
        data: The bytes; the last one is a newline, or the end of a sealed segment.
        damage: Why the bytes cannot be read; then there are none.
    """

    segment: Segment
    begin: int
    end: int
    data: bytes = b""
    damage: str = ""


Known = Mapping[tuple[str, str], tuple[str, int]]
"""Source and segment → stamp and uncompressed bytes of a sealed file that was seen before."""


def list_segments(
    paths: DataPaths, known: Known | None = None, faults: dict[tuple[str, str], str] | None = None
) -> list[Segment]:
    """Return all segments, events first, each log in the order of its rows.

    Sizes of derived logs are read before those of the event logs, so the events of every listed
    derived line are listed as well.

    Args:
        paths: Data directory.
        known: Spares reading the tables of sealed segments that are still the same.
        faults: Takes the segments and folders that cannot be listed: they cannot be read, or a
            segment's table is missing or damaged.
    """
    found: dict[str, list[Segment]] = {kind: [] for kind in KINDS}
    for kind in KINDS:
        for root in paths.journals():
            symbols = [""] if kind == EVENTS else list_symbols(root.path, kind)
            for symbol in symbols:
                found[kind] += _log(root, kind, symbol, known or {}, faults)
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


def safe_proof(segment: Segment, end: int) -> tuple[int, int]:
    """Return what ``end_proof`` does, and zeros where the bytes cannot be read."""
    try:
        return end_proof(segment, end)
    except JournalReadError:
        return 0, 0


def has_changed(segment: Segment, commits: Iterable[Committed]) -> bool:
    """Tell whether any byte of what was indexed is another one now; what is damaged is left out."""
    for found in commits:
        begin, end = found.commit.begin, found.commit.end
        if "damaged" in found.commit.stats:
            continue
        crc = 0
        for offset in range(begin, end, BLOCK_BYTES):
            crc = zlib.crc32(read_range(segment, offset, min(BLOCK_BYTES, end - offset)), crc)
        if crc != found.commit.crc:
            return True
    return False


def read_range(segment: Segment, begin: int, length: int) -> bytes:
    """Return uncompressed bytes of a segment; fewer only where it ends.

    Raises:
        JournalReadError: The file cannot be read.
    """
    return _while_it_seals(segment, lambda file: _read_range(file, begin, length))


def read_blocks(
    segment: Segment, begin: int, block_bytes: int = BLOCK_BYTES, end: int | None = None
) -> Iterator[Block]:
    """Yield the complete lines of a segment's bytes, in blocks.

    Only the bytes that the segment had when it was listed are read, up to the last newline; behind
    that newline a sealed segment cannot have more to come, so its rest counts as a line. What is
    damaged in a sealed segment is a block of its own, without lines.

    Raises:
        JournalReadError: The file cannot be read.
    """
    stop = segment.size_bytes if end is None else end
    read = _sealed_blocks if segment.is_sealed else _plain_blocks
    yield from read(segment, begin, stop, block_bytes)


def _plain_blocks(segment: Segment, begin: int, stop: int, block_bytes: int) -> Iterator[Block]:
    size = block_bytes
    while begin < stop:
        data = read_range(segment, begin, min(size, stop - begin))
        cut = data.rfind(b"\n") + 1
        if cut:
            yield Block(segment=segment, begin=begin, end=begin + cut, data=data[:cut])
            begin += cut
        elif len(data) == size:
            size *= 2  # the line is longer than a block
        else:
            break


def _sealed_blocks(segment: Segment, begin: int, stop: int, block_bytes: int) -> Iterator[Block]:
    """Yield the lines of whole frames, which no line crosses."""
    seal = read_seal(segment.file)
    pieces: list[bytes] = []
    end = begin
    for frame in seal.frames:
        if frame.offset + frame.length <= begin or frame.offset >= stop:
            continue
        try:
            data = next(read_frames(segment.file, seal, frame.offset))
        except JournalReadError as error:
            if isinstance(error.__cause__, OSError):
                raise
            data, damage = b"", error.reason
        else:
            data = data[max(0, begin - frame.offset) : stop - frame.offset]
            damage = ""
        if pieces and (damage or end - begin + len(data) > block_bytes):
            yield Block(segment=segment, begin=begin, end=end, data=b"".join(pieces))
            pieces, begin = [], end
        if damage:
            end = min(frame.offset + frame.length, stop)
            yield Block(segment=segment, begin=begin, end=end, damage=damage)
            begin = end
        else:
            pieces.append(data)
            end += len(data)
    if pieces:
        yield Block(segment=segment, begin=begin, end=end, data=b"".join(pieces))


def crc_before(segment: Segment, begin: int) -> int | None:
    """Return the checksum of the event line before an offset, None if that is not known."""
    if begin:
        tail = read_range(segment, max(0, begin - CRC_BYTES), min(CRC_BYTES, begin))
    elif segment.before is None:
        return 0 if segment.file.first_seq == 1 else None
    else:
        try:
            size, _ = _size(segment.before)
            tail = _read_range(segment.before, max(0, size - CRC_BYTES), min(CRC_BYTES, size))
        except (OSError, JournalReadError):
            return None
    return stored_crc(tail)


def _log(
    root: JournalRoot,
    kind: str,
    symbol: str,
    known: Known,
    faults: dict[tuple[str, str], str] | None,
) -> list[Segment]:
    folder = root.path / kind if kind == EVENTS else symbol_log_dir(root.path, kind, symbol)
    found: list[Segment] = []
    before = None
    try:
        files = list_log(folder)
    except OSError as error:
        if faults is None:
            raise  # a reader must not take what it may not see for nothing
        name = folder.relative_to(root.path).as_posix()
        faults[root.source, name] = f"{error.filename or folder}: cannot be read: {error.strerror}"
        return []
    for file in files:
        name = file.plain_path.with_suffix("").relative_to(root.path).as_posix()
        key = (root.source, name)
        try:
            listed = _while_it_seals_file(file, partial(_stat, known.get(key)))
        except JournalReadError as error:
            if faults is not None:
                faults[key] = str(error)
            continue
        if listed is None:
            continue
        now, size, stamp = listed
        found.append(Segment(root.source, symbol, kind, name, now, size, stamp, before))
        before = now
    return found


def _stat(known: tuple[str, int] | None, file: JournalSegment) -> tuple[JournalSegment, int, str]:
    facts = file.path.stat()
    if not S_ISREG(facts.st_mode):
        # Reading a pipe would wait for somebody to write.
        raise JournalReadError(file.path, "is no plain file")
    stamp = f"{facts.st_size}:{facts.st_mtime_ns}"
    if file.is_sealed and known is not None and known[0] == stamp:
        return file, known[1], stamp
    return file, read_seal(file).length if file.is_sealed else facts.st_size, stamp


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
