"""Market data for whole runs, in files and in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lobdesk.backtest import MarketData
from tests.backtest.streams import random_market

SYMBOL, TICK, LOT = "SYN/USD", "0.1", "0.001"


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
