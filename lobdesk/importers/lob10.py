"""The ``lob10`` format: NumPy arrays of ten-level books and trades, ``<name>_<yyyymmdd>.npz``."""

from __future__ import annotations

import re
import zipfile
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from lobdesk.derive.lob10 import Lob10Row, plain_decimal
from lobdesk.errors import ImportFormatError
from lobdesk.importers.source import ForeignCapture, ImportedFrame, ImportFormat
from lobdesk.records import BOOK_LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

NAME = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,39})_\d{8}\.npz")
LEVELS = ("bid_px", "bid_qty", "ask_px", "ask_qty")
BOOKS = ("recv_ns", *LEVELS)
TRADES = ("tr_recv_ns", "tr_px", "tr_qty")
OPTIONAL = ("exch_ms", "tr_exch_ms", "tr_side")
Arrays = dict[str, "NDArray[Any]"]


def open_lob10(path: Path) -> ForeignCapture:
    """Read and check all arrays.

    Raises:
        ImportFormatError: The file cannot be read, or its arrays are others.
    """
    match = NAME.fullmatch(path.name)
    if match is None:
        raise ImportFormatError(path, "", "name the file <symbol>_<yyyymmdd>.npz")
    arrays = _load(path)
    _check(path, arrays)
    try:
        facts = {key: plain_decimal(arrays[key].item()) for key in ("price_tick", "qty_unit")}
    except ValueError as error:
        raise ImportFormatError(path, "price_tick and qty_unit", str(error)) from error
    return ForeignCapture(
        venue="lob10",
        symbols=(match[1],),
        start_us=int(arrays["recv_ns"][0]) // 1000,
        has_monotonic_clock=False,
        is_recv_derived=False,
        frames=partial(_read_frames, arrays, path.stat().st_size),
        facts={"clock": "unix", "dialect": "lob10", "symbol": match[1], **facts},
    )


def _load(path: Path) -> Arrays:
    import numpy as np  # noqa: PLC0415 - the command line lists formats without it

    wanted = (*BOOKS, *TRADES, "price_tick", "qty_unit")
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            missing = [name for name in wanted if name not in file.files]
            if missing:
                raise ImportFormatError(path, "", f"the array {missing[0]} is missing")
            return {n: file[n] for n in (*wanted, *OPTIONAL) if n in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ImportFormatError(path, "", f"is no intact .npz file: {error}") from error


def _check(path: Path, arrays: Arrays) -> None:
    for prefix, names in (("", (*BOOKS, "exch_ms")), ("tr_", (*TRADES, "tr_exch_ms", "tr_side"))):
        times = arrays[f"{prefix}recv_ns"]
        for name in (name for name in names if name in arrays):
            array = arrays[name]
            shape = (len(times), BOOK_LEVELS) if name in LEVELS else (len(times),)
            if array.dtype.kind != "i" or array.shape != shape:
                raise ImportFormatError(path, name, f"expected integers of shape {shape}")
        back = (times[1:] < times[:-1]).nonzero()[0]
        if len(back):
            where = f"row {back[0] + 1} of {prefix}recv_ns"
            raise ImportFormatError(path, where, "the time of receipt goes backwards")
        if len(times) and times[0] <= 0:
            raise ImportFormatError(path, f"{prefix}recv_ns", "is no time in unix nanoseconds")
    if not len(arrays["recv_ns"]):
        raise ImportFormatError(path, "", "the file holds no book")


def _read_frames(arrays: Arrays, size: int) -> Iterator[ImportedFrame]:
    """Yield books and trades by time of receipt, of equal ones trades first."""
    books = _columns(arrays, ("recv_ns", "exch_ms", *LEVELS))
    trades = _columns(arrays, ("tr_recv_ns", "tr_exch_ms", "tr_px", "tr_qty", "tr_side"))
    total = len(books["recv_ns"]) + len(trades["tr_recv_ns"])
    book = trade = 0
    for done in range(1, total + 1):
        is_trade = trade < len(trades["tr_recv_ns"]) and (
            book >= len(books["recv_ns"]) or trades["tr_recv_ns"][trade] <= books["recv_ns"][book]
        )
        if is_trade:
            where, recv_ns = f"trade {trade}", trades["tr_recv_ns"][trade]
            row = _trade_row(trades, trade)
            trade += 1
        else:
            where, recv_ns = f"row {book}", books["recv_ns"][book]
            row = _book_row(books, book)
            book += 1
        raw = msgspec.json.encode(row)
        yield ImportedFrame("in", raw, recv_ns // 1000, 0, 1, size * done // total, where)


def _columns(arrays: Arrays, names: tuple[str, ...]) -> dict[str, list[Any]]:
    rows = len(arrays[names[0]])
    return {name: arrays[name].tolist() if name in arrays else [0] * rows for name in names}


def _book_row(columns: dict[str, list[Any]], row: int) -> Lob10Row:
    bids, asks = (
        tuple(zip(columns[f"{side}_px"][row], columns[f"{side}_qty"][row], strict=True))
        for side in ("bid", "ask")
    )
    return Lob10Row(exch_ms=columns["exch_ms"][row], bids=bids, asks=asks)


def _trade_row(columns: dict[str, list[Any]], row: int) -> Lob10Row:
    return Lob10Row(
        exch_ms=columns["tr_exch_ms"][row],
        px=columns["tr_px"][row],
        qty=columns["tr_qty"][row],
        side=columns["tr_side"][row],
    )


LOB10 = ImportFormat(
    name="lob10",
    title="ten-level books and trades as NumPy arrays, <symbol>_<yyyymmdd>.npz",
    matches=lambda head: head.startswith(b"PK\x03\x04") and b".npy" in head[:200],
    open=open_lob10,
)
