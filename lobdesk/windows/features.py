"""Features and normalization of arrays: the same native code that builds window stores."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np

from lobdesk import engine
from lobdesk.windows.spec import FEATURE_SETS, unknown

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def compute_features(
    bid_px: ArrayLike,
    bid_qty: ArrayLike,
    ask_px: ArrayLike,
    ask_qty: ArrayLike,
    *,
    feature_set: str = "deeplob40",
    vwm_levels: int = 1,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return features before normalization, and the volume-weighted mid.

    ``deeplob40`` has ask price, ask quantity, bid price, bid quantity of level 1, then of level 2,
    and so on: prices as ``(p - vwm) / vwm * 1e4`` (bps), quantities as ``ln(1 + qty)``; a missing
    level is 0, 0. ``ofi10`` is the order-flow imbalance of each level since the row before.

    Args:
        bid_px: Bid prices, shape ``[rows, 10]``, best first, quote currency, NaN where missing.
        bid_qty: Bid quantities, same shape, base units.
        ask_px: Ask prices, same shape.
        ask_qty: Ask quantities, same shape.
        feature_set: ``deeplob40`` or ``ofi10``.
        vwm_levels: Levels of the volume-weighted mid, 1 to 10.

    Returns:
        Features, float64 ``[rows, columns]``, and mid, float64 ``[rows]``. A row with an empty
        side has neither: all NaN.

    Raises:
        ValueError: A shape is wrong, the set is unknown or needs times, a price is not positive,
            or a quantity is negative.
    """
    if feature_set not in FEATURE_SETS:
        raise ValueError(f"feature set {feature_set!r} {unknown(feature_set, FEATURE_SETS)}")
    sides = (np.ascontiguousarray(side, np.float64) for side in (bid_px, bid_qty, ask_px, ask_qty))
    levels = whole_number("vwm_levels", vwm_levels)
    return engine.compute_features(*sides, feature_sets=[feature_set], vwm_levels=levels)


def rolling_normalize(
    x: ArrayLike, *, window_rows: int, min_rows: int, segment: ArrayLike | None = None
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return z-scores of each row against the rows strictly before it in its segment.

    ``z = (x - mean) / std`` over the ``window_rows`` rows before the row, which itself is not among
    them; population standard deviation; 0 where that is below 1e-9.

    Args:
        x: Shape ``[rows, columns]``, finite.
        window_rows: Rows that the statistics look at.
        min_rows: With fewer rows before it a row is not ready; 1 to ``window_rows``.
        segment: Shape ``[rows]``, integers; a segment starts wherever the value changes. None
            means one segment.

    Returns:
        z, float32 ``[rows, columns]``, 0 where not ready; and ready, bool ``[rows]``.

    Raises:
        ValueError: A value is not finite (the message names its row), or a shape or option is
            wrong.
    """
    values = np.ascontiguousarray(x, np.float64)
    rows = len(values) if values.ndim else 0
    return engine.rolling_normalize(
        values,
        segment_runs(segment, rows),
        window_rows=whole_number("window_rows", window_rows),
        min_rows=whole_number("min_rows", min_rows),
    )


def whole_number(name: str, value: int) -> int:
    """Return an option as a Python integer.

    Raises:
        ValueError: It is none; the message names the option.
    """
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{name} is {value!r}, it must be a whole number") from None


def segment_runs(segment: ArrayLike | None, rows: int) -> NDArray[np.int32]:
    """Return the number of each row's run of equal segment values, from 0.

    Args:
        segment: Integers, shape ``[rows]``; None means one run.
        rows: Expected length.

    Raises:
        ValueError: ``segment`` does not hold one integer for each row.
    """
    if segment is None:
        return np.zeros(rows, np.int32)
    values = np.asarray(segment)
    if values.shape != (rows,):
        raise ValueError(f"segment must have shape [{rows}], not {list(values.shape)}")
    if values.dtype.kind not in "iub":
        raise ValueError(f"segment must hold integers, not {values.dtype}")
    starts = np.zeros(rows, np.int32)
    starts[1:] = values[1:] != values[:-1]
    return np.cumsum(starts, dtype=np.int32)
