"""A journal being written together with everything that is derived from it."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from lobdesk import __version__
from lobdesk.derive.checkpoint import encode_checkpoint, store_checkpoint, take_checkpoint
from lobdesk.derive.deriver import DEFAULT_DEPTH, Derived, Deriver
from lobdesk.derive.notes import note_kind
from lobdesk.derive.repair import Repair, repair_derived
from lobdesk.journal import JournalSyncError, JournalWriteError, JournalWriter, note_text, now_us
from lobdesk.journal.writer import SEGMENT_BYTES, SYNC_INTERVAL_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lobdesk.derive.checkpoint import Checkpoint
    from lobdesk.journal import DerivedEnd
    from lobdesk.records import RawEvent


logger = logging.getLogger(__name__)

CHECKPOINT_EVENTS = 20_000
CHECKPOINT_INTERVAL_S = 15.0
"""A checkpoint is written once both have passed; a start after a crash derives so much again."""


MAX_UNSAID = 10_000
"""Notes that may wait for room on the disk."""


class Recording:
    """Appends raw events and, separately, derives from them.

    The two stages are apart on purpose: ``append`` puts a frame in the log and cannot fail over
    its content; ``derive`` may lag behind it, in the same order, on the same thread.

    Attributes:
        journal: The writer.
        deriver: State of all books and symbols.
        repair: What was put right when the journal was opened.
    """

    def __init__(
        self,
        root: Path,
        *,
        depth: int = DEFAULT_DEPTH,
        segment_bytes: int = SEGMENT_BYTES,
        sync_interval_s: float | None = SYNC_INTERVAL_S,
        boot: str | None = None,
        clock: Callable[[], tuple[int, int]] | None = now_us,
    ) -> None:
        """Open or make a journal, repair what a crash left, and continue it.

        Args:
            root: The journal's folder.
            depth: Subscribed depth where no subscription's answer names one.
            segment_bytes: Size at which a segment is sealed.
            sync_interval_s: Longest time until the disk confirms; None: only on ``sync``.
            boot: None asks the system.
            clock: Wall and monotonic microseconds for the notes ``start`` and ``stop``; None
                writes neither, for a journal that no process records live.

        Raises:
            JournalLockedError: Another process writes it.
            JournalReadError: A file cannot be read or repaired.
        """
        self.journal = JournalWriter(
            root, segment_bytes=segment_bytes, sync_interval_s=sync_interval_s, boot=boot
        )
        try:
            self.deriver = Deriver(depth=depth)
            self.repair: Repair = repair_derived(self.journal, self.deriver)
            self.journal.seal_derived()
        except BaseException:
            self.journal.close()
            raise
        self._clock = clock
        self._is_closed = False
        self._unsaid: deque[tuple[str, RawEvent]] = deque(self.repair.notes, maxlen=MAX_UNSAID)
        self._has_watched = self._is_distrusted = False
        self._derived_seq = self.journal.next_seq - 1
        self._since_checkpoint = 0
        self._checkpoint_s = time.monotonic()
        self._say_what_fits()
        if clock is not None:
            self._note_start(*clock())
            if self.repair.lines and not self._unsaid:
                # A recorder that is killed again and again must not derive ever more at its start.
                self._checkpoint()

    def _note_start(self, recv_ts_us: int, mono_us: int) -> None:
        cuts = [
            {
                "path": str(cut.path.relative_to(self.journal.root)),
                "offset": cut.offset,
                "length": cut.length,
            }
            for cut in [*self.journal.cuts, *self.repair.cuts]
        ]
        self.note(
            "start",
            recv_ts_us=recv_ts_us,
            mono_us=mono_us,
            version=__version__,
            pid=os.getpid(),
            cuts=cuts,
        )

    def append(
        self,
        direction: str,
        frame: str | bytes,
        *,
        recv_ts_us: int,
        mono_us: int,
        conn: int,
        boot: str | None = None,
    ) -> RawEvent:
        """Append one record to the raw log; see ``JournalWriter.append``."""
        return self.journal.append(
            direction, frame, recv_ts_us=recv_ts_us, mono_us=mono_us, conn=conn, boot=boot
        )

    def note(
        self,
        kind: str,
        *,
        recv_ts_us: int,
        mono_us: int,
        conn: int = 0,
        **facts: Any,  # noqa: ANN401
    ) -> RawEvent:
        """Append a note and derive from it at once, so nothing before it may still wait."""
        raw = note_text(kind, **facts)
        event = self.append("note", raw, recv_ts_us=recv_ts_us, mono_us=mono_us, conn=conn)
        self.derive(event)
        return event

    def derive(self, event: RawEvent) -> Derived:
        """Write what follows from an event; its notes go to the raw log behind the newest event."""
        derived = self.deriver.feed(event)
        if self._has_watched and event.dir == "note" and note_kind(event.raw) == "lost":
            self._has_watched = False
        for log, symbol, line in derived.lines:
            self.journal.write_derived(
                log, symbol, line, recv_ts_us=event.recv_ts_us, seq=event.seq
            )
        self._derived_seq = event.seq
        self._unsaid += [(note_text(**facts), event) for facts in derived.notes]
        self._say_what_fits()
        self._since_checkpoint += 1
        # A checkpoint is behind what follows from its events, or a crash could swallow that.
        if self._since_checkpoint >= CHECKPOINT_EVENTS and not self._unsaid:
            self._checkpoint_if_due()
        return derived

    def watch(self, event: RawEvent) -> Derived:
        """Follow an event that the disk did not take, so that the books stay right meanwhile."""
        self._has_watched = True
        return self.deriver.watch(event)

    def _say_what_fits(self) -> None:
        """Append the notes that wait; one that finds no room goes on waiting."""
        with contextlib.suppress(JournalWriteError):
            self._say()

    def _say(self) -> None:
        while self._unsaid:
            raw, event = self._unsaid[0]
            self.journal.append(
                "note",
                raw,
                recv_ts_us=event.recv_ts_us,
                mono_us=event.mono_us,
                conn=event.conn,
                boot=event.boot,
            )
            self._unsaid.popleft()

    def _checkpoint_if_due(self) -> None:
        if time.monotonic() - self._checkpoint_s < CHECKPOINT_INTERVAL_S:
            return
        self._checkpoint()

    def _checkpoint(self) -> None:
        self._checkpoint_s, self._since_checkpoint = time.monotonic(), 0
        checkpoint = self._take_checkpoint()
        if checkpoint is not None:
            data = encode_checkpoint(checkpoint)
            self.journal.run_behind(partial(self._store, checkpoint.ends, data))

    def _take_checkpoint(self) -> Checkpoint | None:
        if self._has_watched or self._is_distrusted:
            # The books do not follow from the log, or the disk may not hold it: derive again.
            return None
        return take_checkpoint(self.journal, self.deriver, self._derived_seq, self.repair.ends)

    def _store(self, ends: list[DerivedEnd], data: bytes) -> None:
        try:
            store_checkpoint(self.journal, ends, data)
        except (OSError, JournalSyncError) as error:
            self._is_distrusted = self._is_distrusted or isinstance(error, JournalSyncError)
            # An older checkpoint only makes the next start slower.
            logger.warning("no checkpoint written", extra={"reason": str(error)})

    def sync(self) -> None:
        """See ``JournalWriter.sync``."""
        self.journal.sync()

    def close(self) -> None:
        """Close the journal and note how far it was derived, so that the next start is quick.

        Raises:
            JournalSyncError: The disk does not confirm the last records.
            JournalWriteError: The closing record cannot be written.
        """
        if self._is_closed:
            return
        self._is_closed = True
        checkpoint = None
        try:
            # Not derived from: events before it may still wait, and the order must hold.
            checkpoint = self._take_checkpoint()
            self._say()
            if self._clock is not None:
                recv_ts_us, mono_us = self._clock()
                self.append(
                    "note", note_text("stop"), recv_ts_us=recv_ts_us, mono_us=mono_us, conn=0
                )
        finally:
            self.journal.close()
        if checkpoint is not None and self.journal.is_derived_complete:
            self._store([], encode_checkpoint(checkpoint))

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
