"""Queue models against the true queue, on recordings that tell of every single order.

    python benchmarks/queue_models.py SHARED_DATA [--json FILE]

SHARED_DATA is a folder with ``bitstamp/``, ``databento/``, ``binance/`` and ``kraken/``. The
recordings are imported and indexed in a temporary folder, as a user would. The same post-only
orders, prices and times fixed beforehand from the recorded book, then run under the exact queue
(``l3_fifo``) and under each model of level-2 data, on the whole book and on its ten best levels
with trades. One order a side is live at a time, so that orders do not meet; several shifted
schedules give more of them. Own orders do not move the market. A second table runs a market maker,
whose orders follow its fills, on these and on recordings without single orders, where the models
can only be compared with each other.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lobdesk.backtest import Backtest, JoinTouch, MarketData
from lobdesk.engine import BacktestEngine, script
from lobdesk.importers import import_file
from lobdesk.index import update_index
from lobdesk.paths import DataPaths

ALL_EVENTS = 1 << 62
SUBMIT, CANCEL = 0, 1
LIMIT, GTX = 0, 3
EXACT: dict[str, Any] = {"queue": "l3_fifo"}
MODELS: list[tuple[str, dict[str, Any]]] = [
    ("risk_averse", {"queue": "risk_averse"}),
    ("power, n=1", {"queue": "power", "n": 1}),
    ("power, n=3", {"queue": "power", "n": 3}),
    ("power2, n=1", {"queue": "power2", "n": 1}),
    ("power2, n=3", {"queue": "power2", "n": 3}),
    ("power3, n=1", {"queue": "power3", "n": 1}),
    ("power3, n=3", {"queue": "power3", "n": 3}),
    ("log", {"queue": "log"}),
    ("log2", {"queue": "log2"}),
]
LATENCY = {"entry_us": 5_000, "response_us": 5_000}
LATE_US = 1_000_000
"""A log tells of one execution in several records, up to so far apart."""


@dataclass(frozen=True)
class Market:
    """One recording and the orders that are put into it."""

    name: str
    file: str
    symbol: str
    sizes: dict[str, int]
    levels: tuple[int, ...]
    life_us: int
    shifts: int
    sample_us: int


MARKETS = [
    Market(
        name="Bitstamp BTC/USD 2015-05-01",
        file="bitstamp/btcusd_l3_20150501.log.xz",
        symbol="BTC/USD",
        sizes={"0.01": 1_000_000, "0.1": 10_000_000, "1": 100_000_000},
        levels=(1, 2, 3),
        life_us=60_000_000,
        shifts=6,
        sample_us=2_000_000,
    ),
    Market(
        name="Nasdaq ARL 2025-07-17",
        file="databento/ARL_20250717_mbo.csv",
        symbol="ARL",
        sizes={"1": 1, "10": 10, "100": 100},
        levels=(1, 2, 3),
        life_us=600_000_000,
        shifts=20,
        sample_us=60_000_000,
    ),
]

MAKERS = [
    # file, symbol, interval, lots of an order, largest position, has single orders
    ("bitstamp/btcusd_l3_20150501.log.xz", "BTC/USD", 1_000_000, 10_000_000, 10**12, True),
    ("databento/ARL_20250717_mbo.csv", "ARL", 1_000_000, 10, 10**6, True),
    ("binance/spot_btcusdt_20240808.gz", "BTCUSDT", 100_000, 1_000, 10**9, False),
    ("binance/cm_btcusd_perp_20240808.gz", "BTCUSD_PERP", 100_000, 10, 10**7, False),
    ("kraken/v2_btcusd_d10_resync_20260801.cbcap", "BTC/USD", 100_000, 100_000, 10**10, False),
    ("kraken/v2_ethusd_d25_20260802.cbcap", "ETH/USD", 100_000, 1_000_000, 10**12, False),
]


@dataclass
class Outcome:
    """What one schedule of orders came to; fills and samples by order."""

    fills: dict[int, list[tuple[int, int, bool]]]
    rested: set[int]
    arrival_us: dict[int, int]
    ahead: dict[tuple[int, int], float] = field(default_factory=dict)


@dataclass
class Score:
    """One model against the exact queue, over all schedules."""

    orders: int = 0
    exact: int = 0
    model: int = 0
    both: int = 0
    exact_lots: int = 0
    model_lots: int = 0
    wrong_lots: int = 0
    fills: int = 0
    certain: int = 0
    certain_wrong: int = 0
    waits_s: list[float] = field(default_factory=list)
    exact_waits_s: list[float] = field(default_factory=list)
    ahead_error: float = 0.0
    ahead_abs: float = 0.0
    ahead_exact: float = 0.0
    ahead_below: int = 0
    samples: int = 0


def schedule(data: MarketData, market: Market, level: int, shift: int, qty: int) -> list[Any]:
    """Return submit and cancel actions, priced at a level of the book as it was received."""
    step_us = market.life_us + 1_000_000
    now_us = data.start_us + step_us + shift * step_us // market.shifts
    running = Backtest(data, **LATENCY, sample_us=0).start(script([]))
    actions, number = [], 0
    while now_us + step_us < data.end_us:
        running.run(now_us, ALL_EVENTS)
        for side, levels in enumerate(running.levels(0, local=True, count=level)):
            number += 1
            if len(levels) < level:
                continue
            price = levels[level - 1][0]
            actions.append((now_us, SUBMIT, number, 0, side, price, qty, LIMIT, GTX))
            actions.append((now_us + market.life_us, CANCEL, number, 0, 0, 0, 0, 0, 0))
        now_us += step_us
    return sorted(actions)


def run(data: MarketData, actions: list[Any], options: dict[str, Any], samples: range) -> Outcome:
    """Run a schedule and note the lots ahead at some times."""
    backtest = Backtest(data, **LATENCY, **options, sample_us=0)
    running = backtest.start(script(actions))
    ahead: dict[tuple[int, int], float] = {}
    for now_us in samples:
        running.run(now_us, ALL_EVENTS)
        _sample(running, now_us, ahead)
    running.run(backtest.end_us, ALL_EVENTS)
    result = backtest.finish(running)
    fills: dict[int, list[tuple[int, int, bool]]] = defaultdict(list)
    for row in result.fills:
        fills[int(row["order_id"])].append(
            (int(row["exch_ts_us"]), int(row["qty_lots"]), bool(row["is_certain"]))
        )
    orders = result.orders
    rests = orders["status"] != 5
    return Outcome(
        fills=fills,
        rested=set(orders["order_id"][rests].tolist()),
        arrival_us=dict(
            zip(orders["order_id"].tolist(), orders["arrival_us"].tolist(), strict=True)
        ),
        ahead=ahead,
    )


def _sample(running: BacktestEngine, now_us: int, ahead: dict[tuple[int, int], float]) -> None:
    for number, _side, _price, _leaves, lots, _status in running.live_orders(0):
        if lots is not None:
            ahead[number, now_us] = lots


def compare(score: Score, exact: Outcome, model: Outcome, traded: Outcome) -> None:
    """Add one schedule; an order counts if it rested in both.

    Certain fills are judged by the exact queue that gives no more than was traded.
    """
    for number in exact.rested & model.rested:
        true, told = exact.fills.get(number, []), model.fills.get(number, [])
        true_lots, told_lots = (sum(lots for _, lots, _ in f) for f in (true, told))
        score.orders += 1
        score.exact += bool(true)
        score.model += bool(told)
        score.both += bool(true) and bool(told)
        score.exact_lots += true_lots
        score.model_lots += told_lots
        score.wrong_lots += abs(true_lots - told_lots)
        if true:
            score.exact_waits_s.append((true[0][0] - exact.arrival_us[number]) / 1e6)
        if told:
            score.waits_s.append((told[0][0] - model.arrival_us[number]) / 1e6)
        _count_certain(score, traded.fills.get(number, []), told)
    for key in exact.ahead.keys() & model.ahead.keys():
        error = model.ahead[key] - exact.ahead[key]
        score.samples += 1
        score.ahead_error += error
        score.ahead_abs += abs(error)
        score.ahead_exact += exact.ahead[key]
        score.ahead_below += error < -0.5


def _count_certain(
    score: Score, true: list[tuple[int, int, bool]], told: list[tuple[int, int, bool]]
) -> None:
    """Certain fills are wrong if the exact queue has not given as much by then."""
    certain_lots = 0
    for at_us, lots, is_certain in told:
        score.fills += 1
        if is_certain:
            certain_lots += lots
            score.certain += 1
            by_then = sum(q for true_us, q, _ in true if true_us <= at_us + LATE_US)
            score.certain_wrong += certain_lots > by_then


def measure(market: Market, root: Path, shared: Path) -> list[dict[str, Any]]:
    """Return one row for each view, size, level, rule and model."""
    paths = DataPaths(root / market.symbol.replace("/", ""))
    source = import_file(paths, shared / market.file).source
    update_index(paths.root)
    whole = MarketData.from_catalog(paths.root, market.symbol, by_order=True)
    ten = MarketData.from_catalog(paths.root, market.symbol)
    print(
        f"# {market.name}: {source.frames} frames, {len(whole)} order records, "
        f"{int((whole.records['kind'] == 13).sum())} fills; {len(ten)} level records, "
        f"{int((ten.records['kind'] == 2).sum())} trades",
        flush=True,
    )
    views = {"whole": (whole, {}), "ten": (ten, {"window": 10})}
    rows = []
    for size, qty in market.sizes.items():
        for level in market.levels:
            plans = [schedule(whole, market, level, s, qty) for s in range(market.shifts)]
            is_sampled = size == list(market.sizes)[1]
            samples = range(
                whole.start_us, whole.end_us if is_sampled else whole.start_us, market.sample_us
            )
            all_exacts = {
                through: [
                    run(whole, plan, {**EXACT, "through": through}, samples) for plan in plans
                ]
                for through in ("full", "cap")
            }
            for through, exacts in all_exacts.items():
                for view, (data, extra) in views.items():
                    for name, options in MODELS:
                        score = Score()
                        for plan, exact, traded in zip(
                            plans, exacts, all_exacts["cap"], strict=True
                        ):
                            chosen = {**options, **extra, "through": through}
                            told = run(data, plan, chosen, samples)
                            compare(score, exact, told, traded)
                        rows.append(
                            {
                                "market": market.name,
                                "view": view,
                                "size": size,
                                "level": level,
                                "through": through,
                                "model": name,
                                **describe(score, qty),
                            }
                        )
    return rows


def describe(score: Score, qty: int) -> dict[str, Any]:
    """Return a score's figures."""
    return {
        "orders": score.orders,
        "filled_orders": score.model,
        "filled_orders_exact": score.exact,
        "both": score.both,
        "only_exact": score.exact - score.both,
        "only_model": score.model - score.both,
        "filled": round(score.model_lots / qty, 2),
        "filled_exact": round(score.exact_lots / qty, 2),
        "wrong": round(score.wrong_lots / qty, 2),
        "wait_s": _median(score.waits_s),
        "wait_exact_s": _median(score.exact_waits_s),
        "fills": score.fills,
        "certain": score.certain,
        "certain_wrong": score.certain_wrong,
        "samples": score.samples,
        "ahead_bias": _ratio(score.ahead_error, score.ahead_exact),
        "ahead_error": _ratio(score.ahead_abs, score.ahead_exact),
        "ahead_below": _ratio(score.ahead_below, score.samples),
    }


def _median(values: list[float]) -> float | None:
    return round(statistics.median(values), 1) if values else None


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 3) if whole else None


def make_markets(root: Path, shared: Path) -> list[dict[str, Any]]:
    """Run the market maker under every model."""
    rows = []
    for number, (file, symbol, interval_us, qty, limit, has_orders) in enumerate(MAKERS):
        paths = DataPaths(root / f"maker{number}")
        import_file(paths, shared / file)
        update_index(paths.root)
        # The first record sets the times of all wake-ups, so every model gets the same records.
        data = MarketData.from_catalog(paths.root, symbol, by_order=has_orders)
        window = {} if has_orders else {"window": 10}
        runs = [(name, {**options, **window}) for name, options in MODELS]
        if has_orders:
            runs.insert(0, ("l3_fifo", EXACT))
        for name, options in runs:
            strategy = JoinTouch(interval_us=interval_us, qty_lots=qty, max_position_lots=limit)
            result = Backtest(data, **LATENCY, **options, through="cap").run(strategy)
            waits = result.fills["wait_us"] / 1e6
            rows.append(
                {
                    "file": Path(file).name,
                    "model": name,
                    "orders": len(result.orders),
                    "fills": len(result.fills),
                    "filled": round(float(result.fills["qty_lots"].sum()) / qty, 2),
                    "certain": int(result.fills["is_certain"].sum()),
                    "wait_s": _median(waits.tolist()),
                }
            )
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    np.seterr(all="raise")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for market in MARKETS:
            rows += measure(market, Path(folder), arguments.shared)
        makers = make_markets(Path(folder), arguments.shared)
    if arguments.json:
        arguments.json.write_text(json.dumps({"orders": rows, "makers": makers}, indent=1))
    for table in (rows, makers):
        print("\t".join(table[0]))
        for row in table:
            print("\t".join(str(value) for value in row.values()))


if __name__ == "__main__":
    main()
