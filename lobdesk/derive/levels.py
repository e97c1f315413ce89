"""Price levels of one side of a book that is followed in Python."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from lobdesk.records import BOOK_LEVELS

if TYPE_CHECKING:
    from lobdesk.records import Level


class Side:
    """All levels of one side, sorted, best first."""

    def __init__(self, *, is_bid: bool) -> None:
        self._sign = -1 if is_bid else 1
        self._keys: list[int] = []
        self._lots: dict[int, int] = {}

    def set(self, ticks: int, lots: int) -> None:
        """Set a level's quantity; none deletes it."""
        key = self._sign * ticks
        if lots:
            if key not in self._lots:
                insort(self._keys, key)
            self._lots[key] = lots
        elif self._lots.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def lots(self, ticks: int) -> int:
        """Return a level's quantity, 0 if there is none."""
        return self._lots.get(self._sign * ticks, 0)

    def best(self, levels: int = BOOK_LEVELS) -> tuple[Level, ...]:
        """Return the best levels."""
        return tuple((self._sign * k, self._lots[k]) for k in self._keys[:levels])

    def all(self) -> list[int]:
        """Return the prices of all levels, best first."""
        return [self._sign * key for key in self._keys]

    def down_to(self, ticks: int) -> list[int]:
        """Return the prices of all levels that are as good or better, best first."""
        end = bisect_left(self._keys, self._sign * ticks + 1)
        return [self._sign * key for key in self._keys[:end]]

    def is_reached(self, ticks: int) -> bool:
        """Tell whether an order of the other side at this price would meet the best level."""
        return bool(self._keys) and self._keys[0] <= self._sign * ticks
