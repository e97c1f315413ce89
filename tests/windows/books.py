"""Rows of made-up and of recorded books, as the index would return them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVELS = 10
START_US = 1_785_542_400_000_000


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Rows of one symbol, with the fields of ``lobdesk.index.SnapshotColumns``."""

    symbol: str
    seq: NDArray[np.int64]
    exch_ts_us: NDArray[np.int64]
    recv_ts_us: NDArray[np.int64]
    verified: NDArray[np.int8]
    price_precision: NDArray[np.int8]
    qty_precision: NDArray[np.int8]
    bid_ticks: NDArray[np.int64]
    bid_lots: NDArray[np.int64]
    ask_ticks: NDArray[np.int64]
    ask_lots: NDArray[np.int64]
    starts_segment: NDArray[np.bool_]
    sources: list[dict[str, Any]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.seq)

    def take(self, index: Any) -> Rows:
        """Return some of the rows, in the order of ``index``."""
        kept = {
            f.name: getattr(self, f.name)[index].copy()
            for f in fields(self)
            if f.name not in {"symbol", "sources"}
        }
        return replace(self, **kept)

    def floats(self) -> tuple[NDArray[np.float64], ...]:
        """Return bid price, bid quantity, ask price, ask quantity; NaN where missing."""
        px_scale = 10.0 ** self.price_precision[:, None].astype(np.float64)
        qty_scale = 10.0 ** self.qty_precision[:, None].astype(np.float64)
        sides = []
        for ticks, lots in (
            (self.bid_ticks, self.bid_lots),
            (self.ask_ticks, self.ask_lots),
        ):
            has = lots > 0
            sides += [np.where(has, ticks / px_scale, np.nan)]
            sides += [np.where(has, lots / qty_scale, np.nan)]
        return tuple(sides)


def make_rows(
    rows: int,
    *,
    seed: int = 0,
    symbol: str = "BTC/USD",
    missing: float = 0.05,
    price_ticks: int = 600_000,
    break_chance: float = 0.0,
) -> Rows:
    """Return a random walk of books with gaps in the ladder, thin ends and equal times."""
    random = np.random.default_rng(seed)
    mid = price_ticks + np.cumsum(random.integers(-3, 4, rows))
    ask = mid[:, None] + np.cumsum(random.integers(1, 6, (rows, LEVELS)), axis=1)
    bid = mid[:, None] - np.cumsum(random.integers(1, 6, (rows, LEVELS)), axis=1)
    lots = np.exp(random.normal(14, 3, (2, rows, LEVELS))).astype(np.int64) + 1
    levels = np.where(random.random((2, rows)) < missing, random.integers(2, 10, (2, rows)), LEVELS)
    has = np.arange(LEVELS) < levels[:, :, None]
    exch_ts_us = START_US + np.cumsum(random.integers(0, 200_000, rows))
    starts = random.random(rows) < break_chance
    return Rows(
        symbol=symbol,
        seq=np.arange(rows, dtype=np.int64) * 3 + 7,
        exch_ts_us=exch_ts_us,
        recv_ts_us=exch_ts_us + random.integers(-500, 40_000, rows),
        verified=np.ones(rows, np.int8),
        price_precision=np.full(rows, 1, np.int8),
        qty_precision=np.full(rows, 8, np.int8),
        bid_ticks=np.where(has[0], bid, 0),
        bid_lots=np.where(has[0], lots[0], 0),
        ask_ticks=np.where(has[1], ask, 0),
        ask_lots=np.where(has[1], lots[1], 0),
        starts_segment=starts,
        sources=[{"source": "made", "digest": str(seed)}],
    )


def lob10_rows(path: Path, symbol: str) -> Rows:
    """Return the rows of a ``lob10`` file of real books."""
    with np.load(path) as data:
        ts_us = data["exch_ms"] * 1000 if "exch_ms" in data else data["recv_ns"] // 1000
        rows = len(ts_us)
        qty_precision = round(-np.log10(float(data["qty_unit"])))
        return Rows(
            symbol=symbol,
            seq=np.arange(rows, dtype=np.int64),
            exch_ts_us=np.ascontiguousarray(ts_us, np.int64),
            recv_ts_us=np.ascontiguousarray(data["recv_ns"] // 1000, np.int64),
            verified=np.full(rows, -1, np.int8),
            price_precision=np.full(rows, round(-np.log10(float(data["price_tick"]))), np.int8),
            qty_precision=np.full(rows, qty_precision, np.int8),
            bid_ticks=data["bid_px"].astype(np.int64),
            bid_lots=data["bid_qty"].astype(np.int64),
            ask_ticks=data["ask_px"].astype(np.int64),
            ask_lots=data["ask_qty"].astype(np.int64),
            starts_segment=np.zeros(rows, np.bool_),
            sources=[{"source": path.name, "digest": ""}],
        )
