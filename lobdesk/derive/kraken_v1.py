"""Kraken's first WebSocket protocol, read by the verifier of the second.

A frame is put into the shape of v2 in memory, its number tokens digit for digit, so the exchange's
own checksums decide. Snapshots of v1 carry none: their book is ``unchecked`` until the first update
that does, and their line says ``"checksum":null,"verified":null``.
"""

from __future__ import annotations

import re
import zlib
from decimal import Decimal
from typing import Any

import msgspec

from lobdesk.derive.foreign import UNCHECKED, BookChange, ForeignTrade, Reading
from lobdesk.engine import BookVerifier
from lobdesk.records import BOOK_LEVELS
from lobdesk.units import format_rfc3339_us, to_mantissa

NUMBER = re.compile(r"\d{1,20}(\.\d{1,20})?")
CHECKED_TAIL = re.compile(rb'"checksum":\d+,"verified":true}\n')
UNCHECKED_TAIL = b'"checksum":null,"verified":null}\n'
V2_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
SIDES = {"b": "buy", "s": "sell"}
ORDER_TYPES = {"l": "limit", "m": "market"}
Entry = tuple[str, str, str]


class KrakenV1:
    """The books of one v1 connection; see ``Dialect``."""

    def __init__(self) -> None:
        self._verifier = BookVerifier()
        self._is_unchecked: dict[str, bool] = {}
        self._digits: dict[str, tuple[int, int]] = {}

    def feed(self, frame: bytes, recv_ts_us: int) -> Reading:
        """See ``Dialect.feed``."""
        try:
            message = msgspec.json.decode(frame)
            if isinstance(message, dict):
                return self._on_event(message, recv_ts_us)
            *payload, channel, pair = message[1:]
            symbol = v2_name(pair)
            if channel == "trade":
                return self._on_trades(symbol, payload[0], recv_ts_us)
            if channel.startswith("book-"):
                return self._on_book(symbol, payload, recv_ts_us)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            ended = [(symbol, "malformed") for symbol in self._verifier.symbols()]
            self._verifier.reset()
            return Reading("malformed", reason=f"no Kraken v1 frame: {error}", ended=ended)
        return Reading("other")

    def snapshot_line(self, symbol: str, seq: int) -> bytes:
        """See ``Dialect.snapshot_line``."""
        line = self._verifier.snapshot_line(symbol, seq)
        return CHECKED_TAIL.sub(UNCHECKED_TAIL, line) if self._is_unchecked[symbol] else line

    def symbols(self) -> list[str]:
        """See ``Dialect.symbols``."""
        return self._verifier.symbols()

    def instrument(self, symbol: str) -> tuple[int, int, bool] | None:
        """See ``Dialect.instrument``."""
        return self._verifier.instrument(symbol)

    def _on_event(self, message: dict[str, Any], recv_ts_us: int) -> Reading:
        event = message.get("event")
        if event != "subscriptionStatus" or message["subscription"]["name"] != "book":
            return Reading("heartbeat" if event == "heartbeat" else "other")
        methods = {"subscribed": "subscribe", "unsubscribed": "unsubscribe"}
        method = methods.get(message["status"])
        if method is None:
            return Reading("other")
        depth = int(message["subscription"].get("depth", BOOK_LEVELS))
        result = {"channel": "book", "depth": depth, "symbol": v2_name(message["pair"])}
        if method == "subscribe":
            result["snapshot"] = True
        ack = {"method": method, "result": result, "success": True}
        verdict = self._verifier.feed(msgspec.json.encode(ack), recv_ts_us)
        return Reading("other", ended=list(verdict.ended))

    def _on_book(self, symbol: str, payload: list[dict[str, Any]], recv_ts_us: int) -> Reading:
        parts: dict[str, Any] = {}
        for part in payload:
            parts.update(part)
        is_snapshot = "as" in parts or "bs" in parts
        keys = ("bs", "as") if is_snapshot else ("b", "a")
        bids, asks = (_entries(parts.get(key, [])) for key in keys)
        checksum = str(_checksum(bids, asks)) if is_snapshot else parts.get("c", "")
        was_live = symbol in self._verifier.symbols()
        verdict = self._verifier.feed(
            _v2_frame(symbol, bids, asks, is_snapshot=is_snapshot, checksum=checksum), recv_ts_us
        )
        if verdict.kind != "book":
            raise ValueError(verdict.reason or f"read as {verdict.kind}")
        reading = Reading("book", ended=list(verdict.ended))
        if is_snapshot and was_live:
            reading.ended.append((symbol, "subscription"))
        for book in verdict.books:
            is_good = book.state == "verified"
            self._is_unchecked[symbol] = is_snapshot
            state = UNCHECKED if is_good and is_snapshot else book.state
            reading.books.append(
                BookChange(symbol, is_snapshot, state, book.reason, is_inferred=book.is_inferred)
            )
        return reading

    def _on_trades(self, symbol: str, rows: list[list[str]], recv_ts_us: int) -> Reading:
        reading = Reading("trade")
        for price, qty, time, side, ord_type, *_ in rows:
            digits = self._trade_digits(symbol, price, qty, reading)
            if _digits(price) > digits[0] or _digits(qty) > digits[1]:
                reading.refused.append((symbol, "precision"))
                continue
            reading.trades.append(
                ForeignTrade(
                    symbol=symbol,
                    exch_ts_us=to_mantissa(time, 6),
                    recv_ts_us=recv_ts_us,
                    trade_id=0,
                    side=SIDES[side],
                    ord_type=ORDER_TYPES[ord_type],
                    price_ticks=to_mantissa(price, digits[0]),
                    qty_lots=to_mantissa(qty, digits[1]),
                    price_precision=digits[0],
                    qty_precision=digits[1],
                )
            )
        return reading

    def _trade_digits(self, symbol: str, price: str, qty: str, reading: Reading) -> tuple[int, int]:
        known = self._verifier.instrument(symbol)
        if known is not None:
            return known[0], known[1]
        if symbol not in self._digits:
            self._digits[symbol] = (_digits(price), _digits(qty))
            reading.notes.append(
                {
                    "kind": "precision",
                    "symbol": symbol,
                    "price_precision": _digits(price),
                    "qty_precision": _digits(qty),
                    "inferred": True,
                }
            )
        return self._digits[symbol]


def v2_name(pair: str) -> str:
    """Return a v1 pair as v2 spells it: ``XBT/USD`` is ``BTC/USD``."""
    base, slash, quote = pair.partition("/")
    if not (base and slash and quote):
        raise ValueError(f"{pair!r} is no pair")
    return f"{V2_NAMES.get(base, base)}/{V2_NAMES.get(quote, quote)}"


def _entries(rows: list[list[str]]) -> list[Entry]:
    entries = []
    for price, qty, time, *_ in rows:
        if not (NUMBER.fullmatch(price) and NUMBER.fullmatch(qty)):
            raise ValueError(f"{price!r}, {qty!r} is no level")
        entries.append((price, qty, time))
    return entries


def _digits(number: str) -> int:
    return len(number.partition(".")[2])


def _checksum(bids: list[Entry], asks: list[Entry]) -> int:
    """Return the checksum that a v2 snapshot of these levels would carry."""
    best_asks = sorted(asks, key=lambda entry: Decimal(entry[0]))[:BOOK_LEVELS]
    best_bids = sorted(bids, key=lambda entry: Decimal(entry[0]), reverse=True)[:BOOK_LEVELS]
    numbers = [number for entry in best_asks + best_bids for number in entry[:2]]
    return zlib.crc32("".join(n.replace(".", "").lstrip("0") for n in numbers).encode())


def _v2_frame(
    symbol: str, bids: list[Entry], asks: list[Entry], *, is_snapshot: bool, checksum: str
) -> bytes:
    sides = [
        ",".join(f'{{"price":{price},"qty":{qty}}}' for price, qty, _ in entries)
        for entries in (bids, asks)
    ]
    tail = ""
    if checksum:
        tail += f',"checksum":{int(checksum)}'
    times = [to_mantissa(time, 6) for _, _, time in (*bids, *asks)]
    if times:
        tail += f',"timestamp":"{format_rfc3339_us(max(times))}"'
    kind = "snapshot" if is_snapshot else "update"
    name = msgspec.json.encode(symbol).decode()
    return (
        f'{{"channel":"book","type":"{kind}","data":[{{"symbol":{name},'
        f'"bids":[{sides[0]}],"asks":[{sides[1]}]{tail}}}]}}'
    ).encode()
