"""Checking stored logs: every line, every seal, every derived byte, and naming what differs."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from lobdesk.journal.errors import BrokenChainError, JournalReadError
from lobdesk.journal.layout import Segment, list_segments, list_symbols, symbol_log_dir
from lobdesk.journal.line import stored_crc
from lobdesk.journal.reader import JournalLine, prove_line, read_lines, readable_event
from lobdesk.journal.retention import list_kept, read_cut
from lobdesk.journal.seal import Seal, SealFrame, read_frames, read_seal, seal_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lobdesk.records import RawEvent


class EventAudit:
    """Reads a raw event log to its end, whatever is wrong with it.

    Attributes:
        problems: What is wrong, with file and line.
        last_seq: Sequence number of the last readable event.
        bytes_read: Uncompressed bytes so far.
    """

    def __init__(self, root: Path, *, is_growing: bool) -> None:
        """Prepare.

        Args:
            root: The journal's folder.
            is_growing: A recorder writes it, so the last line may be unfinished.
        """
        cut = read_cut(root)
        self._segments = list_kept(root, cut)
        self._is_growing = is_growing
        self._crc: int | None = cut.crc
        self.problems: list[str] = []
        self.last_seq = cut.seq
        self.bytes_read = 0

    def events(self) -> Iterator[RawEvent]:
        """Yield every event that can be read, noting what is wrong on the way."""
        for index, segment in enumerate(self._segments):
            is_last = index == len(self._segments) - 1
            self.problems += seal_problems(segment)
            try:
                yield from self._segment_events(segment, may_be_torn=is_last and self._is_growing)
            except JournalReadError as error:
                self.problems.append(str(error))
                self._crc = None

    def _segment_events(self, segment: Segment, *, may_be_torn: bool) -> Iterator[RawEvent]:
        has_lines = False
        for line in read_lines(segment):
            self.bytes_read += len(line.data)
            if may_be_torn and not line.data.endswith(b"\n"):
                return
            event = self._event(line)
            if event is not None:
                if not has_lines and event.seq != segment.first_seq:
                    self.problems.append(f"{segment.path}:1: its name says another first seq")
                yield event
            has_lines = True
        if not has_lines and not may_be_torn:
            self.problems.append(f"{segment.path}: the segment is empty")

    def _event(self, line: JournalLine) -> RawEvent | None:
        event: RawEvent | None
        try:
            event, self._crc = prove_line(line, self._crc)
        except BrokenChainError as error:
            self.problems.append(str(error))
            # Go on from what the line claims, so that one flipped bit is one problem.
            self._crc = stored_crc(line.data)
            event = readable_event(line)
        if event is None:
            return None
        if event.seq != self.last_seq + 1:
            self.problems.append(
                f"{line.segment.path}:{line.number}: seq {event.seq} follows {self.last_seq}"
            )
        self.last_seq = event.seq
        return event


class DerivedAudit:
    """Compares the derived logs of a journal with lines derived anew, byte for byte.

    Attributes:
        problems: For each symbol what differs first, with file and line.
    """

    def __init__(
        self,
        root: Path,
        *,
        is_growing: bool,
        after_seq: int = 0,
        may_miss: Callable[[int], bool] = lambda _: False,
    ) -> None:
        """Prepare.

        Args:
            root: The journal's folder.
            is_growing: A recorder writes it, so the last line may be unfinished.
            after_seq: Lines of events up to this one cannot be derived any more.
            may_miss: Tells whether a log may end before the line of an event.
        """
        self._root = root
        self._is_growing = is_growing
        self._after_seq = after_seq
        self._may_miss = may_miss
        self._logs: dict[tuple[str, str], _DerivedLog] = {}
        self.problems: dict[str, list[str]] = {}

    def expect(self, log: str, symbol: str, line: bytes) -> None:
        """Take the next line that a log must hold."""
        reader = self._logs.get((log, symbol))
        if reader is None:
            reader = self._logs[log, symbol] = self._open(log, symbol)
        self._note(symbol, reader.expect(line))

    def finish(self, logs: tuple[str, ...], last_seq: int) -> None:
        """Look for lines that nothing derives, once all events were taken."""
        for log in logs:
            for symbol in list_symbols(self._root, log):
                reader = self._logs.get((log, symbol)) or self._open(log, symbol)
                self._note(symbol, reader.finish(last_seq))
                for segment in reader.segments:
                    for problem in seal_problems(segment):
                        self._note(symbol, problem)

    def _open(self, log: str, symbol: str) -> _DerivedLog:
        return _DerivedLog(
            symbol_log_dir(self._root, log, symbol),
            is_growing=self._is_growing,
            after_seq=self._after_seq,
            may_miss=self._may_miss,
        )

    def _note(self, symbol: str, problem: str | None) -> None:
        if problem is not None:
            self.problems.setdefault(symbol, []).append(problem)


class _DerivedLog:
    def __init__(
        self,
        log_dir: Path,
        *,
        is_growing: bool,
        after_seq: int,
        may_miss: Callable[[int], bool],
    ) -> None:
        self.segments = list_segments(log_dir)
        self._may_miss = may_miss
        self._after_seq = after_seq
        self._log_dir = log_dir
        self._is_growing = is_growing
        self._lines = self._read()
        self._is_over = False

    def _read(self) -> Iterator[JournalLine]:
        for segment in self.segments:
            yield from read_lines(segment)

    def _next(self) -> JournalLine | None:
        line = next(self._lines, None)
        while line is not None and self._after_seq and _seq_of(line.data) <= self._after_seq:
            line = next(self._lines, None)
        if line is not None and self._is_growing and not line.data.endswith(b"\n"):
            return None
        return line

    def expect(self, expected: bytes) -> str | None:
        if self._is_over:
            return None
        try:
            line = self._next()
        except JournalReadError as error:
            return self._stop(str(error))
        if line is None:
            # A recorder, or its next start, may still have to write what its events mean.
            self._is_over = True
            is_late = self._is_growing or self._may_miss(_seq_of(expected))
            return None if is_late else f"{self._log_dir}: lines are missing at its end"
        where = f"{line.segment.path}:{line.number}"
        if line.data != expected:
            return self._stop(f"{where}: differs from what the raw events give")
        is_named = line.number != 1 or b'"seq":%d,' % line.segment.first_seq in line.data
        return (
            None if is_named else self._stop(f"{where}: the segment's name says another first seq")
        )

    def finish(self, last_seq: int) -> str | None:
        if self._is_over:
            return None
        try:
            line = self._next()
        except JournalReadError as error:
            return str(error)
        if line is None or (self._is_growing and _seq_of(line.data) > last_seq):
            return None
        return f"{line.segment.path}:{line.number}: no raw event gives this line"

    def _stop(self, problem: str) -> str:
        self._is_over = True
        return problem


def _seq_of(line: bytes) -> int:
    _, _, tail = line.partition(b'"seq":')
    digits = tail.partition(b",")[0]
    return int(digits) if digits.isdigit() else 0


def seal_problems(segment: Segment) -> list[str]:
    """Return what is wrong with a sealed segment's files; nothing for a plain one."""
    if not segment.is_sealed:
        return []
    try:
        seal = read_seal(segment)
        rebuilt = _rebuild_seal(segment, seal)
        stored = segment.seal_path.read_bytes()
    except JournalReadError as error:
        return [str(error)]
    except OSError as error:
        return [f"{segment.path}: cannot be read: {error.strerror}"]
    if seal_bytes(rebuilt) != stored:
        return [f"{segment.path}: is not what {segment.seal_path.name} describes"]
    return []


def _rebuild_seal(segment: Segment, seal: Seal) -> Seal:
    plain = hashlib.sha256()
    frames: list[SealFrame] = []
    offset = lines = stored_offset = 0
    for frame, block in zip(seal.frames, read_frames(segment, seal), strict=True):
        plain.update(block)
        count = block.count(b"\n")
        frames.append(SealFrame(offset, len(block), stored_offset, frame.stored_length, count))
        offset += len(block)
        stored_offset += frame.stored_length
        lines += count
    # The table's own word for the last length proves nothing: a decoder may not need every byte.
    if frames:
        last = frames.pop()
        rest = segment.path.stat().st_size - last.stored_offset
        frames.append(SealFrame(last.offset, last.length, last.stored_offset, rest, last.lines))
    with segment.path.open("rb") as file:
        stored = hashlib.file_digest(file, "sha256").hexdigest()
    return Seal(
        lines=lines,
        length=offset,
        sha256=plain.hexdigest(),
        stored_sha256=stored,
        frames=frames,
    )
