"""Bitstamp's order log: ``<unix_ms> <kind> <object>`` a line, plain, gzip or xz."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from lobdesk.derive.bitstamp import BookMessage, TradeMessage, parse_frame
from lobdesk.derive.foreign import shortest_digits
from lobdesk.errors import ImportFormatError
from lobdesk.importers.source import ForeignCapture, ImportedFrame, ImportFormat
from lobdesk.importers.text import ReceiptClock, bad_line, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SYMBOL = "BTC/USD"
"""The channels without a pair in their name, which these logs are of, are those of BTC/USD."""
LINE = re.compile(rb"(\d{13}) ((?:order_(?:created|changed|deleted|book)|trade) \{.*\})")
HEAD = re.compile(rb"\d{13} (?:order_(?:created|changed|deleted|book)|trade) \{")


def open_bitstamp(path: Path) -> ForeignCapture:
    """Read the file once for its digits.

    Raises:
        ImportFormatError: The file cannot be read, or a line is none of this format.
    """
    digits = (0, 0)
    start_us = 0
    for frame in _read_frames(path):
        start_us = start_us or frame.recv_ts_us
        try:
            digits = _more_digits(digits, frame.raw)
        except (ValueError, msgspec.DecodeError) as error:
            raise ImportFormatError(path, frame.where, f"no Bitstamp record: {error}") from error
    return ForeignCapture(
        venue="bitstamp",
        symbols=(SYMBOL,),
        start_us=start_us,
        has_monotonic_clock=False,
        is_recv_derived=False,
        frames=partial(_read_frames, path),
        facts={
            "clock": "unix",
            "dialect": "bitstamp",
            "symbol": SYMBOL,
            "price_precision": digits[0],
            "qty_precision": digits[1],
        },
    )


def _more_digits(digits: tuple[int, int], raw: bytes) -> tuple[int, int]:
    _, message = parse_frame(raw)
    if isinstance(message, BookMessage):
        rows = [*message.bids, *message.asks]
    elif isinstance(message, TradeMessage):
        rows = [message.row()]
    else:
        rows = [(message.price, message.amount)]
    return (
        max([digits[0], *(shortest_digits(price) for price, _ in rows)]),
        max([digits[1], *(shortest_digits(amount) for _, amount in rows)]),
    )


def _read_frames(path: Path) -> Iterator[ImportedFrame]:
    clock = ReceiptClock(path)
    for line in read_lines(path):
        match = LINE.fullmatch(line.data)
        if match is None:
            raise bad_line(path, line.number, "expected <unix_ms> <kind> <object>")
        recv_us = clock.check(int(match[1]) * 1_000_000, line.number)
        yield ImportedFrame("in", match[2], recv_us, 0, 1, line.position, f"line {line.number}")


BITSTAMP = ImportFormat(
    name="bitstamp",
    title="Bitstamp's order log: created, changed, deleted orders, plain, gzip or xz",
    matches=lambda head: HEAD.match(head) is not None,
    open=open_bitstamp,
    reads_compressed=True,
)
