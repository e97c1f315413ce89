"""Runs of every kind whose ledgers must not depend on where and how they ran."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from lobdesk.backtest import Backtest, Grid, JoinTouch, MarketData, Result, SignalFollower
from tests.backtest.markets import LOT, SYMBOL, TICK, market
from tests.backtest.peer_streams import latency_table, make_market, make_orders

Case = tuple[Backtest, Any]


class Quoter:
    """Remembers prices in a dictionary and a set, whose order a hash seed could change."""

    interval_us = 70_000

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}

    def on_wake(self, desk: Any) -> None:
        touch = desk.touch()
        if touch is None:
            return
        for name, price in {("bid", touch[0]), ("ask", touch[1])}:
            self.seen[name] = price
        for order in desk.orders():
            wanted = self.seen["bid" if order.is_buy else "ask"]
            if order.price_ticks != wanted and not order.has_request:
                desk.cancel(order.id)
        if desk.position() <= 0:
            desk.buy(self.seen["bid"], 7)
        else:
            desk.sell(self.seen["ask"], 7)

    def get_state(self) -> dict[str, int]:
        return dict(self.seen)

    def set_state(self, state: dict[str, int]) -> None:
        self.seen = dict(state)


def maker() -> Case:
    return Backtest(market(8_000)), JoinTouch(20_000, 100, 1_000)


def guessed_queue() -> Case:
    rules: dict[str, Any] = {"queue": "log2", "netting_us": 20_000, "through": "cap"}
    return Backtest(market(8_000, seed=2), **rules), Grid(50_000, 60, 600, levels=3)


def exact_queue() -> Case:
    records, order_ids = make_orders(6_000, 1)
    data = MarketData.from_records(records, symbol=SYMBOL, tick=TICK, lot=LOT, order_ids=order_ids)
    return Backtest(data, queue="l3_fifo"), JoinTouch(100_000, 40, 400)


def several_symbols() -> Case:
    data = [
        MarketData.from_records(make_market(name, 4_000, 6), symbol=name, tick=TICK, lot=LOT)
        for name in ("liquid", "deletions", "trades")
    ]
    rows = latency_table(10_000_000, 2)
    rules: dict[str, Any] = {
        "latency_rows": {"submit": rows, "fill": rows},
        "fee_tiers": [(0, "0.001", "0.002"), (5_000, "0", "0.001")],
    }
    return Backtest(data, **rules), JoinTouch(40_000, 30, 300)


def signals() -> Case:
    data = market(8_000, seed=3)
    ts_us = np.arange(data.start_us, data.end_us, 30_000)
    values = np.sin(np.arange(len(ts_us)) / 7)
    return Backtest(data), SignalFollower(ts_us, values, threshold=0.5, max_position_lots=500)


def in_python() -> Case:
    return Backtest(market(8_000, seed=4), preset="hftbacktest_partial"), Quoter()


CASES: dict[str, Callable[[], Case]] = {
    make.__name__: make
    for make in (maker, guessed_queue, exact_queue, several_symbols, signals, in_python)
}


def signature(result: Result) -> list[str]:
    """Return the digest of the ledger and the hash of the final state."""
    assert len(result.fills) > 10
    return [result.digest, f"{result.state_hash:016x}"]


def run_case(name: str) -> list[str]:
    backtest, strategy = CASES[name]()
    return signature(backtest.run(strategy))


def run_all(_: int = 0) -> dict[str, list[str]]:
    return {name: run_case(name) for name in CASES}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run_all()))
