"""Speed of backtests, against hftbacktest in the same run or, without it, the slow reference.

    python benchmarks/bench_backtest.py [--rows N] [--hftbacktest PYTHON]

PYTHON is the interpreter of an environment with hftbacktest (2.4.4 was used); its own process
alternates with ours, round by round, on the same records. The replay has both clocks and no orders;
the market maker joins the touch each 100 ms under hftbacktest's matching rules, with the full
ledger on our side. With hftbacktest the numbers of orders and trades, position, cash and fees must
agree. Speeds are per second of processor time, which other work on the machine disturbs less;
both sides run in one thread. Memory: our records take 32 bytes each.
"""

from __future__ import annotations

import argparse
import ctypes
import functools
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.peer import Peer
from lobdesk.backtest import (
    RECORD_DTYPE,
    Backtest,
    CFunction,
    JoinTouch,
    MarketData,
    SignalFollower,
)
from lobdesk.engine import script

TICK, LOT = "0.1", "0.00001"
MAKER_FEE, TAKER_FEE = "-0.00005", "0.0007"
ROUNDS = 5
INTERVAL_US = 100_000
QTY, LIMIT = 1_000, 10_000


def make_stream(rows: int, seed: int = 7, gap_us: int = 4_600) -> np.ndarray[Any, Any]:
    """Return a seeded uncrossed market: some ten levels a side, 8 % trades, deletions."""
    rng = np.random.default_rng(seed)
    pick, depth = rng.random(rows), rng.geometric(0.3, rows).clip(max=10)
    sides, sizes = rng.integers(0, 2, rows), rng.integers(1, 300_000, rows)
    books: list[dict[int, int]] = [{}, {}]
    best = [600_000, 600_001]
    out: list[tuple[int, int, int, int]] = []
    for i in range(rows):
        side, sign = int(sides[i]), -1 if sides[i] == 0 else 1
        levels, other = books[side], books[1 - side]
        if pick[i] < 0.08 and other:
            out.append((2, side, best[1 - side], int(sizes[i]) // 8 + 1))
        elif pick[i] < 0.30 and len(levels) > 3:
            near = pick[i] < 0.12
            price = best[side] if near else best[side] + sign * (int(depth[i]) - 1)
            if price in levels:
                del levels[price]
                out.append((1, side, price, 0))
                best[side] = max(levels) if side == 0 else min(levels)
            else:
                out.append((1, side, price, 0))
        else:
            inside = pick[i] < 0.36 and sign * (best[1 - side] - best[side]) < -1
            price = best[side] - sign if inside else best[side] + sign * (int(depth[i]) - 1)
            levels[price] = 1
            best[side] = max(levels) if side == 0 else min(levels)
            out.append((1, side, price, int(sizes[i])))
    records = np.zeros(rows, dtype=RECORD_DTYPE)
    columns = np.array(out, dtype=np.int64)
    for at, name in enumerate(("kind", "side", "price_ticks", "qty_lots")):
        records[name] = columns[:, at]
    records["exch_ts_us"] = 1_700_000_000_000_000 + np.cumsum(rng.exponential(gap_us, rows)).astype(
        np.int64
    )
    delay = records["exch_ts_us"] + 1_500 + rng.exponential(1_500, rows).astype(np.int64)
    records["recv_ts_us"] = np.maximum.accumulate(delay)
    records["flags"] = 1
    return records


class Callable100ms:
    """The same market maker in Python."""

    interval_us = INTERVAL_US

    def on_wake(self, desk: Any) -> None:
        touch = desk.touch()
        if touch is None:
            return
        has = [False, False]
        for order in desk.orders():
            side = order.side
            has[side] = True
            if order.price_ticks != touch[side] and not (order.is_pending or order.has_request):
                desk.cancel(order.id)
        if not has[0] and desk.position() < LIMIT:
            desk.buy(touch[0], QTY, tif="GTX")
        if not has[1] and desk.position() > -LIMIT:
            desk.sell(touch[1], QTY, tif="GTX")


def ours(data: MarketData) -> dict[str, float]:
    rows = len(data)
    rules = {"preset": "hftbacktest", "maker_fee": MAKER_FEE, "taker_fee": TAKER_FEE}
    maker = JoinTouch(INTERVAL_US, QTY, LIMIT)
    times = {}
    for name, work in {
        "replay": lambda: Backtest(data, sample_us=INTERVAL_US).run(script([])),
        "maker": lambda: Backtest(data, **rules).run(maker),
        "maker_lobdesk": lambda: Backtest(data).run(maker),
        "maker_python": lambda: Backtest(data, **rules).run(Callable100ms()),
        "signals": lambda: Backtest(data).run(signals(data)),
        "maker_c": lambda: Backtest(data, **rules).run(c_maker()),
        "maker_best": lambda: Backtest(data, **rules).run(OnBest()),
    }.items():
        start = time.process_time()
        result = work()
        times[name] = rows / (time.process_time() - start)
        if name == "maker":
            times["orders"], times["trades"] = len(result.orders), len(result.fills)
            times["position"], times["cash"] = result.position_lots * float(LOT), result.cash
            times["fee"] = result.fee
    return times


def signals(data: MarketData) -> SignalFollower:
    ts_us = np.arange(data.start_us, data.end_us, INTERVAL_US)
    values = np.sin(np.arange(len(ts_us)) / 50)
    return SignalFollower(ts_us, values, threshold=0.5, max_position_lots=QTY)


class OnBest(Callable100ms):
    """The same in Python, on each change of a best price: about one wake-up for ten records."""

    interval_us = 0
    wake_on = ("best",)


@functools.cache
def c_library() -> ctypes.CDLL:
    source = Path(__file__).resolve().parents[1] / "tests" / "data" / "join_touch.c"
    library = Path(tempfile.mkdtemp()) / "join_touch.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    return ctypes.CDLL(str(library))


def c_maker() -> CFunction:
    state = np.array([QTY, LIMIT, 0], dtype=np.int64)
    return CFunction(c_library().join_touch, interval_us=INTERVAL_US, state=state)


def make_many(rows: int, symbols: int) -> np.ndarray[Any, Any]:
    """Return the streams of so many symbols one after the other, side by side in time."""
    each = rows // symbols
    return np.concatenate(
        [make_stream(each, seed=7 + i, gap_us=4_600 * symbols) for i in range(symbols)]
    )


def cut(records: np.ndarray[Any, Any], symbols: int) -> list[MarketData]:
    parts = np.split(records, symbols)
    return [
        MarketData.from_records(part, symbol=f"S{i}", tick=TICK, lot=LOT)
        for i, part in enumerate(parts)
    ]


def ours_of_many(data: list[MarketData]) -> dict[str, float]:
    rows = sum(len(each) for each in data)
    replay, maker = Backtest(data, sample_us=0), Backtest(data, preset="hftbacktest", sample_us=0)
    start = time.process_time()
    replay.run(script([]))
    replayed = time.process_time() - start
    start = time.process_time()
    maker.run(JoinTouch(INTERVAL_US, QTY, LIMIT))
    return {"replay": rows / replayed, "maker": rows / (time.process_time() - start)}


def seek_times(data: MarketData) -> tuple[list[float], list[float]]:
    """Return sorted wall and processor times of random seeks, ms."""
    engine = Backtest(data).start(JoinTouch(INTERVAL_US, QTY, LIMIT), checkpoint_events=16_384)
    engine.run(data.end_us, 2**62)
    rng = np.random.default_rng(1)
    wall, cpu = [], []
    for ts_us in rng.integers(data.start_us, data.end_us, 300):
        began, began_cpu = time.perf_counter(), time.thread_time()
        engine.seek_time(int(ts_us))
        wall.append((time.perf_counter() - began) * 1e3)
        cpu.append((time.thread_time() - began_cpu) * 1e3)
    return sorted(wall), sorted(cpu)


class Fast:
    """hftbacktest in its own process."""

    def __init__(self, python: str, path: Path, symbols: int = 1) -> None:
        self.peer = Peer(python)
        self.request = {"do": "time", "records": str(path), "symbols": symbols}

    def round(self) -> dict[str, float]:
        return self.peer.ask(**self.request)


class Slow:
    """The slow reference on the first rows; replay only."""

    ROWS = 20_000

    def __init__(self, records: np.ndarray[Any, Any]) -> None:
        self.feed = [
            {
                "k": "depth" if row["kind"] == 1 else "trade",
                "side": (("bid", "ask") if row["kind"] == 1 else ("buy", "sell"))[row["side"]],
                "px": int(row["price_ticks"]),
                "qty": int(row["qty_lots"]),
                "ex": int(row["exch_ts_us"]),
                "lo": int(row["recv_ts_us"]),
            }
            for row in records[: self.ROWS]
        ]

    def round(self) -> dict[str, float]:
        from tests.reference.engine import Reference

        model = {"entry_us": 5000, "resp_us": 5000}
        start = time.process_time()
        Reference({"model": model, "feed": self.feed, "actions": [], "end": 2**62}).run()
        return {"replay": len(self.feed) / (time.process_time() - start)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--hftbacktest", metavar="PYTHON")
    args = parser.parse_args()
    records = make_stream(args.rows)
    data = MarketData.from_records(records, symbol="SYN/USD", tick=TICK, lot=LOT)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.npy"
        np.save(path, records)
        peer = Fast(args.hftbacktest, path) if args.hftbacktest else Slow(records)
        name = "hftbacktest ROIVector" if args.hftbacktest else "slow reference (one heap, Python)"
        ours(data)
        peer.round()
        rounds = [(ours(data), peer.round()) for _ in range(ROUNDS)]
        many = {}
        for symbols in (8, 32) if args.hftbacktest else ():
            streams = make_many(args.rows, symbols)
            np.save(path, streams)
            parts, other_peer = cut(streams, symbols), Fast(args.hftbacktest, path, symbols)
            ours_of_many(parts)
            other_peer.round()
            many[symbols] = [(ours_of_many(parts), other_peer.round()) for _ in range(ROUNDS)]
            other_peer.peer.close()
    print(f"{args.rows:,} records; reference: {name}; medians of {ROUNDS} alternating rounds")
    for key, against in {
        "replay": "replay",
        "maker": "maker",
        "maker_lobdesk": "maker",
        "signals": "maker",
        "maker_c": "maker",
        "maker_python": "maker",
        "maker_best": "maker",
    }.items():
        mine = statistics.median(own[key] for own, _ in rounds)
        line = f"  {key:<14} {mine / 1e6:7.2f} M records/s"
        if against in rounds[0][1]:
            ratio = statistics.median(own[key] / other[against] for own, other in rounds)
            theirs = statistics.median(other[against] for _, other in rounds)
            line += f"   {ratio:6.2f} x {against} of the reference ({theirs / 1e6:.2f} M/s)"
        print(line)
    for symbols, pairs in many.items():
        mine = statistics.median(one["replay"] for one, _ in pairs)
        ratio = statistics.median(one["replay"] / two["replay"] for one, two in pairs)
        theirs = statistics.median(two["replay"] for _, two in pairs)
        line = f"  {symbols:2} symbols replay {mine / 1e6:5.2f} M records/s"
        print(f"{line}   {ratio:6.2f} x replay of the reference ({theirs / 1e6:.2f} M/s)")
        # It quotes in every symbol at every wake-up: so many times the orders of one symbol.
        mine = statistics.median(one["maker"] for one, _ in pairs)
        print(f"  {symbols:2} symbols maker  {mine / 1e6:5.2f} M records/s")
    own, other = rounds[-1]
    for key in ("orders", "trades", "position", "cash", "fee"):
        if key in other:
            is_equal = abs(own[key] - other[key]) <= 1e-6 * max(1.0, abs(other[key]))
            word = "equal" if is_equal else "DIFFERENT"
            print(f"  {key:<9} {own[key]:.6f} | {other[key]:.6f}  {word}")
    wall, cpu = seek_times(data)
    print(
        f"  seek in {2 * args.rows:,} events: median {wall[150]:.2f} ms, p99 {wall[297]:.2f} ms; "
        f"of processor time {cpu[150]:.2f} and {cpu[297]:.2f} ms"
    )


if __name__ == "__main__":
    main()
