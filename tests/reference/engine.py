"""Backtests the slow way: every event in one heap, books as dictionaries, one rule a line.

Preset ``lobdesk``, constant latencies, all queue models of level-2 feeds, one symbol. Nothing is
shared with the engine; where the two differ, one of them is wrong.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from typing import Any

MARKET_AT_EXCHANGE, REQUEST, MARKET_AT_LOCAL, REPORT, STRATEGY = range(5)


@dataclass
class Order:
    id: int
    side: str
    px: int | None
    leaves: int
    tif: str
    decision_mid: float | None
    status: str = "PENDING"
    known_leaves: int = 0
    reason: str | None = None
    last_reject: str | None = None
    resting: bool = False
    ahead: float = 0.0
    worst: float = 0.0  # ahead if every cancel was behind
    early_worst: float = 0.0
    traded: int = 0
    place: int = 0
    early: int = 0
    early_ahead: float = 0.0
    early_us: int = 0
    arrival_mid: float | None = None


@dataclass
class Book:
    bid: dict[int, int] = field(default_factory=dict)
    ask: dict[int, int] = field(default_factory=dict)

    def side(self, name: str) -> dict[int, int]:
        return self.bid if name == "bid" else self.ask

    def best(self, name: str) -> int | None:
        levels = self.side(name)
        return (max if name == "bid" else min)(levels) if levels else None

    def mid(self) -> float | None:
        if not self.bid or not self.ask:
            return None
        return (max(self.bid) + min(self.ask)) / 2

    def update(self, row: dict[str, Any]) -> None:
        levels = self.side(row["side"])
        if row["qty"] == 0:
            levels.pop(row["px"], None)
            return
        levels[row["px"]] = row["qty"]
        other = self.ask if row["side"] == "bid" else self.bid
        for px in list(other):
            if (px <= row["px"]) if row["side"] == "bid" else (px >= row["px"]):
                del other[px]

    def clear(self, row: dict[str, Any]) -> None:
        for name in ("bid", "ask"):
            if row["side"] not in (None, name):
                continue
            levels = self.side(name)
            for px in list(levels):
                bound = row.get("px")
                if bound is None or (px >= bound if name == "bid" else px <= bound):
                    del levels[px]


class Reference:
    def __init__(self, scenario: dict[str, Any]) -> None:
        self.model = scenario["model"]
        self.exchange, self.local = Book(), Book()
        self.taken: dict[tuple[str, int], int] = {}
        self.orders: dict[int, Order] = {}
        self.fills: list[dict[str, Any]] = []
        self.errors: list[list[Any]] = []
        self.position, self.cash = 0, 0
        self.heap: list[Any] = []
        self.sequence = 0
        self.place = 0
        self.last_request = self.last_report = 0
        self.end = scenario["end"]
        for row in scenario["feed"]:
            if row["ex"] is not None:
                self.push(row["ex"], MARKET_AT_EXCHANGE, self.market_at_exchange, row)
            if row["lo"] is not None:
                self.push(row["lo"], MARKET_AT_LOCAL, self.market_at_local, row)
        for action in sorted(scenario["actions"], key=lambda a: a["t"]):
            self.push(action["t"], STRATEGY, self.act, action)
        self.policy = scenario.get("policy")
        self.events = scenario.get("wake_on", ())
        self.wakes: dict[int, set[str]] = {}
        for time, reason in scenario.get("wakes", ()):
            self.ask_for_wake(time, reason)

    def push(self, time: int, rank: int, handler: Any, what: Any) -> None:
        self.sequence += 1
        heapq.heappush(self.heap, (time, rank, self.sequence, handler, what))

    def run(self) -> Reference:
        while self.heap and self.heap[0][0] <= self.end:
            self.now, _, _, handler, what = heapq.heappop(self.heap)
            handler(what)
            self.check()
        return self

    def check(self) -> None:
        signed = [
            f["qty"] if self.orders[f["order"]].side == "buy" else -f["qty"] for f in self.fills
        ]
        assert self.position == sum(signed)
        assert self.cash == -sum(q * f["px"] for q, f in zip(signed, self.fills, strict=True))

    # --- the strategy's side ---

    def ask_for_wake(self, time: int, reason: str) -> None:
        if reason not in ("interval", "time") and reason not in self.events:
            return
        if time not in self.wakes:
            self.wakes[time] = set()
            self.push(time, STRATEGY, self.wake, None)
        self.wakes[time].add(reason)

    def wake(self, _: None) -> None:
        for action in self.policy(self, self.wakes.pop(self.now)):
            self.act(action)

    def act(self, action: dict[str, Any]) -> None:
        if action["do"] == "submit":
            if action["id"] in self.orders:
                self.errors.append([self.now, "ORDER_ID_EXISTS", action["id"]])
                return
            px = None if action["type"] == "market" else action["px"]
            tif = "IOC" if action["type"] == "market" and action["tif"] != "FOK" else action["tif"]
            order = Order(action["id"], action["side"], px, action["qty"], tif, self.local.mid())
            order.known_leaves = order.leaves
            self.orders[order.id] = order
        elif action["id"] not in self.orders:
            self.errors.append([self.now, "ORDER_NOT_FOUND", action["id"]])
            return
        self.last_request = max(self.last_request, self.now + self.model["entry_us"])
        self.push(self.last_request, REQUEST, self.request, action)

    def market_at_local(self, row: dict[str, Any]) -> None:
        best = self.local.best("bid"), self.local.best("ask")
        if row["k"] == "depth":
            self.local.update(row)
        elif row["k"] == "clear":
            self.local.clear(row)
        else:
            self.ask_for_wake(self.now, "trade")
        if best != (self.local.best("bid"), self.local.best("ask")):
            self.ask_for_wake(self.now, "best")

    def report(self, what: dict[str, Any]) -> None:
        self.ask_for_wake(self.now, "report")
        if what["kind"] == "fill":
            self.ask_for_wake(self.now, "fill")
        order = self.orders[what["order"]]
        if what["kind"] == "reject":
            order.last_reject = what["reason"]
            return
        order.known_leaves = what["leaves"]
        if what["kind"] != "fill":
            order.status, order.reason = what["status"], what.get("reason")
            return
        order.status = "FILLED" if what["leaves"] == 0 else "PARTIALLY_FILLED"
        sign = 1 if order.side == "buy" else -1
        self.position += sign * what["qty"]
        self.cash -= sign * what["qty"] * what["px"]
        self.fills.append(what["fill"] | {"local_us": self.now})

    def send(self, order: Order, kind: str, **facts: Any) -> None:
        self.last_report = max(self.last_report, self.now + self.model["resp_us"])
        what = {"order": order.id, "kind": kind, "leaves": order.leaves, **facts}
        self.push(self.last_report, REPORT, self.report, what)

    # --- the exchange's side ---

    def resting(self, side: str) -> list[Order]:
        mine = [o for o in self.orders.values() if o.resting and o.side == side]
        return sorted(mine, key=lambda o: (-o.px if side == "buy" else o.px, o.place))

    def fill(self, order: Order, px: int, qty: int, *, maker: bool, certain: bool = True) -> None:
        order.leaves -= qty
        if order.leaves == 0:
            order.resting = False
        sign = 1 if order.side == "buy" else -1

        def slip(mid: float | None) -> float | None:
            return None if mid is None else sign * (px - mid)

        fill = {
            "order": order.id, "px": px, "qty": qty, "maker": maker, "certain": certain,
            "exch_us": self.now,
            "slip_arrival": slip(order.arrival_mid), "slip_decision": slip(order.decision_mid),
        }  # fmt: skip
        self.send(order, "fill", px=px, qty=qty, fill=fill)

    def market_at_exchange(self, row: dict[str, Any]) -> None:
        if row["k"] == "depth":
            self.depth(row)
        elif row["k"] == "trade":
            self.trade(row)
        else:
            self.exchange.clear(row)
            self.taken.clear()

    def depth(self, row: dict[str, Any]) -> None:
        side, px, qty = row["side"], row["px"], row["qty"]
        best = self.exchange.best(side)
        before = self.exchange.side(side).get(px, 0)
        had_taken = self.taken.pop((side, px), 0) > 0
        self.exchange.update(row)
        for gone in [k for k in self.taken if k[1] not in self.exchange.side(k[0])]:
            del self.taken[gone]
        own = "buy" if side == "bid" else "sell"
        for order in self.resting(own):
            if order.px == px and not row.get("is_evicted"):
                self.move_queue(order, before, qty)
        improves = best is None or (px > best if side == "bid" else px < best)
        if qty > 0 and (improves or had_taken):
            new = max(0, qty - before)  # the rest may be what own orders took
            for order in self.resting("sell" if side == "bid" else "buy"):
                if order.px <= px if side == "bid" else order.px >= px:
                    lots, order.worst = order.leaves, 0
                    self.fill(order, order.px, lots, maker=True, certain=lots <= new)
                    new -= lots

    def move_queue(self, order: Order, before: int, after: int) -> None:
        old, explained = order.ahead, order.traded
        old_worst, order.worst = order.worst, min(order.worst, after)
        self.move_by_model(order, before, after)
        order.traded = 0
        change, window = before - after - explained, self.model.get("netting_us", 0)
        if window and change > 0:
            if self.now - order.early_us > window:
                order.early, order.early_ahead, order.early_worst = 0, 0.0, 0
            order.early += change
            order.early_worst += old_worst - order.worst
            order.early_ahead += old - order.ahead
            order.early_us = self.now

    def move_by_model(self, order: Order, before: int, after: int) -> None:
        if self.model.get("queue", "risk_averse") == "risk_averse":
            order.ahead = min(order.ahead, after)
            return
        change = before - after - order.traded
        order.traded = 0
        if change < 0:
            order.ahead = min(order.ahead, after)
            return
        front, back = order.ahead, before - order.ahead
        behind = self.chance_behind(front, back)
        moved = front - (1 - behind) * change + min(back - behind * change, 0)
        order.ahead = min(moved, after)

    def chance_behind(self, front: float, back: float) -> float:
        name, n = self.model["queue"], self.model["n"]
        if name.startswith("log"):
            front, back = front * self.model["lot"], back * self.model["lot"]
            if min(front, back, front + back) <= -1:
                return 1.0
            over, under = math.log1p(back), math.log1p(front)
            whole = over + under if name == "log" else math.log1p(back + front)
            return over / whole if whole else 1.0
        if front + back == 0:
            return 1.0
        if name == "power":
            return back**n / (back**n + front**n)
        if name == "power2":
            return back**n / (back + front) ** n
        return 1 - (front / (front + back)) ** n

    def trade(self, row: dict[str, Any]) -> None:
        own, px = ("sell" if row["side"] == "buy" else "buy"), row["px"]
        absorbed, left = 0, row["qty"]
        for order in self.resting(own):
            if order.px > px if own == "buy" else order.px < px:
                lots, order.worst = order.leaves, 0
                self.fill(order, order.px, lots, maker=True, certain=lots <= left)
                left -= lots
            elif order.px == px:
                netted, worst = 0, order.worst
                if order.early and self.now - order.early_us <= self.model.get("netting_us", 0):
                    netted = min(row["qty"], order.early)
                    back = order.early_ahead * (netted / order.early)
                    order.ahead += back
                    order.early_ahead -= back
                    order.early -= netted
                    told_twice = min(netted, order.early_worst)
                    order.early_worst -= told_twice
                    worst += told_twice
                order.worst = max(0, worst - row["qty"])
                order.ahead -= row["qty"]
                order.traded += row["qty"] - netted
                excess = math.floor(-order.ahead + 0.5)
                if excess < 1:
                    continue
                order.ahead = 0.0
                qty = min(order.leaves, excess - absorbed)
                if qty > 0:
                    absorbed += qty
                    self.fill(order, px, qty, maker=True, certain=worst + qty <= left)
                    left -= qty

    def request(self, action: dict[str, Any]) -> None:
        order = self.orders[action["id"]]
        if action["do"] == "submit":
            self.enter(order)
        elif action["do"] == "cancel":
            if not order.resting:
                self.send(order, "reject", reason="cancel_rejected")
            else:
                order.resting = False
                self.send(order, "state", status="CANCELED")
        elif not order.resting:
            self.send(order, "reject", reason="modify_rejected")
        elif action["px"] == order.px and action["qty"] <= order.leaves:
            order.leaves = action["qty"]
            self.send(order, "state", status="NEW")
        else:
            order.resting = False
            order.px, order.leaves = action["px"], action["qty"]
            self.enter(order)

    def is_beyond(self, order: Order, levels: dict[int, int]) -> bool:
        """Worse than all that is displayed: who is there is not known."""
        return order.px < min(levels) if order.side == "buy" else order.px > max(levels)

    def crosses(self, order: Order, px: int) -> bool:
        return order.px is None or (px <= order.px if order.side == "buy" else px >= order.px)

    def enter(self, order: Order) -> None:
        order.arrival_mid = self.exchange.mid()
        other = "ask" if order.side == "buy" else "bid"
        best = self.exchange.best(other)
        for mine in self.resting("sell" if order.side == "buy" else "buy"):
            inside = best is None or (mine.px <= best if other == "ask" else mine.px >= best)
            if inside and self.crosses(order, mine.px):
                self.send(order, "state", status="EXPIRED", reason="self_trade")
                return
        if order.tif == "GTX" and best is not None and self.crosses(order, best):
            self.send(order, "state", status="EXPIRED", reason="post_only_reject")
            return
        levels = sorted(self.exchange.side(other).items(), reverse=other == "bid")
        offers = [
            (px, qty - self.taken.get((other, px), 0))
            for px, qty in levels
            if self.crosses(order, px)
        ]
        if order.tif == "FOK" and sum(qty for _, qty in offers) < order.leaves:
            self.send(order, "state", status="EXPIRED")
            return
        wanted = order.leaves
        for px, available in offers:
            qty = min(available, order.leaves)
            if qty > 0:
                self.taken[other, px] = self.taken.get((other, px), 0) + qty
                self.fill(order, px, qty, maker=False)
        if order.leaves == 0:
            return
        if order.tif in ("IOC", "FOK"):
            self.send(order, "state", status="EXPIRED")
            return
        same = self.exchange.bid if order.side == "buy" else self.exchange.ask
        order.ahead, order.traded, order.early = float(same.get(order.px, 0)), 0, 0
        order.early_ahead = order.early_worst = 0.0
        order.worst = order.ahead
        if order.px not in same and same and self.is_beyond(order, same):
            order.worst = math.inf
        self.place += 1
        order.place, order.resting = self.place, True
        if order.leaves == wanted:
            self.send(order, "state", status="NEW")
