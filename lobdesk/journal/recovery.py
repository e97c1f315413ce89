"""What a crash leaves behind, and cutting it off before anything reads the log."""

from __future__ import annotations

import mmap
import os
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lobdesk.journal.errors import JournalReadError, NewerJournalError
from lobdesk.journal.layout import EVENTS, Segment, list_segments
from lobdesk.journal.line import SCHEMA_VERSION, LineError, check_line, parse_line, stored_crc
from lobdesk.journal.retention import list_kept, read_cut
from lobdesk.journal.seal import read_frames, read_seal
from lobdesk.journal.segment_file import sync_folder

if TYPE_CHECKING:
    from pathlib import Path

TORN_SUFFIX = ".torn"
VERSION = re.compile(rb'\{"v":(\d+)[,}]')
HEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class TornTail:
    """What recovery cut off.

    Attributes:
        path: The segment.
        offset: Byte at which it was cut.
        length: Bytes that were cut.
        kept_at: File that holds them now.
    """

    path: Path
    offset: int
    length: int
    kept_at: Path


@dataclass(frozen=True, slots=True)
class LogEnd:
    """Where the raw event log goes on.

    Attributes:
        seq: Sequence number of the last record, 0 before the first.
        crc: Its checksum, 0 before the first.
        recv_ts_us: Its wall clock, 0 before the first.
    """

    seq: int = 0
    crc: int = 0
    recv_ts_us: int = 0


def recover_events(root: Path) -> tuple[LogEnd, list[TornTail]]:
    """Cut the raw event log to its longest valid prefix and say where it goes on.

    A bad line that valid lines follow is not a torn tail but damage: it stays for ``verify``.

    Raises:
        JournalReadError: A segment cannot be read or cut.
    """
    cuts: list[TornTail] = []
    cut = read_cut(root)
    segments = list_kept(root, cut)
    while segments:
        segment = segments.pop()
        if segment.is_sealed:
            return _end_of_sealed(segment), cuts
        end, keep, size = _last_valid(segment, segments, cut.crc)
        if keep < size:
            cuts.append(cut_tail(segment.path, keep))
        if end is not None:
            return end, cuts
        # Nothing of this segment is left, so its name would mislead.
        segment.path.unlink()
        sync_folder(segment.path.parent)
    return LogEnd(cut.seq, cut.crc), cuts


def refuse_newer(root: Path) -> None:
    """Refuse a journal that a newer version has written to; nothing is changed.

    Raises:
        NewerJournalError: The newest segment begins or ends with such a record.
        JournalReadError: It cannot be read.
    """
    segments = list_segments(root / EVENTS)
    if not segments:
        return
    newest = segments[-1]
    try:
        if newest.is_sealed:
            seal = read_seal(newest)
            last = read_frames(newest, seal, max(seal.length - 1, 0))
            data = b"".join([next(read_frames(newest, seal), b""), *last])
        else:
            data = _ends_of(newest.path)
    except OSError as error:
        raise JournalReadError(newest.path, f"cannot be read: {error.strerror}") from error
    lines = data.rstrip(b"\n").split(b"\n")
    for line in (lines[0], lines[-1], lines[-2] if len(lines) > 2 else b""):
        found = VERSION.match(line)
        if found is not None and int(found[1]) > SCHEMA_VERSION:
            raise NewerJournalError(root, int(found[1]), SCHEMA_VERSION)


def _ends_of(path: Path) -> bytes:
    """Return the first line of a file and its last ones, as far as 64 KiB each hold them."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        size = file.seek(0, os.SEEK_END)
        if size <= len(head):
            return head
        file.seek(max(len(head), size - HEAD_BYTES))
        return head.partition(b"\n")[0] + b"\n" + file.read().partition(b"\n")[2]


def cut_tail(path: Path, offset: int) -> TornTail:
    """Move everything from an offset on into a file beside the segment."""
    try:
        with path.open("r+b") as file:
            file.seek(offset)
            tail = file.read()
            kept_at = path.with_name(f"{path.name}.{offset}.{time.time_ns()}{TORN_SUFFIX}")
            with kept_at.open("xb") as side:
                side.write(tail)
                side.flush()
                os.fsync(side.fileno())
            file.truncate(offset)
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except OSError as error:
        raise JournalReadError(path, f"its torn tail cannot be cut: {error.strerror}") from error
    return TornTail(path=path, offset=offset, length=len(tail), kept_at=kept_at)


def _last_valid(
    segment: Segment, earlier: list[Segment], start_crc: int
) -> tuple[LogEnd | None, int, int]:
    """Return the last record that can be trusted, where it ends, and the file's size.

    A line counts if its checksum follows from the one that the line before it carries.
    """
    try:
        size = segment.path.stat().st_size
        if size == 0:
            return None, 0, 0
        with segment.path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise JournalReadError(segment.path, f"cannot be read: {error.strerror}") from error
    with data:
        stop = data.rfind(b"\n") + 1
        while stop > 0:
            start = data.rfind(b"\n", 0, stop - 1) + 1
            line = data[start:stop]
            if start > 0:
                before = data.rfind(b"\n", 0, start - 1) + 1
                previous = stored_crc(data[before:start])
            else:
                previous = crc_before(earlier, start_crc)
            end = _valid_end(line, previous)
            if end is not None:
                return end, stop, size
            stop = start
    return None, 0, size


def _valid_end(line: bytes, previous_crc: int | None) -> LogEnd | None:
    if previous_crc is None:
        return None
    try:
        crc = check_line(line, previous_crc)
        event = parse_line(line)
    except LineError:
        return None
    return LogEnd(event.seq, crc, event.recv_ts_us)


def crc_before(earlier: list[Segment], start_crc: int = 0) -> int | None:
    """Return the checksum that the next line builds on, None if it cannot be told.

    Args:
        earlier: The segments before it.
        start_crc: What the first of all builds on: 0, unless retention has deleted some.
    """
    if not earlier:
        return start_crc
    if earlier[-1].is_sealed:
        return _end_of_sealed(earlier[-1]).crc
    end, _, _ = _last_valid(earlier[-1], earlier[:-1], start_crc)
    return end.crc if end is not None else None


def _end_of_sealed(segment: Segment) -> LogEnd:
    seal = read_seal(segment)
    last = b""
    for block in read_frames(segment, seal, max(seal.length - 1, 0)):
        last = block[block.rfind(b"\n", 0, len(block) - 1) + 1 :]
    try:
        event = parse_line(last)
    except LineError as error:
        raise JournalReadError(segment.path, f"its last line is damaged: {error}") from error
    return LogEnd(event.seq, event.crc, event.recv_ts_us)
