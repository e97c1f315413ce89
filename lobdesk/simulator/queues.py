"""Orders as the simulated exchange publishes them: queues per price, cut, checksummed."""

from __future__ import annotations

import zlib
from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lobdesk.simulator.events import ASK, BID
from lobdesk.simulator.wire import level3_entry, number_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lobdesk.simulator.events import OrderChange

CHECKSUM_LEVELS = 10
OPENING_AGE_NS = 3600 * 10**9
"""The orders that stand at the beginning came within the hour before it."""


@dataclass(slots=True)
class Resting:
    """One order as clients see it.

    Attributes:
        order_id: The exchange's name.
        price: Text of the price.
        qty: Text of what is left, with as many digits as this order happens to have.
        placed_ns: When it came, before the shift of the exchange's clock.
        digits: What it adds to the checksum.
        lots: What is left.
    """

    order_id: str
    price: str
    qty: str
    placed_ns: int
    digits: str
    lots: int


def order_name(number: int) -> str:
    """Return an order's name in the exchange's form; different numbers have different names."""
    text = ""
    for _ in range(16):
        number, digit = divmod(number, 32)
        text = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[digit] + text
    return f"O{text[:5]}-{text[5:10]}-{text[10:]}"


def quantity_text(number: int, lots: int, precision: int) -> str:
    """Return a quantity; as on the exchange, some orders carry fewer trailing zeros than others."""
    text = number_text(lots, precision)
    zeros = len(text) - len(text.rstrip("0"))
    cut = min(2 * (number % 4), zeros, precision - 1)
    return text[: len(text) - cut] if cut > 0 else text


class QueueBook:
    """All orders of one symbol, first in, first out."""

    def __init__(self, price_precision: int, qty_precision: int) -> None:
        self._precisions = (price_precision, qty_precision)
        self._prices: tuple[list[int], list[int]] = ([], [])
        # A dict keeps the order of insertion; replacing a value does not change it.
        self._queues: tuple[dict[int, dict[int, Resting]], ...] = ({}, {})

    def open(self, changes: Iterable[OrderChange], exch_ts_us: int) -> None:
        """Take in the orders that stand at the beginning."""
        for change in changes:
            # Names count up, so an older order has an earlier time.
            number = change[1]
            self._set(change, exch_ts_us * 1000 - OPENING_AGE_NS + number * 7919)

    def apply(self, changes: Iterable[OrderChange], exch_ts_us: int) -> None:
        """Take in what happened at one instant."""
        for change in changes:
            self._set(change, exch_ts_us * 1000 + change[1] % 1000)

    def _set(self, change: OrderChange, placed_ns: int) -> None:
        event, number, side, price_ticks, _ = change
        queues, prices = self._queues[side], self._prices[side]
        if event == "delete":
            del queues[price_ticks][number]
            if not queues[price_ticks]:
                del queues[price_ticks]
                del prices[bisect_left(prices, price_ticks)]
            return
        if price_ticks not in queues:
            queues[price_ticks] = {}
            insort(prices, price_ticks)
        known = queues[price_ticks].get(number)
        # An order that is filled in part keeps its place, and with it its time.
        placed_ns = known.placed_ns if known is not None else placed_ns
        queues[price_ticks][number] = self.resting(change, placed_ns)

    def resting(self, change: OrderChange, placed_ns: int) -> Resting:
        """Return an order as it is told."""
        _, number, _, price_ticks, lots = change
        price = number_text(price_ticks, self._precisions[0])
        qty = quantity_text(number, lots, self._precisions[1])
        digits = "".join(text.replace(".", "").lstrip("0") for text in (price, qty))
        return Resting(order_name(number), price, qty, placed_ns, digits, lots)

    def finer(self, digits: int) -> QueueBook:
        """Return the same orders with more digits in their prices."""
        price_precision, qty_precision = self._precisions
        book = QueueBook(price_precision + digits, qty_precision)
        for side in (BID, ASK):
            for price_ticks, queue in self._queues[side].items():
                for number, order in queue.items():
                    change = ("add", number, side, price_ticks * 10**digits, order.lots)
                    book._set(change, order.placed_ns)
        return book

    def best(self, side: int, depth: int) -> list[int]:
        """Return the best prices, best first."""
        prices = self._prices[side]
        return prices[: -depth - 1 : -1] if side == BID else prices[:depth]

    def queue(self, side: int, price_ticks: int) -> dict[int, Resting]:
        """Return the orders of a price, the first to trade in front; empty if there is none."""
        return self._queues[side].get(price_ticks, {})

    def checksum(self) -> int:
        """Return the exchange's checksum: each order of the ten best levels, asks first."""
        digits = [
            order.digits
            for side in (ASK, BID)
            for price in self.best(side, CHECKSUM_LEVELS)
            for order in self._queues[side][price].values()
        ]
        return zlib.crc32("".join(digits).encode())


class QueueView:
    """What a client subscribed at one depth knows of the orders.

    As with ``DepthView``, a level that is pushed out of the depth gets no removal message; of one
    that moves into it all orders are sent.
    """

    def __init__(self, book: QueueBook, depth: int) -> None:
        self._book = book
        self._depth = depth
        self._prices = [set(book.best(side, depth)) for side in (BID, ASK)]

    def refresh(
        self, changes: Iterable[OrderChange], ts_ns: int, shift_ns: int
    ) -> tuple[list[str], list[str]]:
        """Take over the book's state and return the texts of bids and asks that are told.

        Args:
            changes: What happened, already applied to the book.
            ts_ns: When.
            shift_ns: Added to the times at which orders were placed.
        """
        told: tuple[list[str], list[str]] = ([], [])
        touched = {change[2] for change in changes}
        before = {side: self._prices[side] for side in touched}
        after = {side: set(self._book.best(side, self._depth)) for side in touched}
        for change in changes:
            side, price = change[2], change[3]
            queue = self._book.queue(side, price)
            if price not in before[side] or (queue and price not in after[side]):
                continue
            if change[0] == "delete":
                gone = self._book.resting(change, ts_ns)
                told[side].append(_entry("delete", gone, shift_ns))
            elif change[1] in queue:  # else a deletion follows, which is enough
                told[side].append(_entry(change[0], queue[change[1]], shift_ns))
        for side in touched:
            for price in self._book.best(side, self._depth):
                if price not in before[side]:
                    orders = self._book.queue(side, price).values()
                    told[side].extend(_entry("add", order, shift_ns) for order in orders)
            self._prices[side] = after[side]
        return told

    def snapshot(self, shift_ns: int) -> tuple[list[str], list[str]]:
        """Return the texts of all bids and asks, best first, in the order of their queues."""
        bids, asks = (
            [
                _entry("", order, shift_ns)
                for price in self._book.best(side, self._depth)
                for order in self._book.queue(side, price).values()
            ]
            for side in (BID, ASK)
        )
        return bids, asks


def _entry(event: str, order: Resting, shift_ns: int) -> str:
    return level3_entry(event, order.order_id, order.price, order.qty, order.placed_ns + shift_ns)
