"""Two stages behind a socket: write what came, then make sense of it.

The first stage stamps a frame and appends it to the raw log before anything looks into it. The
second verifies books and writes snapshots and trades; a bounded queue lies between the two. When
the queue is full, nothing is dropped: the second stage later reads the frames that found no place
back from the raw log, in order, so the derived logs miss nothing and memory stays bounded.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from lobdesk.derive import Deriver, Recording, note_kind
from lobdesk.errors import JournalError
from lobdesk.journal import TRADES, JournalWriteError, boot_id, note_text, read_events
from lobdesk.journal.line import frame_record
from lobdesk.journal.lock import WriterLock
from lobdesk.recorder.clock import ClockWatch, Stamp, now
from lobdesk.records import RawEvent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lobdesk.derive import Derived
    from lobdesk.engine import Verdict
    from lobdesk.recorder.times import Times

logger = logging.getLogger(__name__)

OWN_NOTES = frozenset({"open", "close", "clock", "lost", "binary"})
"""Notes that the first stage writes; the second writes others, which it need not read again."""


NO_TEXT = '{"kind":"binary","dir":"in",'
"""How the note begins that stands for a received frame that is no text."""

NOT_IN_LOG = 0
"""Sequence number of a frame that the disk did not take; its book goes on, nothing else follows."""

QUEUE_BYTES = 64 * 1024 * 1024
READ_BACK_BYTES = 16 * 1024 * 1024
"""Bounds of memory, whatever the frames' size."""


class FolderError(JournalError):
    """The journal's folder cannot be made or written."""

    def __init__(self, root: Path, error: OSError) -> None:
        self.root = root
        reason = (error.strerror or str(error)).lower()
        super().__init__(f"{root}: cannot be used as the journal's folder: {reason}")


class Outcome(NamedTuple):
    """What the second stage found out about one frame.

    Attributes:
        event: The frame's record.
        verdict: What it is.
        trade_symbols: Symbol of each new trade in it.
        gap_symbols: Symbol of each gap that it ended.
    """

    event: RawEvent
    verdict: Verdict
    trade_symbols: list[str]
    gap_symbols: list[str]


class Recorder:
    """Records frames of one exchange.

    Attributes:
        persists: False only verifies.
        frames: Frames received.
        bytes_received: Sum of their sizes.
        queue_full: Frames that found the queue full.
        no_text: Received frames that were no text; the second stage counts them.
        lost: Records that could not be written.
        seq: Number of the last record.
        last_frame_us: Wall clock of the last frame; 0 before the first.
        written: How long it took until frames were written; None if nobody asked.
        synced: How long the disk took to confirm.
        lost_frames: Received frames among them.
        write_error: Why records cannot be written now; empty while they can.
        is_interrupted: Records were lost, so the log needs new snapshots of all books.
        stranded: Connection and symbol of books that need a new snapshot to go on in the log.
    """

    def __init__(
        self, root: Path, *, depth: int, queue_size: int, segment_bytes: int, persists: bool = True
    ) -> None:
        """Open the journal, repaired if a crash left it in the middle of something.

        Args:
            root: The journal's folder.
            depth: Depth that will be subscribed.
            queue_size: Frames that may wait between the two stages.
            segment_bytes: Size at which a segment of a log is sealed.
            persists: False writes no logs.

        Raises:
            JournalLockedError: Another recorder is at work there.
            FolderError: The folder cannot be made or written.
        """
        self.persists = persists
        self.frames = self.bytes_received = self.queue_full = self.lost = self.seq = 0
        self.lost_frames = self.no_text = 0
        self.write_error = ""
        self.last_frame_us = 0
        self.is_interrupted = False
        self.stranded: list[tuple[int, str]] = []
        self._root = root
        self.written: Times | None = None
        self.synced: Times | None = None
        self._queue_size = queue_size
        self._queue: deque[RawEvent] = deque()
        self._behind_from: int | None = None
        self._read_back: Iterator[RawEvent] | None = None
        self._clock = ClockWatch(now())
        self._lost_from: Stamp | None = None
        self._lost_unsaid = self._lost_frames_unsaid = 0
        self._queued_bytes = 0
        self._recording: Recording | None = None
        self._lock: WriterLock | None = None
        try:
            if persists:
                self._recording = Recording(root, depth=depth, segment_bytes=segment_bytes)
                self.seq = self._recording.journal.next_seq - 1
            else:
                root.mkdir(parents=True, exist_ok=True)
                self._lock = WriterLock(root)
        except OSError as error:
            raise FolderError(root, error) from error
        self._deriver = Deriver(depth=depth)
        self._boot = boot_id()

    @property
    def queued(self) -> int:
        """Frames that wait in memory for the second stage."""
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        """Whether another frame would find no place in the queue."""
        return len(self._queue) >= self._queue_size or self._queued_bytes >= QUEUE_BYTES

    @property
    def suspects(self) -> list[str]:
        """Segments that the disk did not confirm."""
        return [] if self._recording is None else list(self._recording.journal.suspects)

    @property
    def has_work(self) -> bool:
        """Whether the second stage has something to do."""
        return bool(self._queue) or self.is_behind

    @property
    def is_behind(self) -> bool:
        """Whether frames must be read back from the raw log before the queue's."""
        return self._read_back is not None or (not self._queue and self._behind_from is not None)

    def opened(self, conn: int, **facts: object) -> None:
        """Note that a connection is open."""
        self._note("open", now(), conn, facts)

    def closed(self, conn: int, reason: str) -> None:
        """Note that a connection has ended."""
        self._note("close", now(), conn, {"reason": reason})

    def sent(self, text: str, conn: int) -> Stamp:
        """Record a frame of ours and return when."""
        stamp = now()
        self._append("out", text, stamp, conn)
        return stamp

    def noted(self, kind: str, conn: int, **facts: object) -> None:
        """Record something that was found out about a connection."""
        self._note(kind, now(), conn, facts)

    def received(self, frame: bytes, conn: int) -> None:
        """Record a frame; nothing looks into it here."""
        stamp = now()
        self.frames += 1
        self.bytes_received += len(frame)
        self.last_frame_us = stamp.recv_ts_us
        step_us = self._clock.step_us(stamp)
        if step_us:
            self._note("clock", stamp, conn, {"step_us": step_us})
        self._append("in", frame, stamp, conn)
        if self.written is not None:
            self.written.add(time.monotonic_ns() / 1e9 - stamp.mono_us / 1e6)

    def measure(self, written: Times, synced: Times) -> None:
        """Count from now on how long it takes until a frame is written, and the disk confirms."""
        self.written, self.synced = written, synced
        if self._recording is not None:
            self._recording.journal.on_sync = synced.add

    def work(self, limit: int) -> list[Outcome]:
        """Derive from the oldest waiting frames, at most ``limit`` of them."""
        events = [self._queue.popleft() for _ in range(min(limit, len(self._queue)))]
        self._queued_bytes -= sum(len(event.raw) for event in events)
        return self.derive(events)

    def read_back(self, limit: int) -> list[RawEvent]:
        """Return frames that found the queue full, in order; blocks, so call it in a thread.

        While this goes on, new frames wait in the queue, behind the ones read back.
        """
        if self._read_back is None:
            if self._behind_from is None or self._recording is None:
                return []
            first, stop = self._behind_from, self._recording.journal.next_seq
            self._behind_from = None
            self._read_back = takewhile(
                lambda event: event.seq < stop, read_events(self._root, first)
            )
        events: list[RawEvent] = []
        size = 0
        for event in self._read_back:
            if event.dir != "note" or note_kind(event.raw) in OWN_NOTES:
                events.append(event)
                size += len(event.raw)
            if len(events) == limit or size >= READ_BACK_BYTES:
                return events
        self._read_back = None
        return events

    def derive(self, events: list[RawEvent]) -> list[Outcome]:
        """Write what follows from events and return what they were."""
        outcomes = []
        for event in events:
            derived = self._derive(event)
            self.stranded += derived.stranded
            if derived.verdict is not None:
                trades = [line.symbol for line in derived.lines if line.log == TRADES]
                gaps = [note["symbol"] for note in derived.notes if note["kind"] == "gap"]
                outcomes.append(Outcome(event, derived.verdict, trades, gaps))
            elif event.dir == "note" and event.raw.startswith(NO_TEXT):
                self.no_text += 1
                facts = {"seq": event.seq, "reason": "not UTF-8", "connection": event.conn}
                logger.warning("malformed frame", extra=facts)
        return outcomes

    def sync(self) -> None:
        """Return when the disk holds every record; blocks."""
        if self._recording is not None:
            self._recording.sync()

    def close(self) -> None:
        """Write the closing record and give the journal back, all of it synced."""
        if self._recording is not None:
            if self._lost_unsaid:
                # Without room even now, only the report and the log on the screen tell.
                with contextlib.suppress(JournalWriteError):
                    self._say_lost(self._recording, now(), 0)
            self._recording.close()
            self.seq = self._recording.journal.next_seq - 1
        if self._lock is not None:
            self._lock.release()

    def _derive(self, event: RawEvent) -> Derived:
        if self._recording is None:
            return self._deriver.feed(event)
        if event.seq == NOT_IN_LOG:
            return self._recording.watch(event)
        return self._recording.derive(event)

    def _note(self, kind: str, stamp: Stamp, conn: int, facts: dict[str, object]) -> None:
        self._append("note", note_text(kind, **facts), stamp, conn)

    def _append(self, direction: str, frame: str | bytes, stamp: Stamp, conn: int) -> None:
        if self._recording is None:
            self.seq += 1
            self._put(self._unwritten(direction, frame, stamp, conn, self.seq))
            return
        try:
            if self._lost_unsaid:
                self._say_lost(self._recording, stamp, conn)
            event = self._recording.append(
                direction, frame, recv_ts_us=stamp.recv_ts_us, mono_us=stamp.mono_us, conn=conn
            )
        except JournalWriteError as error:
            self._count_lost(error, stamp, is_frame=direction == "in")
            if not self.is_behind and self._behind_from is None and not self.is_full:
                self._put(self._unwritten(direction, frame, stamp, conn, NOT_IN_LOG))
            return
        self._enqueue(event)

    def _enqueue(self, event: RawEvent) -> None:
        self.seq = event.seq
        if self._behind_from is not None:
            self.queue_full += 1
        elif self.is_full:
            self.queue_full += 1
            self._behind_from = event.seq
        else:
            self._put(event)

    def _put(self, event: RawEvent) -> None:
        self._queue.append(event)
        self._queued_bytes += len(event.raw)

    def _say_lost(self, recording: Recording, stamp: Stamp, conn: int) -> None:
        """Write down what could not be written, now that there may be room."""
        since = self._lost_from or stamp
        text = note_text(
            "lost",
            records=self._lost_unsaid,
            frames=self._lost_frames_unsaid,
            from_us=since.recv_ts_us,
            to_us=stamp.recv_ts_us,
        )
        event = recording.append(
            "note", text, recv_ts_us=stamp.recv_ts_us, mono_us=stamp.mono_us, conn=conn
        )
        logger.warning("recording goes on", extra={"lost": self._lost_unsaid})
        self._lost_unsaid = self._lost_frames_unsaid = 0
        self.write_error = ""
        self._lost_from = None
        self.is_interrupted = True
        self._enqueue(event)

    def _count_lost(self, error: JournalWriteError, stamp: Stamp, *, is_frame: bool) -> None:
        if not self._lost_unsaid:
            self._lost_from = stamp
            logger.error("record not written", extra={"reason": str(error)})
        self.write_error = str(error)
        self._lost_unsaid += 1
        self._lost_frames_unsaid += is_frame
        self.lost += 1
        self.lost_frames += is_frame

    def _unwritten(
        self, direction: str, frame: str | bytes, stamp: Stamp, conn: int, seq: int
    ) -> RawEvent:
        direction, raw = frame_record(direction, frame)
        return RawEvent(
            v=1,
            seq=seq,
            recv_ts_us=stamp.recv_ts_us,
            mono_us=stamp.mono_us,
            boot=self._boot,
            conn=conn,
            dir=direction,
            raw=raw,
            crc=0,
        )
