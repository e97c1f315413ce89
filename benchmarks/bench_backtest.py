"""Speed of backtests, against hftbacktest in the same run or, without it, the slow reference.

    python benchmarks/bench_backtest.py [--rows N] [--hftbacktest PYTHON]

PYTHON is the interpreter of an environment with hftbacktest (2.4.4 was used); its own process
alternates with ours, round by round, on the same records, and ratios are medians of those of each
round. The replay has both clocks and no orders, but brings every book up to date each 100 ms: for
an equity sample here (for a wake-up without orders, if there are several symbols), by `elapse`
there. The market maker joins the touch each 100 ms under hftbacktest's matching rules, with the
full ledger on our side; its orders, trades, position, cash and fees must be those of hftbacktest,
or the benchmark fails. With 8 and 32 symbols so many markets lie side by side in time and the
market maker quotes in each. Speeds are records of the market a second of processor time, which
other work on the machine disturbs less; both sides run in one thread. `bench_backtest_costs.py`
measures memory, loading, the start and seeks.
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
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from backtest_peers import Hftbacktest, SlowReference
from market_stream import LOT, TICK, make_stream, make_streams

from benchmarks.peer import find_peer
from lobdesk.backtest import Backtest, CFunction, JoinTouch, MarketData, Result, SignalFollower
from lobdesk.engine import script

if TYPE_CHECKING:
    from collections.abc import Callable

Round = dict[str, float]

RULES = {"preset": "hftbacktest", "maker_fee": "-0.00005", "taker_fee": "0.0007"}
ROUNDS = 5
INTERVAL_US = 100_000
QTY, LIMIT = 1_000, 10_000
EQUAL = ("orders", "trades", "position", "cash", "fee")

# Our figure -> whose speed of the peer it is compared with.
RUNGS = {
    "replay": "replay",
    "maker": "maker",
    "maker_lobdesk": "maker",
    "signals": "maker",
    "maker_c": "maker",
    "maker_python": "maker",
    "maker_best": "maker",
}


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


class OnBest(Callable100ms):
    """The same in Python, on each change of a best price: about one wake-up for ten records."""

    interval_us = 0
    wake_on = ("best",)


def signals(data: MarketData) -> SignalFollower:
    ts_us = np.arange(data.start_us, data.end_us, INTERVAL_US)
    values = np.sin(np.arange(len(ts_us)) / 50)
    return SignalFollower(ts_us, values, threshold=0.5, max_position_lots=QTY)


@functools.cache
def c_library() -> ctypes.CDLL:
    source = Path(__file__).resolve().parents[1] / "tests" / "data" / "join_touch.c"
    library = Path(tempfile.mkdtemp()) / "join_touch.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    return ctypes.CDLL(str(library))


def c_maker() -> CFunction:
    state = np.array([QTY, LIMIT, 0], dtype=np.int64)
    return CFunction(c_library().join_touch, interval_us=INTERVAL_US, state=state)


def market_data(streams: list[np.ndarray[Any, Any]]) -> list[MarketData]:
    return [
        MarketData.from_records(stream, symbol=f"S{i}", tick=TICK, lot=LOT)
        for i, stream in enumerate(streams)
    ]


def timed(data: list[MarketData], runs: dict[str, Callable[[], Result]]) -> Round:
    """Return records a second of each run, and what the market maker came to."""
    rows = sum(len(each) for each in data)
    answer = {}
    for name, run in runs.items():
        start = time.process_time()
        result = run()
        answer[name] = rows / (time.process_time() - start)
        if name == "maker":
            answer["orders"], answer["trades"] = len(result.orders), len(result.fills)
            lots = sum(account.position_lots for account in result.accounts)
            answer["position"] = lots * float(LOT)
            answer["cash"], answer["fee"] = result.cash, result.fee
    return answer


def ours(data: list[MarketData]) -> Round:
    maker = JoinTouch(INTERVAL_US, QTY, LIMIT)
    return timed(
        data,
        {
            "replay": lambda: Backtest(data, sample_us=INTERVAL_US).run(script([])),
            "maker": lambda: Backtest(data, **RULES).run(maker),
            "maker_lobdesk": lambda: Backtest(data).run(maker),
            "signals": lambda: Backtest(data).run(signals(data[0])),
            "maker_c": lambda: Backtest(data, **RULES).run(c_maker()),
            "maker_python": lambda: Backtest(data, **RULES).run(Callable100ms()),
            "maker_best": lambda: Backtest(data, **RULES).run(OnBest()),
        },
    )


def ours_of_many(data: list[MarketData]) -> Round:
    ts_us = np.arange(data[0].start_us, data[0].end_us, INTERVAL_US)
    waker = SignalFollower(ts_us, np.zeros(len(ts_us)), threshold=0.5, max_position_lots=QTY)
    return timed(
        data,
        {
            "replay": lambda: Backtest(data, sample_us=0).run(waker),
            "maker": lambda: Backtest(data, **RULES).run(JoinTouch(INTERVAL_US, QTY, LIMIT)),
        },
    )


def alternate(
    own: Callable[[], Round], peer: Hftbacktest | SlowReference
) -> tuple[list[tuple[Round, Round]], list[str]]:
    """Return rounds of both sides in turn, and how what they came to compares."""
    own()
    peer.round()
    rounds = [(own(), peer.round()) for _ in range(ROUNDS)]
    mine, theirs = rounds[-1]
    notes = []
    for key in EQUAL:
        if key not in theirs:
            continue
        is_equal = abs(mine[key] - theirs[key]) <= 1e-6 * max(1.0, abs(theirs[key]))
        word = "equal" if is_equal else "DIFFERENT"
        notes.append(f"    {key:<9} {mine[key]:.6f} | {theirs[key]:.6f}  {word}")
    return rounds, notes


def report(label: str, key: str, against: str, rounds: list[tuple[Round, Round]]) -> None:
    line = (
        f"  {label:<18} {statistics.median(own[key] for own, _ in rounds) / 1e6:7.2f} M records/s"
    )
    if against in rounds[0][1]:
        ratio = statistics.median(own[key] / other[against] for own, other in rounds)
        theirs = statistics.median(other[against] for _, other in rounds)
        line += f"   {ratio:6.2f} x its {against} ({theirs / 1e6:.2f} M/s)"
    print(line, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=2_000_000, help="records (default %(default)s)")
    parser.add_argument(
        "--hftbacktest",
        metavar="PYTHON",
        default=find_peer(),
        help="environment with hftbacktest (default: that of `make peer`, if it is there)",
    )
    args = parser.parse_args()
    all_notes = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.npy"
        records = make_stream(args.rows)
        np.save(path, records)
        data = market_data([records])
        with (
            Hftbacktest(args.hftbacktest, do="time", records=str(path), symbols=1)
            if args.hftbacktest
            else SlowReference(records)
        ) as peer:
            print(f"{args.rows:,} records; reference: {peer.name}; {ROUNDS} alternating rounds")
            rounds, notes = alternate(lambda: ours(data), peer)
        for key, against in RUNGS.items():
            report(key, key, against, rounds)
        print(*notes, sep="\n")
        all_notes += notes
        for symbols in (8, 32) if args.hftbacktest else ():
            streams = make_streams(args.rows, symbols)
            np.save(path, np.concatenate(streams))
            parts = market_data(streams)
            request = {"do": "time", "records": str(path), "symbols": symbols}
            with Hftbacktest(args.hftbacktest, **request) as peer:
                rounds, notes = alternate(lambda parts=parts: ours_of_many(parts), peer)
            for key in ("replay", "maker"):
                report(f"{key}, {symbols} symbols", key, key, rounds)
            print(*notes, sep="\n")
            all_notes += notes
    return 1 if any(note.endswith("DIFFERENT") for note in all_notes) else 0


if __name__ == "__main__":
    sys.exit(main())
