"""Which orders a trade of Bitstamp's log executed; the log tells of both around the trade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lobdesk.derive.resting import RestingOrder

WAIT_US = 1_000_000
"""The three records of a trade are milliseconds apart; what waits longer has lost its partners."""


@dataclass(slots=True)
class Execution:
    """An order that lost lots and was not cancelled.

    Attributes:
        number: Its number; a smaller one is older.
        order: Its side and price.
        lots: What it lost; None if what it had is not known.
        rests: It was in the book, as far as the log tells.
        at_us: When the log told it.
    """

    number: int
    order: RestingOrder
    lots: int | None
    rests: bool
    at_us: int


@dataclass(slots=True)
class Match:
    """A trade and, as far as they are known, its two orders; a trade has its maker's price."""

    trade_id: int
    price_ticks: int
    lots: int
    at_us: int
    maker: Execution | None = None
    taker: Execution | None = None
    is_told: bool = False


class Executions:
    """Executed orders and trades that wait for each other."""

    def __init__(self) -> None:
        self._open: list[Execution] = []
        self._trades: list[Match] = []

    def is_waiting(self) -> bool:
        """Tell whether an order's other half is still to come."""
        return bool(self._open or self._trades)

    def is_owed(self, order: RestingOrder, lots: int) -> bool:
        """Tell whether a trade still lacks the aggressor that an executed order would be."""
        return any(self._is_taker(trade, order, lots) for trade in self._trades)

    def add_order(self, execution: Execution) -> None:
        """Take an executed order."""
        self._open.append(execution)

    def add_trade(self, trade: Match) -> None:
        """Take a trade."""
        self._trades.append(trade)

    def settle(self, now_us: int) -> tuple[list[Match], list[Match]]:
        """Return the trades whose maker has become known, and those whose maker never will."""
        known = []
        for trade in self._trades:
            self._find_orders(trade)
            if trade.maker is not None and not trade.is_told:
                trade.is_told = True
                known.append(trade)
        since_us = now_us - WAIT_US
        lost = [t for t in self._trades if t.maker is None and t.at_us < since_us]
        self._trades = [
            t for t in self._trades if t.at_us >= since_us and not (t.maker and t.taker)
        ]
        self._open = [e for e in self._open if e.at_us >= since_us]
        return known, lost

    def _find_orders(self, trade: Match) -> None:
        if trade.maker is None:
            makers = [
                e
                for e in self._open
                if e.rests
                and e.order.price_ticks == trade.price_ticks
                and e.lots in {trade.lots, None}
            ]
            if not makers:
                return
            trade.maker = min(makers, key=lambda e: (e.lots is None, e.number))
            self._open.remove(trade.maker)
        for execution in self._open:
            if execution.lots and self._is_taker(trade, execution.order, execution.lots):
                trade.taker = execution
                self._open.remove(execution)
                return

    @staticmethod
    def _is_taker(trade: Match, order: RestingOrder, lots: int) -> bool:
        return (
            trade.maker is not None
            and trade.taker is None
            and trade.lots == lots
            and order.is_bid != trade.maker.order.is_bid
        )
