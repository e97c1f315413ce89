"""What dialects share whose frames are whole ten-level books of one file."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from lobdesk.derive.foreign import UNCHECKED, BookChange, Reading, unchecked_line

if TYPE_CHECKING:
    from lobdesk.records import Level

Sides = tuple[tuple["Level", ...], tuple["Level", ...]]


class RowBook:
    """The newest book of a file of rows; see ``Dialect``."""

    def __init__(self, symbol: str, price_precision: int, qty_precision: int) -> None:
        self._symbol = symbol
        self._digits = (price_precision, qty_precision)
        self._sides: Sides | None = None
        self._times_us = (0, 0)

    def snapshot_line(self, symbol: str, seq: int) -> bytes:
        """See ``Dialect.snapshot_line``."""
        assert self._sides is not None  # noqa: S101 - asked for after a followed frame only
        return unchecked_line(symbol, seq, self._times_us, self._digits, self._sides)

    def symbols(self) -> list[str]:
        """See ``Dialect.symbols``."""
        return [] if self._sides is None else [self._symbol]

    def instrument(self, symbol: str) -> tuple[int, int, bool] | None:
        """See ``Dialect.instrument``."""
        return (*self._digits, True) if symbol == self._symbol else None

    def _malformed(self, error: Exception) -> Reading:
        self._sides = None
        return Reading("malformed", reason=str(error), ended=[(self._symbol, "malformed")])

    def _show(self, sides: Sides, times_us: tuple[int, int]) -> Reading:
        """Take a book.

        Raises:
            ValueError: Its levels are not in order, or its sides cross.
        """
        bids, asks = sides
        prices = [ticks for ticks, _ in (*reversed(bids), *asks)]
        if any(low >= high for low, high in pairwise(prices)):
            raise ValueError("the levels of the book are not in order")
        if any(number <= 0 for level in (*bids, *asks) for number in level):
            raise ValueError("a level of the book has no price or no quantity")
        is_first = self._sides is None
        self._sides, self._times_us = sides, times_us
        return Reading("book", books=[BookChange(self._symbol, is_first, UNCHECKED)])
