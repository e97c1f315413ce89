"""Putting the derived logs right after a crash, from the raw log that survived it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from lobdesk.derive.deriver import Deriver, SymbolProgress
from lobdesk.journal import (
    DERIVED_LOGS,
    EVENTS,
    SNAPSHOTS,
    TRADES,
    TornTail,
    list_segments,
    list_symbols,
    read_events,
    read_lines,
    symbol_log_dir,
)
from lobdesk.journal.recovery import cut_tail
from lobdesk.journal.segment_file import sync_file, write_durable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lobdesk.journal import JournalWriter, Segment

CHECKPOINT_NAME = "derived.json"
START_MARK = b'"raw":"{\\"kind\\":\\"start\\"'


class _Checkpoint(msgspec.Struct, frozen=True):
    seq: int


class _Line(msgspec.Struct, frozen=True):
    """What repair needs of a snapshot or trade line."""

    seq: int
    recv_ts_us: int
    trade_id: int = -1


@dataclass(slots=True)
class Repair:
    """What was put right.

    Attributes:
        cuts: Torn or surplus tails of derived logs.
        lines: Lines that were derived again.
    """

    cuts: list[TornTail] = field(default_factory=list)
    lines: int = 0


def write_checkpoint(root: Path, seq: int) -> None:
    """Note that everything up to an event has been derived; the journal must be closed after."""
    write_durable(root / CHECKPOINT_NAME, msgspec.json.encode(_Checkpoint(seq)) + b"\n")


def forget_checkpoint(root: Path) -> None:
    """Take the note back, because deriving goes on."""
    (root / CHECKPOINT_NAME).unlink(missing_ok=True)


def repair_derived(journal: JournalWriter, deriver: Deriver, *, depth: int) -> Repair:
    """Make the derived logs what the raw log says, and tell a new deriver how far symbols are.

    Raises:
        JournalReadError: A file cannot be read or cut.
        BrokenChainError: The raw events needed for it are damaged.
    """
    repair = Repair()
    last_seq = journal.next_seq - 1
    if _read_checkpoint(journal.root) != last_seq:
        _derive_again(journal, Deriver(depth=depth), last_seq, repair)
    for symbol, progress in _progress_before(journal.root, last_seq + 1).items():
        deriver.symbols[symbol] = progress
    deriver.interrupt("restart")
    return repair


def _read_checkpoint(root: Path) -> int | None:
    try:
        return msgspec.json.decode((root / CHECKPOINT_NAME).read_bytes(), type=_Checkpoint).seq
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _derive_again(journal: JournalWriter, deriver: Deriver, last_seq: int, repair: Repair) -> None:
    # Everything before this note was made complete, and synced, when it was written.
    start = _last_start(journal.root)
    ends: dict[tuple[str, str], int] = {}
    for log in DERIVED_LOGS:
        for symbol in list_symbols(journal.root, log):
            log_dir = symbol_log_dir(journal.root, log, symbol)
            ends[log, symbol] = _cut_unsure(log_dir, start, last_seq, repair)
    deriver.symbols.update(_progress_before(journal.root, start))
    for event in read_events(journal.root, start):
        for log, symbol, line in deriver.feed(event).lines:
            if event.seq > ends.get((log, symbol), 0):
                journal.write_derived(log, symbol, line, recv_ts_us=event.recv_ts_us, seq=event.seq)
                repair.lines += 1
    journal.sync_derived()


def _cut_unsure(log_dir: Path, start: int, last_seq: int, repair: Repair) -> int:
    """Cut a torn tail, lines of lost events and the last event's lines; return the last seq left.

    One event may have several trade lines, and the crash may have come between two of them.
    """
    segments = list_segments(log_dir)
    while segments and not segments[-1].is_sealed:
        segment = segments.pop()
        keep, end = _sure_prefix(segment, start, last_seq)
        size = segment.path.stat().st_size
        if keep < size:
            repair.cuts.append(cut_tail(segment.path, keep))
        if keep > 0:
            # The killed process wrote it; from here on it must survive a power cut, too.
            sync_file(segment.path)
            return end
        segment.path.unlink()
    return _last_line(segments[-1]).seq if segments else 0


def _sure_prefix(segment: Segment, start: int, last_seq: int) -> tuple[int, int]:
    """Return the length of the lines that certainly are complete, and the last seq of them."""
    keep = seq = before = 0
    for line in read_lines(segment):
        parsed = _parse(line.data)
        if parsed is None or parsed.seq > last_seq:
            break
        if parsed.seq != seq:
            keep, before, seq = line.offset, seq, parsed.seq
        if parsed.seq < start:
            keep, before = line.offset + len(line.data), seq
    return keep, before


def _parse(data: bytes) -> _Line | None:
    try:
        return msgspec.json.decode(data, type=_Line) if data.endswith(b"\n") else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _last_start(root: Path) -> int:
    """Return the seq of the last note at which all state begins anew, 0 if there is none."""
    for segment in reversed(list_segments(root / EVENTS)):
        found = 0
        for line in read_lines(segment):
            if START_MARK in line.data and b'"dir":"note"' in line.data:
                parsed = _parse(line.data)
                found = parsed.seq if parsed is not None else found
        if found:
            return found
    return 0


def _progress_before(root: Path, seq: int) -> dict[str, SymbolProgress]:
    """Return each symbol's progress from its derived lines before an event."""
    progress: dict[str, SymbolProgress] = {}
    for symbol in list_symbols(root, SNAPSHOTS):
        line = _last_before(symbol_log_dir(root, SNAPSHOTS, symbol), seq)
        if line is not None:
            entry = progress.setdefault(symbol, SymbolProgress())
            entry.last_verified_seq = line.seq
            entry.last_verified_us = line.recv_ts_us
    for symbol in list_symbols(root, TRADES):
        line = _last_before(symbol_log_dir(root, TRADES, symbol), seq)
        if line is not None:
            progress.setdefault(symbol, SymbolProgress()).last_trade_id = line.trade_id
    return progress


def _last_before(log_dir: Path, seq: int) -> _Line | None:
    for segment in reversed(list_segments(log_dir)):
        if segment.first_seq >= seq:
            continue
        last = None
        for line in _parsed_lines(segment):
            if line.seq >= seq:
                break
            last = line
        if last is not None:
            return last
    return None


def _parsed_lines(segment: Segment) -> Iterator[_Line]:
    for line in read_lines(segment):
        parsed = _parse(line.data)
        if parsed is not None:
            yield parsed


def _last_line(segment: Segment) -> _Line:
    last = _Line(0, 0)
    for line in _parsed_lines(segment):
        last = line
    return last
