"""Levels and single orders of a feed as its reader keeps them, in dictionaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SNAPSHOT, EVICTED = 2, 4


@dataclass
class FeedOrder:
    side: str
    px: int
    qty: int
    place: int
    cleared: int = 0


class Book:
    def __init__(self, window: int = 0) -> None:
        self.sides: dict[str, dict[int, int]] = {"bid": {}, "ask": {}}
        self.window = window
        self.last_mid: float | None = None

    def best(self, name: str) -> int | None:
        levels = self.sides[name]
        return (max if name == "bid" else min)(levels) if levels else None

    def worst(self, name: str) -> int:
        return (min if name == "bid" else max)(self.sides[name])

    def mid(self) -> float | None:
        bids, asks = self.sides["bid"], self.sides["ask"]
        return (max(bids) + min(asks)) / 2 if bids and asks else None

    def set(self, side: str, px: int, qty: int) -> None:
        levels = self.sides[side]
        levels.pop(px, None)
        if qty:
            levels[px] = qty
            other = self.sides["ask" if side == "bid" else "bid"]
            for each in list(other):
                if (each <= px) if side == "bid" else (each >= px):
                    del other[each]
        while self.window and len(levels) > self.window:
            del levels[self.worst(side)]
        self.keep_mid()

    def clear(self, side: str | None, px: int | None) -> None:
        for name, levels in self.sides.items():
            if side in (None, name):
                for each in list(levels):
                    if px is None or (each >= px if name == "bid" else each <= px):
                        del levels[each]
        self.keep_mid()

    def keep_mid(self) -> None:
        mid = self.mid()
        self.last_mid = self.last_mid if mid is None else mid


class FeedBook(Book):
    """Levels and the single orders of an order-level feed."""

    def __init__(self, window: int = 0) -> None:
        super().__init__(window)
        self.orders: dict[int, FeedOrder] = {}
        self.place = 0

    def clear(self, side: str | None, px: int | None) -> None:
        super().clear(side, px)
        for order in self.orders.values():
            is_good = px is None or (order.px >= px if order.side == "bid" else order.px <= px)
            if order.qty and side in (None, order.side) and is_good:
                order.cleared, order.qty = order.qty, 0

    def apply(self, row: dict[str, Any]) -> tuple[FeedOrder | None, FeedOrder | None]:
        """Return what left and what joined, for add, cancel and modify."""
        old, side, px, qty = self.orders.get(row["oid"]), row["side"], row["px"], row["qty"]
        self.place += 1
        left = None
        if old is not None and old.qty:
            is_same = (old.side, old.px) == (side, px)
            if row["k"] == "modify" and is_same and qty <= old.qty:
                left = FeedOrder(side, px, old.qty - qty, old.place)
                old.qty = qty
                return left, None
            left = FeedOrder(old.side, old.px, old.qty, old.place)
        if row["k"] == "cancel":
            self.orders.pop(row["oid"], None)
            return left, None
        came_again = (
            old is not None
            and (row.get("flags") or 0) & SNAPSHOT
            and (old.side, old.px) == (side, px)
            and (0 if old.qty else old.cleared) >= qty
        )
        place = old.place if came_again and old is not None else self.place
        self.orders[row["oid"]] = FeedOrder(side, px, qty, place)
        return left, FeedOrder(side, px, qty, place)

    def on_row(self, row: dict[str, Any]) -> None:
        """Do what a reader without own orders does."""
        if row["k"] == "depth":
            self.set(row["side"], row["px"], 0 if (row.get("flags") or 0) & EVICTED else row["qty"])
        elif row["k"] == "clear":
            self.clear(row["side"], row.get("px") or None)
        elif row["k"] in ("add", "cancel", "modify"):
            for each, sign in zip(self.apply(row), (-1, 1), strict=True):
                if each is not None and each.qty:
                    level = self.sides[each.side].get(each.px, 0)
                    self.set(each.side, each.px, max(0, level + sign * each.qty))
