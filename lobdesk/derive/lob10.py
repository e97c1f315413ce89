"""The ``lob10`` arrays: ten-level books and trades in ticks, each row composed as an object.

Nothing verifies them here; a row exists only where the ten best levels changed.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import msgspec

from lobdesk.derive.foreign import ForeignTrade, Reading, shortest_digits
from lobdesk.derive.rows import RowBook
from lobdesk.units import to_mantissa

SIDES = {1: "buy", -1: "sell"}


class Lob10Row(msgspec.Struct, omit_defaults=True):
    """One book or, with ``px``, one trade.

    Attributes:
        exch_ms: Time of the exchange, 0 if the file has none.
        bids: Price in ticks and quantity in units, best first.
        asks: The same.
        px: Price of a trade in ticks.
        qty: Its quantity in units.
        side: 1 if a buyer's order met a resting one, -1 if a seller's, 0 if unknown.
    """

    exch_ms: int = 0
    bids: tuple[tuple[int, int], ...] = ()
    asks: tuple[tuple[int, int], ...] = ()
    px: int = 0
    qty: int = 0
    side: int = 0


_decoder = msgspec.json.Decoder(Lob10Row)


class Lob10(RowBook):
    """The books of one file; see ``Dialect``."""

    def __init__(self, symbol: str, price_tick: str, qty_unit: str) -> None:
        """Begin without a book.

        Args:
            symbol: The one symbol of the file.
            price_tick: What a price counts, decimal text.
            qty_unit: What a quantity counts, decimal text.
        """
        super().__init__(symbol, shortest_digits(price_tick), shortest_digits(qty_unit))
        self._tick = to_mantissa(price_tick, self._digits[0])
        self._unit = to_mantissa(qty_unit, self._digits[1])

    def feed(self, frame: bytes, recv_ts_us: int) -> Reading:
        """See ``Dialect.feed``."""
        try:
            row = _decoder.decode(frame)
            exch_ts_us = row.exch_ms * 1000 if row.exch_ms else recv_ts_us
            if row.px:
                return self._trade(row, exch_ts_us, recv_ts_us)
            sides = tuple(
                tuple((ticks * self._tick, lots * self._unit) for ticks, lots in side)
                for side in (row.bids, row.asks)
            )
            return self._show((sides[0], sides[1]), (exch_ts_us, recv_ts_us))
        except (ValueError, msgspec.DecodeError) as error:
            return self._malformed(error)

    def _trade(self, row: Lob10Row, exch_ts_us: int, recv_ts_us: int) -> Reading:
        if row.side not in SIDES:
            return Reading("trade", refused=[(self._symbol, "without an aggressor")])
        trade = ForeignTrade(
            symbol=self._symbol,
            exch_ts_us=exch_ts_us,
            recv_ts_us=recv_ts_us,
            trade_id=0,
            side=SIDES[row.side],
            ord_type="",
            price_ticks=row.px * self._tick,
            qty_lots=row.qty * self._unit,
            price_precision=self._digits[0],
            qty_precision=self._digits[1],
        )
        return Reading("trade", trades=[trade])


def plain_decimal(value: float) -> str:
    """Return a positive number as decimal text without an exponent.

    Raises:
        ValueError: It is not positive and finite.
    """
    try:
        number = Decimal(repr(float(value)))
    except InvalidOperation:
        number = Decimal(0)
    if not number.is_finite() or number <= 0:
        raise ValueError(f"{value!r} is no increment")
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
