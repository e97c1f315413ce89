"""Recordings through the slow engine and the fast one, with the same strategies."""

from __future__ import annotations

from typing import Any

import numpy as np

from lobdesk.backtest import Backtest, JoinTouch, MarketData, SignalFollower
from tests.backtest.ledgers import check_ledgers
from tests.reference.engine import Reference

OVER = ("FILLED", "CANCELED", "EXPIRED")
KINDS = {1: "depth", 2: "trade", 3: "clear", 10: "add", 11: "cancel", 12: "modify", 13: "fill"}
EXCHANGE_ONLY, LOCAL_ONLY = 8, 16
RULES: dict[str, Any] = {
    "n": 3, "entry_us": {"submit": 4_000, "cancel": 7_000, "modify": 5_000},
    "response_us": {"submit": 6_000, "cancel": 2_000, "modify": 5_000, "fill": 3_000},
    "maker_fee": "-0.0001", "taker_fee": "0.0004", "sample_us": 500_000,
}  # fmt: skip
QUEUES = ("risk_averse", "power", "power2", "power3", "log", "log2")


def feed_of(
    records: np.ndarray[Any, Any], order_ids: np.ndarray[Any, Any] | None = None, symbol: int = 0
) -> list[dict[str, Any]]:
    """Return records in the form that the reference reads."""
    feed = []
    for at, row in enumerate(records.tolist()):
        exch_us, recv_us, price, number, side, flags, lots = row
        kind = KINDS[number]
        names = ("buy", "sell") if kind == "trade" else ("bid", "ask")
        feed.append(
            {
                "k": kind,
                "side": None if side == 255 else names[side],
                "px": price,
                "qty": lots,
                "flags": flags,
                "sym": symbol,
                "oid": None if order_ids is None else int(order_ids[at]),
                "ex": None if flags & LOCAL_ONLY else exch_us,
                "lo": None if flags & EXCHANGE_ONLY else recv_us,
            }
        )
    return feed


def submit(ref: Reference, order_id: int, side: str, px: int, qty: int, tif: str) -> dict[str, Any]:
    return {"do": "submit", "t": ref.now, "id": order_id, "side": side, "px": px, "qty": qty,
            "type": "limit", "tif": tif, "sym": 0}  # fmt: skip


class SlowJoinTouch:
    """What the docstring of ``JoinTouch`` says."""

    def __init__(self, maker: JoinTouch) -> None:
        self.maker = maker
        self.asked: set[int] = set()

    def __call__(self, ref: Reference, _: set[str]) -> list[dict[str, Any]]:
        bid, ask = ref.local.best("bid"), ref.local.best("ask")
        if bid is None or ask is None:
            return []
        maker, actions = self.maker, []
        wanted = {"buy": bid - maker.offset_ticks, "sell": ask + maker.offset_ticks}
        live = [order for order in ref.orders.values() if order.status not in OVER]
        for order in live:
            is_stale = order.status != "PENDING" and order.px != wanted[order.side]
            if is_stale and order.id not in self.asked:
                self.asked.add(order.id)
                actions.append({"do": "cancel", "t": ref.now, "id": order.id})
        next_id = len(ref.orders) + 1
        for side, px in wanted.items():
            position = ref.position if side == "buy" else -ref.position
            if all(order.side != side for order in live) and position < maker.max_position_lots:
                actions.append(submit(ref, next_id, side, px, maker.qty_lots, "GTX"))
                next_id += 1
        return actions


class SlowFollower:
    """What the docstring of a taking ``SignalFollower`` says."""

    def __init__(self, follower: SignalFollower) -> None:
        self.values = dict(zip(follower.ts_us.tolist(), follower.values.tolist(), strict=True))
        self.follower = follower

    def __call__(self, ref: Reference, _: set[str]) -> list[dict[str, Any]]:
        bid, ask = ref.local.best("bid"), ref.local.best("ask")
        if bid is None or ask is None:
            return []
        value, limit = self.values[ref.now], self.follower.max_position_lots
        threshold = self.follower.threshold
        target = limit if value > threshold else -limit if value < -threshold else 0
        live = [order for order in ref.orders.values() if order.status not in OVER]
        pending = sum(o.known_leaves * (1 if o.side == "buy" else -1) for o in live)
        missing = target - ref.position - pending
        if missing == 0:
            return []
        side, px = ("buy", ask) if missing > 0 else ("sell", bid)
        return [submit(ref, len(ref.orders) + 1, side, px, abs(missing), "IOC")]


def compare(
    data: MarketData,
    strategy: JoinTouch | SignalFollower,
    *,
    order_ids: np.ndarray[Any, Any] | None = None,
    **rules: Any,
) -> int:
    """Run both; returns the number of fills after checking that the ledgers are equal."""
    rules = {**RULES, **rules}
    result = Backtest(data, **rules).run(strategy)
    start, end = data.start_us, data.end_us
    if isinstance(strategy, JoinTouch):
        policy: Any = SlowJoinTouch(strategy)
        wakes = [(t, "interval") for t in range(start, end + 1, strategy.interval_us)][1:]
    else:
        policy = SlowFollower(strategy)
        wakes = [(t, "time") for t in strategy.ts_us.tolist()]
    fees = {"maker": rules.pop("maker_fee"), "taker": rules.pop("taker_fee")}
    slow = Reference(
        {"model": {**rules, "resp_us": rules["response_us"]},
         "instruments": [{"tick": str(data.tick), "lot": str(data.lot), **fees}],
         "feed": feed_of(data.records, order_ids), "actions": [], "end": end,
         "policy": policy, "wakes": wakes, "sample_us": rules["sample_us"]}
    ).run()  # fmt: skip
    check_ledgers(result, slow)
    return len(slow.fills)
