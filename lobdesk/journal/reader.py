"""Reading logs: in order, plain or sealed, proved line by line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from lobdesk.journal.errors import BrokenChainError, JournalReadError
from lobdesk.journal.layout import EVENTS, Segment, list_segments
from lobdesk.journal.line import LineError, check_line, parse_line
from lobdesk.journal.recovery import crc_before
from lobdesk.journal.retention import list_kept, read_cut
from lobdesk.journal.seal import read_frames, read_seal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lobdesk.records import RawEvent

BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class JournalLine:
    """One line of a log and where it is.

    Attributes:
        segment: The file.
        number: Line number from 1, counted from where reading began.
        offset: Uncompressed byte offset of the line in the segment.
        data: The line with its newline; without one if the file ends in the middle of it.
    """

    segment: Segment
    number: int
    offset: int
    data: bytes


class RawMark(msgspec.Struct, frozen=True, kw_only=True):
    """A place behind one line of the raw log, from which reading can go on.

    Attributes:
        seq: Sequence number of that line; 0 for the beginning of the log.
        date: Folder of its segment.
        first_seq: Name of its segment.
        offset: Uncompressed offset behind the line.
        crc: The line's checksum.
    """

    seq: int
    date: str
    first_seq: int
    offset: int
    crc: int


def read_events_behind(root: Path, mark: RawMark) -> Iterator[RawEvent]:
    """Yield the raw events behind a mark, each proved by its checksum, like ``read_events``.

    Raises:
        BrokenChainError: The mark is of another log, or a line is not what was written.
        JournalReadError: The segment of the mark is gone, or a file cannot be read.
    """
    cut = read_cut(root)
    segments = list_kept(root, cut)
    if mark.seq == 0:
        if cut.seq:
            raise JournalReadError(root / EVENTS, "its beginning was deleted by retention")
        yield from _prove(segments, 0, 0)
        return
    places = [(segment.date, segment.first_seq) for segment in segments]
    if (mark.date, mark.first_seq) not in places:
        raise JournalReadError(root / EVENTS, f"segment {mark.first_seq} is missing")
    index = places.index((mark.date, mark.first_seq))
    yield from _prove(segments[index:], mark.offset, mark.crc)


def read_events(root: Path, from_seq: int = 0) -> Iterator[RawEvent]:
    """Yield the raw events in order, each proved by its checksum.

    A torn last line, as a crash or a running writer leaves it, ends the log. What retention has
    deleted is left out.

    Args:
        root: The journal's folder.
        from_seq: First sequence number wanted.

    Raises:
        BrokenChainError: A line is not what was written; it names file and line.
        JournalReadError: A file cannot be read.
    """
    cut = read_cut(root)
    segments = list_kept(root, cut)
    first = 0
    for index, segment in enumerate(segments):
        if segment.first_seq <= from_seq:
            first = index
    for event in _prove(segments[first:], 0, crc_before(segments[:first], cut.crc)):
        if event.seq >= from_seq:
            yield event


def _prove(segments: list[Segment], from_offset: int, crc: int | None) -> Iterator[RawEvent]:
    last_line = None
    for index, segment in enumerate(segments):
        for line in read_lines(segment, 0 if index else from_offset):
            if last_line is not None:
                raise _broken(last_line, LineError("the line is torn"))
            if not line.data.endswith(b"\n"):
                last_line = line
                continue
            event, crc = prove_line(line, crc)
            yield event


def read_readable_events(root: Path, from_seq: int = 0) -> Iterator[RawEvent]:
    """Yield the raw events in order, leaving out lines that are no events.

    An event whose checksum does not follow counts here: ``verify`` names it, and takes it too.

    Args:
        root: The journal's folder.
        from_seq: First sequence number wanted.

    Raises:
        JournalReadError: A file cannot be read.
    """
    segments = list_segments(root / EVENTS)
    first = 0
    for index, segment in enumerate(segments):
        if segment.first_seq <= from_seq:
            first = index
    for segment in segments[first:]:
        for line in read_lines(segment):
            event = readable_event(line)
            if event is not None and event.seq >= from_seq:
                yield event


def readable_event(line: JournalLine) -> RawEvent | None:
    """Return the event of a line whatever its checksum says; None if the line is none."""
    try:
        return prove_line(line, None)[0]
    except BrokenChainError:
        return None


def prove_line(line: JournalLine, previous_crc: int | None) -> tuple[RawEvent, int]:
    """Return the event of a line and its checksum.

    Raises:
        BrokenChainError: The line does not follow from the one before, or is no event.
    """
    try:
        crc = check_line(line.data, previous_crc)
        return parse_line(line.data), crc
    except LineError as error:
        raise _broken(line, error) from error


def _broken(line: JournalLine, error: LineError) -> BrokenChainError:
    return BrokenChainError(line.segment.path, line.number, str(error))


def read_lines(segment: Segment, from_offset: int = 0) -> Iterator[JournalLine]:
    """Yield the lines of a segment, plain or sealed.

    Args:
        segment: The file.
        from_offset: Uncompressed offset at which a line begins.

    Raises:
        JournalReadError: The file cannot be read or is damaged.
    """
    number, offset = 0, from_offset
    rest = b""
    for block in read_blocks(segment, from_offset):
        lines = (rest + block).split(b"\n")
        rest = lines.pop()
        for text in lines:
            number += 1
            yield JournalLine(segment, number, offset, text + b"\n")
            offset += len(text) + 1
    if rest:
        yield JournalLine(segment, number + 1, offset, rest)


def read_blocks(segment: Segment, from_offset: int = 0) -> Iterator[bytes]:
    """Yield the uncompressed bytes of a segment in pieces, from an offset on.

    Raises:
        JournalReadError: The file cannot be read or is damaged.
    """
    if not segment.is_sealed:
        try:
            with segment.path.open("rb") as file:
                file.seek(from_offset)
                while block := file.read(BLOCK_BYTES):
                    yield block
            return
        except FileNotFoundError:
            # It was sealed since the folder was listed, and before anything was read of it.
            if not segment.sealed_path.exists():
                raise JournalReadError(segment.path, "it has disappeared") from None
        except OSError as error:
            raise JournalReadError(segment.path, f"cannot be read: {error.strerror}") from error
    seal = read_seal(segment)
    skip = from_offset - next(
        (f.offset for f in reversed(seal.frames) if f.offset <= from_offset), 0
    )
    for block in read_frames(segment, seal, from_offset):
        yield block[skip:]
        skip = 0


def read_all(log_dir: Path) -> Iterator[bytes]:
    """Yield the lines of one derived log over all its segments."""
    for segment in list_segments(log_dir):
        for line in read_lines(segment):
            yield line.data
