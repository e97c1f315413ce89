"""What hftbacktest takes for what our benchmarks do; runs where hftbacktest and numba are."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import hftbacktest as hft
import numpy as np
from numba import njit
from peer_assets import BOOKS, DEFAULT_RULES, load, make_asset, price_band

TICK, LOT = 0.1, 0.00001
QTY, LIMIT = 0.01, 0.1
INTERVAL = 100_000

Answer = dict[str, Any]


def make_engine(parts: list[np.ndarray] | list[str], band: tuple[float, float]) -> Any:
    return BOOKS["roi"]([make_asset(part, DEFAULT_RULES, TICK, LOT, band) for part in parts])


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


def measure_speed(request: Answer) -> Answer:
    """Time a replay and a market maker over symbols that stand one after the other."""
    data, symbols = load(request["records"], TICK, LOT), request["symbols"]
    parts, band = np.split(data, symbols), price_band(data)
    warm = [part[:1000] for part in parts]
    replay(make_engine(warm, band))
    make_market(make_engine(warm, band))
    engine = make_engine(parts, band)
    start = time.process_time()
    replay(engine)
    replayed = time.process_time() - start
    engine = make_engine(parts, band)
    start = time.process_time()
    orders = make_market(engine)
    made = time.process_time() - start
    states = [engine.state_values(asset) for asset in range(symbols)]
    return {
        "replay": len(data) / replayed,
        "maker": len(data) / made,
        "orders": orders,
        "trades": sum(state.num_trades for state in states),
        "position": sum(state.position for state in states),
        "cash": sum(state.balance for state in states),
        "fee": sum(state.fee for state in states),
    }


def make_first(request: Answer) -> Answer:
    """Make a market once, as a new process would."""
    data = load(request["records"], TICK, LOT)
    return {"orders": make_market(make_engine([data], price_band(data)))}


def convert(request: Answer) -> Answer:
    """Write records as hftbacktest's own file, not compressed, beside them."""
    path = Path(request["records"]).with_suffix(".npz")
    np.savez(path, data=load(request["records"], TICK, LOT))
    return {"file": str(path)}


def measure_load(request: Answer) -> Answer:
    """Time until the first event of a file is processed; the price band is wider than its own."""
    path = request["file"]
    warm = np.load(path)["data"][:1000].copy()
    low, high = price_band(warm)
    band = low - 2_000, high + 2_000
    replay(make_engine([warm], band))
    before = anonymous_bytes()
    start = time.perf_counter()
    engine = make_engine([path], band)
    engine.elapse(1)
    seconds = time.perf_counter() - start
    answer = {"load": seconds, "anonymous": anonymous_bytes() - before}
    del engine
    return answer


def anonymous_bytes() -> int:
    """Memory of this process that is not a file's, as Linux counts it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0
