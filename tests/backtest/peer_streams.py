"""Seeded markets for comparing engines: uncrossed books with trades that eat them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from lobdesk.backtest import RECORD_DTYPE

START_US = 1_700_000_000_000_000
BID, ASK = 0, 1
DEPTH, TRADE, ADD, CANCEL, MODIFY, FILL = 1, 2, 10, 11, 12, 13

Row = tuple[int, int, int, int, int]  # time step, kind, side, price, lots
Records = np.ndarray[Any, np.dtype[np.void]]


@dataclass(frozen=True)
class Market:
    """What a stream is like.

    Attributes:
        levels: How far from the touch orders come.
        trades: Share of trades.
        deletions: Share of deletions.
        gap_us: Mean distance of messages.
        lots: Largest quantity.
        early_depth: Share of trades whose depth update is told first.
        through: Share of trades that go one level further.
    """

    levels: int = 10
    trades: float = 0.1
    deletions: float = 0.25
    gap_us: int = 2_000
    lots: int = 3_000
    early_depth: float = 0.1
    through: float = 0.1


MARKETS = {
    "liquid": Market(),
    "thin": Market(levels=2, deletions=0.45, gap_us=8_000, lots=400),
    "deletions": Market(levels=4, deletions=0.6, trades=0.05, gap_us=500),
    "trades": Market(levels=5, trades=0.4, lots=1_500, through=0.4, early_depth=0.5),
    "calm": Market(levels=20, trades=0.03, deletions=0.05, gap_us=20_000),
}


class _Book:
    def __init__(self, market: Market, rng: np.random.Generator, mid: int) -> None:
        self.market, self.rng, self.mid = market, rng, mid
        self.levels: list[dict[int, int]] = [{}, {}]
        self.rows: list[Row] = []

    def best(self, side: int) -> int | None:
        levels = self.levels[side]
        return (max if side == BID else min)(levels) if levels else None

    def put(self, step: int, kind: int, side: int, price: int, lots: int) -> None:
        self.rows.append((step, kind, side, price, lots))

    def set(self, step: int, side: int, price: int, lots: int) -> None:
        self.levels[side].pop(price, None)
        if lots:
            self.levels[side][price] = lots
        self.put(step, DEPTH, side, price, lots)

    def step(self, now: int) -> None:
        side, pick = int(self.rng.integers(2)), self.rng.random()
        if pick < self.market.trades:
            self.trade(now, side)
        elif pick < self.market.trades + self.market.deletions:
            prices = sorted(self.levels[side], reverse=side == BID)
            at = int(self.rng.geometric(0.5)) - 1
            if at < len(prices) and (len(prices) > 1 or self.rng.random() < 0.02):
                self.set(now, side, prices[at], 0)
        else:
            self.quote(now, side)

    def quote(self, now: int, side: int) -> None:
        sign = -1 if side == BID else 1
        other = self.best(1 - side)
        anchor = self.best(side)
        if anchor is None:
            anchor = self.mid + sign if other is None else other + sign * 2
        price = anchor + sign * (min(int(self.rng.geometric(0.3)), self.market.levels) - 2)
        if other is not None and sign * (price - other) < 1:
            price = other + sign
        self.set(now, side, price, int(self.rng.integers(1, self.market.lots)))

    def trade(self, now: int, side: int) -> None:
        """Somebody buys or sells; `side` is the aggressor's."""
        price = self.best(1 - side)
        if price is None:
            return
        sign = -1 if side == BID else 1
        if self.rng.random() < self.market.through and len(self.levels[1 - side]) > 1:
            self.put(now, TRADE, side, price, self.levels[1 - side][price])
            self.set(now, 1 - side, price, 0)
            price = self.best(1 - side) or price + sign
        there = self.levels[1 - side][price]
        lots = int(self.rng.integers(1, there + 1))
        if self.rng.random() < self.market.early_depth:
            self.set(now, 1 - side, price, there - lots)
            self.put(now + 1, TRADE, side, price, lots)
        else:
            self.put(now, TRADE, side, price, lots)
            self.set(now, 1 - side, price, there - lots)


@functools.cache
def make_market(name: str, rows: int, seed: int, *, is_split: bool = False) -> Records:
    """Return records of one of `MARKETS`, with five quiet seconds at the end.

    Args:
        name: Which market.
        rows: About how many records.
        seed: Of everything random.
        is_split: Trades are told late or early, so that each record is one for the exchange's clock
            and one for ours. Depth keeps its order: a late update would cross the local book, and
            there the two engines differ on purpose.
    """
    market, rng = MARKETS[name], np.random.default_rng(seed)
    book = _Book(market, rng, 60_000)
    now = 0
    while len(book.rows) < rows:
        now += int(rng.exponential(market.gap_us)) + 2
        book.step(now)
    far = [(now + 5_000_000, DEPTH, BID, 30_000, 1)]
    columns = np.array(book.rows + far, dtype=np.int64)
    records = np.zeros(len(columns), dtype=RECORD_DTYPE)
    records["exch_ts_us"] = START_US + columns[:, 0]
    for at, field in enumerate(("kind", "side", "price_ticks", "qty_lots"), start=1):
        records[field] = columns[:, at]
    delay = records["exch_ts_us"] + 500 + rng.exponential(1_500, len(records)).astype(np.int64)
    records["flags"] = 1
    if not is_split:
        records["recv_ts_us"] = np.maximum.accumulate(delay)
        return records
    is_trade = records["kind"] == TRADE
    depth_us = np.maximum.accumulate(np.where(is_trade, 0, delay))
    records["recv_ts_us"] = np.where(is_trade, delay, depth_us)
    delay = records["recv_ts_us"]
    theirs, ours = records.copy(), records[np.argsort(delay, kind="stable")]
    theirs["flags"] |= 8
    ours["flags"] |= 16
    return np.concatenate([theirs, ours])


def latency_table(span_us: int, seed: int) -> list[tuple[int, int, int]]:
    """Return measured latencies, spaced so that the peer's floating-point slopes are exact."""
    rng = np.random.default_rng(seed)
    request, exchange, rows = START_US, START_US + 1_000, []
    while request < START_US + span_us:
        rows.append((request, exchange, exchange + int(rng.integers(500, 9_000))))
        steps = (4_096, 8_192) if len(rows) % 2 else (8_192, 4_096)
        request, exchange = request + steps[0], exchange + steps[1]
    return rows


class _Queues:
    """A touch that stays where it is, with orders that come, change, trade and go."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.rows: list[tuple[int, int, int, int, int, int]] = []
        self.queues = {
            (side, 60_000 + side + (i if side else -i)): [] for side in (BID, ASK) for i in range(4)
        }
        self.last_id = 0
        for key in self.queues:
            for _ in range(3):
                self.add(0, key)

    def put(self, now: int, kind: int, key: tuple[int, int], lots: int, order: int) -> None:
        self.rows.append((now, kind, *key, lots, order))

    def add(self, now: int, key: tuple[int, int]) -> None:
        self.last_id += 1
        lots = int(self.rng.integers(1, 300))
        self.queues[key].append([self.last_id, lots])
        self.put(now, ADD, key, lots, self.last_id)

    def step(self, now: int) -> None:
        keys = list(self.queues)
        key = keys[int(self.rng.integers(len(keys)))]
        queue, pick = self.queues[key], self.rng.random()
        at = int(self.rng.integers(len(queue)))
        order = queue[at]
        if pick < 0.35:
            self.add(now, key)
        elif pick < 0.6 and len(queue) > 2:
            queue.pop(at)
            self.put(now, CANCEL, key, order[1], order[0])
        elif pick < 0.75:
            lots = int(self.rng.integers(1, 300))
            if lots > order[1]:
                queue.append(queue.pop(at))
            order[1] = lots
            self.put(now, MODIFY, key, lots, order[0])
        elif pick < 0.95:
            touch = (key[0], 60_000 + key[0])
            self.execute(now, touch)

    def execute(self, now: int, key: tuple[int, int]) -> None:
        queue = self.queues[key]
        order = queue[0]
        lots = int(self.rng.integers(1, order[1] + 1))
        self.put(now, FILL, key, lots, order[0])
        if lots < order[1]:
            order[1] -= lots
            self.put(now, MODIFY, key, order[1], order[0])
            return
        self.put(now, CANCEL, key, order[1], order[0])
        queue.pop(0)
        if len(queue) < 2:
            self.add(now, key)


def make_orders(rows: int, seed: int) -> tuple[Records, np.ndarray[Any, np.dtype[np.int64]]]:
    """Return single orders around a touch that never moves, and their identifiers."""
    rng = np.random.default_rng(seed)
    book = _Queues(rng)
    now = 0
    while len(book.rows) < rows:
        now += int(rng.exponential(3_000)) + 2
        book.step(now)
    book.put(now + 5_000_000, ADD, (BID, 50_000), 1, book.last_id + 1)
    columns = np.array(book.rows, dtype=np.int64)
    records = np.zeros(len(columns), dtype=RECORD_DTYPE)
    records["exch_ts_us"] = START_US + columns[:, 0]
    for at, field in enumerate(("kind", "side", "price_ticks", "qty_lots"), start=1):
        records[field] = columns[:, at]
    delay = rng.exponential(1_500, len(records)).astype(np.int64)
    records["recv_ts_us"] = np.maximum.accumulate(records["exch_ts_us"] + 500 + delay)
    return records, columns[:, 5].copy()
