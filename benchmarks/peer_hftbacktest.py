"""hftbacktest's side of comparisons; runs in an environment that has hftbacktest and numba.

Each line of the input is a request in JSON, each line of the output its answer:

- ``{"do": "time", "records": FILE, "symbols": N}``: speed of a replay and of the market maker over
  the records, or of a replay of N symbols that stand one after the other in the file;
- ``{"do": "play", "records": FILE, "tick": …, "lot": …, "rules": {…}, "actions": [[time, what,
  order, side, price in ticks, quantity in lots, type, time in force], …]}`` (what: 0 submit,
  1 cancel, 2 modify, 3 look): what is known after each, and the code of an error;
- ``{"do": "run", "records": FILE, "tick": …, "lot": …, "rules": {…}, "maker": {…}, "out": FILE}``:
  a market maker that does what ``lobdesk.backtest.JoinTouch`` does, with what it knew at each
  wake-up written to ``out``.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from pathlib import Path
from typing import Any

import hftbacktest as hft
import numpy as np
from numba import njit

BOOKS = {"roi": hft.ROIVectorMarketDepthBacktest, "hashmap": hft.HashMapMarketDepthBacktest}
WAKE = np.dtype(
    [(name, "i8") for name in ("ts_us", "bid", "ask", "trades")]
    + [(name, "f8") for name in ("position", "cash", "fee")]
)
ORDER = np.dtype(
    [
        (name, "i8")
        for name in ("wake", "id", "side", "price", "status", "exch_us", "fill_price", "leaves")
    ]
)
DEFAULT_RULES = {
    "queue": "risk_averse", "n": 3.0, "exchange": "no_partial", "entry_us": 5_000,
    "response_us": 5_000, "latency_rows": None, "maker_fee": -0.00005, "taker_fee": 0.0007,
    "book": "roi",
}  # fmt: skip
DEFAULT_MAKER = {"interval_us": 100_000, "qty_lots": 1_000, "max_position_lots": 10_000}
TICK, LOT = 0.1, 0.00001
KEPT: list[np.ndarray] = []


def load(path: str, tick: float, lot: float) -> np.ndarray:
    """Return our records as events; order identifiers stand beside them, if any."""
    return _load(path, tick, lot, Path(path).stat().st_mtime_ns)


@functools.lru_cache(maxsize=2)
def _load(path: str, tick: float, lot: float, _changed_ns: int) -> np.ndarray:
    stored = np.load(path)
    records, order_ids = (
        (stored, None) if path.endswith(".npy") else (stored["records"], stored["order_ids"])
    )
    data = np.zeros(len(records), dtype=hft.event_dtype)
    names = {1: hft.DEPTH_EVENT, 2: hft.TRADE_EVENT, 3: hft.DEPTH_CLEAR_EVENT}
    names |= {10: hft.ADD_ORDER_EVENT, 11: hft.CANCEL_ORDER_EVENT}
    names |= {12: hft.MODIFY_ORDER_EVENT, 13: hft.FILL_EVENT}
    kinds = np.zeros(256, dtype=np.uint64)
    kinds[list(names)] = list(names.values())
    sides = np.zeros(256, dtype=np.uint64)
    sides[:2] = hft.BUY_EVENT, hft.SELL_EVENT
    clocks = np.where(records["flags"] & 16, 0, hft.EXCH_EVENT)
    clocks |= np.where(records["flags"] & 8, 0, hft.LOCAL_EVENT)
    data["ev"] = kinds[records["kind"]] | sides[records["side"]] | clocks.astype(np.uint64)
    data["exch_ts"], data["local_ts"] = records["exch_ts_us"], records["recv_ts_us"]
    data["px"] = records["price_ticks"] * tick
    data["qty"] = np.where(records["flags"] & 4, 0, records["qty_lots"]) * lot
    if order_ids is not None:
        data["order_id"] = order_ids
    return data


def make_asset(
    data: np.ndarray, rules: dict[str, Any], tick: float, lot: float
) -> hft.BacktestAsset:
    prices = data["px"][data["px"] > 0]
    asset = (
        hft.BacktestAsset()
        .data([data])
        .linear_asset(1.0)
        .trading_value_fee_model(rules["maker_fee"], rules["taker_fee"])
        .tick_size(tick)
        .lot_size(lot)
        .roi_lb(float(prices.min()) - 100 * tick)
        .roi_ub(float(prices.max()) + 100 * tick)
        .last_trades_capacity(0)
    )
    if rules["latency_rows"] is None:
        asset.constant_order_latency(rules["entry_us"], rules["response_us"])
    else:
        names = ("req_ts", "exch_ts", "resp_ts", "_padding")
        rows = np.zeros(len(rules["latency_rows"]), dtype=[(name, "i8") for name in names])
        for at, name in enumerate(names[:3]):
            rows[name] = [row[at] for row in rules["latency_rows"]]
        asset.intp_order_latency(rows)
        KEPT.append(rows)  # the asset has no more than its address
    set_queue(asset, rules["queue"], rules["n"])
    if rules["exchange"] == "partial":
        return asset.partial_fill_exchange()
    return asset.no_partial_fill_exchange()


def set_queue(asset: hft.BacktestAsset, name: str, n: float) -> None:
    without_n = {
        "risk_averse": asset.risk_adverse_queue_model,
        "log": asset.log_prob_queue_model,
        "log2": asset.log_prob_queue_model2,
        "l3_fifo": asset.l3_fifo_queue_model,
    }
    with_n = {
        "power": asset.power_prob_queue_model,
        "power2": asset.power_prob_queue_model2,
        "power3": asset.power_prob_queue_model3,
    }
    if name in with_n:
        with_n[name](n)
    else:
        without_n[name]()


@njit
def replay(engine, interval_us):
    count = 0
    while engine.elapse(interval_us) == 0:
        count += 1
    return count


@njit
def record(engine, at, wakes, log, used):
    """Write down what is known at a wake-up; returns the rows used in the log of orders."""
    depth = engine.depth(0)
    values = engine.state_values(0)
    wake = wakes[at]
    wake.ts_us = engine.current_timestamp
    wake.bid, wake.ask = depth.best_bid_tick, depth.best_ask_tick
    wake.position, wake.cash, wake.fee = values.position, values.balance, values.fee
    wake.trades = values.num_trades
    orders = engine.orders(0).values()
    while orders.has_next():
        order = orders.get()
        if used < len(log):
            row = log[used]
            row.wake, row.id, row.side = at, order.order_id, order.side
            row.price, row.status, row.exch_us = (
                order.price_tick, order.status, order.exch_timestamp,
            )  # fmt: skip
            row.fill_price = order.exec_price_tick
            row.leaves = np.int64(round(order.leaves_qty / depth.lot_size))
        used += 1
    return used


@njit
def make_market(engine, interval_us, qty_lots, limit_lots, offset, wakes, log):
    """Join the touch; returns orders sent, wake-ups, rows of the log."""
    last_id = made = used = 0
    while engine.elapse(interval_us) == 0:
        if made < len(wakes):
            used = record(engine, made, wakes, log, used)
        made += 1
        engine.clear_inactive_orders(0)
        depth = engine.depth(0)
        if np.isnan(depth.best_bid) or np.isnan(depth.best_ask):
            continue
        lot, tick = depth.lot_size, depth.tick_size
        bid, ask = depth.best_bid_tick - offset, depth.best_ask_tick + offset
        orders = engine.orders(0)
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
                engine.cancel(0, order.order_id, False)
        position = engine.position(0) / lot
        qty = qty_lots * lot
        if not has_bid and position < limit_lots - 0.5:
            last_id += 1
            engine.submit_buy_order(0, last_id, bid * tick, qty, hft.GTX, hft.LIMIT, False)
        if not has_ask and position > -limit_lots + 0.5:
            last_id += 1
            engine.submit_sell_order(0, last_id, ask * tick, qty, hft.GTX, hft.LIMIT, False)
    return last_id, made, used


@njit
def play(engine, actions, seen):
    """Do each action at its time; returns the code of the first error."""
    engine.elapse(0)
    for at in range(len(actions)):
        time_us, what, order, side, price, qty, kind, tif = actions[at]
        code = engine.elapse(time_us - engine.current_timestamp)
        if code > 1:
            return code
        depth = engine.depth(0)
        tick, lot = depth.tick_size, depth.lot_size
        if what == 0 and side == 0:
            code = engine.submit_buy_order(0, order, price * tick, qty * lot, tif, kind, False)
        elif what == 0:
            code = engine.submit_sell_order(0, order, price * tick, qty * lot, tif, kind, False)
        elif what == 1:
            code = engine.cancel(0, order, False)
        elif what == 2:
            code = engine.modify(0, order, price * tick, qty * lot, False)
        if code > 1:
            return code
        values = engine.state_values(0)
        row = seen[at]
        row.ts_us, row.bid, row.ask = time_us, depth.best_bid_tick, depth.best_ask_tick
        row.position, row.cash, row.fee = values.position, values.balance, values.fee
        row.trades = values.num_trades
    return 0


def play_script(request: dict[str, Any]) -> dict[str, Any]:
    rules = DEFAULT_RULES | request["rules"]
    tick, lot = request["tick"], request["lot"]
    actions = np.array(request["actions"], dtype=np.int64).reshape(-1, 8)
    seen = np.zeros(len(actions), dtype=WAKE)
    data = load(request["records"], tick, lot)
    engine = BOOKS[rules["book"]]([make_asset(data, rules, tick, lot)])
    code = play(engine, actions, seen)
    names = WAKE.names or ()
    return {
        "code": int(code),
        "seen": [dict(zip(names, row, strict=True)) for row in seen.tolist()],
    }


def run_maker(engine: Any, maker: dict[str, int], wakes: np.ndarray, log: np.ndarray) -> Any:
    settings = DEFAULT_MAKER | maker
    return make_market(
        engine, settings["interval_us"], settings["qty_lots"], settings["max_position_lots"],
        settings.get("offset_ticks", 0), wakes, log,
    )  # fmt: skip


def totals(engine: Any, orders: int) -> dict[str, float]:
    values = engine.state_values(0)
    return {
        "orders": orders, "trades": values.num_trades, "position": values.position,
        "cash": values.balance, "fee": values.fee,
    }  # fmt: skip


def run(request: dict[str, Any]) -> dict[str, float]:
    rules = DEFAULT_RULES | request["rules"]
    maker = DEFAULT_MAKER | request["maker"]
    tick, lot = request["tick"], request["lot"]
    data = load(request["records"], tick, lot)
    span = int(max(data["local_ts"].max(), data["exch_ts"].max()) - data["exch_ts"].min())
    wakes = np.zeros(span // maker["interval_us"] + 2, dtype=WAKE)
    log = np.zeros(8 * len(wakes), dtype=ORDER)
    engine = BOOKS[rules["book"]]([make_asset(data, rules, tick, lot)])
    orders, made, used = run_maker(engine, maker, wakes, log)
    KEPT.clear()
    np.savez(request["out"], wakes=wakes[:made], orders=log[:used])
    return totals(engine, orders) | {"wakes": made, "rows": used, "room": len(log)}


def time_one(data: np.ndarray) -> dict[str, float]:
    def engine() -> Any:
        return BOOKS["roi"]([make_asset(data, DEFAULT_RULES, TICK, LOT)])

    wakes, log = np.zeros(0, dtype=WAKE), np.zeros(0, dtype=ORDER)
    made = engine()
    start = time.process_time()
    replay(made, DEFAULT_MAKER["interval_us"])
    answer = {"replay": len(data) / (time.process_time() - start)}
    made = engine()
    start = time.process_time()
    orders, _, _ = run_maker(made, {}, wakes, log)
    answer["maker"] = len(data) / (time.process_time() - start)
    return answer | totals(made, orders)


def time_many(data: np.ndarray, symbols: int) -> dict[str, float]:
    parts = np.split(data, symbols)
    engine = BOOKS["roi"]([make_asset(part, DEFAULT_RULES, TICK, LOT) for part in parts])
    start = time.process_time()
    replay(engine, DEFAULT_MAKER["interval_us"])
    return {"replay": len(data) / (time.process_time() - start)}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    if request["do"] == "run":
        return run(request)
    if request["do"] == "play":
        return play_script(request)
    data = load(request["records"], TICK, LOT)
    return time_one(data) if request["symbols"] == 1 else time_many(data, request["symbols"])


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
