"""Putting the derived logs right after a crash, from the raw log that survived it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from lobdesk.derive.checkpoint import load_checkpoint, restore
from lobdesk.derive.deriver import Deriver, SymbolProgress
from lobdesk.derive.level3 import OrderProgress
from lobdesk.derive.retained import load_retained
from lobdesk.journal import (
    DERIVED_LOGS,
    EVENTS,
    ORDERS,
    SNAPSHOTS,
    TRADES,
    BrokenChainError,
    DerivedEnd,
    JournalReadError,
    TornTail,
    list_segments,
    list_symbols,
    note_text,
    read_events,
    read_events_behind,
    read_lines,
    read_readable_events,
    read_seal,
    symbol_log_dir,
)
from lobdesk.journal.recovery import cut_tail
from lobdesk.journal.segment_file import sync_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lobdesk.derive.checkpoint import Checkpoint
    from lobdesk.journal import JournalWriter, Segment
    from lobdesk.records import RawEvent

logger = logging.getLogger(__name__)

START_MARK = b'"raw":"{\\"kind\\":\\"start\\"'


class _Line(msgspec.Struct, frozen=True):
    """What repair needs of a snapshot or trade line."""

    seq: int
    recv_ts_us: int
    trade_id: int = -1


ANY_SEQ = 2**63


@dataclass(slots=True)
class Repair:
    """What was put right.

    Attributes:
        cuts: Tails of derived logs that were cut off and that nothing gives again.
        lines: Lines that were derived again.
        notes: What derivation has to say and the raw log does not hold: the crash came between
            an event and the notes that follow from it. Each with that event.
        ends: How far each derived log reaches now.
    """

    cuts: list[TornTail] = field(default_factory=list)
    lines: int = 0
    notes: list[tuple[str, RawEvent]] = field(default_factory=list)
    ends: list[DerivedEnd] = field(default_factory=list)


def repair_derived(journal: JournalWriter, deriver: Deriver) -> Repair:
    """Make the derived logs what the raw log says, and bring a new deriver to its end.

    Damage in the middle of the raw log does not stop it: a recorder must record. What can be read
    is derived from, as ``verify`` does, which names the damage.

    Raises:
        JournalReadError: A file cannot be read or cut.
    """
    repair = Repair()
    root, last_seq = journal.root, journal.next_seq - 1
    checkpoint = load_checkpoint(root, last_seq)
    if checkpoint is not None and not _fits(root, checkpoint, deriver):
        checkpoint = None
    ends = {} if checkpoint is None else {(e.log, e.symbol): e for e in checkpoint.ends}
    if checkpoint is None or checkpoint.seq < last_seq:
        start, events = _events_to_take(root, checkpoint, deriver)
        certain = {
            (log, symbol): _cut_unsure(root, ends.get((log, symbol)), (log, symbol), start, repair)
            for log in DERIVED_LOGS
            for symbol in list_symbols(root, log)
        }
        _derive_again(journal, deriver, events, certain, repair)
    ends.update({(end.log, end.symbol): end for end in journal.derived_ends()})
    repair.ends = list(ends.values())
    return repair


def _fits(root: Path, checkpoint: Checkpoint, deriver: Deriver) -> bool:
    """Take over a checkpoint's state if the raw log goes on behind its mark."""
    try:
        next(read_events_behind(root, checkpoint.mark), None)
    except (BrokenChainError, JournalReadError):
        return False
    return restore(deriver, checkpoint)


def _events_to_take(
    root: Path, checkpoint: Checkpoint | None, deriver: Deriver
) -> tuple[int, Iterator[RawEvent]]:
    """Return from which event on derived lines are in doubt, and the events to derive from."""
    if checkpoint is not None:
        seq = checkpoint.seq
        behind = read_events_behind(root, checkpoint.mark)
        return seq + 1, _despite_damage(root, seq + 1, behind)
    # Everything before this note was made complete, and synced, when it was written.
    start = _last_start(root)
    retained = load_retained(root)
    if start <= retained.seq:
        # The recorder has run for longer than its events are kept.
        retained.restore(deriver)
        return retained.seq + 1, read_events(root, retained.seq + 1)
    deriver.symbols.update(_progress_before(root, start))
    deriver.orders.symbols.update(_order_progress_before(root, start))
    deriver.interrupt("restart")
    return start, _despite_damage(root, start, read_events(root, start))


def _despite_damage(root: Path, start: int, events: Iterator[RawEvent]) -> Iterator[RawEvent]:
    """Yield the events from ``start`` on; behind a damaged line go on with what can be read."""
    try:
        for event in events:
            if event.seq >= start:
                yield event
                start = event.seq + 1
    except BrokenChainError as error:
        logger.warning("raw log is damaged", extra={"reason": str(error)})
        yield from read_readable_events(root, start)


def _derive_again(
    journal: JournalWriter,
    deriver: Deriver,
    events: Iterator[RawEvent],
    certain: dict[tuple[str, str], int],
    repair: Repair,
) -> None:
    unsaid: dict[str, RawEvent] = {}
    for event in events:
        if event.dir == "note":
            unsaid.pop(event.raw, None)
        derived = deriver.feed(event)
        unsaid.update((note_text(**facts), event) for facts in derived.notes)
        for log, symbol, line in derived.lines:
            if event.seq > certain.get((log, symbol), 0):
                journal.write_derived(log, symbol, line, recv_ts_us=event.recv_ts_us, seq=event.seq)
                repair.lines += 1
    repair.notes = list(unsaid.items())
    journal.sync_derived()
    repair.cuts = [cut for cut in repair.cuts if not _is_given_again(cut)]


def _is_given_again(cut: TornTail) -> bool:
    """Drop what was kept of a cut if the raw log has given the same bytes again."""
    try:
        with cut.path.open("rb") as file:
            file.seek(cut.offset)
            again = file.read(cut.length)
        if cut.kept_at.read_bytes() != again:
            return False
        cut.kept_at.unlink()
    except OSError:
        return False
    return True


def _cut_unsure(
    root: Path, end: DerivedEnd | None, log: tuple[str, str], start: int, repair: Repair
) -> int:
    """Cut a derived log to what is certain; return the last seq left.

    Certain are sealed segments, what a checkpoint saw, and otherwise whole lines of events before
    ``start``. An event may have several trade lines, and the crash may have come between two.
    """
    segments = list_segments(symbol_log_dir(root, *log))
    while segments and not segments[-1].is_sealed:
        segment = segments.pop()
        if end is not None and (segment.date, segment.first_seq) == (end.date, end.first_seq):
            keep, last_seq = min(end.size, segment.path.stat().st_size), end.last_seq
        else:
            keep, last_seq = _sure_prefix(segment, start)
        if keep < segment.path.stat().st_size:
            repair.cuts.append(cut_tail(segment.path, keep))
        if keep > 0:
            if end is None or keep != end.size:
                # The killed process wrote it; from here on it must survive a power cut, too.
                sync_file(segment.path)
            return last_seq
        segment.path.unlink()
    return _last_seq(segments[-1]) if segments else 0


def _sure_prefix(segment: Segment, start: int) -> tuple[int, int]:
    """Return the length of the whole lines of events before ``start``, and the last seq of them."""
    keep = seq = 0
    for line in read_lines(segment):
        parsed = _parse(line.data)
        if parsed is None or parsed.seq >= start:
            break
        keep, seq = line.offset + len(line.data), parsed.seq
    return keep, seq


def _parse(data: bytes) -> _Line | None:
    try:
        return msgspec.json.decode(data, type=_Line) if data.endswith(b"\n") else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def derived_through(root: Path) -> int | None:
    """Return the record up to which the derived logs of an idle journal are complete for sure.

    A recorder that was killed, or stopped while it was behind, leaves the rest to its next start.

    Returns:
        That record's number; None if all of them must be derived, as in an import.
    """
    start = _last_start(root)
    if start == 0:
        return None
    checkpoint = load_checkpoint(root, ANY_SEQ)
    return start if checkpoint is None else max(start, checkpoint.seq)


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


def _order_progress_before(root: Path, seq: int) -> dict[str, OrderProgress]:
    """Return the same of the orders."""
    lines = {
        symbol: _last_before(symbol_log_dir(root, ORDERS, symbol), seq)
        for symbol in list_symbols(root, ORDERS)
    }
    return {
        symbol: OrderProgress(line.seq, line.recv_ts_us)
        for symbol, line in lines.items()
        if line is not None
    }


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


def _last_seq(sealed: Segment) -> int:
    last = 0
    for line in read_lines(sealed, read_seal(sealed).frames[-1].offset):
        parsed = _parse(line.data)
        last = parsed.seq if parsed is not None else last
    return last
