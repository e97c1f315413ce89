"""Where a run's market data lie, so that it can be repeated."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from lobdesk.backtest.data import MarketData
from lobdesk.backtest.errors import OptionError, RefusedDataError

if TYPE_CHECKING:
    from pathlib import Path

    from lobdesk.paths import DataPaths


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


def find_data(
    paths: DataPaths,
    symbol: str,
    *,
    source: str = "",
    by_order: bool = False,
    records: Path | None = None,
    tick: str | None = None,
    lot: str | None = None,
) -> MarketData:
    """Return the market data that a command names.

    Args:
        paths: The data directory.
        symbol: Pair; empty means the first indexed one.
        source: Whose recording, where several have the pair.
        by_order: Take single orders, which ``l3_fifo`` needs, instead of levels and trades.
        records: A record file instead of the index.
        tick: Price increment of an ``.npy`` file.
        lot: Quantity increment of an ``.npy`` file.

    Raises:
        OptionError: An ``.npy`` file is not described completely.
        CatalogError: The index has no such symbol.
    """
    if records is None:
        return MarketData.from_catalog(paths.root, symbol, source=source, by_order=by_order)
    if records.suffix != ".npy":
        return MarketData.open(records)
    if not (symbol and tick and lot):
        raise OptionError("records", str(records), "--symbol, --tick and --lot with an .npy file")
    return open_array(records, symbol=symbol, tick=tick, lot=lot)


def describe(paths: DataPaths, data: MarketData) -> DataSource:
    """Return where data came from, for a manifest."""
    return DataSource(
        symbol=data.symbol,
        files=tuple(_relative(paths.root, path) for path in data.files),
        tick=str(data.tick),
        lot=str(data.lot),
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


def records_digest(data: MarketData) -> str:
    """Return the SHA-256 of all records and order ids as hexadecimal text."""
    digest = hashlib.sha256(np.ascontiguousarray(data.records).data.cast("B"))
    if data.order_ids is not None:
        digest.update(np.ascontiguousarray(data.order_ids).data.cast("B"))
    return digest.hexdigest()


def _relative(root: Path, path: Path) -> str:
    absolute = path.resolve()
    base = root.resolve()
    return str(absolute.relative_to(base) if absolute.is_relative_to(base) else absolute)
