"""A seeded market of several pairs, made of orders."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from lobdesk.records import Instrument
from lobdesk.simulator.errors import UnknownSymbolError
from lobdesk.simulator.events import ASK, BID, LevelChange, MarketEvent, OrderChange
from lobdesk.simulator.flow import PAIRS, OrderFlow, PairSpec
from lobdesk.simulator.wire import number_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEFAULT_SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/USD")


class SyntheticMarket:
    """Independent pairs merged by time.

    Attributes:
        instruments: Symbol → how it counts.
        start_us: Exchange time before the first event.
        flows: Symbol → its market at order level.
    """

    def __init__(
        self,
        symbols: Sequence[str] = DEFAULT_SYMBOLS,
        *,
        seed: int = 0,
        start_us: int,
        activity: float = 1.0,
    ) -> None:
        """Make the pairs.

        Args:
            symbols: Pairs out of ``PAIRS``.
            seed: Equal seeds give equal events; a pair does not depend on which others trade.
            start_us: Exchange time of the beginning.
            activity: How many times faster than usual everything happens.

        Raises:
            UnknownSymbolError: A symbol is not in ``PAIRS``.
        """
        for symbol in symbols:
            if symbol not in PAIRS:
                raise UnknownSymbolError(symbol, PAIRS)
        self.start_us = start_us
        self.instruments = {symbol: _instrument(PAIRS[symbol]) for symbol in symbols}
        self.flows = {
            symbol: OrderFlow(PAIRS[symbol], seed, start_us, activity) for symbol in symbols
        }

    has_orders = True

    def opening(self) -> Sequence[MarketEvent]:
        """Return the books and the last trades before the first event."""
        return [
            MarketEvent(
                self.start_us,
                self.start_us,
                symbol,
                tuple(_standing(flow)),
                tuple(flow.history),
                tuple(_standing_orders(flow)),
            )
            for symbol, flow in self.flows.items()
        ]

    def events(self) -> Iterator[MarketEvent]:
        """Yield events for ever, in order of time, equal times in order of the symbols."""
        waiting = [
            (event.due_us, rank, event, flow)
            for rank, flow in enumerate(self.flows.values())
            for event in [flow.next_event()]
        ]
        heapq.heapify(waiting)
        while True:
            _, rank, event, flow = waiting[0]
            yield event
            following = flow.next_event()
            heapq.heapreplace(waiting, (following.due_us, rank, following, flow))


def _standing(flow: OrderFlow) -> Iterator[LevelChange]:
    for side in (BID, ASK):
        for rank in range(flow.orders.depth(side)):
            price = flow.orders.best(side, rank)
            yield side, price, flow.orders.lots(side, price)


def _standing_orders(flow: OrderFlow) -> Iterator[OrderChange]:
    for side, price, _ in _standing(flow):
        for order in flow.orders.queue(side, price):
            yield "add", order.order_id, side, price, order.leaves_lots


def _instrument(spec: PairSpec) -> Instrument:
    return Instrument(
        symbol=spec.symbol,
        price_precision=spec.price_precision,
        qty_precision=spec.qty_precision,
        price_increment=number_text(1, spec.price_precision),
        qty_increment=number_text(1, spec.qty_precision),
        qty_min=spec.qty_min,
        status="online",
    )
