"""Targets of arrays: the same native code that builds window stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lobdesk import engine
from lobdesk.records import BOOK_LEVELS
from lobdesk.windows.features import segment_runs, whole_number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def volume_weighted_mid(
    bid_px: ArrayLike, bid_qty: ArrayLike, ask_px: ArrayLike, ask_qty: ArrayLike, *, levels: int = 1
) -> NDArray[np.float64]:
    """Return the volume-weighted mid: each side's price weighted with the other side's quantity.

    ``(ask * bid_qty + bid * ask_qty) / (ask_qty + bid_qty)`` of the best level. With more levels
    the prices are the volume-weighted averages of each side and the quantities its sums.
    Source: Gatheral and Oomen (2010), Finance and Stochastics 14(2); Stoikov (2018),
    Quantitative Finance 18(12).

    Args:
        bid_px: Bid prices, shape ``[rows, n]`` with n from ``levels`` to 10, best first, quote
            currency, NaN where missing; ``[rows]`` is the best level alone.
        bid_qty: Bid quantities, same shape, base units.
        ask_px: Ask prices, same shape.
        ask_qty: Ask quantities, same shape.
        levels: How many levels count, 1 to 10.

    Returns:
        float64 ``[rows]``, quote currency, NaN where a side is empty.

    Raises:
        ValueError: A shape is wrong, a price is not positive, or a quantity is negative.
    """
    count = whole_number("levels", levels)
    sides = [_ten_levels(side, count) for side in (bid_px, bid_qty, ask_px, ask_qty)]
    return engine.volume_weighted_mid(*sides, levels=count)


def forward_return(
    vwm: ArrayLike, horizon: int, *, kind: str = "point", segment: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Return the simple return of the mid over the next rows.

    ``(m - vwm_t) / vwm_t * 1e4`` with m the mid ``horizon`` rows later (``point``) or the mean of
    the mids of rows t + 1 to t + horizon (``mean``). Nothing at or before t but ``vwm_t`` enters,
    nothing after t + horizon.
    Source: Zhang, Zohren, Roberts (2019), DeepLOB, IEEE TSP 67(11), eq. 4 (``mean``).

    Args:
        vwm: Shape ``[rows]``, quote currency, positive; NaN where there is none.
        horizon: Rows to look ahead, at least 1.
        kind: ``point`` or ``mean``.
        segment: Shape ``[rows]``, integers; a segment starts wherever the value changes. None
            means one segment.

    Returns:
        float64 ``[rows]``, basis points; NaN where the horizon leaves the segment or a mid that is
        needed is NaN.

    Raises:
        ValueError: ``horizon`` is below 1, ``kind`` is unknown, or a shape is wrong.
    """
    values = np.ascontiguousarray(vwm, np.float64)
    runs = segment_runs(segment, len(values) if values.ndim else 0)
    rows = whole_number("horizon", horizon)
    target, _ = engine.row_targets(values, runs, kind=kind, horizon_rows=rows)
    return target


def _ten_levels(side: ArrayLike, levels: int) -> NDArray[np.float64]:
    """Return one side as the engine takes it: missing levels behind those that are given."""
    values = np.ascontiguousarray(side, np.float64)
    if values.ndim == 1:
        values = values[:, np.newaxis]
    if values.ndim != 2 or not min(levels, BOOK_LEVELS) <= values.shape[1] < BOOK_LEVELS:
        return values  # the engine takes it or says what is wrong
    missing = BOOK_LEVELS - values.shape[1]
    return np.pad(values, ((0, 0), (0, missing)), constant_values=np.nan)
