"""The recorder as a service: connects, records, rebuilds what broke, and ends cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import time
from typing import TYPE_CHECKING

from lobdesk.errors import MissingExtraError
from lobdesk.feed import SILENCE_LIMIT_S, AttemptBudget, is_maintenance
from lobdesk.journal import boot_id
from lobdesk.recorder import Recorder, RecorderReport, Tally, now, write_report
from lobdesk.recorder.level3_link import open_level3_links
from lobdesk.recorder.link import Lines, book_states, refusals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from lobdesk.feed import FeedSession
    from lobdesk.recorder import Outcome
    from lobdesk.recorder.link import Link
    from lobdesk.settings import DaemonSettings

logger = logging.getLogger(__name__)

BATCH = 32
"""Frames that the second stage handles at least before the first one gets its turn."""

READ_BACK_BATCH = 2000
TICK_S = 0.05
REPORT_INTERVAL_S = 1.0
DRAIN_S = 1.0
"""Time that the second stage gets at the end; the next start derives the rest."""


class Daemon:
    """Records until told to stop.

    Attributes:
        recorder: What came so far.
        links: The lines to the exchange.
        metrics_address: Where Prometheus may ask, empty if nowhere.
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
        self._started_us = now().recv_ts_us
        self._tally = Tally(settings.symbols, self._started_us)
        self._stop = asyncio.Event()
        self._is_ending = False
        self._has_work = asyncio.Event()
        self._ended = ""
        self._derive_error = ""
        self._latest: RecorderReport | None = None
        self.metrics_address = ""
        self._lines = Lines(
            settings=settings,
            recorder=self.recorder,
            numbers=itertools.count(1),
            on_frame=self._on_frame,
            wake=self._has_work.set,
            stopping=self._stop,
            silence_limit_s=silence_limit_s,
            budget=AttemptBudget(),
        )
        self.links = self._lines.open_links(2 if settings.redundant else 1)
        self.level3_links = open_level3_links(self._lines)
        followed = settings.symbols if settings.level3 else ()
        self._order_tally = Tally(followed, self._started_us, channel="level3")

    @property
    def is_in_maintenance(self) -> bool:
        """The exchange said so last."""
        return self._lines.is_in_maintenance

    @property
    def session(self) -> FeedSession:
        """Subscriptions of the first line."""
        return self.links[0].session

    def _all_links(self) -> list[Link]:
        return [*self.links, *self.level3_links]

    def stop(self, reason: str) -> None:
        """Ask for the end."""
        if not self._stop.is_set():
            logger.info("stopping", extra={"reason": reason})
            self._ended = self._lines.ended = reason
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
            with self._metrics() as self.metrics_address:
                await self._run_links()
        except BaseException as error:
            self._ended = self._ended or str(error) or type(error).__name__
            raise
        finally:
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            await self._finish(deriving)

    def _metrics(self) -> AbstractContextManager[str]:
        address = self._settings.metrics
        if not address:
            return contextlib.nullcontext("")
        try:
            from lobdesk.recorder.metrics import metrics_endpoint  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise MissingExtraError("metrics", "--metrics") from error
        return metrics_endpoint(address, self._root, self.recorder, lambda: self._latest)

    async def _run_links(self) -> None:
        running = [asyncio.create_task(link.run()) for link in self._all_links()]
        try:
            await asyncio.gather(*running)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _on_frame(self) -> Awaitable[None] | None:
        self._has_work.set()
        recorder = self.recorder
        if self._max_frames is not None and recorder.frames >= self._max_frames:
            self.stop("frames reached")
        if recorder.persists or not recorder.is_full:
            return None
        # Nothing could be read back later, so the exchange must wait.
        recorder.queue_full += 1
        return self._act(recorder.work(BATCH))

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
        if outcomes:
            # While frames wait, the sessions live in their time: an answer that waits is not late.
            await self._advance(outcomes[-1].event.mono_us / 1e6)
        await asyncio.sleep(0)

    def _take_in(self, outcome: Outcome) -> None:
        event, verdict = outcome.event, outcome.verdict
        self._tally.add(outcome)
        if verdict.kind == "status":
            self._lines.is_in_maintenance = is_maintenance(event.raw)
        self._order_tally.add(outcome)
        for link in self._all_links():
            if event.conn == link.number:
                link.take_in(outcome)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            if not self.recorder.has_work:
                await self._advance(time.monotonic())

    async def _advance(self, now_s: float) -> None:
        is_interrupted = self.recorder.is_interrupted
        self.recorder.is_interrupted = False
        stranded, self.recorder.stranded = self.recorder.stranded, []
        for link in self._all_links():
            if is_interrupted:
                link.renew("records lost", now_s)
            for conn, symbol in stranded:
                if conn == link.number:
                    link.rebuild(symbol, "continuity", now_s)
            await link.advance(now_s)

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
        try:
            await asyncio.to_thread(recorder.close)
        finally:
            self._write_report(self.report())

    async def _report_now_and_then(self) -> None:
        while True:
            self._latest = self.report()
            await asyncio.to_thread(self._write_report, self._latest)
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
        self._tally.enter(book_states(self.links), stamp.recv_ts_us)
        self._order_tally.enter(book_states(self.level3_links), stamp.recv_ts_us)
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
            connection=max(link.number for link in self.links),
            is_connected=any(link.is_connected for link in self.links),
            connects=self._lines.connects,
            last_frame_us=recorder.last_frame_us,
            seq=recorder.seq,
            frames=recorder.frames,
            malformed=self._tally.malformed + recorder.no_text,
            bytes_received=recorder.bytes_received,
            queued=recorder.queued,
            queue_size=self._settings.snapshot_queue_size,
            queue_full=recorder.queue_full,
            lost=recorder.lost,
            lost_frames=recorder.lost_frames,
            write_error=recorder.write_error,
            suspects=recorder.suspects,
            lines=[link.report() for link in self._all_links()],
            resyncs=sum(link.resyncs for link in self._all_links()),
            books=self._tally.report(refusals(self.links)),
            orders=self._order_tally.report(_own_refusals(self.level3_links)),
        )


def _own_refusals(links: Iterable[Link]) -> dict[str, str]:
    return {symbol: why for link in links for symbol, why in link.session.refusals.items()}


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
