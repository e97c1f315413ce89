"""Hftbacktest's raw files of Binance: ``<recv_unix_ns> <frame or REST snapshot>`` a line."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from lobdesk.derive.foreign import shortest_digits
from lobdesk.errors import ImportFormatError
from lobdesk.importers.source import ForeignCapture, ImportedFrame, ImportFormat
from lobdesk.importers.text import ReceiptClock, bad_line, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINE = re.compile(rb"(\d{1,19}) (\{.+\})")
HEAD = re.compile(rb"\d{16,19} \{")
_decoder = msgspec.json.Decoder(dict[str, Any])


class _Survey:
    """What a first reading of the whole file tells: its symbol and its digits."""

    def __init__(self) -> None:
        self.symbol = ""
        self.start_us = 0
        self.price_digits = 0
        self.qty_digits = 0

    def add(self, message: dict[str, Any]) -> None:
        data = message.get("data", message)
        symbol = data.get("s", "")
        if self.symbol and symbol and symbol != self.symbol:
            raise ValueError(f"holds {symbol!r} beside {self.symbol!r}; only one can be read")
        self.symbol = self.symbol or symbol
        pairs = [*data.get("bids", ()), *data.get("asks", ())]
        if data.get("e") == "depthUpdate":
            pairs += [*data["b"], *data["a"]]
        elif data.get("e") == "trade":
            pairs.append((data["p"], data["q"]))
        for price, qty in pairs:
            self.price_digits = max(self.price_digits, shortest_digits(price))
            self.qty_digits = max(self.qty_digits, shortest_digits(qty))


def open_hftbacktest(path: Path) -> ForeignCapture:
    """Read the file once for its symbol and digits.

    Raises:
        ImportFormatError: The file cannot be read, or a line is none of this format.
    """
    survey = _survey(path)
    if not survey.symbol:
        raise ImportFormatError(path, "", "no line names a symbol")
    return ForeignCapture(
        venue="binance",
        symbols=(survey.symbol,),
        start_us=survey.start_us,
        has_monotonic_clock=False,
        is_recv_derived=False,
        frames=partial(_read_frames, path),
        facts={
            "clock": "unix",
            "dialect": "binance",
            "symbol": survey.symbol,
            "price_precision": survey.price_digits,
            "qty_precision": survey.qty_digits,
        },
    )


def _survey(path: Path) -> _Survey:
    survey = _Survey()
    for frame in _read_frames(path):
        survey.start_us = survey.start_us or frame.recv_ts_us
        try:
            survey.add(_decoder.decode(frame.raw))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ImportFormatError(path, frame.where, f"no Binance frame: {error}") from error
    return survey


def _read_frames(path: Path) -> Iterator[ImportedFrame]:
    clock = ReceiptClock(path)
    for line in read_lines(path):
        match = LINE.fullmatch(line.data)
        if match is None:
            raise bad_line(path, line.number, "expected <recv_unix_ns> <frame>")
        recv_us = clock.check(int(match[1]), line.number)
        yield ImportedFrame("in", match[2], recv_us, 0, 1, line.position, f"line {line.number}")


HFTBACKTEST = ImportFormat(
    name="hftbacktest",
    title="hftbacktest's raw file of Binance, plain or gzip",
    matches=lambda head: HEAD.match(head) is not None,
    open=open_hftbacktest,
    reads_compressed=True,
)
