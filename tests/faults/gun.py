"""A source of frames that is far faster than the simulated exchange.

    python -m tests.faults.gun RATE [DURATION_S]

The frames of the synthetic market are made beforehand and sent as prepared WebSocket messages,
paced, again and again: each round begins with snapshots. Each carries the time at which it was
due as its exchange time, so that whoever lags can see it. Behind the last one heartbeats follow.
Prints its address; after the last frame, or when the client is gone, one line of JSON: frames
sent and the most that it was behind its schedule. Ends with the client.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import sys
import time
from collections.abc import Iterator
from itertools import islice

from lobdesk.simulator import SyntheticMarket, wire
from lobdesk.simulator.exchange import Exchange
from lobdesk.simulator.session import Session
from lobdesk.units import format_rfc3339_us
from tests.faults.stage import SYMBOLS

DISTINCT_FRAMES = 20_000
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TIME = re.compile(r'"timestamp":"[^"]*"')
TICK_S = 0.001
BURST = 2_000
HEARTBEAT_EVERY_S = 1.0


def message(text: str) -> bytes:
    """Return a WebSocket message of one unmasked text frame."""
    data = text.encode()
    size = len(data)
    if size < 126:
        return bytes((0x81, size)) + data
    if size < 1 << 16:
        return bytes((0x81, 126)) + size.to_bytes(2, "big") + data
    return bytes((0x81, 127)) + size.to_bytes(8, "big") + data


def split(text: str) -> tuple[bytes, bytes]:
    """Return a frame's message before and behind its exchange time, which has one length."""
    prepared = message(TIME.sub(f'"timestamp":"{format_rfc3339_us(0)}"', text, count=1))
    head, _, tail = prepared.partition(format_rfc3339_us(0).encode())
    return head, tail


def make_rounds() -> tuple[str, list[tuple[bytes, bytes]]]:
    """Return the ``instrument`` frame, and snapshots and updates to be sent again and again."""
    market = SyntheticMarket(SYMBOLS, seed=1, start_us=1_767_225_600_000_000)
    exchange = Exchange(market, lambda: market.start_us)
    session = Session(exchange, 1)
    params = {"channel": "book", "symbol": list(SYMBOLS), "depth": 10}
    session.handle(json.dumps({"method": "subscribe", "req_id": 1, "params": params}), 0.0)
    for event in islice(market.events(), DISTINCT_FRAMES):
        exchange.apply(event)
    frames = [split(frame.text) for frame in session.outbox if frame.channel == "book"]
    return wire.instrument_frame("snapshot", exchange.instruments.values()), frames


def requests(data: bytes) -> Iterator[dict]:
    """Yield the requests in masked client frames below 64 KiB, each whole in ``data``."""
    at = 0
    while at + 6 <= len(data):
        opcode, size = data[at] & 15, data[at + 1] & 127
        at += 2
        if size == 126:
            size, at = int.from_bytes(data[at : at + 2], "big"), at + 2
        mask, body = data[at : at + 4], data[at + 4 : at + 4 + size]
        at += 4 + size
        if opcode == 1:
            yield json.loads(bytes(b ^ mask[i % 4] for i, b in enumerate(body)))


class Gun:
    """Serves one client at a time."""

    def __init__(self, rate: float, duration_s: float) -> None:
        self.rate = rate
        self.duration_s = duration_s
        self.instruments, self.frames = make_rounds()
        self.sent = 0
        self.late_s = 0.0
        self.fired, self.done = asyncio.Event(), asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = next(
            line.split(b":", 1)[1].strip()
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + message(wire.status_frame(1))
        )
        answering = asyncio.create_task(self.answer(reader, writer))
        try:
            await asyncio.sleep(0.5)
            await self.fire(writer)
            self.fired.set()
            # To close now would take from the client what it has not read yet.
            while not answering.done():
                writer.write(message(wire.HEARTBEAT))
                await writer.drain()
                await asyncio.sleep(HEARTBEAT_EVERY_S)
        except ConnectionError:
            pass
        finally:
            answering.cancel()
            writer.close()
            self.fired.set()
            self.done.set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            for request in requests(data):
                params, req_id = request.get("params", {}), request.get("req_id")
                if request["method"] == "ping":
                    now_us = time.time_ns() // 1000
                    writer.write(message(wire.pong_frame(req_id, now_us, now_us)))
                    continue
                channel = params["channel"]
                for symbol in params.get("symbol", [None]):
                    result = {"channel": channel}
                    result |= {"symbol": symbol} if symbol else {}
                    result |= {"depth": 10} if channel == "book" else {}
                    writer.write(message(wire.ack_frame(request["method"], result, req_id, 0, 0)))
                if channel == "instrument":
                    writer.write(message(self.instruments))

    async def fire(self, writer: asyncio.StreamWriter) -> None:
        began_s, began_us = time.monotonic(), time.time_ns() // 1000
        count = len(self.frames)
        beat_s = began_s
        total = int(self.rate * self.duration_s)
        while self.sent < total:
            now_s = time.monotonic()
            due = min(total, int((now_s - began_s) * self.rate))
            self.late_s = max(self.late_s, (due - self.sent) / self.rate)
            size = min(BURST, due - self.sent)
            parts = []
            for number in range(self.sent, self.sent + size):
                head, tail = self.frames[number % count]
                when = format_rfc3339_us(began_us + int(1e6 * number / self.rate))
                parts += (head, when.encode(), tail)
            if now_s - beat_s >= HEARTBEAT_EVERY_S:
                beat_s = now_s
                parts.append(message(wire.HEARTBEAT))
            self.sent += size
            if parts:
                writer.write(b"".join(parts))
                await writer.drain()
            if size < BURST:
                await asyncio.sleep(TICK_S)


async def main() -> None:
    duration_s = float(sys.argv[2]) if len(sys.argv) > 2 else 60.0
    gun = Gun(float(sys.argv[1]), duration_s)
    server = await asyncio.start_server(gun.serve, "127.0.0.1", 0, limit=1 << 20)
    sys.stdout.write(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await gun.fired.wait()
    sys.stdout.write(json.dumps({"sent": gun.sent, "late_s": gun.late_s}) + "\n")
    sys.stdout.flush()
    await gun.done.wait()


if __name__ == "__main__":
    asyncio.run(main())
