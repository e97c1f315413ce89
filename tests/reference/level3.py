"""Kraken's level-3 rules, spelled out: a list of orders, sorted and searched anew each time.

Nothing here is shared with the engine: frames go through ``json`` with their numbers as text.
"""

from __future__ import annotations

import datetime as dt
import zlib
from dataclasses import dataclass

from tests.reference.book import MalformedError, Number, RefusedError, digits, parse_frame, scale

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass
class Order:
    order_id: str
    side: str
    price: str
    qty: str
    ts_ns: int
    price_ticks: int
    qty_lots: int


def nanoseconds(text: str) -> int:
    """Return the instant of a time such as ``2026-08-01T02:53:53.123456789Z``."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = (dt.datetime.fromisoformat(whole + "+00:00") - EPOCH) // dt.timedelta(seconds=1)
    return seconds * 10**9 + int(fraction.ljust(9, "0")[:9] or "0")


class ReferenceLevel3:
    """One symbol's orders, in the order of their arrival in their queues."""

    def __init__(self, depth: int, precisions: tuple[int, int]) -> None:
        self.depth = depth
        self.precisions = precisions
        self.orders: list[Order] = []
        self.has_book = False

    def levels(self, side: str) -> list[tuple[int, list[Order]]]:
        """Return ``(price_ticks, queue)``, best first."""
        prices = {order.price_ticks for order in self.orders if order.side == side}
        return [
            (price, [o for o in self.orders if o.side == side and o.price_ticks == price])
            for price in sorted(prices, reverse=side == "bids")
        ]

    def queues(self) -> tuple[list, list]:
        """Return what ``BookVerifier.level3_queues`` returns."""
        bids, asks = (
            [(price, [(o.order_id, o.qty_lots, o.ts_ns) for o in queue]) for price, queue in levels]
            for levels in (self.levels("bids"), self.levels("asks"))
        )
        return bids, asks

    def checksum(self) -> int:
        """Return the checksum over the text of each order of the ten best levels."""
        text = "".join(
            digits(order.price) + digits(order.qty)
            for side in ("asks", "bids")
            for _, queue in self.levels(side)[:10]
            for order in queue
        )
        return zlib.crc32(text.encode())

    def feed(self, frame: bytes) -> tuple[str, str]:
        """Apply a frame with one message and return its state and reason.

        Raises:
            MalformedError: The frame is none of level 3.
        """
        message = parse_frame(frame)
        if message.get("channel") != "level3" or len(message["data"]) != 1:
            raise MalformedError("not level 3")
        is_snapshot = message["type"] == "snapshot"
        if not self.has_book and not is_snapshot:
            return "unverified", "no_book"
        try:
            expected, touched = self.apply(frame)
        except RefusedError as refused:
            self.has_book, self.orders = False, []
            return "unverified", str(refused)
        self.has_book = True
        if expected == self.checksum():
            return "verified", ""
        if is_snapshot and expected == 0:
            return "unverified", "unchecked"
        self.sort_by_time(touched)
        if expected == self.checksum():
            return "verified", ""
        self.has_book, self.orders = False, []
        return "failed", "checksum"

    def apply(self, frame: bytes) -> tuple[int, set[tuple[str, int]]]:
        """Apply a message; return its checksum and the levels it touched.

        Raises:
            RefusedError: It must not be applied; nothing has changed.
        """
        message = parse_frame(frame)
        (entry,) = message["data"]
        events = [self._event(side, order) for side in ("bids", "asks") for order in entry[side]]
        if message["type"] == "snapshot":
            self.orders = []
        for event, order in events:
            self._apply(event, order)
        for side in ("bids", "asks"):
            for _, queue in self.levels(side)[self.depth :]:
                for order in queue:
                    self.orders.remove(order)
        touched = {(o.side, o.price_ticks) for _, o in events if o.qty_lots}
        return int(entry["checksum"]), touched

    def _event(self, side: str, fields: dict) -> tuple[str, Order]:
        event = fields.get("event", "add")
        if event == "delete":
            return event, Order(fields["order_id"], side, "0", "0", 0, 0, 0)
        price, qty = fields["limit_price"], fields["order_qty"]
        assert isinstance(price, Number)
        ticks = scale(price, self.precisions[0])
        lots = scale(qty, self.precisions[1])
        if ticks == 0:
            raise RefusedError("not_positive")
        stamp = nanoseconds(fields["timestamp"])
        return event, Order(fields["order_id"], side, price, qty, stamp, ticks, lots)

    def _apply(self, event: str, order: Order) -> None:
        known = next((o for o in self.orders if o.order_id == order.order_id), None)
        if event == "delete" or order.qty_lots == 0:
            if known is not None:
                self.orders.remove(known)
        elif known is None:
            self.orders.append(order)
        else:
            is_elsewhere = (known.side, known.price_ticks) != (order.side, order.price_ticks)
            is_more = order.qty_lots > known.qty_lots and order.ts_ns != known.ts_ns
            if is_elsewhere or is_more:
                self.orders.remove(known)
                self.orders.append(order)
            else:
                self.orders[self.orders.index(known)] = order

    def sort_by_time(self, touched: set[tuple[str, int]]) -> None:
        """Put the queues of these levels in the order of time."""
        for side, price in touched:
            places = [
                at
                for at, order in enumerate(self.orders)
                if (order.side, order.price_ticks) == (side, price)
            ]
            queue = sorted((self.orders[at] for at in places), key=lambda order: order.ts_ns)
            for at, order in zip(places, queue, strict=True):
                self.orders[at] = order
