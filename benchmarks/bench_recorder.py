"""The recorder end to end on loopback: frames a second without loss, and receipt to written.

Frames of the synthetic market are made beforehand and sent by another process as fast as the
socket takes them. References in the same run: the same socket read by the bare library, which is
the floor, and 5,000 frames/s, which is all of Kraken at depth 1000.

    python benchmarks/bench_recorder.py [frames]
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import ClassVar

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from lobdesk.daemon import Daemon
from lobdesk.recorder import Recorder
from lobdesk.settings import DaemonSettings
from lobdesk.simulator.exchange import Exchange
from lobdesk.simulator.session import Session
from lobdesk.simulator.synthetic import SyntheticMarket

SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD")
ALL_OF_KRAKEN = 5_000
REQUESTS = (
    '{"method":"subscribe","req_id":1,"params":{"channel":"instrument"}}',
    '{"method":"subscribe","req_id":2,"params":{"channel":"book","symbol":["BTC/USD","ETH/USD",'
    '"SOL/USD"],"depth":10,"snapshot":true}}',
    '{"method":"subscribe","req_id":3,"params":{"channel":"trade","symbol":["BTC/USD","ETH/USD",'
    '"SOL/USD"],"snapshot":true}}',
)


def make_frames(count: int) -> list[str]:
    """Return what a client of the simulated exchange would receive."""
    market = SyntheticMarket(SYMBOLS, seed=1, start_us=1_767_225_600_000_000)
    exchange = Exchange(market, lambda: market.start_us)
    session = Session(exchange, 1)
    for at, request in enumerate(REQUESTS):
        session.handle(request, float(at))
    for event in islice(market.events(), count * 2):
        exchange.apply(event)
        if len(session.outbox) >= count:
            break
    return [frame.text for frame in session.outbox][:count]


def serve_frames(frames: list[str], ports: multiprocessing.Queue) -> None:
    """Send the frames to whoever subscribes; the end of its process ends it."""

    async def client(socket) -> None:
        await socket.recv()
        for frame in frames:
            await socket.send(frame)
        await socket.wait_closed()

    async def run() -> None:
        async with serve(client, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
            ports.put(next(iter(server.sockets)).getsockname()[1])
            await asyncio.Event().wait()

    asyncio.run(run())


async def read_only(url: str, count: int) -> None:
    """Receive with the library alone."""
    async with connect(url, compression=None, max_queue=256, close_timeout=0.1) as socket:
        await socket.send("go")
        for _ in range(count):
            await socket.recv(decode=False)


class TimedRecorder(Recorder):
    """Measures from the call with a frame until it is in the file."""

    took_ns: ClassVar[list[int]] = []

    def received(self, frame: bytes, conn: int) -> None:
        began_ns = time.perf_counter_ns()
        super().received(frame, conn)
        self.took_ns.append(time.perf_counter_ns() - began_ns)


async def record(url: str, root: Path, count: int) -> Daemon:
    """Record until all frames are in and derived."""
    settings = DaemonSettings(symbols=SYMBOLS, ws_url=url)
    daemon = Daemon(settings, root, max_frames=count)
    daemon.recorder.__class__ = TimedRecorder
    await daemon.run()
    return daemon


def measure(work) -> tuple[float, float, object]:
    """Return wall time, CPU time and the result."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    result = asyncio.run(work)
    return time.perf_counter() - wall_s, time.process_time() - cpu_s, result


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60_000
    frames = make_frames(count)
    ports: multiprocessing.Queue = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve_frames, args=(frames, ports), daemon=True)
    server.start()
    url = f"ws://127.0.0.1:{ports.get(timeout=60)}"
    with tempfile.TemporaryDirectory() as folder:
        floor_s, floor_cpu_s, _ = measure(read_only(url, count))
        wall_s, cpu_s, daemon = measure(record(url, Path(folder), count))
    server.terminate()
    report = daemon.report()
    took_us = [ns / 1000 for ns in TimedRecorder.took_ns]
    cuts = statistics.quantiles(took_us, n=1000)
    book_frames = sum(book.verified for book in report.books.values())
    rate, floor = count / wall_s, count / floor_s
    p50, p99, p999 = (cuts[at] for at in (499, 989, 998))
    size = sum(map(len, frames)) / count
    print(f"frames {count:,}, mean {size:.0f} bytes, {book_frames:,} books verified")
    print(f"library alone {floor:10,.0f} frames/s  {1e6 * floor_cpu_s / count:5.1f} us CPU each")
    print(f"recorder      {rate:10,.0f} frames/s  {1e6 * cpu_s / count:5.1f} us CPU each")
    print(f"receipt to written, us: p50 {p50:.1f}  p99 {p99:.1f}  p99.9 {p999:.1f}")
    print(f"lost {report.lost}, found the queue full {report.queue_full}, resyncs {report.resyncs}")
    print(f"CPU share at 5,000 frames/s {ALL_OF_KRAKEN * cpu_s / count:.0%}")
    print(f"ratio to all of Kraken (5,000/s) {rate / ALL_OF_KRAKEN:.1f}x")
    print(f"ratio to the library alone       {rate / floor:.2f}x")
    assert report.lost == 0
    assert report.resyncs == 0


if __name__ == "__main__":
    main()
