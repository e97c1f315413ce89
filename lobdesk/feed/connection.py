"""Moves frames between a WebSocket and the recorder; looks into none of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from lobdesk.errors import FeedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.client import ClientConnection

MAX_FRAME_BYTES = 16 * 1024 * 1024
"""The library's 1 MiB is too little: instrument snapshots grow, and were 222 kB in 2024."""

MAX_WAITING_FRAMES = 64
"""Behind so many received frames the socket is not read, and TCP slows the exchange down."""

SILENCE_LIMIT_S = 5.0
"""Heartbeats come each second, so this long without any frame means that the line is dead."""

OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 0.5


class ConnectFailedError(FeedError):
    """One attempt to connect failed; the text is the reason."""


class Connection:
    """One open WebSocket.

    Attributes:
        close_reason: Why it ended, once it has.
    """

    def __init__(self, socket: ClientConnection, silence_limit_s: float) -> None:
        self.close_reason = ""
        self._socket = socket
        self._silence_limit_s = silence_limit_s
        self._last_frame_s = time.monotonic()

    async def send(self, text: str) -> bool:
        """Send a request and tell whether the line was still open."""
        try:
            await self._socket.send(text)
        except ConnectionClosed:
            return False
        return True

    async def receive(self) -> bytes | None:
        """Return the next frame; None when the connection has ended, see ``close_reason``."""
        try:
            frame = await self._socket.recv(decode=False)
        except ConnectionClosed as error:
            self.close_reason = self.close_reason or _closing(error)
            return None
        self._last_frame_s = time.monotonic()
        return frame

    async def watch(self) -> None:
        """Cut the line when it has been silent for too long; runs until then."""
        while True:
            left_s = self._last_frame_s + self._silence_limit_s - time.monotonic()
            if left_s <= 0:
                self.close_reason = f"no frame for {self._silence_limit_s:g} s"
                # A closing handshake would wait for a peer that does not answer.
                self._socket.transport.abort()
                return
            await asyncio.sleep(left_s)

    async def close(self) -> None:
        """Close from our side."""
        self.close_reason = self.close_reason or "closed by us"
        await self._socket.close()


@contextlib.asynccontextmanager
async def open_connection(
    url: str,
    *,
    compression: str | None = None,
    proxy: str = "",
    silence_limit_s: float = SILENCE_LIMIT_S,
) -> AsyncIterator[Connection]:
    """Connect, and close at the end.

    Args:
        url: Endpoint, ``ws://`` or ``wss://``.
        compression: ``deflate`` saves bytes on the line and costs time; None is off.
        proxy: Address of a proxy, ``environment`` for what the variables say, empty for none.
        silence_limit_s: How long the line may be silent, see ``Connection.watch``.

    Raises:
        ConnectFailedError: There is no connection.
    """
    # At its most talkative the library writes down every frame, also one that holds a token.
    quiet = logging.getLogger(f"{__name__}.socket")
    quiet.setLevel(logging.INFO)
    try:
        socket = await connect(
            url,
            logger=quiet,
            compression=compression,
            # The library would follow HTTPS_PROXY and its kin, which are meant for other programs.
            proxy=True if proxy == "environment" else proxy or None,
            max_size=MAX_FRAME_BYTES,
            max_queue=MAX_WAITING_FRAMES,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=None,
        )
    except (OSError, TimeoutError, WebSocketException, ValueError) as error:
        raise ConnectFailedError(_reason(error)) from error
    connection = Connection(socket, silence_limit_s)
    watchdog = asyncio.create_task(connection.watch())
    try:
        yield connection
    finally:
        watchdog.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watchdog
        try:
            await connection.close()
        except asyncio.CancelledError:
            # Whoever is in a hurry gets no closing handshake, but no open socket either.
            socket.transport.abort()
            raise


def _closing(error: ConnectionClosed) -> str:
    received = error.rcvd
    if received is None:
        return "connection lost"
    words = f" {received.reason}" if received.reason else ""
    return f"closed by the exchange: {int(received.code)}{words}"


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {OPEN_TIMEOUT_S:g} s"
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return str(error)
