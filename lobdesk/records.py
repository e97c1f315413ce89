"""Facts about a market, as immutable records. Fields are in the order of the journal's keys."""

from __future__ import annotations

import msgspec

BOOK_LEVELS = 10
"""Levels a side that an L2Snapshot keeps, and that Kraken's checksum covers."""

Level = tuple[int, int]
"""Price and quantity of a level: ``(price_ticks, qty_lots)``."""


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """How one symbol counts price and quantity.

    Attributes:
        symbol: Exchange name of the pair, for example ``BTC/USD``.
        price_precision: Digits after the point of a price; ``price_ticks`` counts
            ``10**-price_precision``.
        qty_precision: The same for a quantity and ``qty_lots``.
        price_increment: Smallest price step as decimal text, empty if unknown.
        qty_increment: Smallest quantity step as decimal text, empty if unknown.
        qty_min: Smallest order as decimal text, empty if unknown.
        status: The exchange's word (``online``, ``maintenance``, …), empty if unknown.
        is_inferred: True if the precisions come from the digits of the first book snapshot.
    """

    symbol: str
    price_precision: int
    qty_precision: int
    price_increment: str = ""
    qty_increment: str = ""
    qty_min: str = ""
    status: str = ""
    is_inferred: bool = False


class RawEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the raw event log.

    Attributes:
        v: Schema version.
        seq: Position in the total order of one recorder; +1 always.
        recv_ts_us: Wall clock at receipt.
        mono_us: Monotonic clock at receipt, comparable within one ``boot``.
        boot: Identifier of the boot that ``mono_us`` belongs to.
        conn: Connection number.
        dir: ``in`` frame received, ``out`` frame sent, ``note`` our own record.
        raw: The exact frame text; for a note the text of a JSON object with ``kind``.
        crc: CRC-32 chained over the lines.
    """

    v: int
    seq: int
    recv_ts_us: int
    mono_us: int
    boot: str
    conn: int
    dir: str
    raw: str
    crc: int


class L2Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Best levels of one symbol after one book frame.

    Attributes:
        v: Schema version.
        symbol: Exchange name of the pair.
        seq: That of the raw event that caused this state.
        exch_ts_us: Exchange time.
        recv_ts_us: Time of receipt.
        price_precision: Digits of ``price_ticks``.
        qty_precision: Digits of ``qty_lots``.
        bids: At most ten, best first, prices falling.
        asks: At most ten, best first, prices rising.
        checksum: What the exchange sent; null for sources without checksums.
        verified: True if our book has that checksum; null if there is none to compare.
    """

    v: int
    symbol: str
    seq: int
    exch_ts_us: int
    recv_ts_us: int
    price_precision: int
    qty_precision: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    checksum: int | None
    verified: bool | None


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One trade as the exchange reported it.

    Attributes:
        v: Schema version.
        symbol: Exchange name of the pair.
        seq: That of the raw event that carried it.
        exch_ts_us: Exchange time.
        recv_ts_us: Time of receipt.
        trade_id: The exchange's number; +1 from trade to trade of one symbol.
        side: The aggressor: ``buy`` or ``sell``.
        ord_type: The aggressor's order: ``limit`` or ``market``.
        price_ticks: Price.
        qty_lots: Quantity.
        price_precision: Digits of ``price_ticks``.
        qty_precision: Digits of ``qty_lots``.
    """

    v: int
    symbol: str
    seq: int
    exch_ts_us: int
    recv_ts_us: int
    trade_id: int
    side: str
    ord_type: str
    price_ticks: int
    qty_lots: int
    price_precision: int
    qty_precision: int


class OrderChange(msgspec.Struct, frozen=True, array_like=True):
    """What happened to one resting order; an array in the order of the fields.

    Attributes:
        event: ``add``; ``modify``, which keeps the place in the queue or not, as the place says;
            ``fill``, which tells of an execution and leaves the order to the event after it;
            ``delete``; ``evict``: it left the subscribed depth, so nothing more is known of it.
        side: ``bid`` or ``ask``, the order's.
        order_id: The exchange's name of the order.
        price_ticks: Its price.
        qty_lots: Its quantity after the event, before a ``delete`` or ``evict``; of a ``fill``
            what was executed.
        orders_ahead: Orders before it in its level, after an ``add`` or ``modify``, else before.
        lots_ahead: Their quantity.
        ts_ns: When the exchange took the order in or amended it last, ns; 0 if not known.
    """

    event: str
    side: str
    order_id: str
    price_ticks: int
    qty_lots: int
    orders_ahead: int
    lots_ahead: int
    ts_ns: int


class OrderChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What one frame of an order-level source did to the resting orders, in order.

    Attributes:
        v: Schema version.
        symbol: Exchange name of the pair.
        seq: That of the raw event.
        exch_ts_us: Exchange time.
        recv_ts_us: Time of receipt.
        price_precision: Digits of ``price_ticks``.
        qty_precision: Digits of ``qty_lots``.
        type: ``snapshot`` if the events are the whole book, else ``update``.
        events: The changes.
        checksum: What the exchange sent; null for sources without checksums.
        verified: True if our book has that checksum; null if there is none to compare.
    """

    v: int
    symbol: str
    seq: int
    exch_ts_us: int
    recv_ts_us: int
    price_precision: int
    qty_precision: int
    type: str
    events: tuple[OrderChange, ...]
    checksum: int | None
    verified: bool | None
