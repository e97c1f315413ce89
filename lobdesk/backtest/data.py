"""Market data of one symbol, checked, in the engine's records."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Self

import numpy as np

from lobdesk import engine
from lobdesk.backtest.errors import OptionError, RefusedDataError
from lobdesk.engine_records import RECORD_DTYPE
from lobdesk.errors import BacktestError
from lobdesk.units import parse_rfc3339_us

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from lobdesk.index import MarketRecords


class MarketData:
    """Records of one symbol that the engine accepts.

    Attributes:
        symbol: Name of the pair.
        tick: Price increment.
        lot: Quantity increment.
        min_lots: Smallest order in lots, 0 if unknown.
        records: The records, dtype ``RECORD_DTYPE``, in exchange order.
        order_ids: int64 ``[rows]``, feed order of each record; None without order-level kinds.
        files: Where the records lie, if in files.
        clock_corrections: (first receipt, microseconds added) of each file: what was done to the
            recorder's clock when the records were written; empty if nothing.
        native: The engine's view of them.
    """

    def __init__(
        self,
        records: NDArray[np.void],
        *,
        symbol: str,
        tick: Decimal,
        lot: Decimal,
        order_ids: NDArray[np.int64] | None,
        min_lots: int,
    ) -> None:
        self.symbol = symbol
        self.tick = tick
        self.lot = lot
        self.min_lots = min_lots
        self.records = records
        self.order_ids = order_ids
        self.files: tuple[Path, ...] = ()
        self.clock_corrections: list[tuple[int, int]] = []
        try:
            self.native = engine.MarketRecords(records, order_ids)
        except engine.MarketDataError as error:
            raise RefusedDataError(symbol, str(error)) from error

    @classmethod
    def from_records(
        cls,
        records: NDArray[np.void],
        *,
        symbol: str,
        tick: str | Decimal,
        lot: str | Decimal,
        order_ids: NDArray[np.int64] | None = None,
        qty_min: str | Decimal | None = None,
    ) -> Self:
        """Check records and take them without copying where their memory allows it.

        Args:
            records: Structured array, shape ``[rows]``, with the fields of ``RECORD_DTYPE``; any
                strides, padding, order of fields or byte order. What is not copied must not be
                changed while it is in use.
            symbol: Name of the pair.
            tick: Price increment as decimal text, for example ``"0.1"``.
            lot: Quantity increment as decimal text.
            order_ids: Feed order of each record, shape ``[rows]``; needed by order-level kinds.
            qty_min: Smallest order as decimal text; smaller ones are rejected.

        Raises:
            RefusedDataError: Exchange times run backwards, a receipt precedes its exchange time, or
                a kind, side, price or quantity is impossible; the message names the row.
        """
        tick, lot = _increment("tick", tick), _increment("lot", lot)
        aligned = _packed(symbol, records)
        ids = None if order_ids is None else np.ascontiguousarray(order_ids, dtype=np.int64)
        min_lots = 0 if qty_min is None else -(-_increment("qty_min", qty_min) // lot)
        return cls(
            aligned, symbol=symbol, tick=tick, lot=lot, order_ids=ids, min_lots=int(min_lots)
        )

    @classmethod
    def open(cls, *paths: Path) -> Self:
        """Map record files that the index wrote (``.lobr``), days of one symbol in order.

        One file is used as it lies; several are copied into one array. A file holds what was
        received on its day, so around midnight the exchange's times of two days overlap: as within
        a file, those that run backwards take the value before.
        """
        from lobdesk.index import open_market_records  # noqa: PLC0415 - DuckDB loads with it

        files = [open_market_records(path) for path in paths]
        first = files[0]
        for file in files[1:]:
            if (file.symbol, file.tick, file.lot) != (first.symbol, first.tick, first.lot):
                raise RefusedDataError(first.symbol, "its days differ in symbol, tick or lot")
        records, ids = first.records, first.order_ids
        if len(files) > 1:
            # What a day repeats of the days before would go to the end of our queues.
            begins = [0, *(int(file.header.get("opening", 0)) for file in files[1:])]
            records = np.concatenate(
                [file.records[begin:] for file, begin in zip(files, begins, strict=True)]
            )
            records["exch_ts_us"] = np.maximum.accumulate(records["exch_ts_us"])
            records["recv_ts_us"] = np.maximum(records["recv_ts_us"], records["exch_ts_us"])
            ids = _joined_ids(first.symbol, files, begins)
        data = cls.from_records(
            records, symbol=first.symbol, tick=first.tick, lot=first.lot, order_ids=ids
        )
        data.files = paths
        data.clock_corrections = [
            (
                parse_rfc3339_us(f"{file.header['date']}T00:00:00Z"),
                -file.header["clock"]["offset_us"],
            )
            for file in files
        ]
        return data

    def to_data_clock(self, recv_ts_us: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return receipts by the recorder's clock as these records count them."""
        if not self.clock_corrections:
            return recv_ts_us
        since_us, added_us = np.array(self.clock_corrections, dtype=np.int64).T
        at = np.searchsorted(since_us, recv_ts_us, "right") - 1
        corrected: NDArray[np.int64] = recv_ts_us + added_us[np.maximum(at, 0)]
        return corrected

    @classmethod
    def from_catalog(
        cls, data_dir: Path, symbol: str = "", *, source: str = "", by_order: bool = False
    ) -> Self:
        """Bring the record files of a symbol up to the index and map them.

        Args:
            data_dir: The data directory.
            symbol: Pair, ``BTC`` means ``BTC/USD``; empty means the first indexed one.
            source: Whose recording, where several have the pair.
            by_order: Take single orders, which ``l3_fifo`` needs, instead of levels and trades.

        Raises:
            CatalogError: The index is missing, has no such symbol, or has it from several sources;
                or ``by_order`` is set and the source tells of no single orders.
        """
        files = record_files(data_dir, symbol, source=source, by_order=by_order)
        return cls.open(*files.values())

    def __len__(self) -> int:
        return len(self.records)

    @property
    def start_us(self) -> int:
        """First exchange time."""
        return self.native.first_us

    @property
    def end_us(self) -> int:
        """Last time of either clock."""
        return self.native.last_us


def record_files(
    data_dir: Path, symbol: str = "", *, source: str = "", by_order: bool = False
) -> dict[str, Path]:
    """Bring the record files of a symbol up to the index and return them by UTC day, in order.

    Args:
        data_dir: The data directory.
        symbol: Pair, ``BTC`` means ``BTC/USD``; empty means the first indexed one.
        source: Whose recording, where several have the pair.
        by_order: Those of single orders instead of levels and trades.

    Raises:
        CatalogError: The index is missing, has no such symbol, or has it from several sources.
    """
    from lobdesk.index import (  # noqa: PLC0415 - DuckDB loads with it
        open_catalog,
        open_market_records,
        write_market_records,
    )

    with open_catalog(data_dir) as catalog:
        known = [info.symbol for info in catalog.symbols()]
        if not known:
            raise BacktestError(f"{data_dir}: nothing is indexed; run: lobdesk index")
        symbol = catalog.find_symbol(symbol) if symbol else known[0]
    files = write_market_records(data_dir, symbol, source=source or None, by_order=by_order)
    return {str(open_market_records(path).header["date"]): path for path in files}


def _joined_ids(
    symbol: str, files: list[MarketRecords], begins: list[int]
) -> NDArray[np.int64] | None:
    ids = [
        f.order_ids[begin:]
        for f, begin in zip(files, begins, strict=True)
        if f.order_ids is not None
    ]
    if not ids:
        return None
    if len(ids) != len(files):
        raise RefusedDataError(symbol, "some of its days tell of single orders, some do not")
    return np.concatenate(ids)


def _packed(symbol: str, records: object) -> NDArray[np.void]:
    """Return records as the engine maps them, copied only where their memory is laid out otherwise.

    Raises:
        RefusedDataError: They are no array of rows, or their fields are others.
    """
    if not isinstance(records, np.ndarray) or records.ndim != 1:
        raise RefusedDataError(symbol, "expected records as a structured array of one dimension")
    if records.dtype != RECORD_DTYPE:
        if not _has_record_fields(records.dtype):
            raise RefusedDataError(symbol, f"expected records of {RECORD_DTYPE}")
        packed = np.empty(len(records), dtype=RECORD_DTYPE)
        for name in RECORD_DTYPE.names or ():
            packed[name] = records[name]
        return packed
    aligned = np.require(records, requirements=["C", "A"])
    return aligned.copy() if aligned.ctypes.data % 8 else aligned


def _has_record_fields(dtype: np.dtype[np.void]) -> bool:
    """Return whether a dtype differs from the record's in padding, order or byte order only."""
    names = RECORD_DTYPE.names or ()
    return sorted(dtype.names or ()) == sorted(names) and all(
        dtype[name].newbyteorder("<") == RECORD_DTYPE[name] for name in names
    )


def _increment(name: str, value: str | Decimal) -> Decimal:
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise OptionError(name, value, "a decimal number as text") from None
    if not number.is_finite() or number <= 0:
        raise OptionError(name, value, "a positive decimal number")
    return number
