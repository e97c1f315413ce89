"""A client of the simulator for tests: sends requests, collects frames."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

DEADLINE_S = 20.0


class Client:
    """One connection; ``frames`` holds everything received, as text."""

    def __init__(self, socket) -> None:
        self.frames: list[str] = []
        self._socket = socket
        self._req_id = 0

    async def request(self, method: str, **params: Any) -> int:
        """Send a request and return its number."""
        self._req_id += 1
        request = {"method": method, "req_id": self._req_id}
        if params:
            request["params"] = params
        await self._socket.send(json.dumps(request))
        return self._req_id

    async def send(self, text: str) -> None:
        """Send anything."""
        await self._socket.send(text)

    async def receive(self) -> dict[str, Any]:
        """Return the next frame."""
        text = await asyncio.wait_for(self._socket.recv(), DEADLINE_S)
        self.frames.append(text)
        return json.loads(text)

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Receive until a frame satisfies the condition, and return it."""
        while True:
            frame = await self.receive()
            if condition(frame):
                return frame

    async def until_count(self, channel: str, count: int) -> None:
        """Receive until so many frames of a channel have come."""
        seen = 0
        while seen < count:
            seen += (await self.receive()).get("channel") == channel


@contextlib.asynccontextmanager
async def client(url: str) -> AsyncIterator[Client]:
    """Connect to a simulator."""
    async with connect(url, compression=None, max_size=2**26, close_timeout=0.1) as socket:
        yield Client(socket)
