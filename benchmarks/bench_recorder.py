"""The recorder end to end on loopback: frames a second without loss, and receipt to written.

Frames of the synthetic market are made beforehand and sent by another process, first as fast as
the socket takes them, then paced at 200 and 5,000 frames/s, which is all of Kraken at depth 1000.
Reference in the same run: the same socket read by the bare library, which is the floor.

    python benchmarks/bench_recorder.py [frames] [seconds]
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import ClassVar

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from lobdesk.daemon import Daemon
from lobdesk.recorder import Recorder
from lobdesk.settings import DaemonSettings
from lobdesk.simulator.exchange import Exchange
from lobdesk.simulator.session import Session
from lobdesk.simulator.synthetic import SyntheticMarket

SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD")
ALL_OF_KRAKEN = 5_000
ROOT = Path(__file__).parents[1]
TEN = "BTC,ETH,SOL,XRP,ADA,LTC,DOGE,LINK,AVAX,DOT"
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


def usage(pid: int) -> tuple[float, float]:
    """Return CPU seconds and MiB in memory of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return cpu_s, pages * os.sysconf("SC_PAGESIZE") / 2**20


def start(*args: str) -> subprocess.Popen[str]:
    command = [sys.executable, *args]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def paced(rate: int, seconds: float, reader: list[str]) -> tuple[float, float, float]:
    """Send so many frames a second to a reader; return its CPU share, MiB, and the rate."""
    source = start("-m", "tests.faults.gun", str(rate), str(seconds))
    url = source.stdout.readline().strip()
    process = start(*(url if word == "URL" else word for word in reader))
    time.sleep(min(3.0, seconds / 3))
    (begun_cpu_s, _), begun_s = usage(process.pid), time.monotonic()
    time.sleep(seconds / 2)
    (cpu_s, mib), took_s = usage(process.pid), time.monotonic() - begun_s
    sent = json.loads(source.stdout.readline())
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    source.communicate(timeout=30)
    assert sent["sent"] == int(rate * seconds)
    return (cpu_s - begun_cpu_s) / took_s, mib, sent["late_s"]


def at_rate(rate: int, seconds: float) -> None:
    """Print what recorder and bare library need at a rate."""
    bare = "import sys; sys.path.insert(0, 'benchmarks'); import bench_recorder; "
    bare += "bench_recorder.read_for_ever(sys.argv[1])"
    share, mib, _ = paced(rate, seconds, ["-c", bare, "URL"])
    print(f"at {rate:5,}/s: library alone {share:6.1%} CPU {mib:4.0f} MiB")
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "timed.json"
        data = str(Path(folder) / "data")
        command = ["-m", "tests.faults.timed_daemon", str(result), "daemon", "run"]
        command += ["--data-dir", data, "--symbols", TEN, "--url", "URL"]
        share, mib, late_s = paced(rate, seconds, command)
        took = json.loads(result.read_text())
        report = json.loads((Path(data) / "l2" / "recorder.json").read_text())
    frames = sum(book["verified"] for book in report["books"].values())
    assert frames == int(rate * seconds), (frames, rate * seconds)
    print(f"at {rate:5,}/s: recorder      {share:6.1%} CPU {mib:4.0f} MiB, receipt to written "
          f"p50 {took['p50_us']:.0f} us  p99 {took['p99_us']:.0f} us; nothing lost, "
          f"source late by {late_s:.2f} s")  # fmt: skip


def read_for_ever(url: str) -> None:
    """Receive with the library alone until interrupted."""

    async def read() -> None:
        async with connect(url, compression=None, max_queue=256, close_timeout=0.1) as socket:
            async for _ in socket:
                pass

    with contextlib.suppress(KeyboardInterrupt, ConnectionClosed):
        asyncio.run(read())


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
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
    for rate in (200, ALL_OF_KRAKEN):
        at_rate(rate, seconds)


if __name__ == "__main__":
    main()
