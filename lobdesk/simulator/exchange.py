"""The simulated exchange without its sockets: books, subscriptions, requests and answers."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from lobdesk.simulator import wire
from lobdesk.simulator.events import ASK, BID
from lobdesk.simulator.levels import DepthView, LevelBook
from lobdesk.simulator.queues import QueueBook, QueueView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lobdesk.records import Instrument, Level
    from lobdesk.simulator.events import Market, MarketEvent, TradePrint

TRADE_HISTORY = 50


class Frame(NamedTuple):
    """A frame on its way to a client.

    Attributes:
        text: What is sent.
        channel: ``book``, ``level3``, ``trade``, ``instrument``, ``status``, ``heartbeat`` or
            empty.
        symbol: Pair of a ``book``, ``level3`` or ``trade`` frame, else empty.
    """

    text: str
    channel: str = ""
    symbol: str = ""


class Subscriber:
    """Receives frames; identity is what counts.

    Attributes:
        outbox: Frames that wait to be sent, oldest first.
    """

    def __init__(self) -> None:
        self.outbox: deque[Frame] = deque()

    def deliver(self, frame: Frame) -> None:
        """Queue a frame."""
        self.outbox.append(frame)


class _BookFeed:
    def __init__(self, book: LevelBook, depth: int) -> None:
        self.view = DepthView(book, depth)
        self.subscribers: dict[Subscriber, None] = {}


class _OrderFeed:
    def __init__(self, book: QueueBook, depth: int) -> None:
        self.view = QueueView(book, depth)
        self.subscribers: dict[Subscriber, None] = {}


class Exchange:
    """All books and who listens to them.

    Attributes:
        instruments: Symbol → how it counts.
        clock: Returns the exchange's time in microseconds.
        shift_us: Added to every exchange time of the market.
        frames: Market frames made so far.
        has_orders: Whether there is anything to tell by ``level3``.
    """

    def __init__(self, market: Market, clock: Callable[[], int]) -> None:
        self.instruments: dict[str, Instrument] = dict(market.instruments)
        self.clock = clock
        self.shift_us = 0
        self.frames = 0
        self._books = {symbol: LevelBook() for symbol in self.instruments}
        self._last_us = dict.fromkeys(self.instruments, market.start_us)
        self._feeds: dict[str, dict[int, _BookFeed]] = {symbol: {} for symbol in self.instruments}
        self.has_orders = market.has_orders
        self._queues = {
            symbol: QueueBook(pair.price_precision, pair.qty_precision)
            for symbol, pair in self.instruments.items()
        }
        self._order_feeds: dict[str, dict[int, _OrderFeed]] = {
            symbol: {} for symbol in self.instruments
        }
        self._trade_listeners: dict[str, dict[Subscriber, None]] = {
            symbol: {} for symbol in self.instruments
        }
        self._instrument_listeners: dict[Subscriber, None] = {}
        self._scale = dict.fromkeys(self.instruments, 1)
        self._trades: dict[str, deque[TradePrint]] = {
            symbol: deque(maxlen=TRADE_HISTORY) for symbol in self.instruments
        }
        for event in market.opening():
            self._queues[event.symbol].open(event.orders, event.exch_ts_us)
            self.apply(replace(event, orders=()))

    def apply(self, event: MarketEvent) -> None:
        """Let an event happen and tell the subscribers."""
        symbol = event.symbol
        if self._scale[symbol] != 1:
            event = _scaled(event, self._scale[symbol])
        self._last_us[symbol] = event.exch_ts_us
        if event.trades:
            self._trades[symbol].extend(event.trades)
            self._tell_trades(symbol, event.trades)
        if event.orders:
            self._apply_orders(event)
        if not event.changes:
            return
        book = self._books[symbol]
        for side, price_ticks, qty_lots in event.changes:
            book.set(side, price_ticks, qty_lots)
        for feed in self._feeds[symbol].values():
            bids, asks = feed.view.refresh(event.changes)
            if bids or asks:
                self._tell_book(symbol, feed, (bids, asks))

    def _apply_orders(self, event: MarketEvent) -> None:
        symbol = event.symbol
        book, feeds = self._queues[symbol], self._order_feeds[symbol]
        book.apply(event.orders, event.exch_ts_us)
        if not feeds:
            return
        ts_us = event.exch_ts_us + self.shift_us
        for feed in feeds.values():
            told = feed.view.refresh(event.orders, event.exch_ts_us * 1000, self.shift_us * 1000)
            if told[BID] or told[ASK]:
                text = wire.level3_frame("update", symbol, told, book.checksum(), ts_us)
                self._tell(feed.subscribers, Frame(text, "level3", symbol))

    def add_digits(self, symbol: str, digits: int) -> None:
        """Give prices of a pair more digits from now on and tell it by an ``instrument`` update."""
        instrument = self.instruments[symbol]
        self.instruments[symbol] = msgspec.structs.replace(
            instrument, price_precision=instrument.price_precision + digits, price_increment=""
        )
        factor = 10**digits
        self._scale[symbol] *= factor
        old, book = self._books[symbol], LevelBook()
        for side in (BID, ASK):
            for price_ticks, qty_lots in old.levels(side).items():
                book.set(side, price_ticks * factor, qty_lots)
        self._books[symbol] = book
        for depth, feed in self._feeds[symbol].items():
            feed.view = DepthView(book, depth)
        self._queues[symbol] = self._queues[symbol].finer(digits)
        for depth, order_feed in self._order_feeds[symbol].items():
            order_feed.view = QueueView(self._queues[symbol], depth)
        scaled = [_scaled_trade(trade, factor) for trade in self._trades[symbol]]
        self._trades[symbol] = deque(scaled, maxlen=TRADE_HISTORY)
        text = wire.instrument_frame("update", [self.instruments[symbol]])
        for subscriber in self._instrument_listeners:
            subscriber.deliver(Frame(text, "instrument"))

    def subscribe_instruments(self, subscriber: Subscriber, *, with_snapshot: bool) -> None:
        """Add a listener and queue all instruments."""
        self._instrument_listeners[subscriber] = None
        if with_snapshot:
            text = wire.instrument_frame("snapshot", self.instruments.values())
            subscriber.deliver(Frame(text, "instrument"))

    def unsubscribe_instruments(self, subscriber: Subscriber) -> None:
        """Remove a listener."""
        self._instrument_listeners.pop(subscriber, None)

    def subscribe_book(
        self, subscriber: Subscriber, symbol: str, depth: int, *, with_snapshot: bool
    ) -> None:
        """Add a listener and queue the book as it stands."""
        feed = self._feeds[symbol].get(depth)
        if feed is None:
            feed = self._feeds[symbol][depth] = _BookFeed(self._books[symbol], depth)
        feed.subscribers[subscriber] = None
        if with_snapshot:
            text = wire.book_frame(
                "snapshot",
                self.instruments[symbol],
                feed.view.snapshot(),
                feed.view.checksum(),
                self._last_us[symbol] + self.shift_us,
            )
            subscriber.deliver(Frame(text, "book", symbol))

    def unsubscribe_book(self, subscriber: Subscriber, symbol: str, depth: int) -> None:
        """Remove a listener."""
        feed = self._feeds[symbol][depth]
        feed.subscribers.pop(subscriber, None)
        if not feed.subscribers:
            del self._feeds[symbol][depth]

    def subscribe_level3(
        self, subscriber: Subscriber, symbol: str, depth: int, *, with_snapshot: bool
    ) -> None:
        """Add a listener and queue the orders as they stand."""
        book = self._queues[symbol]
        feed = self._order_feeds[symbol].get(depth)
        if feed is None:
            feed = self._order_feeds[symbol][depth] = _OrderFeed(book, depth)
        feed.subscribers[subscriber] = None
        if with_snapshot:
            entries = feed.view.snapshot(self.shift_us * 1000)
            ts_us = self._last_us[symbol] + self.shift_us
            text = wire.level3_frame("snapshot", symbol, entries, book.checksum(), ts_us)
            subscriber.deliver(Frame(text, "level3", symbol))

    def unsubscribe_level3(self, subscriber: Subscriber, symbol: str, depth: int) -> None:
        """Remove a listener."""
        feed = self._order_feeds[symbol][depth]
        feed.subscribers.pop(subscriber, None)
        if not feed.subscribers:
            del self._order_feeds[symbol][depth]

    def queue(self, symbol: str, side: int, price_ticks: int) -> list[tuple[str, int]]:
        """Return name and lots of the orders of a price, the first to trade in front: the truth."""
        orders = self._queues[symbol].queue(side, price_ticks).values()
        return [(order.order_id, order.lots) for order in orders]

    def subscribe_trades(self, subscriber: Subscriber, symbol: str, *, with_snapshot: bool) -> None:
        """Add a listener and queue the last trades."""
        self._trade_listeners[symbol][subscriber] = None
        if with_snapshot:
            subscriber.deliver(self._trade_frame("snapshot", symbol, self._trades[symbol]))

    def unsubscribe_trades(self, subscriber: Subscriber, symbol: str) -> None:
        """Remove a listener."""
        self._trade_listeners[symbol].pop(subscriber, None)

    def _tell_book(
        self, symbol: str, feed: _BookFeed, levels: tuple[list[Level], list[Level]]
    ) -> None:
        text = wire.book_frame(
            "update",
            self.instruments[symbol],
            levels,
            feed.view.checksum(),
            self._last_us[symbol] + self.shift_us,
        )
        self._tell(feed.subscribers, Frame(text, "book", symbol))

    def _tell_trades(self, symbol: str, trades: Iterable[TradePrint]) -> None:
        listeners = self._trade_listeners[symbol]
        if listeners:
            self._tell(listeners, self._trade_frame("update", symbol, trades))

    def _trade_frame(self, kind: str, symbol: str, trades: Iterable[TradePrint]) -> Frame:
        text = wire.trade_frame(kind, self.instruments[symbol], trades, self.shift_us)
        return Frame(text, "trade", symbol)

    def _tell(self, subscribers: dict[Subscriber, None], frame: Frame) -> None:
        for subscriber in subscribers:
            self.frames += 1
            subscriber.deliver(frame)


def _scaled(event: MarketEvent, factor: int) -> MarketEvent:
    changes = [(side, price * factor, lots) for side, price, lots in event.changes]
    trades = [_scaled_trade(trade, factor) for trade in event.trades]
    orders = [(what, n, side, price * factor, lots) for what, n, side, price, lots in event.orders]
    return replace(event, changes=changes, trades=trades, orders=orders)


def _scaled_trade(trade: TradePrint, factor: int) -> TradePrint:
    return replace(trade, price_ticks=trade.price_ticks * factor)
