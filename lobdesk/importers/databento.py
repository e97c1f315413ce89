"""Databento's MBP-10 and MBO as CSV with a header, decimal prices and ISO times, of one symbol."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lobdesk.derive.databento import NEEDED, level_columns, split_row
from lobdesk.derive.databento_mbo import NEEDED as ORDER_COLUMNS
from lobdesk.derive.foreign import shortest_digits
from lobdesk.errors import ImportFormatError
from lobdesk.importers.source import ForeignCapture, ImportedFrame, ImportFormat
from lobdesk.importers.text import bad_line, read_lines
from lobdesk.units import parse_rfc3339_us

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def open_databento(path: Path) -> ForeignCapture:
    """Read the file once for its symbol and digits.

    Raises:
        ImportFormatError: The file cannot be read, or a line is none of this format.
    """
    columns = _columns(path)
    is_by_order = "bid_px_00" not in columns
    prices = ["price"] if is_by_order else [n for n in level_columns() if "_px_" in n]
    symbol, start_us, digits = "", 0, 0
    for frame in _read_frames(path, columns):
        try:
            row = split_row(frame.raw, columns)
            digits = max(digits, *(shortest_digits(row[name]) for name in prices if row[name]), 0)
        except ValueError as error:
            raise ImportFormatError(path, frame.where, str(error)) from error
        symbol, start_us = symbol or row["symbol"], start_us or frame.recv_ts_us
    if not symbol:
        raise ImportFormatError(path, "", "the file holds no row with a symbol")
    return ForeignCapture(
        venue="databento",
        symbols=(symbol,),
        start_us=start_us,
        has_monotonic_clock=False,
        is_recv_derived=False,
        frames=partial(_read_frames, path, columns),
        facts={
            "clock": "unix",
            "dialect": "databento-mbo" if is_by_order else "databento-mbp10",
            "symbol": symbol,
            "columns": ",".join(columns),
            "price_precision": digits,
        },
    )


def _columns(path: Path) -> list[str]:
    first = next(read_lines(path), None)
    try:
        columns = first.data.decode().split(",") if first is not None else []
    except UnicodeDecodeError as error:
        raise bad_line(path, 1, "the header is not text") from error
    has_levels = "bid_px_00" in columns
    needed = (*NEEDED, *level_columns()) if has_levels else ORDER_COLUMNS
    missing = [name for name in needed if name not in columns]
    if missing:
        raise bad_line(path, 1, f"no MBO or MBP-10 header with a symbol: {missing[0]} is missing")
    return columns


def _read_frames(path: Path, columns: list[str]) -> Iterator[ImportedFrame]:
    last_us = 0
    for line in read_lines(path):
        if line.number == 1:
            continue
        try:
            recv_us = parse_rfc3339_us(split_row(line.data, columns)["ts_recv"])
        except ValueError as error:
            raise bad_line(path, line.number, str(error)) from error
        if recv_us < last_us:
            raise bad_line(path, line.number, "the time of receipt goes backwards")
        last_us = recv_us
        where = f"line {line.number}"
        yield ImportedFrame("in", line.data, recv_us, 0, 1, line.position, where)


DATABENTO = ImportFormat(
    name="databento-csv",
    title="Databento's MBP-10 or MBO as CSV of one symbol, plain or gzip",
    matches=lambda head: b"ts_recv,ts_event," in head.partition(b"\n")[0],
    open=open_databento,
    reads_compressed=True,
)
