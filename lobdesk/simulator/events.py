"""What happens in a market, whoever invents or remembers it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lobdesk.records import Instrument

BID, ASK = 0, 1

LevelChange = tuple[int, int, int]
"""Side (``BID`` or ``ASK``), price_ticks, and the level's new total in lots; 0 removes it."""


OrderChange = tuple[str, int, int, int, int]
"""``add``, ``modify`` (part of it traded) or ``delete``; order_id, side, price_ticks, and the lots
that are left, of a deletion the lots that were."""


@dataclass(frozen=True, slots=True)
class TradePrint:
    """One execution.

    Attributes:
        trade_id: +1 from trade to trade of one symbol.
        side: The aggressor: ``buy`` or ``sell``.
        ord_type: The aggressor's order: ``limit`` or ``market``.
        price_ticks: Price.
        qty_lots: Quantity.
        exch_ts_us: Exchange time.
    """

    trade_id: int
    side: str
    ord_type: str
    price_ticks: int
    qty_lots: int
    exch_ts_us: int


@dataclass(frozen=True, slots=True)
class MarketEvent:
    """One instant of one symbol.

    Attributes:
        due_us: When the event happens on the source's own clock; paces a replay.
        exch_ts_us: Exchange time written into the frames.
        symbol: Exchange name of the pair.
        changes: Levels that changed, in order; the last one of a price wins.
        trades: Executions of this instant.
        orders: What happened to single orders, in order; empty where nobody knows.
    """

    due_us: int
    exch_ts_us: int
    symbol: str
    changes: Sequence[LevelChange]
    trades: Sequence[TradePrint] = ()
    orders: Sequence[OrderChange] = ()


class Market(Protocol):
    """A source of events: a synthetic market or a recording.

    Attributes:
        instruments: Symbol → how it counts.
        start_us: The source's clock before its first event.
        has_orders: Whether its events tell of single orders.
    """

    instruments: dict[str, Instrument]
    start_us: int
    has_orders: bool

    def opening(self) -> Sequence[MarketEvent]:
        """Return what builds books and trade history before the first event."""

    def events(self) -> Iterator[MarketEvent]:
        """Yield the events in order of ``due_us``."""
