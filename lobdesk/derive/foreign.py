"""What a connection that does not speak Kraken v2 says, in the terms of the deriver.

The ``open`` note of an imported connection names its ``dialect``. So whatever is derived from a
foreign recording follows from the raw log alone, as everything else does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from lobdesk.records import BOOK_LEVELS, L2Snapshot, OrderChanges, Trade
from lobdesk.units import to_mantissa

if TYPE_CHECKING:
    from lobdesk.records import Level, OrderChange

UNCHECKED = "unchecked"
"""State of a book that was followed without a fault but has no checksum to compare."""


class BookChange(NamedTuple):
    """What one frame did to one book.

    Attributes:
        symbol: Name of the pair.
        is_snapshot: It replaced the book.
        state: ``verified``, ``failed``, ``unverified``, or ``unchecked``.
        reason: Why it is not verified.
        is_inferred: The precisions were taken from its digits.
    """

    symbol: str
    is_snapshot: bool
    state: str
    reason: str = ""
    is_inferred: bool = False


class ForeignTrade(NamedTuple):
    """One trade; the fields of ``records.Trade`` that the frame tells.

    ``trade_id`` is 0 where the source numbers no trades, ``ord_type`` empty where it names none.
    """

    symbol: str
    exch_ts_us: int
    recv_ts_us: int
    trade_id: int
    side: str
    ord_type: str
    price_ticks: int
    qty_lots: int
    price_precision: int
    qty_precision: int

    def line(self, seq: int) -> bytes:
        """Return the line for the trade log."""
        return msgspec.json.encode(Trade(v=1, seq=seq, **self._asdict())) + b"\n"


class ForeignOrders(NamedTuple):
    """What a frame did to single orders of one pair; the fields of ``records.OrderChanges``."""

    symbol: str
    exch_ts_us: int
    recv_ts_us: int
    price_precision: int
    qty_precision: int
    type: str
    events: tuple[OrderChange, ...]

    def line(self, seq: int) -> bytes:
        """Return the line for the order log."""
        told = OrderChanges(v=1, seq=seq, checksum=None, verified=None, **self._asdict())
        return msgspec.json.encode(told) + b"\n"


@dataclass(slots=True)
class Reading:
    """What one foreign frame means; the counterpart of the native ``Verdict``.

    Attributes:
        kind: ``book``, ``trade``, ``heartbeat``, ``other`` or ``malformed``.
        reason: Why it is malformed.
        books: Books that it changed.
        trades: Trades in it.
        orders: What it tells of single orders.
        refused: Trades that could not be taken: pair and reason.
        ended: Books that it ended: pair and cause.
        notes: Facts for the raw log, each with ``kind``.
        repeats_trades: The source may tell a trade again; what is not newer is then left out.
    """

    kind: str
    reason: str = ""
    books: list[BookChange] = field(default_factory=list)
    trades: list[ForeignTrade] = field(default_factory=list)
    orders: list[ForeignOrders] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    ended: list[tuple[str, str]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    repeats_trades: bool = True


class Dialect(Protocol):
    """The books of one foreign connection."""

    def feed(self, frame: bytes, recv_ts_us: int) -> Reading:
        """Take one frame; what cannot be read is ``malformed`` and never raises."""

    def snapshot_line(self, symbol: str, seq: int) -> bytes:
        """Return the snapshot line of a book as the last frame left it."""

    def symbols(self) -> list[str]:
        """Return the pairs that have a book."""

    def instrument(self, symbol: str) -> tuple[int, int, bool] | None:
        """Return digits of price and quantity and whether they are inferred."""


def unchecked_line(
    symbol: str,
    seq: int,
    times_us: tuple[int, int],
    precisions: tuple[int, int],
    levels: tuple[tuple[Level, ...], tuple[Level, ...]],
) -> bytes:
    """Return a snapshot line that says that nothing verified it.

    Args:
        symbol: Name of the pair.
        seq: Number of the raw event.
        times_us: Time of the exchange and of receipt.
        precisions: Digits of price and quantity.
        levels: Bids and asks, best first; only the ten best are kept.
    """
    snapshot = L2Snapshot(
        v=1,
        symbol=symbol,
        seq=seq,
        exch_ts_us=times_us[0],
        recv_ts_us=times_us[1],
        price_precision=precisions[0],
        qty_precision=precisions[1],
        bids=levels[0][:BOOK_LEVELS],
        asks=levels[1][:BOOK_LEVELS],
        checksum=None,
        verified=None,
    )
    return msgspec.json.encode(snapshot) + b"\n"


def shortest_digits(number: str) -> int:
    """Return how many digits after the point a decimal number needs.

    Raises:
        ValueError: The text is no plain decimal number without a sign.
    """
    digits = len(number.partition(".")[2].rstrip("0"))
    trimmed_mantissa(number, digits)
    return digits


def trimmed_mantissa(number: str, precision: int) -> int:
    """Return a number as ``to_mantissa`` does, whatever zeros end its fraction.

    Raises:
        ValueError: The text is no plain decimal number without a sign, or has more digits.
    """
    whole, _, fraction = number.partition(".")
    if whole.startswith("-"):
        raise ValueError(f"{number!r} is below zero")
    return to_mantissa(f"{whole}.{fraction.rstrip('0')}", precision)
