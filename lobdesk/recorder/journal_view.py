"""What a journal's newest lines say about its recorder, whoever wrote them and wherever.

For a reader that has only the files: a read-only volume, another host, no report or a torn one.
A running recorder that is connected writes a line each second, because the exchange sends
heartbeats; so the newest line's time tells whether it is alive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from lobdesk.journal import (
    EVENTS,
    SNAPSHOTS,
    list_segments,
    list_symbols,
    read_seal,
    symbol_log_dir,
)
from lobdesk.journal.line import LineError, parse_line
from lobdesk.journal.reader import read_lines
from lobdesk.recorder.health import PATIENCE_S, STALE_S, Health

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from lobdesk.journal import Segment
    from lobdesk.records import RawEvent

TAIL_BYTES = 1024 * 1024
"""Looked at of a segment of the raw log."""

ENOUGH_LINES = 100
"""With fewer, for example after midnight, the segment before is looked at as well."""

STATES = frozenset({"start", "open", "close", "stop"})


class BookTail(NamedTuple):
    """What the newest lines say about one symbol.

    Attributes:
        frame_seq: Its newest book frame; 0 if none of the lines is one.
        frame_us: Receipt of that frame.
        verified_seq: Frame of its newest snapshot line; 0 if it has none.
        verified_us: Receipt of that frame.
    """

    frame_seq: int = 0
    frame_us: int = 0
    verified_seq: int = 0
    verified_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalView:
    """The end of a journal.

    Attributes:
        last_seq: Newest record.
        last_us: Its wall clock, which is the recorder's.
        last_frame_us: Wall clock of the newest frame received; 0 if none of the lines is one.
        first_us: Wall clock of the oldest record looked at.
        conn: Connection of the newest record.
        boot: Boot of the recorder's host.
        last_note: Newest note that tells how the recorder stands: ``start``, ``open``, ``close``,
            ``stop``; empty if none of the lines is one.
        reason: What that note gives as the reason.
        is_torn: The newest line is not complete: it is being written, or a crash cut it.
        books: By symbol.
    """

    last_seq: int
    last_us: int
    last_frame_us: int
    first_us: int
    conn: int
    boot: str
    last_note: str
    reason: str
    is_torn: bool
    books: dict[str, BookTail]


def view_journal(root: Path) -> JournalView | None:
    """Look at the end of a journal; None if there is none with a single complete line.

    Raises:
        JournalReadError: A file cannot be read.
    """
    events: list[RawEvent] = []
    is_torn = False
    for segment in reversed(list_segments(root / EVENTS)):
        found, was_torn = _tail(segment)
        is_torn = is_torn or (was_torn and not events)
        events = found + events
        if len(events) >= ENOUGH_LINES:
            break
    if not events:
        return None
    note, reason = _last_state(events)
    last = events[-1]
    return JournalView(
        last_seq=last.seq,
        last_us=last.recv_ts_us,
        last_frame_us=max((e.recv_ts_us for e in events if e.dir == "in"), default=0),
        first_us=events[0].recv_ts_us,
        conn=last.conn,
        boot=last.boot,
        last_note=note,
        reason=reason,
        is_torn=is_torn,
        books=_books(root, events),
    )


def judge_journal(view: JournalView | None, now_us: int) -> Health:
    """Judge a journal's end.

    Args:
        view: What it says, None if there is no journal.
        now_us: The reader's wall clock. It is compared with the recorder's, so the two should
            agree to a few seconds.
    """
    if view is None:
        return Health(False, False, {}, "no recorder has run here")
    if view.last_note == "stop":
        return Health(False, False, {}, f"the recorder ended: {view.reason or 'in order'}")
    age_s = (now_us - view.last_us) / 1e6
    if age_s > STALE_S:
        line = f"connection closed ({view.reason})" if view.last_note == "close" else ""
        return Health(False, False, {}, "; ".join(filter(None, (_since(age_s), line))))
    if age_s < -STALE_S:
        text = f"the newest record is {-age_s:.0f} s ahead of this clock, so its age is not known"
        return Health(False, False, {}, text)
    silent_s = (now_us - view.last_frame_us) / 1e6
    if view.last_note == "close" or silent_s > STALE_S:
        since = f"no frame for {silent_s:.0f} s" if view.last_frame_us else "no frame yet"
        return Health(True, False, {}, f"{since}; {_line_state(view)}")
    unverified = {
        symbol: f"not for {lag_s:.0f} s" if book.verified_us else "never"
        for symbol, book in view.books.items()
        if (lag_s := _lag_s(book, view.first_us)) > PATIENCE_S
    }
    names = ", ".join(f"{symbol} ({why})" for symbol, why in unverified.items())
    return Health(True, True, unverified, f"no verified book: {names}" if unverified else "")


def _since(age_s: float) -> str:
    return f"the recorder has stopped or hangs: no record for {age_s:.0f} s"


def _line_state(view: JournalView) -> str:
    return "not connected" if view.last_note in {"close", "start"} else "connected"


def _lag_s(book: BookTail, first_us: int) -> float:
    """Return for how long frames of a book have come while none was verified."""
    if book.frame_seq <= book.verified_seq:
        return 0.0
    return (book.frame_us - (book.verified_us or first_us)) / 1e6


class _Note(msgspec.Struct):
    kind: str = ""
    reason: str = ""


class _Entry(msgspec.Struct):
    symbol: str = ""


class _Frame(msgspec.Struct):
    channel: str = ""
    data: list[_Entry] = []


class _SnapshotLine(msgspec.Struct):
    seq: int
    recv_ts_us: int


_note_decoder = msgspec.json.Decoder(_Note)
_frame_decoder = msgspec.json.Decoder(_Frame)
_snapshot_decoder = msgspec.json.Decoder(_SnapshotLine)


def _last_state(events: list[RawEvent]) -> tuple[str, str]:
    """Return the newest telling note, and the reason that it or the close before it gives."""
    found = ""
    has_frames = False
    for event in reversed(events):
        has_frames = has_frames or event.dir == "in"
        kind, reason = _note(event) if event.dir == "note" else ("", "")
        if kind == "close" and has_frames and not found:
            return "open", ""  # frames of another connection came after it
        if kind == "close" or (kind in {"start", "open"} and not found):
            return found or kind, reason
        if kind == "stop":
            found = kind
        elif kind and found:
            break
    return found, ""


def _note(event: RawEvent) -> tuple[str, str]:
    try:
        note = _note_decoder.decode(event.raw)
    except msgspec.DecodeError:
        return "", ""
    return (note.kind, note.reason) if note.kind in STATES else ("", "")


def _books(root: Path, events: Iterable[RawEvent]) -> dict[str, BookTail]:
    books = {symbol: _verified(root, symbol) for symbol in list_symbols(root, SNAPSHOTS)}
    for event in events:
        if event.dir != "in" or '"book"' not in event.raw:
            continue
        try:
            frame = _frame_decoder.decode(event.raw)
        except msgspec.DecodeError:
            continue
        if frame.channel == "book":
            for symbol in {entry.symbol for entry in frame.data if entry.symbol}:
                book = books.get(symbol, BookTail())
                books[symbol] = book._replace(frame_seq=event.seq, frame_us=event.recv_ts_us)
    return dict(sorted(books.items()))


def _verified(root: Path, symbol: str) -> BookTail:
    """Find a symbol's newest complete snapshot line."""
    for segment in reversed(list_segments(symbol_log_dir(root, SNAPSHOTS, symbol))):
        newest = None
        for line in _tail_lines(segment, TAIL_BYTES // 16):
            if line.endswith(b"\n"):
                newest = line
        if newest is not None:
            try:
                found = _snapshot_decoder.decode(newest)
            except msgspec.DecodeError:
                return BookTail()
            return BookTail(verified_seq=found.seq, verified_us=found.recv_ts_us)
    return BookTail()


def _tail(segment: Segment) -> tuple[list[RawEvent], bool]:
    events = []
    is_torn = False
    for line in _tail_lines(segment, TAIL_BYTES):
        is_torn = not line.endswith(b"\n")
        if is_torn:
            break
        try:
            events.append(parse_line(line))
        except LineError:
            # Damage is for `lobdesk verify` to name; the lines around it still tell the time.
            continue
    return events, is_torn


def _tail_lines(segment: Segment, wanted_bytes: int) -> Iterator[bytes]:
    """Yield the lines that begin in the last bytes of a segment."""
    if segment.is_sealed:
        frames = read_seal(segment).frames
        begin = frames[-1].offset if frames else 0
        is_whole = True
    else:
        try:
            size = segment.path.stat().st_size
        except FileNotFoundError:
            size = 0  # sealed since it was listed; the reader finds its successor
        begin = max(0, size - wanted_bytes)
        is_whole = begin == 0
    for line in read_lines(segment, begin):
        if is_whole:
            yield line.data
        is_whole = True
