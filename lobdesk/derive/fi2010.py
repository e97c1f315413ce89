"""FI-2010 with decimal precision: a column of the file is a ten-level book of a Helsinki stock.

The files carry no time, no name and no unit: prices and quantities are right up to a power of ten,
and the number of the column is the only clock. Five stocks lie behind one another; where the best
ask jumps by more than a tenth, the next one begins.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from lobdesk.derive.foreign import Reading, trimmed_mantissa
from lobdesk.derive.rows import RowBook
from lobdesk.records import BOOK_LEVELS

if TYPE_CHECKING:
    from lobdesk.records import Level

BOOK_ROWS = 4 * BOOK_LEVELS
JOINT = 10
"""A change of the best ask by more than one part in so many is another stock."""


class Fi2010(RowBook):
    """The books of one file; see ``Dialect``."""

    def __init__(self, price_precision: int, qty_precision: int) -> None:
        """Begin without a book.

        Args:
            price_precision: Digits of its prices; more make a column unreadable.
            qty_precision: Digits of its quantities.
        """
        super().__init__(_symbol(1), price_precision, qty_precision)
        self._stock = 1

    def feed(self, frame: bytes, recv_ts_us: int) -> Reading:
        """See ``Dialect.feed``."""
        try:
            sides = self._parse(frame)
            ended = []
            if self._sides is not None and _is_other_stock(self._sides[1], sides[1]):
                ended.append((self._symbol, "close"))
                self._stock += 1
                self._symbol, self._sides = _symbol(self._stock), None
            reading = self._show(sides, (recv_ts_us, recv_ts_us))
        except ValueError as error:
            return self._malformed(error)
        reading.ended = ended
        return reading

    def _parse(self, frame: bytes) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        numbers = [plain_number(token) for token in frame.decode().split(" ")]
        if len(numbers) != BOOK_ROWS:
            raise ValueError(f"{len(numbers)} numbers instead of {BOOK_ROWS}")
        asks, bids = (
            tuple(
                (
                    trimmed_mantissa(numbers[at], self._digits[0]),
                    trimmed_mantissa(numbers[at + 1], self._digits[1]),
                )
                for at in range(first, BOOK_ROWS, 4)
            )
            for first in (0, 2)
        )
        return bids, asks


def plain_number(token: str) -> str:
    """Return ``2.6150000e-01`` as ``0.26150000``.

    Raises:
        ValueError: It is no number.
    """
    try:
        number = Decimal(token)
    except InvalidOperation:
        raise ValueError(f"{token[:40]!r} is no number") from None
    if not number.is_finite() or number.adjusted() > BOOK_ROWS or number.adjusted() < -BOOK_ROWS:
        raise ValueError(f"{token[:40]!r} is no price or quantity")
    return format(number, "f")


def _is_other_stock(before: tuple[Level, ...], after: tuple[Level, ...]) -> bool:
    return abs(after[0][0] - before[0][0]) * JOINT > before[0][0]


def _symbol(stock: int) -> str:
    return f"FI2010/{stock}"
