"""Bitstamp's order log: created, changed and deleted orders, trades, and snapshots of 20 levels.

The log begins in the middle of a market and misses events, so two kinds of order are ours:

- What a snapshot shows at a level beyond the known orders is one *anonymous* order there. The first
  snapshot begins the book. Later ones correct a level only if two in a row disagree with the book
  by the same quantity and no event touched the level between them, for a snapshot may be older than
  the orders around it.
- An order that would meet the other side is *incoming* until it does not any more: the log tells of
  it before it tells of what it executes. It never rests meanwhile.

There is no checksum and no exchange time: books are ``unchecked``, the receipt stands for both.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from lobdesk.derive.bitstamp_trades import Execution, Executions, Match
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

if TYPE_CHECKING:
    from lobdesk.records import Level

NS_PER_SECOND = 1_000_000_000
KINDS = ("order_created", "order_changed", "order_deleted", "order_book", "trade")
Place = tuple[bool, int]
"""Side, True for bids, and price of a level."""


class OrderMessage(msgspec.Struct):
    """One event of an order; ``order_type`` is 0 for a bid, 1 for an ask.

    ``datetime`` is the second in which it was created.
    """

    price: str
    amount: str
    datetime: str
    id: int
    order_type: int


class BookMessage(msgspec.Struct):
    """The best 20 levels a side."""

    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class TradeMessage(msgspec.Struct):
    """One trade; of its orders it tells nothing.

    The log prints its numbers as doubles with 17 digits (``236.61000000000001``). The shortest
    decimal that is the same double is the number that was meant.
    """

    price: float
    amount: float
    id: int

    def row(self) -> tuple[str, str]:
        """Return price and amount as decimal text."""
        price, amount = (format(Decimal(repr(value)), "f") for value in (self.price, self.amount))
        return price, amount


MESSAGES: dict[str, msgspec.json.Decoder[OrderMessage | BookMessage | TradeMessage]] = {
    "order_book": msgspec.json.Decoder(BookMessage),
    "trade": msgspec.json.Decoder(TradeMessage),
    **{kind: msgspec.json.Decoder(OrderMessage) for kind in KINDS[:3]},
}


def parse_frame(frame: bytes) -> tuple[str, OrderMessage | BookMessage | TradeMessage]:
    """Return kind and content of a record.

    Raises:
        ValueError: It is none.
    """
    kind, _, body = frame.partition(b" ")
    decoder = MESSAGES.get(kind.decode())
    if decoder is None:
        raise ValueError(f"expected {', '.join(KINDS)}")
    return kind.decode(), decoder.decode(body)


class Bitstamp:
    """The orders of one pair; see ``Dialect``."""

    def __init__(self, symbol: str, price_precision: int, qty_precision: int) -> None:
        """Begin without a book.

        Args:
            symbol: The one pair of the log.
            price_precision: Digits of its prices; more make a record unreadable.
            qty_precision: Digits of its quantities.
        """
        self._symbol = symbol
        self._digits = (price_precision, qty_precision)
        self._book = RestingOrders()
        self._incoming: dict[str, RestingOrder] = {}
        self._executions = Executions()
        self._has_snapshot = self._is_noted = False
        self._touched: set[Place] = set()
        self._doubts: dict[Place, int] = {}
        self._recv_ts_us = 0

    def feed(self, frame: bytes, recv_ts_us: int) -> Reading:
        """See ``Dialect.feed``."""
        self._recv_ts_us = recv_ts_us
        # Trades of one instant are told in another order than that of their numbers.
        reading = Reading("book", repeats_trades=False)
        try:
            self._read(frame, reading)
        except (ValueError, msgspec.DecodeError) as error:
            return Reading("malformed", reason=str(error), ended=[(self._symbol, "malformed")])
        self._tell_orders(reading)
        if not self._is_noted:
            self._is_noted = True
            reading.notes.append(self._precision_note())
        return reading

    def _tell_orders(self, reading: Reading) -> None:
        changes = self._book.take_changes()
        is_first = any(book.is_snapshot for book in reading.books)
        if not self._has_snapshot or not (changes or is_first):
            return
        kind, events = ("snapshot", self._book.whole()) if is_first else ("update", changes)
        times_us = (self._recv_ts_us, self._recv_ts_us)
        reading.orders.append(ForeignOrders(self._symbol, *times_us, *self._digits, kind, events))

    def snapshot_line(self, symbol: str, seq: int) -> bytes:
        """See ``Dialect.snapshot_line``."""
        times_us = (self._recv_ts_us, self._recv_ts_us)
        return unchecked_line(symbol, seq, times_us, self._digits, self._book.levels())

    def symbols(self) -> list[str]:
        """See ``Dialect.symbols``."""
        return [self._symbol] if self._has_snapshot else []

    def instrument(self, symbol: str) -> tuple[int, int, bool] | None:
        """See ``Dialect.instrument``."""
        return (*self._digits, True) if symbol == self._symbol else None

    def _precision_note(self) -> dict[str, str | int | bool]:
        return {
            "kind": "precision",
            "symbol": self._symbol,
            "price_precision": self._digits[0],
            "qty_precision": self._digits[1],
            "inferred": True,
        }

    def _read(self, frame: bytes, reading: Reading) -> None:
        kind, message = parse_frame(frame)
        is_first = isinstance(message, BookMessage) and not self._has_snapshot
        if isinstance(message, TradeMessage):
            ticks, lots = self._level(message.row())
            self._executions.add_trade(Match(message.id, ticks, lots, self._recv_ts_us))
        elif isinstance(message, BookMessage):
            self._on_book(message, reading)
        else:
            self._on_order(kind, message)
        self._settle_trades(reading)
        self._rest_incoming()
        if self._has_snapshot:
            reading.books.append(BookChange(self._symbol, is_first, UNCHECKED))
        else:
            reading.books.append(BookChange(self._symbol, False, "unverified", "no_snapshot"))

    def _on_order(self, kind: str, message: OrderMessage) -> None:
        if message.order_type not in {0, 1}:
            raise ValueError(f"order_type {message.order_type} is neither 0 nor 1")
        ticks, lots = self._level((message.price, message.amount))
        order = RestingOrder(
            message.order_type == 0, ticks, lots, int(message.datetime) * NS_PER_SECOND
        )
        order_id = str(message.id)
        self._touched.add(order.place)
        if kind == "order_created":
            self._on_created(order_id, order)
        elif order_id in self._incoming:
            self._on_incoming(kind, order_id, order)
        elif self._book.get(order_id) is not None:
            self._on_known(kind, order_id, order)
        else:
            self._on_unknown(kind, order_id, order)

    def _on_created(self, order_id: str, order: RestingOrder) -> None:
        if self._book.get(order_id) is not None or not order.qty_lots:
            raise ValueError(f"order {order_id} exists already, or has no amount")
        if self._is_crossing(order):
            self._incoming[order_id] = order
        else:
            self._book.add(order_id, order)

    def _on_incoming(self, kind: str, order_id: str, order: RestingOrder) -> None:
        executed = self._incoming[order_id].qty_lots - order.qty_lots
        if kind == "order_deleted":
            del self._incoming[order_id]
        else:
            self._incoming[order_id] = order
        if executed > 0:
            self._note_execution(order_id, order, executed, rests=False)

    def _on_known(self, kind: str, order_id: str, order: RestingOrder) -> None:
        known = self._book.get(order_id)
        assert known is not None  # noqa: S101 - the caller looked
        self._touched.add(known.place)
        executed = known.qty_lots - order.qty_lots
        if kind == "order_deleted" and order.qty_lots:
            self._book.take(order_id, known.qty_lots)
        elif executed > 0 and (known.place == order.place or not order.qty_lots):
            if not self._executions.is_owed(known, executed):
                self._book.fill(order_id, executed)
            self._note_execution(order_id, known, executed, rests=True)
            self._book.take(order_id, executed)
        elif order.qty_lots and not self._is_crossing(order):
            self._book.modify(order_id, order)
        else:
            self._book.take(order_id, known.qty_lots)
            if order.qty_lots:
                self._incoming[order_id] = order

    def _on_unknown(self, kind: str, order_id: str, order: RestingOrder) -> None:
        """An order from before the log is part of the anonymous one at its price."""
        if kind == "order_deleted" and order.qty_lots:
            self._take_anonymous(order.place, order.qty_lots)
        else:
            self._note_execution(order_id, order, None, rests=True)

    def _note_execution(
        self, order_id: str, order: RestingOrder, lots: int | None, *, rests: bool
    ) -> None:
        entry = Execution(int(order_id), order, lots, rests, self._recv_ts_us)
        self._executions.add_order(entry)

    def _settle_trades(self, reading: Reading) -> None:
        known, lost = self._executions.settle(self._recv_ts_us)
        for match in known:
            assert match.maker is not None  # noqa: S101 - that is what makes it known
            if match.maker.lots is None:
                self._fill_anonymous((match.maker.order.is_bid, match.price_ticks), match.lots)
            reading.trades.append(
                ForeignTrade(
                    symbol=self._symbol,
                    # The level has shrunk since then, so the trade is no later.
                    exch_ts_us=min(match.at_us, match.maker.at_us),
                    recv_ts_us=self._recv_ts_us,
                    trade_id=match.trade_id,
                    side="sell" if match.maker.order.is_bid else "buy",
                    ord_type="",
                    price_ticks=match.price_ticks,
                    qty_lots=match.lots,
                    price_precision=self._digits[0],
                    qty_precision=self._digits[1],
                )
            )
        reading.refused += [(self._symbol, "its resting order is not known") for _ in lost]

    def _on_book(self, message: BookMessage, reading: Reading) -> None:
        doubts: dict[Place, int] = {}
        for is_bid, rows in ((True, message.bids), (False, message.asks)):
            shown = dict(self._level(row) for row in rows)
            if not shown:
                continue
            worst = min(shown) if is_bid else max(shown)
            side = self._book.side(is_bid=is_bid)
            for ticks in {*side.down_to(worst), *shown}:
                missing = shown.get(ticks, 0) - side.lots(ticks)
                if missing:
                    doubts[is_bid, ticks] = missing
        for place, missing in sorted(doubts.items()):
            is_confirmed = self._doubts.get(place) == missing and place not in self._touched
            if is_confirmed or (not self._has_snapshot and missing > 0):
                self._correct(place, missing, reading)
        self._has_snapshot, self._doubts = True, doubts
        self._touched.clear()

    def _correct(self, place: Place, missing: int, reading: Reading) -> None:
        """Bring a level to what a snapshot shows: first the anonymous order, then lost ones."""
        if missing > 0:
            self._add_anonymous(place, missing)
        else:
            self._drop_lost(place, self._take_anonymous(place, -missing))
        if self._has_snapshot:
            note = {"kind": "book_corrected", "symbol": self._symbol, "price_ticks": place[1]}
            reading.notes.append({**note, "side": "bid" if place[0] else "ask", "lots": missing})

    def _drop_lost(self, place: Place, excess: int) -> None:
        """Cancel orders whose end the log misses: the one of that size, else the oldest."""
        orders = self._book.at(place)
        exact = [order_id for order_id, lots in orders.items() if lots == excess]
        for order_id in exact[:1] or orders:
            taken = min(excess, orders[order_id])
            if taken:
                self._book.take(order_id, taken)
            excess -= taken

    def _add_anonymous(self, place: Place, lots: int) -> None:
        name = _anonymous(place)
        known = self._book.get(name)
        if known is None:
            self._book.add(name, RestingOrder(*place, lots))
        else:
            self._book.modify(name, known._replace(qty_lots=known.qty_lots + lots))

    def _take_anonymous(self, place: Place, lots: int) -> int:
        """Take lots off the anonymous order as far as it has them; return the rest."""
        known = self._book.get(_anonymous(place))
        taken = min(lots, known.qty_lots) if known is not None else 0
        if taken:
            self._book.take(_anonymous(place), taken)
        return lots - taken

    def _fill_anonymous(self, place: Place, lots: int) -> None:
        known = self._book.get(_anonymous(place))
        if known is not None:
            self._touched.add(place)
            self._book.fill(_anonymous(place), min(lots, known.qty_lots))
            self._take_anonymous(place, lots)

    def _is_crossing(self, order: RestingOrder) -> bool:
        return self._book.side(is_bid=not order.is_bid).is_reached(order.price_ticks)

    def _rest_incoming(self) -> None:
        if self._executions.is_waiting():
            return  # the maker's end may be told before the taker's execution
        for order_id, order in list(self._incoming.items()):
            if not self._is_crossing(order):
                del self._incoming[order_id]
                self._touched.add(order.place)
                self._book.add(order_id, order)

    def _level(self, row: tuple[str, str]) -> Level:
        return (
            trimmed_mantissa(row[0], self._digits[0]),
            trimmed_mantissa(row[1], self._digits[1]),
        )


def _anonymous(place: Place) -> str:
    return f"{'bid' if place[0] else 'ask'}@{place[1]}"
