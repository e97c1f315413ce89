"""Binance's depth stream: a REST snapshot and the chain of updates that continues it.

There is no checksum. An update is applied only if its numbers say that none is missing before it
(``pu`` where the venue sends it, else ``U - 1``, is the last ``u``), so a book is ``unchecked``.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from lobdesk.derive.foreign import (
    UNCHECKED,
    BookChange,
    ForeignTrade,
    Reading,
    trimmed_mantissa,
    unchecked_line,
)
from lobdesk.derive.levels import Side

if TYPE_CHECKING:
    from lobdesk.records import Level

KEPT_UPDATES = 5000
"""Updates kept until a snapshot comes; it usually comes after updates that it does not hold."""


class _Update(NamedTuple):
    previous: int
    last: int
    exch_ts_us: int
    bids: list[Level]
    asks: list[Level]


class Binance:
    """The book of one Binance connection with one symbol; see ``Dialect``."""

    def __init__(self, symbol: str, price_precision: int, qty_precision: int) -> None:
        """Begin without a book.

        Args:
            symbol: The one symbol of the connection.
            price_precision: Digits of its prices; more make a frame unreadable.
            qty_precision: Digits of its quantities.
        """
        self._symbol = symbol
        self._digits = (price_precision, qty_precision)
        self._is_noted = False
        self._sides: tuple[Side, Side] | None = None
        self._waiting: deque[_Update] = deque(maxlen=KEPT_UPDATES)
        self._last = 0
        self._is_joined = False
        self._times_us = (0, 0)

    def feed(self, frame: bytes, recv_ts_us: int) -> Reading:
        """See ``Dialect.feed``."""
        try:
            reading = self._read(msgspec.json.decode(frame), recv_ts_us)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self._sides = None
            ended = [(self._symbol, "malformed")]
            return Reading("malformed", reason=f"no Binance frame: {error}", ended=ended)
        if not self._is_noted:
            self._is_noted = True
            reading.notes.append(self._precision_note())
        return reading

    def snapshot_line(self, symbol: str, seq: int) -> bytes:
        """See ``Dialect.snapshot_line``."""
        assert self._sides is not None  # noqa: S101 - asked for after a followed frame only
        levels = (self._sides[0].best(), self._sides[1].best())
        return unchecked_line(symbol, seq, self._times_us, self._digits, levels)

    def symbols(self) -> list[str]:
        """See ``Dialect.symbols``."""
        return [] if self._sides is None else [self._symbol]

    def instrument(self, symbol: str) -> tuple[int, int, bool] | None:
        """See ``Dialect.instrument``."""
        return (*self._digits, True) if symbol == self._symbol else None

    def _precision_note(self) -> dict[str, Any]:
        return {
            "kind": "precision",
            "symbol": self._symbol,
            "price_precision": self._digits[0],
            "qty_precision": self._digits[1],
            "inferred": True,
        }

    def _read(self, message: dict[str, Any], recv_ts_us: int) -> Reading:
        if "lastUpdateId" in message:
            return self._on_snapshot(message, recv_ts_us)
        data = message["data"]
        if data["s"] != self._symbol:
            raise ValueError(f"it is of {data['s']!r}, not of {self._symbol!r}")
        kind = data.get("e", "")
        if kind == "depthUpdate":
            return self._on_update(self._update(data), recv_ts_us)
        return self._on_trade(data, recv_ts_us) if kind == "trade" else Reading("other")

    def _on_snapshot(self, message: dict[str, Any], recv_ts_us: int) -> Reading:
        if self._sides is not None:
            return Reading("other")  # the chain has no hole, so there is nothing to repair
        last = int(message["lastUpdateId"])
        sides = (Side(is_bid=True), Side(is_bid=False))
        _apply(sides, self._levels(message["bids"]), self._levels(message["asks"]))
        exch_ms = message.get("T")
        self._times_us = (recv_ts_us if exch_ms is None else int(exch_ms) * 1000, recv_ts_us)
        self._last, self._is_joined = last, False
        for update in self._waiting:
            if update.last <= last:
                continue
            if not self._follows(update):
                return self._lose(is_snapshot=True)
            self._take(sides, update, recv_ts_us)
        self._waiting.clear()
        self._sides = sides
        return Reading("book", books=[BookChange(self._symbol, True, UNCHECKED)])

    def _on_update(self, update: _Update, recv_ts_us: int) -> Reading:
        if self._sides is None:
            self._waiting.append(update)
            return Reading("book", books=[self._unverified("no_snapshot")])
        if not self._is_joined and update.last <= self._last:
            return Reading("other")  # the snapshot holds it already
        if not self._follows(update):
            self._waiting.append(update)
            return self._lose(is_snapshot=False)
        self._take(self._sides, update, recv_ts_us)
        return Reading("book", books=[BookChange(self._symbol, False, UNCHECKED)])

    def _follows(self, update: _Update) -> bool:
        if self._is_joined:
            return update.previous == self._last
        return update.previous <= self._last

    def _take(self, sides: tuple[Side, Side], update: _Update, recv_ts_us: int) -> None:
        _apply(sides, update.bids, update.asks)
        self._last, self._is_joined = update.last, True
        self._times_us = (update.exch_ts_us, recv_ts_us)

    def _lose(self, *, is_snapshot: bool) -> Reading:
        self._sides = None
        return Reading("book", books=[self._unverified("sequence", is_snapshot=is_snapshot)])

    def _unverified(self, reason: str, *, is_snapshot: bool = False) -> BookChange:
        return BookChange(self._symbol, is_snapshot, "unverified", reason)

    def _update(self, data: dict[str, Any]) -> _Update:
        return _Update(
            previous=int(data["pu"]) if "pu" in data else int(data["U"]) - 1,
            last=int(data["u"]),
            exch_ts_us=int(data.get("T", data["E"])) * 1000,
            bids=self._levels(data["b"]),
            asks=self._levels(data["a"]),
        )

    def _levels(self, rows: list[list[str]]) -> list[Level]:
        price_digits, qty_digits = self._digits
        return [
            (trimmed_mantissa(price, price_digits), trimmed_mantissa(qty, qty_digits))
            for price, qty in rows
        ]

    def _on_trade(self, data: dict[str, Any], recv_ts_us: int) -> Reading:
        if data.get("X", "MARKET") != "MARKET":
            return Reading("trade", refused=[(self._symbol, f"of kind {data['X']}")])
        trade = ForeignTrade(
            symbol=self._symbol,
            exch_ts_us=int(data["T"]) * 1000,
            recv_ts_us=recv_ts_us,
            trade_id=int(data["t"]),
            side="sell" if data["m"] else "buy",
            ord_type="",
            price_ticks=trimmed_mantissa(data["p"], self._digits[0]),
            qty_lots=trimmed_mantissa(data["q"], self._digits[1]),
            price_precision=self._digits[0],
            qty_precision=self._digits[1],
        )
        return Reading("trade", trades=[trade])


def _apply(sides: tuple[Side, Side], bids: list[Level], asks: list[Level]) -> None:
    for side, levels in zip(sides, (bids, asks), strict=True):
        for ticks, lots in levels:
            side.set(ticks, lots)
