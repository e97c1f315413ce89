"""What backtests cost besides time a record: memory, loading, the start, seeks.

    python benchmarks/bench_backtest_costs.py [--rows N] [--hftbacktest PYTHON]

PYTHON is the interpreter of an environment with hftbacktest (2.4.4 was used); where it does the
same, it does so in its own process, in turns with ours, and figures are medians of the rounds.

- Memory: bytes of the mapped file for each record, and by how much memory that is no file's grows
  over a replay and a market maker's run, in a process that does nothing else (Linux only).
- Load: wall time from the mapped file to checked data and a first event; theirs from an
  uncompressed .npz. The file is in the page cache.
- Start: of a whole process that imports, loads 20,000 records, makes a market and prints
  the number of orders; theirs compiles on the way.
- Seek: to 300 random instants of a market maker's run with a checkpoint each 16,384 events.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from backtest_peers import Hftbacktest
from market_stream import LOT, TICK, make_stream

from benchmarks.peer import PROGRAM, find_peer
from lobdesk.backtest import Backtest, JoinTouch, MarketData, Result
from lobdesk.engine import script

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 5
FIRST_ROWS = 20_000
FIRST = """
import sys, numpy
from lobdesk.backtest import Backtest, JoinTouch, MarketData
records = numpy.load(sys.argv[1], mmap_mode="r")
data = MarketData.from_records(records, symbol="SYN/USD", tick="0.1", lot="0.00001")
print(len(Backtest(data, preset="hftbacktest").run(JoinTouch(100_000, 1_000, 10_000)).orders))
"""


def write_stream(path: Path, rows: int) -> None:
    np.save(path, make_stream(rows))


def open_stream(path: Path) -> MarketData:
    records = np.load(path, mmap_mode="r")
    return MarketData.from_records(records, symbol="SYN/USD", tick=TICK, lot=LOT)


def make_market(data: MarketData) -> Result:
    return Backtest(data, preset="hftbacktest").run(JoinTouch(100_000, 1_000, 10_000))


def apart(work: Callable[..., Any], *args: object) -> Any:
    """Return what a function answers in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *args).result()


def anonymous_bytes() -> int:
    """Memory of this process that is not a file's, as Linux counts it; 0 elsewhere."""
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else ():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def measure_memory(path: Path) -> dict[str, float]:
    make_market(open_stream(path))  # what a first run loads is no cost of the second
    start = anonymous_bytes()
    data = open_stream(path)
    loaded = anonymous_bytes()
    replayed = Backtest(data).run(script([]))
    after_replay = anonymous_bytes()
    made = make_market(data)
    after_maker = anonymous_bytes()
    tables = {name: getattr(made, name) for name in ("fills", "orders", "equity")}
    return {
        "mapped": data.records.nbytes / len(data),
        "load": loaded - start,
        "replay": after_replay - loaded,
        "maker": after_maker - after_replay,
        "samples": len(replayed.equity),
        **{f"{name}_rows": len(rows) for name, rows in tables.items()},
        **{f"{name}_bytes": rows.itemsize for name, rows in tables.items()},
    }


def report_memory(path: Path) -> None:
    cost = apart(measure_memory, path)
    print(f"memory: {cost['mapped']:.1f} B a record mapped")
    print(
        f"  growth of loading {cost['load'] / 1e6:.1f} MB, of a replay {cost['replay'] / 1e6:.1f}"
    )
    rows = ", ".join(
        f"{cost[f'{name}_rows']:,} {name} of {cost[f'{name}_bytes']} B"
        for name in ("fills", "orders", "equity")
    )
    print(f"  growth of a market maker's run {cost['maker'] / 1e6:.1f} MB: {rows}")


def time_load(path: Path) -> float:
    start = time.perf_counter()
    engine = Backtest(open_stream(path)).start(script([]))
    engine.run(2**62, 1)
    return time.perf_counter() - start


def report_load(path: Path, python: str | None) -> None:
    time_load(path)
    if python is None:
        ours = statistics.median(time_load(path) for _ in range(ROUNDS))
        print(f"load to a first event: {ours:.3f} s")
        return
    with Hftbacktest(python, do="convert", records=str(path)) as peer:
        file = peer.round()["file"]
    with Hftbacktest(python, do="load", file=file) as peer:
        peer.round()
        rounds = [(time_load(path), peer.round()) for _ in range(ROUNDS)]
    ours = statistics.median(own for own, _ in rounds)
    theirs = statistics.median(other["load"] for _, other in rounds)
    ratio = statistics.median(other["load"] / own for own, other in rounds)
    print(
        f"load to a first event: {ours:.3f} s; {ratio:.1f} x as fast as hftbacktest ({theirs:.3f})"
    )
    growth = statistics.median(other["anonymous"] for _, other in rounds)
    size = path.with_suffix(".npz").stat().st_size
    print(f"  its file has {size / 1e6:.0f} MB, its memory grows by {growth / 1e6:.0f} MB")


def time_process(command: list[str], request: str) -> tuple[float, float]:
    """Return wall and processor time of a command that reads a request."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, input=request, text=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def report_start(path: Path, python: str | None) -> None:
    commands = {"import to a first result": [sys.executable, "-c", FIRST, str(path)]}
    if python:
        commands["  of hftbacktest"] = [python, str(PROGRAM)]
    request = json.dumps({"do": "first", "records": str(path)})
    time_process(commands["import to a first result"], request)
    rounds = [
        [time_process(command, request) for command in commands.values()] for _ in range(ROUNDS)
    ]
    for name, times in zip(commands, zip(*rounds, strict=True), strict=True):
        wall, cpu = (statistics.median(each) for each in zip(*times, strict=True))
        print(f"{name}: {wall:.2f} s, of processor time {cpu:.2f} s")


def report_seeks(path: Path) -> None:
    data = open_stream(path)
    backtest = Backtest(data)
    maker = JoinTouch(100_000, 1_000, 10_000)
    engine = backtest.start(maker, checkpoint_events=16_384)
    before = anonymous_bytes()
    engine.run(backtest.end_us, 2**62)
    growth = anonymous_bytes() - before
    events = engine.events
    wall, cpu = [], []
    for ts_us in np.random.default_rng(1).integers(data.start_us, data.end_us, 300):
        began, began_cpu = time.perf_counter(), time.thread_time()
        engine.seek_time(int(ts_us))
        wall.append((time.perf_counter() - began) * 1e3)
        cpu.append((time.thread_time() - began_cpu) * 1e3)
    wall, cpu = sorted(wall), sorted(cpu)
    print(f"seek in {events:,} events: median {wall[150]:.2f} ms, p99 {wall[297]:.2f} ms")
    print(f"  of processor time {cpu[150]:.2f} and {cpu[297]:.2f} ms")
    print(f"  ledger and checkpoints {growth / 1e6:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=5_000_000, help="records (default %(default)s)")
    parser.add_argument(
        "--hftbacktest",
        metavar="PYTHON",
        default=find_peer(),
        help="environment with hftbacktest (default: that of `make peer`, if it is there)",
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, first = Path(folder) / "records.npy", Path(folder) / "first.npy"
        apart(write_stream, path, args.rows)
        apart(write_stream, first, FIRST_ROWS)
        print(f"{args.rows:,} records, {path.stat().st_size / 1e6:.0f} MB", flush=True)
        report_memory(path)
        report_load(path, args.hftbacktest)
        report_start(first, args.hftbacktest)
        report_seeks(path)


if __name__ == "__main__":
    main()
