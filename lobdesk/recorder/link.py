"""One line to the exchange: connects again and again, subscribes, and rebuilds what broke."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lobdesk.feed import (
    AllRefusedError,
    AttemptBudget,
    BookState,
    ConnectFailedError,
    FeedSession,
    OffsetProbe,
    ReconnectPolicy,
    UnreachableError,
    open_connection,
)
from lobdesk.recorder.state import LineReport

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from lobdesk.engine import BookVerdict, Verdict
    from lobdesk.feed import Connection
    from lobdesk.recorder.recorder import Outcome, Recorder
    from lobdesk.settings import DaemonSettings

logger = logging.getLogger(__name__)

FIRST_ATTEMPTS = 5
"""Failures to connect, before any line was ever open, that end the daemon."""

WARNINGS = {
    "book suspect",
    "subscription refused",
    "request refused",
    "rate limited",
    "subscription not answered",
    "token refused",
}


@dataclass(slots=True)
class Lines:
    """What all links of one recorder share.

    Attributes:
        settings: What to record, from where.
        recorder: Who writes the frames down.
        numbers: Gives each connection its number.
        on_frame: Called after each recorded frame; what it returns is awaited, so that the second
            stage can make the exchange wait.
        wake: Tells the second stage that there is work.
        stopping: Set once the recorder ends.
        silence_limit_s: A line without any frame for this long is dead.
        budget: Attempts to connect, of all links together.
        connects: Connections opened by all links.
        is_in_maintenance: The exchange said so last.
        ended: Why the recorder ends, once it does.
        links: All of them.
    """

    settings: DaemonSettings
    recorder: Recorder
    numbers: Iterator[int]
    on_frame: Callable[[], Awaitable[None] | None]
    wake: Callable[[], None]
    stopping: asyncio.Event
    silence_limit_s: float
    budget: AttemptBudget
    connects: int = 0
    is_in_maintenance: bool = False
    ended: str = ""
    links: list[Link] = field(default_factory=list)

    def open_links(self, count: int) -> list[Link]:
        """Make the links."""
        self.links = [Link(self) for _ in range(count)]
        return self.links


class Link:
    """Keeps one line open.

    Attributes:
        session: Subscriptions of the present connection, or of the last one.
        probe: Estimates the exchange's clock on it.
        number: Of that connection; 0 before the first.
        connects: Connections opened.
        is_refused: The exchange refused every symbol here, and has accepted none since.
    """

    channel = "book"

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.session = self._new_session()
        self.number = self.connects = 0
        self.is_refused = False
        self.probe = OffsetProbe(time.monotonic())
        self._earlier_resyncs = 0
        self._policy = ReconnectPolicy(budget=lines.budget)
        self._connection: Connection | None = None

    @property
    def url(self) -> str:
        """Endpoint."""
        return self._lines.settings.ws_url

    @property
    def is_connected(self) -> bool:
        """Whether the line is open."""
        return self._connection is not None

    @property
    def resyncs(self) -> int:
        """Attempts to rebuild a single book, over all connections."""
        return self._earlier_resyncs + self.session.resyncs

    def report(self) -> LineReport:
        """Return the present state."""
        states = self.session.states.values() if self.is_connected else ()
        best = self.probe.best
        return LineReport(
            channel=self.channel,
            connection=self.number,
            is_connected=self.is_connected,
            connects=self.connects,
            live=sum(state is BookState.LIVE for state in states),
            offset_us=None if best is None else best.offset_us,
            round_trip_us=None if best is None else best.round_trip_us,
        )

    async def run(self) -> None:
        """Keep the line open until the recorder ends.

        Raises:
            AllRefusedError: No line was granted any symbol.
            UnreachableError: The exchange could not be reached at the start.
        """
        lines, failures = self._lines, 0
        while not lines.stopping.is_set():
            delay_s = self._policy.reserve(time.monotonic(), in_maintenance=lines.is_in_maintenance)
            if await self._stopped_within(delay_s):
                return
            try:
                await self._prepare()
                await self._record_one_connection()
            except ConnectFailedError as error:
                failures += 1
                facts = {"url": self.url, "reason": str(error), "attempt": failures}
                logger.warning("connection failed", extra=facts | self._kind())
                if self._is_hopeless(failures):
                    raise UnreachableError(self.url, failures, str(error)) from error
            if all(link.is_refused for link in lines.links):
                raise AllRefusedError(refusals(lines.links))

    async def _prepare(self) -> None:
        """Get ready for a connection; raises ConnectFailedError if there is no way."""

    def _is_hopeless(self, failures: int) -> bool:
        return not self._lines.connects and failures >= FIRST_ATTEMPTS

    async def _record_one_connection(self) -> None:
        opening = asyncio.create_task(self._open_and_read())
        stopping = asyncio.create_task(self._lines.stopping.wait())
        try:
            await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            opening.cancel()
            await asyncio.gather(stopping, opening, return_exceptions=True)
        if not opening.cancelled() and (error := opening.exception()) is not None:
            raise error

    async def _open_and_read(self) -> None:
        lines = self._lines
        settings, recorder = lines.settings, lines.recorder
        async with open_connection(
            self.url, proxy=settings.proxy, silence_limit_s=lines.silence_limit_s
        ) as connection:
            opened_s = time.monotonic()
            self.number = next(lines.numbers)
            self.connects += 1
            lines.connects += 1
            recorder.opened(self.number, **self._facts())
            facts = {"url": self.url, "connection": self.number}
            logger.info("connected", extra=facts | self._kind())
            self._earlier_resyncs = self.resyncs
            self.session, self.probe = self._new_session(), OffsetProbe(opened_s)
            self._connection = connection
            try:
                await self._send(self.session.open(opened_s))
                await self._read(connection)
            finally:
                self._connection = None
                reason = connection.close_reason or lines.ended or "ended"
                recorder.closed(self.number, reason)
                lines.wake()
                self._policy.ended(time.monotonic() - opened_s)
                facts = {"reason": reason, "connection": self.number}
                logger.info("disconnected", extra=facts | self._kind())

    def _kind(self) -> dict[str, str]:
        """Return what tells lines of the log apart from those of an ordinary line."""
        return {} if self.channel == Link.channel else {"channel": self.channel}

    def _facts(self) -> dict[str, object]:
        """Return what the ``open`` note says."""
        settings = self._lines.settings
        return {
            "url": self.url,
            "symbols": list(settings.symbols),
            "depth": settings.book_depth,
        }

    async def _read(self, connection: Connection) -> None:
        lines, number = self._lines, self.number
        recorder, on_frame, is_ending = lines.recorder, lines.on_frame, lines.stopping.is_set
        while (frame := await connection.receive()) is not None and not is_ending():
            recorder.received(frame, number)
            waiting = on_frame()
            if waiting is not None:
                await waiting

    def take_in(self, outcome: Outcome) -> None:
        """Hear what a frame of this line's connection was."""
        event, verdict = outcome.event, outcome.verdict
        now_s = event.mono_us / 1e6
        for book in self._books(verdict):
            self.session.on_book(
                book.symbol,
                is_snapshot=book.is_snapshot,
                is_verified=book.state == "verified",
                now_s=now_s,
                reason=book.reason,
            )
            if not book.is_snapshot and book.exch_ts_us:
                self.probe.on_lag(event.recv_ts_us - book.exch_ts_us)
        if verdict.kind == "pong":
            self.probe.received(event.raw, event.recv_ts_us, event.mono_us)
            facts = self.probe.note(now_s)
            if facts is not None:
                self._lines.recorder.noted("offset", self.number, **facts)
        elif verdict.kind in {"ack", "error"}:
            self.session.on_reply(event.raw.encode(), now_s)

    def _books(self, verdict: Verdict) -> Sequence[BookVerdict]:
        return verdict.books

    async def advance(self, now_s: float) -> None:
        """Send what is due; give the line up where only a new one can help."""
        session, connection = self.session, self._connection
        if connection is None:
            return
        requests = session.tick(now_s)
        self._log_notices(session)
        await self._send(requests)
        self.is_refused = session.is_all_refused or (self.is_refused and not session.has_live)
        if reason := self._reason_to_reopen():
            await self.reopen(reason)

    def _reason_to_reopen(self) -> str:
        is_due = self.session.wants_reconnect or self.session.is_all_refused
        return "books must be built anew" if is_due else ""

    def rebuild(self, symbol: str, reason: str, now_s: float) -> None:
        """Subscribe one book anew."""
        self.session.rebuild(symbol, reason, now_s)

    def renew(self, reason: str, now_s: float) -> None:
        """Subscribe everything anew."""
        self.session.renew(reason, now_s)

    async def reopen(self, reason: str) -> None:
        """Close the connection; ``run`` opens the next one."""
        if self._connection is not None:
            self._connection.close_reason = reason
            await self._connection.close()

    async def _send(self, requests: Iterable[str]) -> None:
        connection = self._connection
        for text in requests:
            if connection is None:
                return
            stamp = self._lines.recorder.sent(text, self.number)
            self.probe.sent(text, stamp.recv_ts_us, stamp.mono_us)
            self._lines.wake()
            await connection.send(self._outgoing(text))

    def _outgoing(self, text: str) -> str:
        """Return what is sent where something else is recorded: a secret is put in here."""
        return text

    def _log_notices(self, session: FeedSession) -> None:
        while session.notices:
            notice = session.notices.popleft()
            level = logging.WARNING if notice.event in WARNINGS else logging.INFO
            facts = {"symbol": notice.symbol, "reason": notice.reason, "connection": self.number}
            logger.log(level, notice.event, extra=facts | self._kind())

    def _new_session(self) -> FeedSession:
        settings = self._lines.settings
        return FeedSession(
            settings.symbols,
            depth=settings.book_depth,
            params=settings.subscribe_params,
            ping_interval_s=settings.ping_interval_s,
        )

    async def _stopped_within(self, delay_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._lines.stopping.wait(), delay_s)
        return self._lines.stopping.is_set()


def book_states(links: Sequence[Link]) -> dict[str, str]:
    """Return where each book stands: live if one line has it live, else as the first line says."""
    states: dict[str, str] = {}
    for link in links:
        for symbol, state in link.session.states.items():
            if symbol not in states or state is BookState.LIVE:
                states[symbol] = str(state)
    return states


def refusals(links: list[Link]) -> dict[str, str]:
    """Return the symbols that no line was granted, with the exchange's words."""
    found = [link.session.refusals for link in links]
    return {
        symbol: reason
        for symbol, reason in found[0].items()
        if all(symbol in other for other in found)
    }
