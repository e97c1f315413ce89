"""hftbacktest's side of the backtest benchmarks; runs where hftbacktest and numba are.

    python peer_hftbacktest.py TASK PATH SYMBOLS

Each line of the input asks for a round, answered by a line of JSON. Tasks: `run` replays and makes
a market on records (.npy) of so many symbols one after the other; `first` makes a market once and
ends; `convert` writes PATH as hftbacktest's own file (.npz, not compressed) beside it; `load` reads
such a file.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import hftbacktest as hft
import numpy as np
from numba import njit

TICK, LOT = 0.1, 0.00001
QTY, LIMIT = 0.01, 0.1
INTERVAL = 100_000


def to_events(records: np.ndarray) -> np.ndarray:
    data = np.zeros(len(records), dtype=hft.event_dtype)
    is_depth = records["kind"] == 1
    side = np.where(records["side"] == 0, hft.BUY_EVENT, hft.SELL_EVENT)
    kind = np.where(is_depth, hft.DEPTH_EVENT, hft.TRADE_EVENT)
    data["ev"] = (
        kind.astype(np.uint64)
        | side.astype(np.uint64)
        | np.uint64(hft.EXCH_EVENT | hft.LOCAL_EVENT)
    )
    data["exch_ts"], data["local_ts"] = records["exch_ts_us"], records["recv_ts_us"]
    data["px"] = records["price_ticks"] * TICK
    data["qty"] = records["qty_lots"] * LOT
    return data


def make(parts: list[np.ndarray | str], low: float, high: float):
    return hft.ROIVectorMarketDepthBacktest([make_asset(part, low, high) for part in parts])


def make_asset(data: np.ndarray | str, low: float, high: float) -> hft.BacktestAsset:
    return (
        hft.BacktestAsset()
        .data([data])
        .linear_asset(1.0)
        .constant_order_latency(5_000, 5_000)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(-0.00005, 0.0007)
        .tick_size(TICK)
        .lot_size(LOT)
        .roi_lb(low - 10)
        .roi_ub(high + 10)
        .last_trades_capacity(0)
    )


@njit
def replay(engine):
    count = 0
    while engine.elapse(INTERVAL) == 0:
        count += 1
    return count


@njit
def make_market(engine):
    last_id = 0
    while engine.elapse(INTERVAL) == 0:
        for asset in range(engine.num_assets):
            last_id = quote(engine, asset, last_id)
    return last_id


@njit
def quote(engine, asset, last_id):
    depth = engine.depth(asset)
    bid, ask = depth.best_bid_tick, depth.best_ask_tick
    if np.isnan(depth.best_bid) or np.isnan(depth.best_ask):
        return last_id
    engine.clear_inactive_orders(asset)
    orders = engine.orders(asset)
    has_bid = has_ask = False
    values = orders.values()
    while values.has_next():
        order = values.get()
        if order.side == 1:
            has_bid = True
            is_there = order.price_tick == bid
        else:
            has_ask = True
            is_there = order.price_tick == ask
        if not is_there and order.cancellable:
            engine.cancel(asset, order.order_id, False)
    position = engine.position(asset)
    if not has_bid and position < LIMIT - 1e-9:
        last_id += 1
        engine.submit_buy_order(asset, last_id, bid * TICK, QTY, hft.GTX, hft.LIMIT, False)
    if not has_ask and position > -LIMIT + 1e-9:
        last_id += 1
        engine.submit_sell_order(asset, last_id, ask * TICK, QTY, hft.GTX, hft.LIMIT, False)
    return last_id


def answer(**values: float) -> None:
    print(json.dumps(values), flush=True)


def run(path: Path, symbols: int) -> None:
    data = to_events(np.load(path))
    low, high = float(data["px"].min()), float(data["px"].max())
    parts = np.split(data, symbols)
    warm = [part[:1000] for part in parts]
    replay(make(warm, low, high))
    make_market(make(warm, low, high))
    for _ in sys.stdin:
        engine = make(parts, low, high)
        start = time.process_time()
        replay(engine)
        replayed = time.process_time() - start
        engine = make(parts, low, high)
        start = time.process_time()
        orders = make_market(engine)
        made = time.process_time() - start
        states = [engine.state_values(asset) for asset in range(symbols)]
        answer(
            replay=len(data) / replayed,
            maker=len(data) / made,
            orders=orders,
            trades=sum(state.num_trades for state in states),
            position=sum(state.position for state in states),
            cash=sum(state.balance for state in states),
            fee=sum(state.fee for state in states),
        )


def first(path: Path) -> None:
    data = to_events(np.load(path))
    print(make_market(make([data], float(data["px"].min()), float(data["px"].max()))))


def load(path: Path) -> None:
    """Time until the first event is processed; the price band is wider than the file's."""
    warm = np.load(path)["data"][:1000].copy()
    low, high = float(warm["px"].min()) - 2_000, float(warm["px"].max()) + 2_000
    replay(make([warm], low, high))
    for _ in sys.stdin:
        before = anonymous_bytes()
        start = time.perf_counter()
        engine = make([str(path)], low, high)
        engine.elapse(1)
        seconds = time.perf_counter() - start
        answer(load=seconds, anonymous=anonymous_bytes() - before)
        del engine


def anonymous_bytes() -> int:
    """Memory of this process that is not a file's, as Linux counts it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def main() -> None:
    task, path, symbols = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if task == "run":
        run(path, symbols)
    elif task == "first":
        first(path)
    elif task == "convert":
        np.savez(path.with_suffix(".npz"), data=to_events(np.load(path)))
    elif task == "load":
        load(path)


if __name__ == "__main__":
    main()
