"""A seeded market for benchmarks of the backtest engine."""

from __future__ import annotations

from typing import Any

import numpy as np

from lobdesk.backtest import RECORD_DTYPE

TICK, LOT = "0.1", "0.00001"
LEVELS = 10  # a side, about
START_US = 1_700_000_000_000_000


def make_stream(rows: int, seed: int = 7, gap_us: int = 4_600) -> np.ndarray[Any, Any]:
    """Return an uncrossed market around a wandering price, one record each `gap_us` on average.

    About ten levels a side and a spread of one tick half of the time; 8 % trades, each followed by
    what is left of its level, and 30 % deletions. Messages of one time have 1.8 records; receipts
    follow in order, some 3 ms later.
    """
    rng = np.random.default_rng(seed)
    records = np.zeros(rows, dtype=RECORD_DTYPE)
    columns = np.array(_walk(rng, rows), dtype=np.int64)
    for at, name in enumerate(("kind", "side", "price_ticks", "qty_lots")):
        records[name] = columns[:, at]
    gaps = np.where(rng.random(rows) < 0.55, rng.exponential(gap_us / 0.55, rows), 0.0)
    records["exch_ts_us"] = START_US + np.cumsum(gaps).astype(np.int64)
    delay = records["exch_ts_us"] + 1_500 + rng.exponential(1_500, rows).astype(np.int64)
    records["recv_ts_us"] = np.maximum.accumulate(delay)
    records["flags"] = 1
    return records


def make_streams(rows: int, symbols: int) -> list[np.ndarray[Any, Any]]:
    """Return so many markets side by side in time, `rows` records together."""
    each = rows // symbols
    return [make_stream(each, seed=7 + i, gap_us=4_600 * symbols) for i in range(symbols)]


def _walk(rng: np.random.Generator, rows: int) -> list[tuple[int, int, int, int]]:
    """Return (kind, side, price, quantity) of so many records."""
    pick, ranks = rng.random(rows).tolist(), rng.geometric(0.22, rows).clip(max=LEVELS).tolist()
    sides, sizes = rng.integers(0, 2, rows).tolist(), rng.integers(1, 300_000, rows).tolist()
    books: list[dict[int, int]] = [{}, {}]
    best = [600_000, 600_001]
    out: list[tuple[int, int, int, int]] = []
    while len(out) < rows:
        i = len(out)
        side, levels, sign = sides[i], books[sides[i]], 2 * sides[i] - 1
        if pick[i] < 0.09 and len(levels) > 2:
            price = best[side]
            traded = min(levels[price], sizes[i] // 4 + 1)
            out.append((2, 1 - side, price, traded))
            left = levels[price] - traded
        elif pick[i] < 0.37 and len(levels) > 3:
            nearest = sorted(levels, reverse=side == 0)
            price = nearest[min(ranks[i], len(levels)) - 1] if len(levels) < LEVELS else nearest[-1]
            left = 0
        else:
            is_open = sign * (best[side] - best[1 - side]) > 1
            step = -1 if is_open and pick[i] > 0.78 else ranks[i] - 1
            price, left = best[side] + sign * step, sizes[i]
        levels[price] = left
        if left == 0:
            del levels[price]
        best[side] = max(levels) if side == 0 else min(levels)
        out.append((1, side, price, left))
    return out[:rows]
