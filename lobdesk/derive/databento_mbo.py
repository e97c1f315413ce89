"""Databento's market by order as CSV: each row is what happened to one order.

The book is built from the orders; it is whole at an event's last record only (flag 128), so only
those rows become snapshots. There is no checksum, so they are ``unchecked``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.derive.databento import LAST, MAYBE_BAD_BOOK, split_row
from lobdesk.derive.foreign import (
    UNCHECKED,
    BookChange,
    ForeignOrders,
    ForeignTrade,
    Reading,
    trimmed_mantissa,
    unchecked_line,
)
from lobdesk.derive.resting import RestingOrder, RestingOrders
from lobdesk.units import parse_rfc3339_us

if TYPE_CHECKING:
    from lobdesk.records import OrderChange

NEEDED = (
    "ts_recv",
    "ts_event",
    "action",
    "side",
    "price",
    "size",
    "order_id",
    "flags",
    "symbol",
)
SIDES = {"B": True, "A": False}


class DatabentoOrders:
    """The orders of one symbol; see ``Dialect``."""

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
        self._book: RestingOrders | None = None
        self._is_told = False
        self._times_us = (0, 0)

    def feed(self, frame: bytes, recv_ts_us: int) -> Reading:
        """See ``Dialect.feed``."""
        try:
            return self._read(split_row(frame, self._columns), recv_ts_us)
        except ValueError as error:
            self._lose()
            return Reading("malformed", reason=str(error), ended=[(self._symbol, "malformed")])

    def snapshot_line(self, symbol: str, seq: int) -> bytes:
        """See ``Dialect.snapshot_line``."""
        assert self._book is not None  # noqa: S101 - asked for after a followed frame only
        return unchecked_line(symbol, seq, self._times_us, self._digits, self._book.levels())

    def symbols(self) -> list[str]:
        """See ``Dialect.symbols``."""
        return [self._symbol] if self._is_told else []

    def instrument(self, symbol: str) -> tuple[int, int, bool] | None:
        """See ``Dialect.instrument``."""
        return (*self._digits, True) if symbol == self._symbol else None

    def _lose(self) -> None:
        self._book, self._is_told = None, False

    def _read(self, row: dict[str, str], recv_ts_us: int) -> Reading:
        if row["symbol"] != self._symbol:
            raise ValueError(f"it is of {row['symbol']!r}, not of {self._symbol!r}")
        flags = int(row["flags"])
        self._times_us = (parse_rfc3339_us(row["ts_event"]), recv_ts_us)
        if row["action"] == "R":
            return self._on_clear()
        if self._book is None or flags & MAYBE_BAD_BOOK:
            reason = "no_snapshot" if self._book is None else "maybe_bad_book"
            change = BookChange(self._symbol, False, "unverified", reason)
            self._lose()
            return Reading("book", books=[change])
        reading = Reading("other")
        self._apply(row, self._book, reading)
        if changes := self._book.take_changes():
            reading.orders.append(self._told("update", changes))
        if flags & LAST:
            reading.kind = "book"
            reading.books.append(BookChange(self._symbol, not self._is_told, UNCHECKED))
            self._is_told = True
        return reading

    def _on_clear(self) -> Reading:
        """An empty book follows, so from here on every order is known."""
        self._lose()
        self._book = RestingOrders()
        return Reading(
            "other", orders=[self._told("snapshot", ())], ended=[(self._symbol, "clear")]
        )

    def _told(self, kind: str, events: tuple[OrderChange, ...]) -> ForeignOrders:
        return ForeignOrders(self._symbol, *self._times_us, *self._digits, kind, events)

    def _apply(self, row: dict[str, str], book: RestingOrders, reading: Reading) -> None:
        action, lots = row["action"], trimmed_mantissa(row["size"], 0)
        if action == "T":
            self._trade(row, lots, reading)
            return
        if action == "N":
            return
        if row["side"] not in SIDES or action not in {"A", "C", "M", "F"}:
            raise ValueError(f"action {action!r} of side {row['side']!r} is unknown")
        ticks = trimmed_mantissa(row["price"], self._digits[0])
        order = RestingOrder(SIDES[row["side"]], ticks, lots, _nanoseconds(row["ts_event"]))
        order_id = row["order_id"]
        known = book.get(order_id)
        if action == "A":
            if known is not None or not lots:
                raise ValueError(f"order {order_id} rests already, or has no size")
            book.add(order_id, order)
        elif known is None or (action != "M" and known.place != order.place):
            raise ValueError(f"order {order_id} does not rest at this price")
        elif action == "M":
            if not lots:
                raise ValueError(f"order {order_id} is modified and has no size")
            book.modify(order_id, order)
        elif action == "C":
            book.take(order_id, lots)
        else:
            book.fill(order_id, lots)

    def _trade(self, row: dict[str, str], lots: int, reading: Reading) -> None:
        """A trade names the aggressor's side, and none if no displayed order was hit."""
        if row["side"] not in SIDES:
            reading.refused.append((self._symbol, "without an aggressor"))
            return
        reading.trades.append(
            ForeignTrade(
                symbol=self._symbol,
                exch_ts_us=self._times_us[0],
                recv_ts_us=self._times_us[1],
                trade_id=0,
                side="buy" if SIDES[row["side"]] else "sell",
                ord_type="",
                price_ticks=trimmed_mantissa(row["price"], self._digits[0]),
                qty_lots=lots,
                price_precision=self._digits[0],
                qty_precision=self._digits[1],
            )
        )


def _nanoseconds(text: str) -> int:
    """Return a time that was read before, with its digits beyond microseconds."""
    digits = text.partition(".")[2].rstrip("Z")[6:9]
    return parse_rfc3339_us(text) * 1000 + int(digits.ljust(3, "0") if digits.isdigit() else 0)
