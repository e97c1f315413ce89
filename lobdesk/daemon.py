"""The recorder as a service: connects, records, rebuilds what broke, and ends cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from typing import TYPE_CHECKING

from lobdesk.feed import (
    SILENCE_LIMIT_S,
    AllRefusedError,
    ConnectFailedError,
    FeedSession,
    ReconnectPolicy,
    UnreachableError,
    open_connection,
)
from lobdesk.journal import boot_id
from lobdesk.recorder import Recorder, RecorderReport, Tally, now, write_report

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lobdesk.feed import Connection
    from lobdesk.recorder import Outcome
    from lobdesk.settings import DaemonSettings

logger = logging.getLogger(__name__)

BATCH = 32
"""Frames that the second stage handles at least before the first one gets its turn."""

READ_BACK_BATCH = 2000
TICK_S = 0.05
REPORT_INTERVAL_S = 1.0
FIRST_ATTEMPTS = 5
"""Failures to connect, before there was any connection, that end the daemon."""

DRAIN_S = 1.0
"""Time that the second stage gets at the end; the next start derives the rest."""

WARNINGS = {
    "book suspect",
    "subscription refused",
    "request refused",
    "rate limited",
    "subscription not answered",
}


class Daemon:
    """Records until told to stop.

    Attributes:
        recorder: What came so far.
        session: Subscriptions of the connection in use.
        is_in_maintenance: The exchange said so last.
    """

    def __init__(
        self,
        settings: DaemonSettings,
        root: Path,
        *,
        duration_s: float | None = None,
        max_frames: int | None = None,
        silence_limit_s: float = SILENCE_LIMIT_S,
    ) -> None:
        """Open the journal.

        Args:
            settings: What to record, from where.
            root: The journal's folder.
            duration_s: Stop after this time.
            max_frames: Stop after so many frames.
            silence_limit_s: A line without any frame for this long is dead.

        Raises:
            JournalLockedError: Another recorder is at work there.
        """
        self._silence_limit_s = silence_limit_s
        self.recorder = Recorder(
            root,
            depth=settings.book_depth,
            queue_size=settings.snapshot_queue_size,
            segment_bytes=settings.segment_bytes,
            persists=settings.persist_jsonl,
        )
        self._settings = settings
        self._root = root
        self._duration_s = duration_s
        self._max_frames = max_frames
        self.session = self._new_session()
        self._policy = ReconnectPolicy()
        self._started_us = now().recv_ts_us
        self._conn = self._connects = self._earlier_resyncs = 0
        self._connection: Connection | None = None
        self.is_in_maintenance = False
        self._tally = Tally(settings.symbols, self._started_us)
        self._stop = asyncio.Event()
        self._is_ending = False
        self._has_work = asyncio.Event()
        self._ended = ""
        self._derive_error = ""

    def stop(self, reason: str) -> None:
        """Ask for the end."""
        if not self._stop.is_set():
            logger.info("stopping", extra={"reason": reason})
            self._ended = reason
            self._stop.set()

    async def run(self) -> None:
        """Record until ``stop``, the time or the number of frames.

        Raises:
            UnreachableError: The exchange could not be reached at the start.
            AllRefusedError: No symbol was accepted.
        """
        if not self.recorder.persists:
            logger.warning("nothing is kept: L2_PERSIST_JSONL is false, frames are only verified")
        if self._duration_s is not None:
            asyncio.get_running_loop().call_later(self._duration_s, self.stop, "duration reached")
        deriving = asyncio.create_task(self._derive_all())
        helpers = [
            asyncio.create_task(task) for task in (self._report_now_and_then(), self._tick())
        ]
        try:
            await self._connect_again_and_again()
        except BaseException as error:
            self._ended = self._ended or str(error) or type(error).__name__
            raise
        finally:
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            await self._finish(deriving)

    async def _connect_again_and_again(self) -> None:
        failures = 0
        while not self._stop.is_set():
            delay_s = self._policy.next_delay_s(
                time.monotonic(), in_maintenance=self.is_in_maintenance
            )
            if await self._stopped_within(delay_s):
                return
            self._policy.attempted(time.monotonic())
            try:
                await self._record_one_connection()
            except ConnectFailedError as error:
                failures += 1
                facts = {"url": self._settings.ws_url, "reason": str(error), "attempt": failures}
                logger.warning("connection failed", extra=facts)
                if not self._connects and failures >= FIRST_ATTEMPTS:
                    raise UnreachableError(self._settings.ws_url, failures, str(error)) from error
            if self.session.is_all_refused:
                raise AllRefusedError(self.session.refusals)

    async def _record_one_connection(self) -> None:
        opening = asyncio.create_task(self._open_and_read())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            opening.cancel()
            await asyncio.gather(stopping, opening, return_exceptions=True)
        if not opening.cancelled() and (error := opening.exception()) is not None:
            raise error

    async def _open_and_read(self) -> None:
        settings = self._settings
        async with open_connection(
            settings.ws_url, silence_limit_s=self._silence_limit_s
        ) as connection:
            opened_s = time.monotonic()
            self._conn += 1
            self._connects += 1
            conn = self._conn
            facts = {"url": settings.ws_url, "symbols": list(settings.symbols)}
            self.recorder.opened(conn, **facts, depth=settings.book_depth)
            logger.info("connected", extra={"url": settings.ws_url, "connection": conn})
            self._earlier_resyncs += self.session.resyncs
            self.session = self._new_session()
            self._connection = connection
            try:
                await self._send(connection, self.session.open(opened_s))
                await self._read(connection, conn)
            finally:
                self._connection = None
                reason = connection.close_reason or self._ended or "ended"
                self.recorder.closed(conn, reason)
                self._has_work.set()
                self._policy.ended(time.monotonic() - opened_s)
                logger.info("disconnected", extra={"reason": reason, "connection": conn})

    async def _read(self, connection: Connection, conn: int) -> None:
        recorder = self.recorder
        while (frame := await connection.receive()) is not None:
            recorder.received(frame, conn)
            self._has_work.set()
            if self._max_frames is not None and recorder.frames >= self._max_frames:
                self.stop("frames reached")
                return
            if not recorder.persists and recorder.is_full:
                # Nothing could be read back later, so the exchange must wait.
                recorder.queue_full += 1
                await self._act(recorder.work(BATCH))

    async def _derive_all(self) -> None:
        while not self._is_ending:
            await self._has_work.wait()
            self._has_work.clear()
            try:
                await self._derive_waiting()
            except Exception as error:
                # The raw log goes on without us; a restart derives everything again.
                self._derive_error = f"{type(error).__name__}: {error}"
                logger.exception("deriving stopped; raw frames are still recorded")
                return

    async def _derive_waiting(self) -> None:
        recorder = self.recorder
        while recorder.has_work and not self._is_ending:
            if recorder.is_behind:
                events = await asyncio.to_thread(recorder.read_back, READ_BACK_BATCH)
                for at in range(0, len(events), BATCH):
                    await self._act(recorder.derive(events[at : at + BATCH]))
            else:
                # A longer queue gets a longer turn, so that it settles instead of filling up.
                await self._act(recorder.work(max(BATCH, recorder.queued // 4)))

    async def _act(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            self._take_in(outcome)
        if self._connection is not None and outcomes:
            # While frames wait, the session lives in their time: an answer that waits is not late.
            await self._advance_session(outcomes[-1].event.mono_us / 1e6)
        await asyncio.sleep(0)

    def _take_in(self, outcome: Outcome) -> None:
        event, verdict = outcome.event, outcome.verdict
        now_s = event.mono_us / 1e6
        self._tally.add(outcome)
        if verdict.kind == "status":
            self.is_in_maintenance = '"system":"maintenance"' in event.raw
        if event.conn != self._conn:
            return
        for book in verdict.books:
            self.session.on_book(
                book.symbol,
                is_snapshot=book.is_snapshot,
                is_verified=book.state == "verified",
                now_s=now_s,
                reason=book.reason,
            )
        if verdict.kind in {"ack", "error"}:
            self.session.on_reply(event.raw.encode(), now_s)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            if self._connection is not None and not self.recorder.has_work:
                await self._advance_session(time.monotonic())

    async def _advance_session(self, now_s: float) -> None:
        session, connection = self.session, self._connection
        requests = session.tick(now_s)
        self._log_notices(session)
        if connection is None:
            return
        await self._send(connection, requests)
        if session.wants_reconnect or session.is_all_refused or self.recorder.is_interrupted:
            self.recorder.is_interrupted = False
            connection.close_reason = "books must be built anew"
            await connection.close()

    async def _send(self, connection: Connection, requests: Iterable[str]) -> None:
        for text in requests:
            self.recorder.sent(text, self._conn)
            self._has_work.set()
            await connection.send(text)

    def _log_notices(self, session: FeedSession) -> None:
        while session.notices:
            notice = session.notices.popleft()
            level = logging.WARNING if notice.event in WARNINGS else logging.INFO
            facts = {"symbol": notice.symbol, "reason": notice.reason}
            logger.log(level, notice.event, extra=facts)

    def _new_session(self) -> FeedSession:
        settings = self._settings
        return FeedSession(
            settings.symbols, depth=settings.book_depth, params=settings.subscribe_params
        )

    async def _stopped_within(self, delay_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), delay_s)
        return self._stop.is_set()

    async def _finish(self, deriving: asyncio.Task[None]) -> None:
        deadline_s = time.monotonic() + DRAIN_S
        self._is_ending = True
        self._has_work.set()
        done, _ = await asyncio.wait({deriving}, timeout=DRAIN_S)
        # The order of the raw log is kept or nothing more is derived: the next start does it.
        recorder = self.recorder
        while done and not self._derive_error and recorder.queued and not recorder.is_behind:
            if time.monotonic() > deadline_s:
                break
            for outcome in recorder.work(BATCH):
                self._take_in(outcome)
        deriving.cancel()
        await asyncio.gather(deriving, return_exceptions=True)
        await asyncio.to_thread(recorder.close)
        self._write_report(self.report())

    async def _report_now_and_then(self) -> None:
        while True:
            await asyncio.to_thread(self._write_report, self.report())
            await asyncio.sleep(REPORT_INTERVAL_S)

    def _write_report(self, report: RecorderReport) -> None:
        try:
            write_report(self._root, report)
        except OSError as error:
            # A full disk must not end the recording; health notices the old report.
            logger.warning("report not written", extra={"reason": error.strerror})

    def report(self) -> RecorderReport:
        """Return the present state."""
        stamp = now()
        recorder = self.recorder
        self._tally.enter(self.session.states, stamp.recv_ts_us)
        return RecorderReport(
            pid=os.getpid(),
            boot=boot_id(),
            written_us=stamp.recv_ts_us,
            mono_us=stamp.mono_us,
            started_us=self._started_us,
            url=self._settings.ws_url,
            persists=recorder.persists,
            ended=self._ended,
            error=self._derive_error,
            connection=self._conn,
            is_connected=self._connection is not None,
            connects=self._connects,
            last_frame_us=recorder.last_frame_us,
            seq=recorder.seq,
            frames=recorder.frames,
            malformed=self._tally.malformed,
            bytes_received=recorder.bytes_received,
            queued=recorder.queued,
            queue_size=self._settings.snapshot_queue_size,
            queue_full=recorder.queue_full,
            lost=recorder.lost,
            resyncs=self._earlier_resyncs + self.session.resyncs,
            books=self._tally.report(self.session.refusals),
        )


def run_daemon(
    settings: DaemonSettings,
    root: Path,
    *,
    duration_s: float | None = None,
    max_frames: int | None = None,
) -> RecorderReport:
    """Record in this process until a signal, the time or the number of frames.

    Args:
        settings: What to record, from where.
        root: The journal's folder.
        duration_s: Stop after this time.
        max_frames: Stop after so many frames.

    Returns:
        The state at the end.

    Raises:
        JournalLockedError: Another recorder is at work there.
        UnreachableError: The exchange could not be reached at the start.
        AllRefusedError: No symbol was accepted.
    """

    async def run() -> RecorderReport:
        daemon = Daemon(settings, root, duration_s=duration_s, max_frames=max_frames)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, daemon.stop, signal.Signals(number).name)
        await daemon.run()
        return daemon.report()

    return asyncio.run(run())
