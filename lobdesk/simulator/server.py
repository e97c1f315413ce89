"""The simulated exchange on a real WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from typing import TYPE_CHECKING, Self

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from lobdesk.simulator import wire
from lobdesk.simulator.access import LEVEL3_RATE_PER_S, Level3Access
from lobdesk.simulator.errors import AddressError
from lobdesk.simulator.exchange import Exchange, Frame
from lobdesk.simulator.faults import Fault, FaultPlan
from lobdesk.simulator.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from websockets.asyncio.server import Server, ServerConnection

    from lobdesk.simulator.events import Market

START_DELAY_S = 0.1
"""Between the first subscription and the first event, so that a client's other subscriptions that
follow at once miss nothing."""

HEARTBEAT_S = 1.0
FAULT_TICK_S = 0.02
MAX_WAITING = 200_000
"""Frames that may wait for one slow client before it is disconnected."""

HIGH_WATER = 2_000
"""Frames waiting for one client at which a market without a clock pauses."""

EVENTS_A_TURN = 32
CLOSE_TIMEOUT_S = 0.5


class SimulatorServer:
    """Serves one market to any number of clients, from the first subscription on.

    Attributes:
        exchange: Books and subscriptions.
        plan: Faults still to come.
        started: Set when the first event happens.
        finished: Set when the market has no more events.
        tokens: Token for ``level3`` → monotonic seconds at which it expires; may be changed.
    """

    def __init__(
        self,
        market: Market,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float | None = 1.0,
        starts_now: bool = False,
        faults: Sequence[Fault] = (),
        requests_per_s: float = 20.0,
        level3_tokens: Sequence[str] = (),
        level3_token_life_s: float = math.inf,
        level3_rate_per_s: float = LEVEL3_RATE_PER_S,
    ) -> None:
        """Prepare the server; it listens inside ``async with``.

        Args:
            market: Source of events.
            host: Address to listen on.
            port: 0 takes a free one; see ``port``.
            speed: How many times faster than its own clock the market runs; None: as fast as
                clients take it.
            starts_now: Shift all exchange times so that the market begins at the wall clock's now.
            faults: What goes wrong.
            requests_per_s: Requests a client may send before it is told that it sends too many.
            level3_tokens: Tokens that may subscribe to ``level3``; see ``tokens``.
            level3_token_life_s: How long they can be used to begin, from now on.
            level3_rate_per_s: What a connection's subscriptions to ``level3`` may cost a second.
        """
        expires_s = time.monotonic() + level3_token_life_s
        self.tokens = dict.fromkeys(level3_tokens, expires_s)
        self._level3_rate = level3_rate_per_s
        opening = market.opening()
        self._begin_us = max((event.exch_ts_us for event in opening), default=market.start_us)
        self.exchange = Exchange(market, self._clock_us)
        self.plan = FaultPlan(faults)
        self.started = asyncio.Event()
        self.finished = asyncio.Event()
        self._market = market
        self._address = (host, port)
        self._speed = speed
        self._starts_now = starts_now
        self._requests_per_s = requests_per_s
        self._wanted = asyncio.Event()
        self._sessions: dict[Session, tuple[ServerConnection, asyncio.Event]] = {}
        self._connections = 0
        self._silent_until_s = 0.0
        self._system = "online"
        self._started_s: float | None = None
        self._event_us = market.start_us
        self._tasks: list[asyncio.Task[None]] = []
        self._server: Server | None = None

    @property
    def port(self) -> int:
        """Port in use."""
        return self._address[1]

    @property
    def url(self) -> str:
        """Endpoint for clients."""
        host, port = self._address
        return f"ws://{f'[{host}]' if ':' in host else host}:{port}"

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            AddressError: The address is taken or not ours.
        """
        host, port = self._address
        try:
            # Book frames are small: compressing them costs more than it saves on loopback.
            self._server = await serve(
                self._serve_client,
                host,
                port,
                compression=None,
                ping_interval=None,
                close_timeout=CLOSE_TIMEOUT_S,
            )
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise AddressError(host, port, reason) from error
        self._address = (host, next(iter(self._server.sockets)).getsockname()[1])
        self._tasks = [
            asyncio.create_task(task) for task in (self._run(), self._beat(), self._watch_faults())
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening and close all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def wait(self) -> None:
        """Return never, or raise what ended the market."""
        await asyncio.gather(*self._tasks)

    def _clock_us(self) -> int:
        """Return the exchange's time."""
        if self._started_s is None:
            return self._begin_us + self.exchange.shift_us
        if self._speed is None:
            elapsed_us = self._event_us - self._market.start_us
        else:
            elapsed_us = int((time.monotonic() - self._started_s) * 1e6 * self._speed)
        return self._begin_us + self.exchange.shift_us + elapsed_us

    async def _serve_client(self, connection: ServerConnection) -> None:
        self._connections += 1
        session = Session(
            self.exchange,
            self._connections,
            requests_per_s=self._requests_per_s,
            is_refused=self.plan.refuses,
            system=self._system,
            access=Level3Access(self.tokens, rate_per_s=self._level3_rate),
        )
        has_frames = asyncio.Event()
        has_frames.set()
        self._sessions[session] = (connection, has_frames)
        sender = asyncio.create_task(self._send(session, connection, has_frames))
        try:
            async for text in connection:
                self._begin_at_first_subscription(text)
                session.handle(text, time.monotonic())
                if session.has_subscribed:
                    self._wanted.set()
                has_frames.set()
        except ConnectionClosed:
            pass  # The client is gone; what it had is given up below.
        finally:
            session.close()
            del self._sessions[session]
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender

    def _begin_at_first_subscription(self, text: str | bytes) -> None:
        """Fix the shift of the exchange's clock before anything with a market time is sent."""
        if self._starts_now and not self._wanted.is_set() and b"subscribe" in _as_bytes(text):
            self.exchange.shift_us = time.time_ns() // 1000 - self._begin_us

    async def _send(
        self, session: Session, connection: ServerConnection, has_frames: asyncio.Event
    ) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await has_frames.wait()
                has_frames.clear()
                while session.outbox:
                    frame = session.outbox.popleft()
                    if time.monotonic() < self._silent_until_s:
                        continue
                    for altered in self.plan.alter(frame):
                        await connection.send(altered.text)

    async def _run(self) -> None:
        await self._wanted.wait()
        await asyncio.sleep(START_DELAY_S)
        started_s = self._started_s = time.monotonic()
        start_us = self._market.start_us
        self.started.set()
        for number, event in enumerate(self._market.events(), start=1):
            self._event_us = event.due_us
            if self._speed is not None:
                due_s = started_s + (event.due_us - start_us) / (1e6 * self._speed)
                while (wait_s := due_s - time.monotonic()) > 0:
                    self._wake()
                    await asyncio.sleep(wait_s)
            self.exchange.apply(event)
            if number % EVENTS_A_TURN == 0:
                self._wake()
                await self._give_way()
        self._wake()
        self.finished.set()

    async def _give_way(self) -> None:
        await asyncio.sleep(0)
        while self._speed is None and any(
            len(session.outbox) > HIGH_WATER for session in self._sessions
        ):
            self._wake()
            await asyncio.sleep(0.001)
        for session, (connection, _) in list(self._sessions.items()):
            if len(session.outbox) > MAX_WAITING:
                session.outbox.clear()
                await connection.close(1008, "too slow")

    def _wake(self) -> None:
        for session, (_, has_frames) in self._sessions.items():
            if session.outbox:
                has_frames.set()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            self._tell_all(Frame(wire.HEARTBEAT, "heartbeat"))

    def _tell_all(self, frame: Frame) -> None:
        for session, (_, has_frames) in self._sessions.items():
            session.deliver(frame)
            has_frames.set()

    async def _watch_faults(self) -> None:
        await self.started.wait()
        while True:
            elapsed_s = time.monotonic() - (self._started_s or 0.0)
            for fault in self.plan.due(elapsed_s):
                await self._strike(fault)
            await asyncio.sleep(FAULT_TICK_S)

    async def _strike(self, fault: Fault) -> None:
        if fault.do == "close":
            open_ones = [connection for connection, _ in self._sessions.values()]
            for connection in open_ones[fault.line - 1 : fault.line] if fault.line else open_ones:
                await connection.close(fault.code, "fault script")
        elif fault.do == "silence":
            self._silent_until_s = time.monotonic() + fault.for_s
        elif fault.do == "malformed":
            self._tell_all(Frame(fault.text))
        elif fault.do == "precision" and fault.symbol in self.exchange.instruments:
            self.exchange.add_digits(fault.symbol, fault.digits)
        elif fault.do == "maintenance":
            self._announce("maintenance")
            asyncio.get_running_loop().call_later(fault.for_s, self._announce, "online")

    def _announce(self, system: str) -> None:
        self._system = system
        self._tell_all(Frame(wire.status_frame(self._connections, system), "status"))


def _as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
