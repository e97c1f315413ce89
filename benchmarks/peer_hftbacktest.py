"""hftbacktest's side of comparisons; runs in an environment that has hftbacktest and numba.

Each line of the input is a request in JSON, each line of the output its answer:

- ``{"do": "play", "records": FILE, "tick": …, "lot": …, "rules": {…}, "actions": [[time, what,
  order, side, price in ticks, quantity in lots, type, time in force], …]}`` (what: 0 submit,
  1 cancel, 2 modify, 3 look): what is known after each, and the code of an error;
- ``{"do": "run", "records": FILE, "tick": …, "lot": …, "rules": {…}, "maker": {…}, "out": FILE}``:
  a market maker that does what ``lobdesk.backtest.JoinTouch`` does, with what it knew at each
  wake-up written to ``out``;
- for benchmarks ``{"do": "time", "records": FILE, "symbols": N}`` (speed of a replay and of the
  market maker), ``first`` (one market maker's run), ``convert`` (records to a file of its own) and
  ``load`` (time to read that ``file``).
"""

from __future__ import annotations

import json
import sys
from typing import Any

import hftbacktest as hft
import numpy as np
from numba import njit
from peer_assets import BOOKS, DEFAULT_RULES, KEPT, load, make_asset
from peer_timing import convert, make_first, measure_load, measure_speed

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
DEFAULT_MAKER = {"interval_us": 100_000, "qty_lots": 1_000, "max_position_lots": 10_000}


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


TASKS = {
    "run": run,
    "play": play_script,
    "time": measure_speed,
    "first": make_first,
    "convert": convert,
    "load": measure_load,
}


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(TASKS[request["do"]](request)), flush=True)


if __name__ == "__main__":
    main()
