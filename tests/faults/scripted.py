"""A simulated exchange that behaves worse than ``lobdesk simulate`` offers.

    python -m tests.faults.scripted '{"mute": ["DOT/USD"], "limited": 3, "texts": "frames.bin"}'

``mute``: no acknowledgement for these pairs, and no data. ``limited``: the first requests get the
rate limit's answer. ``texts``: a file of frames, each behind its length, that are sent to the
first client between the market's. ``activity``, ``symbols``: of the market.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from lobdesk.simulator import SimulatorServer, SyntheticMarket, wire
from lobdesk.simulator.exchange import Frame
from lobdesk.simulator.session import Session
from tests.faults.stage import SYMBOLS

HEADER_BYTES = 4


def pack(frames: list[bytes]) -> bytes:
    return b"".join(len(frame).to_bytes(HEADER_BYTES, "little") + frame for frame in frames)


def unpack(data: bytes) -> list[bytes]:
    frames, at = [], 0
    while at < len(data):
        begin = at + HEADER_BYTES
        at = begin + int.from_bytes(data[at:begin], "little")
        frames.append(data[begin:at])
    return frames


class ScriptedSession(Session):
    """Ignores some pairs, and answers the first requests with the rate limit."""

    mute: frozenset[str] = frozenset()
    limited = 0

    def handle(self, text: str | bytes, now_s: float) -> None:
        cls = type(self)
        if cls.limited > 0:
            cls.limited -= 1
            self.deliver(Frame(wire.RATE_EXCEEDED))
            return
        super().handle(text, now_s)

    def _subscribe(self, channel, symbol, params, req_id, in_us) -> None:
        if symbol not in self.mute:
            super()._subscribe(channel, symbol, params, req_id, in_us)


class ScriptedServer(SimulatorServer):
    """Sends texts that are no frames of the market, once there is a client."""

    async def send_texts(self, texts: list[bytes]) -> None:
        await self.started.wait()
        await asyncio.sleep(1.0)
        (connection, _), *_ = self._sessions.values()
        for text in texts:
            await connection.send(text, text=True)
        for session in self._sessions:
            session.deliver(Frame('{"channel":"the end"}'))


async def serve(options: dict[str, Any], texts: list[bytes]) -> None:
    ScriptedSession.mute = frozenset(options.get("mute", ()))
    ScriptedSession.limited = options.get("limited", 0)
    symbols = options.get("symbols", SYMBOLS)
    market = SyntheticMarket(
        symbols, seed=1, start_us=time.time_ns() // 1000, activity=options.get("activity", 3.0)
    )
    async with ScriptedServer(market, starts_now=True) as server:
        sys.stdout.write(server.url + "\n")
        sys.stdout.flush()
        await asyncio.gather(server.wait(), server.send_texts(texts))


if __name__ == "__main__":
    from lobdesk.simulator import server as module

    module.Session = ScriptedSession  # type: ignore[misc]
    chosen = json.loads(sys.argv[1])
    packed = Path(chosen["texts"]).read_bytes() if "texts" in chosen else b""
    asyncio.run(serve(chosen, unpack(packed)))
