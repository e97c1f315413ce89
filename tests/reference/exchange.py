"""The exchange's side of one symbol, the slow way: one rule a line.

Nothing is shared with the engine; where the two differ, one of them is wrong.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

from tests.reference.levels import FeedBook
from tests.reference.queues import Order, Queues

EVICTED = 4


class Engine(Protocol):
    now: int
    model: dict[str, Any]

    def send(self, order: Order, kind: str, **facts: Any) -> None: ...


class Exchange:
    def __init__(self, engine: Engine, instrument: dict[str, Any]) -> None:
        self.engine, self.model, self.instrument = engine, engine.model, instrument
        self.preset = self.model.get("preset", "lobdesk")
        self.queue = self.model.get("queue", "risk_averse")
        self.caps = self.model.get("through", "full") == "cap"
        self.window = self.model.get("window") or 0
        self.book = FeedBook(self.window if self.model.get("truncate") else 0)
        self.queues = Queues(self.model, float(instrument.get("lot") or 1))
        self.taken: dict[tuple[str, int], int] = {}
        self.mine: dict[str, list[Order]] = {"buy": [], "sell": []}  # by price, then time

    def fill(self, order: Order, px: int, qty: int, *, maker: bool, certain: bool = True,
             best: float = 0, worst: float = 0) -> None:  # fmt: skip
        order.leaves -= qty
        if order.leaves == 0 and order.resting:
            self.leave(order)
        sign = 1 if order.side == "buy" else -1
        arrival, decision = order.arrival_mid, order.decision_mid
        fill = {
            "order": order.id, "sym": order.sym, "px": px, "qty": qty, "maker": maker,
            "certain": certain, "exch_us": self.engine.now,
            "slip_arrival": None if arrival is None else sign * (px - arrival),
            "slip_decision": None if decision is None else sign * (px - decision),
            "ahead_at_arrival": order.ahead_at_arrival, "best": best, "worst": worst,
            "wait_us": self.engine.now - order.arrival_us,
        }  # fmt: skip
        self.engine.send(order, "fill", fill=fill)

    def leave(self, order: Order) -> None:
        order.resting = False
        self.mine[order.side].remove(order)

    # --- the feed ---

    def on_row(self, row: dict[str, Any]) -> None:
        kind = row["k"]
        if kind == "depth":
            is_evicted = bool((row.get("flags") or 0) & EVICTED)
            qty = 0 if is_evicted else row["qty"]
            self.change_level(row["side"], row["px"], qty, moves=not is_evicted)
        elif kind == "trade":
            if self.queue != "l3_fifo":
                self.trade("sell" if row["side"] == "buy" else "buy", row["px"], row["qty"])
        elif kind == "clear":
            self.clear(row)
        elif kind == "fill":
            self.feed_fill(row)
        else:
            self.feed_change(row)

    def clear(self, row: dict[str, Any]) -> None:
        px = row.get("px") or None
        self.book.clear(row["side"], px)
        self.taken.clear()
        if self.queue != "l3_fifo":
            return
        for own, name in (("buy", "bid"), ("sell", "ask")):
            for order in self.mine[own] if row["side"] in (None, name) else []:
                if px is None or (order.px >= px if own == "buy" else order.px <= px):
                    order.join(0)

    def change_level(self, side: str, px: int, qty: int, *, moves: bool) -> None:
        best, before = self.book.best(side), self.book.sides[side].get(px, 0)
        had_taken = self.taken.pop((side, px), 0) > 0
        self.book.set(side, px, qty)
        for gone in [k for k in self.taken if k[1] not in self.book.sides[k[0]]]:
            del self.taken[gone]
        own, against = ("buy", "sell") if side == "bid" else ("sell", "buy")
        for order in self.mine[own]:
            if order.px == px and moves:
                self.queues.on_depth(order, before, qty, self.engine.now)
        improves = best is None or (px > best if side == "bid" else px < best)
        if qty > 0 and (improves or had_taken):
            new = max(0, qty - before)  # the rest may be what own orders took
            self.fill_better(against, px, qty, new, with_px=True)

    def fill_better(self, own: str, px: int, qty: int, certain: float, *,
                    with_px: bool) -> tuple[float, float]:  # fmt: skip
        left: float = qty if self.caps else math.inf
        for order in list(self.mine[own]):
            is_better = order.px > px if own == "buy" else order.px < px
            if not (is_better or (with_px and order.px == px)):
                continue
            lots = min(order.leaves, left)
            best, worst = order.best, order.worst
            order.join(0)
            if lots > 0:
                is_certain = lots <= certain
                self.fill(order, order.px, lots, maker=True, certain=is_certain, best=best,
                          worst=worst)  # fmt: skip
            left -= lots
            certain -= lots
        return left, certain

    def trade(self, own: str, px: int, qty: int) -> None:
        left, certain = self.fill_better(own, px, qty, qty, with_px=False)
        absorbed = 0
        for order in list(self.mine[own]):
            if order.px != px or order.deferred:
                continue
            best, worst = order.best, order.worst
            told_twice, excess = self.queues.on_trade(order, qty, self.engine.now)
            if excess < 1:
                continue
            share = excess - absorbed if self.preset == "lobdesk" else excess
            filled = (
                order.leaves if self.preset == "hftbacktest" else min(order.leaves, share, left)
            )
            if filled > 0:
                is_certain = worst + told_twice + filled <= certain
                self.fill(order, px, filled, maker=True, certain=is_certain, best=best, worst=worst)
                absorbed += filled
                left -= filled
                certain -= filled

    # --- single orders of the feed ---

    def feed_fill(self, row: dict[str, Any]) -> None:
        own, px, left = ("buy" if row["side"] == "bid" else "sell"), row["px"], row["qty"]
        if self.queue != "l3_fifo":
            self.trade(own, px, left)
            return
        known = self.book.orders.get(row["oid"])
        place, certain = (0 if known is None else known.place), left
        for order in list(self.mine[own]):
            is_better = order.px > px if own == "buy" else order.px < px
            if left <= 0 or not (is_better or (order.px == px and order.place < place)):
                continue
            lots = order.leaves if self.preset == "hftbacktest" else min(order.leaves, left)
            self.fill(order, order.px, lots, maker=True, certain=lots <= certain,
                      best=order.best, worst=order.worst)  # fmt: skip
            certain -= lots
            left -= lots if self.preset == "lobdesk" else 0

    def feed_change(self, row: dict[str, Any]) -> None:
        left, joined = self.book.apply(row)
        is_exact = self.queue == "l3_fifo"
        for each, sign in ((left, -1), (joined, 1)):
            if each is None or each.qty == 0:
                continue
            for order in self.mine["buy" if each.side == "bid" else "sell"] if is_exact else ():
                if order.px == each.px and order.place > each.place:
                    order.ahead = max(0.0, order.ahead + sign * each.qty)
                    order.best = max(0, order.best + sign * each.qty)
                    order.worst = max(0, order.worst + sign * each.qty)
            level = self.book.sides[each.side].get(each.px, 0)
            qty = max(0, level + sign * each.qty)
            self.change_level(each.side, each.px, qty, moves=not is_exact)

    # --- own requests ---

    def cancel(self, order: Order) -> None:
        if not order.resting:
            self.engine.send(order, "reject", answers="cancel", reason="cancel_rejected")
            return
        self.leave(order)
        self.engine.send(order, "state", answers="cancel", status="CANCELED")

    def cancel_all(self) -> None:
        for own in ("buy", "sell"):
            for order in list(self.mine[own]):
                self.cancel(order)

    def modify(self, order: Order, px: int, qty: int) -> None:
        if not order.resting or qty <= 0:
            self.engine.send(order, "reject", answers="modify", reason="modify_rejected")
        elif px == order.px and qty <= order.leaves:
            order.leaves = qty
            self.engine.send(order, "state", answers="modify", status="NEW")
        else:
            self.leave(order)
            order.px, order.leaves = px, qty
            if not self.enter(order, answers="modify"):
                self.engine.send(order, "answered", answers="modify")

    def crosses(self, order: Order, px: int) -> bool:
        return order.px is None or (px <= order.px if order.side == "buy" else px >= order.px)

    def refusal(self, order: Order, other: str, offers: list[tuple[int, int]]) -> str | None:
        best = self.book.best(other)
        if order.leaves < self.instrument.get("min_lots", 0):
            return "below_minimum"
        for mine in self.mine["sell" if order.side == "buy" else "buy"]:
            inside = best is None or (mine.px <= best if other == "ask" else mine.px >= best)
            if self.preset == "lobdesk" and inside and self.crosses(order, mine.px):
                return "self_trade"
        if order.tif == "GTX" and order.px is not None and best is not None:
            return "post_only_reject" if self.crosses(order, best) else None
        if order.tif == "FOK":
            is_all = self.preset == "hftbacktest" and offers
            return None if is_all or sum(qty for _, qty in offers) >= order.leaves else "killed"
        return None

    def offers(self, order: Order, other: str) -> list[tuple[int, int]]:
        levels = sorted(self.book.sides[other].items(), reverse=other == "bid")
        return [
            (px, qty - self.taken.get((other, px), 0))
            for px, qty in levels
            if self.crosses(order, px)
        ]

    def enter(self, order: Order, answers: str = "submit") -> bool:
        """Return whether it was answered by more than fills."""
        order.arrival_mid, order.arrival_us = self.book.mid(), self.engine.now
        order.ahead_at_arrival = 0.0
        other = "ask" if order.side == "buy" else "bid"
        offers = self.offers(order, other)
        reason = self.refusal(order, other, offers)
        if reason is not None:
            reason = None if reason == "killed" else reason
            self.engine.send(order, "state", answers=answers, status="EXPIRED", reason=reason)
            return True
        wanted = order.leaves
        for px, available in offers:
            qty = order.leaves if self.preset == "hftbacktest" else min(available, order.leaves)
            if qty <= 0:
                continue
            if self.preset == "lobdesk":
                self.taken[other, px] = self.taken.get((other, px), 0) + qty
            self.fill(order, px, qty, maker=False, certain=qty <= available)
        if order.leaves == 0:
            return False
        if order.tif in ("IOC", "FOK"):
            self.engine.send(order, "state", answers=answers, status="EXPIRED")
            return True
        if offers and self.preset != "lobdesk":
            self.fill(order, order.px, order.leaves, maker=False, certain=False)
            return False
        self.rest(order)
        if order.leaves == wanted:
            self.engine.send(order, "state", answers=answers, status="NEW")
        return order.leaves == wanted

    def rest(self, order: Order) -> None:
        name = "bid" if order.side == "buy" else "ask"
        same = self.book.sides[name]
        order.join(float(same.get(order.px, 0)))
        is_whole = not self.window or len(same) >= self.window
        if order.px not in same and same and is_whole:
            worst = self.book.worst(name)
            if order.px < worst if name == "bid" else order.px > worst:
                order.worst = math.inf
                order.deferred = self.model.get("unknown", "zero") == "defer"
        order.ahead_at_arrival = order.ahead
        self.book.place += 1
        order.place, order.resting = self.book.place, True
        mine = self.mine[order.side]
        mine.append(order)
        mine.sort(key=lambda o: (-o.px if order.side == "buy" else o.px, o.place))
