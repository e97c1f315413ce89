"""Where rows of one symbol belong together: segments, which nothing later ever crosses."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lobdesk.index import SnapshotColumns

DIGESTED_COLUMNS = (
    "seq",
    "exch_ts_us",
    "recv_ts_us",
    "price_precision",
    "qty_precision",
    "bid_ticks",
    "bid_lots",
    "ask_ticks",
    "ask_lots",
    "starts_segment",
)


def crossed_rows(rows: SnapshotColumns) -> NDArray[np.bool_]:
    """Return the rows whose best bid is at or above the best ask; a one-sided book is not."""
    has_both = (rows.bid_lots[:, 0] > 0) & (rows.ask_lots[:, 0] > 0)
    return has_both & (rows.bid_ticks[:, 0] >= rows.ask_ticks[:, 0])


def segment_starts(rows: SnapshotColumns, *, max_pause_us: int) -> NDArray[np.bool_]:
    """Return the rows that start a segment.

    The index marks gaps, resyncs, unverified stretches and changes of source or precision. Here
    come exchange times that go back, and pauses longer than ``max_pause_us``. A crossed book is a
    segment of its own: it is never ready, and no window, statistic or target contains it.
    """
    starts = np.array(rows.starts_segment, np.bool_)
    if len(starts) == 0:
        return starts
    starts[0] = True
    pause_us = np.diff(rows.exch_ts_us)
    starts[1:] |= (pause_us < 0) | (pause_us > max_pause_us)
    starts[1:] |= np.diff(rows.price_precision) != 0
    starts[1:] |= np.diff(rows.qty_precision) != 0
    crossed = crossed_rows(rows)
    starts |= crossed
    starts[1:] |= crossed[:-1]
    return starts


def longest_segment_rows(starts: NDArray[np.bool_]) -> int:
    """Return the number of rows of the longest segment, 0 if there is none."""
    bounds = np.append(np.flatnonzero(starts), len(starts))
    return int(np.diff(bounds).max(initial=0))


def rows_digest(rows: SnapshotColumns) -> str:
    """Return a digest of everything in the rows that a window store depends on."""
    digest = hashlib.blake2b(digest_size=16)
    for name in DIGESTED_COLUMNS:
        column = np.ascontiguousarray(getattr(rows, name))
        digest.update(f"{name} {column.dtype.str} {column.shape}\n".encode())
        digest.update(column.data)
    return digest.hexdigest()
