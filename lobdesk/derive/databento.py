"""Databento's MBP-10 as CSV: each row carries the ten best levels after its event.

A book is whole at an event's last record only (flag 128), so only those rows become snapshots.
There is no checksum, so they are ``unchecked``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.derive.foreign import (
    UNCHECKED,
    BookChange,
    Reading,
    trimmed_mantissa,
    unchecked_line,
)
from lobdesk.records import BOOK_LEVELS
from lobdesk.units import parse_rfc3339_us

if TYPE_CHECKING:
    from lobdesk.records import Level

LAST, MAYBE_BAD_BOOK = 128, 4
NEEDED = ("ts_recv", "ts_event", "action", "flags", "symbol")
Side = tuple["Level", ...]


class DatabentoBook:
    """The book of one symbol; see ``Dialect``."""

    def __init__(self, symbol: str, columns: str, price_precision: int) -> None:
        """Begin without a book.

        Args:
            symbol: The one symbol of the file.
            columns: Its header line.
            price_precision: Digits of its prices; more make a row unreadable.
        """
        self._symbol = symbol
        self._columns = columns.split(",")
        self._digits = (price_precision, 0)
        self._has_book = False
        self._sides: tuple[Side, Side] = ((), ())
        self._times_us = (0, 0)

    def feed(self, frame: bytes, recv_ts_us: int) -> Reading:
        """See ``Dialect.feed``."""
        try:
            return self._read(split_row(frame, self._columns), recv_ts_us)
        except ValueError as error:
            self._has_book = False
            return Reading("malformed", reason=str(error), ended=[(self._symbol, "malformed")])

    def snapshot_line(self, symbol: str, seq: int) -> bytes:
        """See ``Dialect.snapshot_line``."""
        return unchecked_line(symbol, seq, self._times_us, self._digits, self._sides)

    def symbols(self) -> list[str]:
        """See ``Dialect.symbols``."""
        return [self._symbol] if self._has_book else []

    def instrument(self, symbol: str) -> tuple[int, int, bool] | None:
        """See ``Dialect.instrument``."""
        return (*self._digits, True) if symbol == self._symbol else None

    def _read(self, row: dict[str, str], recv_ts_us: int) -> Reading:
        if row["symbol"] != self._symbol:
            raise ValueError(f"it is of {row['symbol']!r}, not of {self._symbol!r}")
        flags = int(row["flags"])
        exch_ts_us = parse_rfc3339_us(row["ts_event"])
        sides = (self._side(row, "bid"), self._side(row, "ask"))
        if row["action"] == "R":
            self._has_book = False
            return Reading("other", ended=[(self._symbol, "clear")])
        if flags & MAYBE_BAD_BOOK:
            self._has_book = False
            change = BookChange(self._symbol, False, "unverified", "maybe_bad_book")
            return Reading("book", books=[change])
        if not flags & LAST:
            return Reading("other")
        is_first = not self._has_book
        self._has_book, self._sides = True, sides
        self._times_us = (exch_ts_us, recv_ts_us)
        return Reading("book", books=[BookChange(self._symbol, is_first, UNCHECKED)])

    def _side(self, row: dict[str, str], name: str) -> Side:
        levels = []
        for level in range(BOOK_LEVELS):
            price, size = row[f"{name}_px_{level:02}"], row[f"{name}_sz_{level:02}"]
            if price:
                ticks = trimmed_mantissa(price, self._digits[0])
                levels.append((ticks, trimmed_mantissa(size, self._digits[1])))
        if levels != sorted(levels, reverse=name == "bid"):
            raise ValueError(f"the {name} levels are not in order")
        return tuple(levels)


def level_columns() -> list[str]:
    """Return the names of all columns of the book."""
    return [
        f"{side}_{what}_{level:02}"
        for level in range(BOOK_LEVELS)
        for side in ("bid", "ask")
        for what in ("px", "sz")
    ]


def split_row(row: bytes, columns: list[str]) -> dict[str, str]:
    """Return a row's fields by name.

    Raises:
        ValueError: It has another number of fields, or is no text.
    """
    fields = row.decode().split(",")
    if len(fields) != len(columns):
        raise ValueError(f"{len(fields)} fields instead of {len(columns)}")
    return dict(zip(columns, fields, strict=True))
