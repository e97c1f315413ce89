"""An own order and how its place in the queue moves."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Order:
    id: int
    sym: int
    side: str
    px: int | None
    qty: int
    tif: str
    decision_us: int
    decision_mid: float | None
    leaves: int = 0
    # As the strategy knows it.
    status: str = "PENDING"
    known_leaves: int = 0
    known_px: int = 0
    filled: int = 0
    reason: str | None = None
    last_reject: str | None = None
    times: dict[str, int] = field(default_factory=dict)
    # As the exchange knows it.
    resting: bool = False
    place: int = 0
    arrival_us: int = 0
    arrival_mid: float | None = None
    ahead_at_arrival: float = 0.0
    ahead: float = 0.0
    best: float = 0.0  # ahead if every cancel was ahead
    worst: float = 0.0  # and if every one was behind
    traded: int = 0
    deferred: bool = False
    early: int = 0  # decreases that a late trade may explain, and what they moved
    early_us: int = 0
    early_ahead: float = 0.0
    early_best: float = 0.0
    early_worst: float = 0.0

    def join(self, displayed: float) -> None:
        self.ahead = self.best = self.worst = displayed
        self.traded = self.early = self.early_us = 0
        self.early_ahead = self.early_best = self.early_worst = 0.0
        self.deferred = False


def log1p(x: float) -> float:
    return math.log1p(x) if x > -1 else -math.inf if x == -1 else math.nan


class Queues:
    """The queue model of a run."""

    def __init__(self, model: dict[str, Any], lot: float) -> None:
        self.name, self.n, self.lot = model.get("queue", "risk_averse"), model.get("n", 3), lot
        self.netting_us = model.get("netting_us", 0)

    def on_trade(self, order: Order, qty: int, now: int) -> tuple[float, int]:
        """Return what was told twice from ahead at worst, and the excess."""
        netted, told_twice = 0, 0.0
        if order.early and now - order.early_us <= self.netting_us:
            netted = min(qty, order.early)
            share = netted / order.early
            told_twice = min(netted, order.early_worst)
            told_best = math.floor(order.early_best * share + 0.5)
            told_ahead = order.early_ahead * share
            order.ahead += told_ahead
            order.best += told_best
            order.worst += told_twice
            order.early_ahead -= told_ahead
            order.early_best -= told_best
            order.early_worst -= told_twice
            order.early -= netted
        order.worst, order.best = max(0, order.worst - qty), max(0, order.best - qty)
        order.ahead -= qty
        order.traded += qty - netted
        excess = math.floor(-order.ahead + 0.5)
        if excess >= 1:
            order.ahead = 0.0
        return told_twice, excess

    def on_depth(self, order: Order, before: int, after: int, now: int) -> None:
        if order.deferred:
            order.join(after)
            return
        change = before - after - order.traded
        order.traded = 0
        old_ahead, old_best, old_worst = order.ahead, order.best, order.worst
        order.worst = min(order.worst, after)
        order.best = min(max(0, order.best - max(0, change)), after)
        self.move(order, before, after, change)
        if self.netting_us and change > 0:
            if now - order.early_us > self.netting_us:
                order.early, order.early_ahead, order.early_best, order.early_worst = 0, 0.0, 0, 0
            order.early += change
            order.early_us = now
            order.early_ahead += old_ahead - order.ahead
            order.early_best += old_best - order.best
            order.early_worst += old_worst - order.worst

    def move(self, order: Order, before: int, after: int, change: int) -> None:
        if self.name in ("risk_averse", "l3_fifo") or change < 0:
            order.ahead = min(order.ahead, after)
            return
        front, back = order.ahead, before - order.ahead
        behind = self.chance_behind(front, back)
        moved = front - (1 - behind) * change + min(back - behind * change, 0)
        order.ahead = min(moved, after)

    def chance_behind(self, front: float, back: float) -> float:
        try:
            chance = self.formula(front, back)
        except (ZeroDivisionError, ValueError):
            return 1.0
        return chance if math.isfinite(chance) else 1.0

    def formula(self, front: float, back: float) -> float:
        n = self.n
        if self.name == "power":
            return math.pow(back, n) / (math.pow(back, n) + math.pow(front, n))
        if self.name == "power2":
            return math.pow(back, n) / math.pow(back + front, n)
        if self.name == "power3":
            return 1 - math.pow(front / (front + back), n)
        over, under = log1p(back * self.lot), log1p(front * self.lot)
        if self.name == "log":
            return over / (over + under)
        return over / log1p((back + front) * self.lot)
