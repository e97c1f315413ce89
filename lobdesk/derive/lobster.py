"""LOBSTER: a message row and the book row after it, as one frame of two lines.

The book rows are taken as they are, and each change from row to row must be the one that its
message tells; there is no checksum, so a book is ``unchecked``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from lobdesk.derive.foreign import (
    UNCHECKED,
    BookChange,
    ForeignTrade,
    Reading,
    unchecked_line,
)

if TYPE_CHECKING:
    from lobdesk.records import Level

PRICE_PRECISION = 4
QTY_PRECISION = 0
MESSAGE = re.compile(rb"(\d{1,5})(?:\.(\d{1,9}))?,([1-7]),(\d+),(\d+),(-?\d+),(-?1)")
ADD, EXECUTION, HIDDEN, CROSS = 1, 4, 5, 6
CHANGES_BOOK = (1, 2, 3, 4)
FIELDS_A_LEVEL = 4
Side = tuple["Level", ...]


class Message(NamedTuple):
    """One message row.

    Attributes:
        time_ns: Since midnight.
        kind: LOBSTER's event type.
        qty: Shares.
        price: In 0.0001 dollars.
        is_bid: The resting order is a bid.
    """

    time_ns: int
    kind: int
    qty: int
    price: int
    is_bid: bool


class Lobster:
    """The book of one LOBSTER file pair; see ``Dialect``."""

    def __init__(self, symbol: str, midnight_us: int) -> None:
        """Begin without a book.

        Args:
            symbol: The one symbol of the files.
            midnight_us: What the times of the messages count from.
        """
        self._symbol = symbol
        self._midnight_us = midnight_us
        self._sides: tuple[Side, Side] | None = None
        self._levels = 0
        self._times_us = (0, 0)

    def feed(self, frame: bytes, recv_ts_us: int) -> Reading:
        """See ``Dialect.feed``."""
        try:
            return self._read(frame, recv_ts_us)
        except ValueError as error:
            self._sides = None
            return Reading("malformed", reason=str(error), ended=[(self._symbol, "malformed")])

    def snapshot_line(self, symbol: str, seq: int) -> bytes:
        """See ``Dialect.snapshot_line``."""
        assert self._sides is not None  # noqa: S101 - asked for after a followed frame only
        digits = (PRICE_PRECISION, QTY_PRECISION)
        return unchecked_line(symbol, seq, self._times_us, digits, self._sides)

    def symbols(self) -> list[str]:
        """See ``Dialect.symbols``."""
        return [] if self._sides is None else [self._symbol]

    def instrument(self, symbol: str) -> tuple[int, int, bool] | None:
        """See ``Dialect.instrument``."""
        return (PRICE_PRECISION, QTY_PRECISION, False) if symbol == self._symbol else None

    def _read(self, frame: bytes, recv_ts_us: int) -> Reading:
        message_row, _, book_row = frame.partition(b"\n")
        message = parse_message(message_row)
        levels, sides = _parse_book(book_row)
        before = self._sides
        if before is not None:
            if levels != self._levels:
                raise ValueError(f"the book row has {levels} levels, the first {self._levels}")
            _check_change(message, before, sides, levels)
        self._sides, self._levels = sides, levels
        exch_ts_us = self._midnight_us + message.time_ns // 1000
        self._times_us = (exch_ts_us, recv_ts_us)
        reading = Reading("book", books=[BookChange(self._symbol, before is None, UNCHECKED)])
        if message.kind in {EXECUTION, HIDDEN}:
            reading.trades.append(self._trade(message))
        elif message.kind == CROSS:
            reading.refused.append((self._symbol, "auction, without an aggressor"))
        return reading

    def _trade(self, message: Message) -> ForeignTrade:
        return ForeignTrade(
            symbol=self._symbol,
            exch_ts_us=self._times_us[0],
            recv_ts_us=self._times_us[1],
            trade_id=0,
            side="sell" if message.is_bid else "buy",
            ord_type="",
            price_ticks=message.price,
            qty_lots=message.qty,
            price_precision=PRICE_PRECISION,
            qty_precision=QTY_PRECISION,
        )


def parse_message(row: bytes) -> Message:
    """Return a message row.

    Raises:
        ValueError: It is none.
    """
    match = MESSAGE.fullmatch(row)
    if match is None:
        raise ValueError("expected <seconds>,<type>,<order>,<size>,<price>,<direction>")
    time_ns = int(match[1]) * 1_000_000_000 + int((match[2] or b"").ljust(9, b"0"))
    return Message(time_ns, int(match[3]), int(match[5]), int(match[6]), match[7] == b"1")


def _parse_book(row: bytes) -> tuple[int, tuple[Side, Side]]:
    """Return how many levels a side a row has, and those that exist: bids, asks."""
    try:
        numbers = [int(field) for field in row.split(b",")]
    except ValueError:
        numbers = []
    levels, rest = divmod(len(numbers), FIELDS_A_LEVEL)
    if rest or not levels:
        raise ValueError("expected <ask>,<size>,<bid>,<size> for each level of the book")
    asks = _side(numbers[0::4], numbers[1::4])
    bids = _side(numbers[2::4], numbers[3::4])
    if list(asks) != sorted(asks) or list(bids) != sorted(bids, reverse=True):
        raise ValueError("the levels of the book are not in order")
    return levels, (bids, asks)


def _side(prices: list[int], sizes: list[int]) -> Side:
    side = tuple((price, size) for price, size in zip(prices, sizes, strict=True) if size)
    if any(price <= 0 or size < 0 for price, size in side):
        raise ValueError("a level of the book has a price or size below zero")
    return side


def _check_change(
    message: Message, before: tuple[Side, Side], after: tuple[Side, Side], levels: int
) -> None:
    for is_bid, old, new in zip((True, False), before, after, strict=True):
        expected = dict(old)
        if is_bid == message.is_bid and message.kind in CHANGES_BOOK:
            _change(expected, message, is_full=len(old) == levels)
        best = sorted(expected.items(), reverse=is_bid)[:levels]
        # A level that left the window lets one come in from below, which no message tells.
        comes_in = len(old) == levels and len(best) == levels - 1 and len(new) == levels
        if list(new[: len(best)] if comes_in else new) != best:
            raise ValueError("the change of the book is not the one that the message tells")


def _change(side: dict[int, int], message: Message, *, is_full: bool) -> None:
    """Apply a message; one that concerns levels below a full window changes nothing in it."""
    worst = min(side, default=0) if message.is_bid else max(side, default=0)
    is_below = message.price < worst if message.is_bid else message.price > worst
    if is_full and is_below:
        return
    change = message.qty if message.kind == ADD else -message.qty
    size = side.pop(message.price, 0) + change
    if size < 0:
        raise ValueError("the message takes more than the book has")
    if size:
        side[message.price] = size
