"""LOBSTER's file pairs: ``…message….csv`` and, beside it, ``…orderbook….csv``, row by row."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lobdesk.derive.lobster import parse_message
from lobdesk.errors import ImportFormatError
from lobdesk.importers.source import ForeignCapture, ImportedFrame, ImportFormat
from lobdesk.importers.text import ReceiptClock, bad_line, read_lines
from lobdesk.units import EPOCH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lobdesk.importers.text import Line

NAME = re.compile(r"([A-Z][A-Z0-9.\-]{0,15})_(\d{4}-\d\d-\d\d)_(.*)\.csv")
MESSAGE_HEAD = re.compile(rb"\d{1,5}\.\d{1,9},[1-7],\d+,\d+,-?\d+,-?1\r?\n")
BOOK_HEAD = re.compile(rb"\d{1,10},\d+,-?\d{1,10},\d+(,-?\d+){0,400}\r?\n")
ZONE = "America/New_York"


def open_lobster(path: Path) -> ForeignCapture:
    """Find the pair and read its first message.

    Raises:
        ImportFormatError: The name tells no symbol and date, a file is missing, or damaged.
    """
    match = NAME.fullmatch(path.name)
    if match is None or "message" not in match[3]:
        raise ImportFormatError(
            path, "", "name the file <SYMBOL>_<date>_…message….csv; its orderbook file is found"
        )
    stem = match[3].replace("message", "orderbook")
    book = path.with_name(f"{match[1]}_{match[2]}_{stem}.csv")
    if not book.is_file():
        raise ImportFormatError(path, "", f"its {book.name} is not beside it")
    midnight_us = _midnight_us(path, match[2])
    first = next(_read_frames(path, book, midnight_us), None)
    if first is None:
        raise ImportFormatError(path, "", "the file is empty")
    return ForeignCapture(
        venue="lobster",
        symbols=(match[1],),
        start_us=first.recv_ts_us,
        has_monotonic_clock=False,
        is_recv_derived=True,
        frames=partial(_read_frames, path, book, midnight_us),
        facts={
            "clock": "exchange",
            "dialect": "lobster",
            "symbol": match[1],
            "midnight_us": midnight_us,
            "book_file": book.name,
        },
    )


def _midnight_us(path: Path, date: str) -> int:
    """Return 00:00 of the exchange's clock as it runs at that day's noon."""
    try:
        noon = dt.datetime.fromisoformat(f"{date}T12:00").replace(tzinfo=ZoneInfo(ZONE))
    except ZoneInfoNotFoundError as error:
        raise ImportFormatError(path, "", f"no time zone {ZONE} here; install tzdata") from error
    except ValueError as error:
        raise ImportFormatError(path, "", f"{date} in its name is no date") from error
    return (noon - EPOCH - dt.timedelta(hours=12)) // dt.timedelta(microseconds=1)


def _read_frames(path: Path, book: Path, midnight_us: int) -> Iterator[ImportedFrame]:
    clock = ReceiptClock(path)
    rows = itertools.zip_longest(
        read_lines(path, needs_newline=False), read_lines(book, needs_newline=False)
    )
    for message, state in rows:
        if message is None or state is None:
            ended, line = (path, state) if message is None else (book, message)
            raise bad_line(ended, line.number, "the file ends before the other of its pair")
        where = f"line {message.number}"
        recv_us = clock.check(_time_ns(path, message, midnight_us), message.number)
        raw = message.data + b"\n" + state.data
        yield ImportedFrame("in", raw, recv_us, 0, 1, message.position, where)


def _time_ns(path: Path, line: Line, midnight_us: int) -> int:
    try:
        return midnight_us * 1000 + parse_message(line.data).time_ns
    except ValueError as error:
        raise bad_line(path, line.number, str(error)) from error


LOBSTER = ImportFormat(
    name="lobster",
    title="LOBSTER's message file, its orderbook file beside it",
    matches=lambda head: bool(MESSAGE_HEAD.match(head) or BOOK_HEAD.match(head)),
    open=open_lobster,
    reads_compressed=True,
)
