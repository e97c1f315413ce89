"""A market remembered: frames recorded from the exchange, replayed with true checksums.

The recorded ``book`` frames are applied to a full book, which the simulated exchange serves again
at whatever depth a client asks for. Levels beyond the recorded depth are unknown.
"""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from lobdesk.records import Instrument
from lobdesk.settings import BOOK_DEPTHS
from lobdesk.simulator.errors import RecordingError
from lobdesk.simulator.events import ASK, BID, LevelChange, MarketEvent, TradePrint
from lobdesk.simulator.levels import LevelBook
from lobdesk.units import parse_rfc3339_us, to_mantissa

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SIDES = (("bids", BID), ("asks", ASK))


class _Recorded(NamedTuple):
    where: str
    recv_us: int
    text: bytes


class RecordedMarket:
    """Events of a recording in their original order.

    Attributes:
        instruments: Symbol → how it counts; from ``instrument`` frames, else inferred from the
            digits of the first book snapshot.
        start_us: Time of receipt of the first frame.
        depths: Symbol → depth that was recorded.
    """

    def __init__(self, path: Path) -> None:
        """Read the recording once to learn what is in it.

        Args:
            path: A ``.cbcap`` file, a ``.jsonl`` or ``.jsonl.gz`` file of objects with ``recv_ns``
                and ``raw``, or the root folder of a journal.

        Raises:
            RecordingError: The recording cannot be read, or holds no book snapshot.
        """
        self._path = path
        self.instruments: dict[str, Instrument] = {}
        self.depths: dict[str, int] = {}
        self.start_us = 0
        self._opening: dict[str, MarketEvent] = {}
        self._books: dict[str, LevelBook] = {}
        self._last_trade: dict[str, int] = {}
        self._scan()
        if not self._opening:
            raise RecordingError(path, "", "holds no book snapshot, so there is nothing to serve")
        known = {symbol: self.instruments[symbol] for symbol in self._opening}
        self.instruments = known

    has_orders = False

    def opening(self) -> Sequence[MarketEvent]:
        """Return the first book of each symbol."""
        return list(self._opening.values())

    def events(self) -> Iterator[MarketEvent]:
        """Yield one event per recorded entry, with the recording's times of receipt."""
        self._books = {symbol: LevelBook() for symbol in self._opening}
        self._last_trade = {}
        for frame in _frames(self._path):
            message = _decode(frame.text)
            try:
                if message.get("channel") == "book":
                    for entry in message["data"]:
                        yield self._book_event(frame.recv_us, message["type"], entry)
                elif message.get("channel") == "trade":
                    yield from self._trade_events(frame.recv_us, message["data"])
            except (KeyError, TypeError, ValueError) as error:
                raise RecordingError(self._path, frame.where, f"unusable frame: {error}") from error

    def _scan(self) -> None:
        for frame in _frames(self._path):
            self.start_us = self.start_us or frame.recv_us
            message = _decode(frame.text)
            try:
                self._learn(frame, message)
            except (KeyError, TypeError, ValueError) as error:
                raise RecordingError(self._path, frame.where, f"unusable frame: {error}") from error

    def _learn(self, frame: _Recorded, message: dict[str, Any]) -> None:
        result = message.get("result")
        if isinstance(result, dict) and result.get("channel") == "book" and "depth" in result:
            self.depths.setdefault(result["symbol"], int(result["depth"]))
        elif message.get("channel") == "instrument":
            for pair in message["data"]["pairs"]:
                self.instruments.setdefault(pair["symbol"], _instrument(pair))
        elif message.get("channel") == "book" and message["type"] == "snapshot":
            for entry in message["data"]:
                if entry["symbol"] not in self._opening:
                    self._open(frame, entry)

    def _open(self, frame: _Recorded, entry: dict[str, Any]) -> None:
        symbol = entry["symbol"]
        levels = entry["bids"] + entry["asks"]
        if symbol not in self.instruments:
            self.instruments[symbol] = Instrument(
                symbol=symbol,
                price_precision=max((_digits(level["price"]) for level in levels), default=0),
                qty_precision=max((_digits(level["qty"]) for level in levels), default=0),
                is_inferred=True,
            )
        longest = max(len(entry["bids"]), len(entry["asks"]))
        self.depths.setdefault(
            symbol, next((depth for depth in BOOK_DEPTHS if depth >= longest), BOOK_DEPTHS[-1])
        )
        exch_ts_us = _exch_ts_us(entry, frame.recv_us)
        changes = self._changes(entry)
        self._opening[symbol] = MarketEvent(frame.recv_us, exch_ts_us, symbol, changes)

    def _book_event(self, recv_us: int, kind: str, entry: dict[str, Any]) -> MarketEvent:
        symbol = entry["symbol"]
        book = self._books[symbol]
        changes = self._changes(entry)
        if kind == "snapshot":
            changes = [
                (side, price, 0) for side in (BID, ASK) for price in book.levels(side)
            ] + changes
        for side, price, lots in changes:
            book.set(side, price, lots)
        changes += book.cut(self.depths[symbol])
        return MarketEvent(recv_us, _exch_ts_us(entry, recv_us), symbol, changes)

    def _changes(self, entry: dict[str, Any]) -> list[LevelChange]:
        instrument = self.instruments[entry["symbol"]]
        return [
            (
                side,
                to_mantissa(level["price"], instrument.price_precision),
                to_mantissa(level["qty"], instrument.qty_precision),
            )
            for key, side in SIDES
            for level in entry[key]
        ]

    def _trade_events(self, recv_us: int, data: list[dict[str, Any]]) -> Iterator[MarketEvent]:
        for item in data:
            symbol, trade_id = item["symbol"], int(item["trade_id"])
            if symbol not in self._opening or trade_id <= self._last_trade.get(symbol, 0):
                continue
            self._last_trade[symbol] = trade_id
            instrument = self.instruments[symbol]
            trade = TradePrint(
                trade_id=trade_id,
                side=item["side"],
                ord_type=item["ord_type"],
                price_ticks=to_mantissa(item["price"], instrument.price_precision),
                qty_lots=to_mantissa(item["qty"], instrument.qty_precision),
                exch_ts_us=_exch_ts_us(item, recv_us),
            )
            yield MarketEvent(recv_us, trade.exch_ts_us, symbol, (), (trade,))


def _frames(path: Path) -> Iterator[_Recorded]:
    try:
        if path.is_dir():
            yield from _journal_frames(path)
        elif path.name.endswith((".jsonl", ".jsonl.gz")):
            yield from _line_frames(path)
        else:
            yield from _cbcap_frames(path)
    except OSError as error:
        raise RecordingError(path, "", f"cannot be read: {error.strerror or error}") from error


def _journal_frames(root: Path) -> Iterator[_Recorded]:
    # Only this source needs the journal, and it brings the compression library with it.
    from lobdesk.journal import read_events  # noqa: PLC0415

    for event in read_events(root):
        if event.dir == "in":
            yield _Recorded(f"seq {event.seq}", event.recv_ts_us, event.raw.encode())


def _line_frames(path: Path) -> Iterator[_Recorded]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                record = json.loads(line)
                yield _Recorded(str(number), int(record["recv_ns"]) // 1000, record["raw"].encode())
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                reason = "expected an object with recv_ns and raw"
                raise RecordingError(path, str(number), reason) from error


def _cbcap_frames(path: Path) -> Iterator[_Recorded]:
    with path.open("rb") as file:
        if not file.readline(256).startswith(b"CBCAP1 "):
            raise RecordingError(path, "1", "is no recording: expected a line CBCAP1 ...")
        number = 1
        while header := file.readline(256):
            number += 1
            try:
                recv_ns, size = (int(part) for part in header.split())
            except ValueError as error:
                reason = "expected '<recv_ns> <byte_length>'"
                raise RecordingError(path, f"frame {number}", reason) from error
            text = file.read(size)
            if len(text) < size:
                raise RecordingError(path, f"frame {number}", "ends in the middle of a frame")
            file.readline(2)
            yield _Recorded(f"frame {number}", recv_ns // 1000, text)


def _decode(text: bytes) -> dict[str, Any]:
    """Parse a frame with numbers kept as text; what is no JSON object says nothing to us."""
    try:
        message = json.loads(text, parse_float=str, parse_int=str)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _instrument(pair: dict[str, Any]) -> Instrument:
    return Instrument(
        symbol=pair["symbol"],
        price_precision=int(pair["price_precision"]),
        qty_precision=int(pair["qty_precision"]),
        price_increment=str(pair.get("price_increment", "")),
        qty_increment=str(pair.get("qty_increment", "")),
        qty_min=str(pair.get("qty_min", "")),
        status=str(pair.get("status", "")),
    )


def _digits(text: str) -> int:
    return len(text.partition(".")[2])


def _exch_ts_us(item: dict[str, Any], default_us: int) -> int:
    timestamp = item.get("timestamp")
    return parse_rfc3339_us(timestamp) if timestamp else default_us
