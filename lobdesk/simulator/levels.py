"""Books as the simulated exchange publishes them: totals per price, cut to a depth, checksummed."""

from __future__ import annotations

import zlib
from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from lobdesk.simulator.events import ASK, BID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lobdesk.records import Level
    from lobdesk.simulator.events import LevelChange

CHECKSUM_LEVELS = 10


class LevelBook:
    """All levels of one symbol."""

    def __init__(self) -> None:
        self._prices: tuple[list[int], list[int]] = ([], [])
        self._lots: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def set(self, side: int, price_ticks: int, qty_lots: int) -> None:
        """Replace a level's total; 0 removes the level."""
        lots = self._lots[side]
        prices = self._prices[side]
        if qty_lots:
            if price_ticks not in lots:
                insort(prices, price_ticks)
            lots[price_ticks] = qty_lots
        elif lots.pop(price_ticks, None) is not None:
            del prices[bisect_left(prices, price_ticks)]

    def best(self, side: int, depth: int) -> dict[int, int]:
        """Return the best levels, price → lots, best first."""
        prices = self._prices[side]
        top = prices[: -depth - 1 : -1] if side == BID else prices[:depth]
        lots = self._lots[side]
        return {price: lots[price] for price in top}

    def cut(self, depth: int) -> list[LevelChange]:
        """Forget the levels behind the best ``depth`` of each side and return their removals."""
        removed = []
        for side in (BID, ASK):
            prices = self._prices[side]
            extra = prices[:-depth] if side == BID else prices[depth:]
            for price in extra:
                self.set(side, price, 0)
                removed.append((side, price, 0))
        return removed

    def levels(self, side: int) -> dict[int, int]:
        """Return all levels of a side, price → lots, in no order."""
        return dict(self._lots[side])


class DepthView:
    """What a client subscribed at one depth knows of a book.

    A level that is pushed out of the depth gets no removal message; one that moves into it is
    sent. So a client that cuts its book after each message holds exactly this view.
    """

    def __init__(self, book: LevelBook, depth: int) -> None:
        self.depth = depth
        self._book = book
        self._sides = (book.best(BID, depth), book.best(ASK, depth))

    def refresh(self, changes: Iterable[LevelChange]) -> tuple[list[Level], list[Level]]:
        """Take over the book's state and return the bids and asks that a client must be told."""
        touched = {side for side, price, _ in changes if self._reaches(side, price)}
        told: tuple[list[Level], list[Level]] = ([], [])
        for side in touched:
            old = self._sides[side]
            new = self._book.best(side, self.depth)
            is_full = len(new) == self.depth
            worst = next(reversed(new)) if new else 0
            for price in old.keys() - new.keys():
                is_pushed_out = is_full and (price < worst if side == BID else price > worst)
                if not is_pushed_out:
                    told[side].append((price, 0))
            told[side].sort()
            told[side].extend(
                (price, lots) for price, lots in new.items() if old.get(price) != lots
            )
            self._sides[side].clear()
            self._sides[side].update(new)
        return told

    def snapshot(self) -> tuple[list[Level], list[Level]]:
        """Return bids and asks, best first."""
        return list(self._sides[BID].items()), list(self._sides[ASK].items())

    def checksum(self) -> int:
        """Return the exchange's checksum of the ten best levels."""
        digits = [
            f"{price}{lots}"
            for side in (ASK, BID)
            for price, lots in list(self._sides[side].items())[:CHECKSUM_LEVELS]
        ]
        return zlib.crc32("".join(digits).encode())

    def _reaches(self, side: int, price: int) -> bool:
        levels = self._sides[side]
        if price in levels or len(levels) < self.depth:
            return True
        worst = next(reversed(levels))
        return price > worst if side == BID else price < worst
