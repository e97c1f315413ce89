"""Recordings through the slow engine and the fast one, with the same strategies."""

from __future__ import annotations

from typing import Any

from lobdesk.backtest import Backtest, JoinTouch, MarketData, SignalFollower
from tests.reference.engine import Reference

OVER = ("FILLED", "CANCELED", "EXPIRED")
KINDS = {1: "depth", 2: "trade", 3: "clear"}
EVICTED, EXCHANGE_ONLY, LOCAL_ONLY = 4, 8, 16
QUEUES = ("risk_averse", "power", "power2", "power3", "log", "log2")


def feed_of(data: MarketData, rows: int) -> list[dict[str, Any]]:
    """Return the first records in the form that the reference reads."""
    feed = []
    for row in data.records[:rows]:
        kind, side, flags = KINDS[int(row["kind"])], int(row["side"]), int(row["flags"])
        names = ("buy", "sell") if kind == "trade" else ("bid", "ask")
        price = int(row["price_ticks"])
        feed.append(
            {
                "k": kind,
                "side": None if side == 255 else names[side],
                "px": price if kind != "clear" or price else None,
                "qty": 0 if flags & EVICTED else int(row["qty_lots"]),
                "is_evicted": bool(flags & EVICTED),
                "ex": None if flags & LOCAL_ONLY else int(row["exch_ts_us"]),
                "lo": None if flags & EXCHANGE_ONLY else int(row["recv_ts_us"]),
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


def compare(data: MarketData, rows: int, queue: str, strategy: JoinTouch | SignalFollower) -> int:
    """Run both; returns the number of fills after checking that the ledgers are equal."""
    part = MarketData.from_records(
        data.records[:rows], symbol=data.symbol, tick=data.tick, lot=data.lot
    )
    result = Backtest(part, queue=queue, n=3).run(strategy)
    start, end = part.start_us, part.end_us
    if isinstance(strategy, JoinTouch):
        policy: Any = SlowJoinTouch(strategy)
        wakes = [(t, "interval") for t in range(start, end + 1, strategy.interval_us)][1:]
    else:
        policy = SlowFollower(strategy)
        wakes = [(t, "time") for t in strategy.ts_us.tolist()]
    model = {"queue": queue, "n": 3, "entry_us": 5_000, "resp_us": 5_000, "lot": float(data.lot)}
    slow = Reference(
        {"model": model, "feed": feed_of(part, rows), "actions": [], "end": end,
         "policy": policy, "wakes": wakes}
    ).run()  # fmt: skip
    keys = ("order", "px", "qty", "maker", "exch_us", "local_us")
    names = ("order_id", "price_ticks", "qty_lots", "is_maker", "exch_ts_us", "local_ts_us")
    assert [tuple(int(row[name]) for name in names) for row in result.fills] == [
        tuple(int(fill[key]) for key in keys) for fill in slow.fills
    ]
    assert len(result.orders) == len(slow.orders)
    for row, order in zip(result.orders, slow.orders.values(), strict=True):
        assert int(row["leaves_lots"]) == order.known_leaves
    assert result.position_lots == slow.position
    return len(slow.fills)
