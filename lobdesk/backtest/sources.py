"""Which market data a run reads, and where they lie, so that it can be repeated."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from lobdesk.backtest.data import MarketData, record_files
from lobdesk.backtest.errors import OptionError, RefusedDataError
from lobdesk.backtest.model import QUEUES

if TYPE_CHECKING:
    from pathlib import Path

    from lobdesk.paths import DataPaths
    from lobdesk.settings import BacktestSettings


class Market(NamedTuple):
    """Which records of the index a backtest reads.

    Attributes:
        symbols: Pairs in the order of the run; an empty one means the first indexed one.
        source: Whose recording; empty means the only one.
        day: UTC day; empty means all of them.
        by_order: Single orders instead of levels and trades.
    """

    symbols: tuple[str, ...]
    source: str
    day: str
    by_order: bool


class DataSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Market data of one symbol by file.

    Attributes:
        symbol: Name of the pair.
        files: Paths of ``.lobr`` or ``.npy`` files in order of time; relative ones start at the
            data directory.
        tick: Price increment as decimal text.
        lot: Quantity increment as decimal text.
        sha256: Of all records.
    """

    symbol: str
    files: tuple[str, ...]
    tick: str
    lot: str
    sha256: str


def open_array(path: Path, *, symbol: str, tick: str, lot: str) -> MarketData:
    """Map an ``.npy`` file of engine records.

    Raises:
        OptionError: The file is no such array.
        RefusedDataError: The engine refuses the records.
    """
    try:
        records = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise OptionError("records", str(path), f"an .npy file of records ({error})") from error
    data = MarketData.from_records(records, symbol=symbol, tick=tick, lot=lot)
    data.files = (path,)
    return data


def market_of(settings: BacktestSettings) -> Market:
    """Return what a backtest needs of the index.

    Raises:
        OptionError: A pair is named twice, or one is empty.
    """
    symbols = tuple(name.strip() for name in settings.symbol.split(","))
    if len(set(symbols)) != len(symbols) or (len(symbols) > 1 and "" in symbols):
        raise OptionError("symbol", settings.symbol, "different pairs, separated by commas")
    return Market(symbols, settings.source, settings.day, settings.queue == QUEUES[-1])


def open_market(paths: DataPaths, market: Market) -> list[MarketData]:
    """Return the records of each symbol, of one UTC day or of all.

    Raises:
        OptionError: That day was not recorded.
        CatalogError: The index has no such symbol.
    """
    return [_open_symbol(paths, market, symbol) for symbol in market.symbols]


def open_records(path: Path, *, symbol: str, tick: str | None, lot: str | None) -> list[MarketData]:
    """Return the records of one file.

    Args:
        path: An ``.lobr`` or ``.npy`` file.
        symbol: Pair of an ``.npy`` file.
        tick: Price increment of an ``.npy`` file.
        lot: Quantity increment of an ``.npy`` file.

    Raises:
        OptionError: An ``.npy`` file is not described completely.
    """
    if path.suffix != ".npy":
        return [MarketData.open(path)]
    if not (symbol and tick and lot):
        raise OptionError("records", str(path), "--symbol, --tick and --lot with an .npy file")
    return [open_array(path, symbol=symbol, tick=tick, lot=lot)]


def describe(paths: DataPaths, data: MarketData) -> DataSource:
    """Return where data came from, for a manifest."""
    return DataSource(
        symbol=data.symbol,
        files=tuple(_relative(paths.root, path) for path in data.files),
        tick=f"{data.tick:f}",
        lot=f"{data.lot:f}",
        sha256=records_digest(data),
    )


def reopen(paths: DataPaths, source: DataSource) -> MarketData:
    """Open the data of a manifest again.

    Raises:
        RefusedDataError: A file is missing or no longer what it was.
    """
    files = [paths.root / name for name in source.files]
    if not files:
        raise RefusedDataError(source.symbol, "the run's records were in memory only")
    for path in files:
        if not path.is_file():
            raise RefusedDataError(source.symbol, f"{path} is gone; the run cannot be repeated")
    if files[0].suffix == ".npy":
        data = open_array(files[0], symbol=source.symbol, tick=source.tick, lot=source.lot)
    else:
        data = MarketData.open(*files)
    if records_digest(data) != source.sha256:
        raise RefusedDataError(source.symbol, f"{files[0]} has changed since the run")
    return data


def records_digest(*data: MarketData) -> str:
    """Return the SHA-256 of all records and order ids, symbol after symbol, as hexadecimal text."""
    digest = hashlib.sha256()
    for each in data:
        digest.update(np.ascontiguousarray(each.records).data.cast("B"))
        if each.order_ids is not None:
            digest.update(np.ascontiguousarray(each.order_ids).data.cast("B"))
    return digest.hexdigest()


def _open_symbol(paths: DataPaths, market: Market, symbol: str) -> MarketData:
    files = record_files(paths.root, symbol, source=market.source, by_order=market.by_order)
    if not market.day:
        return MarketData.open(*files.values())
    if market.day not in files:
        raise OptionError(
            "day", market.day, f"a day of {symbol or 'its records'}: {', '.join(files)}"
        )
    return MarketData.open(files[market.day])


def _relative(root: Path, path: Path) -> str:
    absolute = path.resolve()
    base = root.resolve()
    return str(absolute.relative_to(base) if absolute.is_relative_to(base) else absolute)
