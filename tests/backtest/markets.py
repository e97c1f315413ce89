"""Market data for whole runs, in files and in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lobdesk.backtest import RECORD_DTYPE, MarketData
from tests.backtest.streams import random_market

SYMBOL, TICK, LOT = "SYN/USD", "0.1", "0.001"
START_US = 1_000_000
BUY, SELL = 0, 1


def market(rows: int = 20_000, *, seed: int = 7) -> MarketData:
    return MarketData.from_records(
        random_market(rows, seed=seed), symbol=SYMBOL, tick=TICK, lot=LOT
    )


def save_market(folder: Path, rows: int = 20_000) -> Path:
    path = folder / "records.npy"
    np.save(path, random_market(rows))
    return path


def row(**values: Any) -> np.ndarray[Any, np.dtype[np.void]]:
    """Return one good depth record with some values changed."""
    records = random_market(1)
    for name, value in values.items():
        records[name] = value
    return records


def quiet(*updates: tuple[int, int, int, int]) -> MarketData:
    """Return a book of 100 x 10 and 102 x 10 with (time, side, price, quantity) updates."""
    rows = [(0, 0, 100, 10), (0, 1, 102, 10), *updates, (100_000, 0, 90, 1)]
    records = np.zeros(len(rows), dtype=RECORD_DTYPE)
    for at, (time_us, side, price, lots) in enumerate(rows):
        records[at] = (START_US + time_us, START_US + time_us + 100, price, 1, side, 1, lots)
    return MarketData.from_records(records, symbol="X", tick="1", lot="1")
