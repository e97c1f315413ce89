"""hftbacktest's side of bench_backtest.py; needs an environment with hftbacktest and numba."""

from __future__ import annotations

import json
import sys
import time

import hftbacktest as hft
import numpy as np
from numba import njit

TICK, LOT = 0.1, 0.00001
QTY, LIMIT = 0.01, 0.1
INTERVAL = 100_000


def load(path: str) -> np.ndarray:
    records = np.load(path)
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


def make(data: np.ndarray) -> hft.ROIVectorMarketDepthBacktest:
    return hft.ROIVectorMarketDepthBacktest([make_asset(data)])


def make_asset(data: np.ndarray) -> hft.BacktestAsset:
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
        .roi_lb(float(data["px"].min()) - 10)
        .roi_ub(float(data["px"].max()) + 10)
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
        depth = engine.depth(0)
        bid, ask = depth.best_bid_tick, depth.best_ask_tick
        if np.isnan(depth.best_bid) or np.isnan(depth.best_ask):
            continue
        engine.clear_inactive_orders(0)
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
        position = engine.position(0)
        if not has_bid and position < LIMIT - 1e-9:
            last_id += 1
            engine.submit_buy_order(0, last_id, bid * TICK, QTY, hft.GTX, hft.LIMIT, False)
        if not has_ask and position > -LIMIT + 1e-9:
            last_id += 1
            engine.submit_sell_order(0, last_id, ask * TICK, QTY, hft.GTX, hft.LIMIT, False)
    return last_id


def replay_many(data: np.ndarray, symbols: int) -> None:
    parts = np.split(data, symbols)
    replay(make(data[:1000]))
    for _ in sys.stdin:
        engine = hft.ROIVectorMarketDepthBacktest([make_asset(part) for part in parts])
        start = time.process_time()
        replay(engine)
        answer = {"replay": len(data) / (time.process_time() - start)}
        print(json.dumps(answer), flush=True)


def main() -> None:
    data = load(sys.argv[1])
    if int(sys.argv[2]) > 1:
        replay_many(data, int(sys.argv[2]))
        return
    replay(make(data[:1000]))
    make_market(make(data[:1000]))
    for _ in sys.stdin:
        engine = make(data)
        start = time.process_time()
        replay(engine)
        replayed = len(data) / (time.process_time() - start)
        engine = make(data)
        start = time.process_time()
        orders = make_market(engine)
        made = len(data) / (time.process_time() - start)
        values = engine.state_values(0)
        answer = {
            "replay": replayed, "maker": made, "orders": orders, "trades": values.num_trades,
            "position": values.position, "cash": values.balance, "fee": values.fee,
        }  # fmt: skip
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
