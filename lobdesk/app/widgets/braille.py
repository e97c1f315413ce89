"""Curves as braille dots: the lowest and highest value of each dot column, so no spike is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLANK = 0x2800
DOTS_ACROSS, DOTS_DOWN = 2, 4
DOT_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.int32)
DASH_DOTS = 3


def envelope(
    xs: NDArray[np.float64], ys: NDArray[np.float64], *, x_range: tuple[float, float], columns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and highest value a curve takes in each column.

    Args:
        xs: Rising, shape ``[points]``.
        ys: Finite, shape ``[points]``.
        x_range: What the first and the last column stand for.
        columns: Number of columns.

    Returns:
        Two arrays of shape ``[columns]``, NaN where the curve does not reach. Neighbouring columns
        touch, as a pen would draw them; between points far apart the line is straight.
    """
    nothing = np.full(columns, np.nan)
    if not xs.size:
        return nothing, nothing.copy()
    start, end = x_range
    width = (end - start) or 1.0
    centres = start + (np.arange(columns) + 0.5) * (width / columns)
    value = np.interp(centres, xs, ys, left=np.nan, right=np.nan)
    low, high = value.copy(), value.copy()
    column = np.clip(((xs - start) / width * columns).astype(np.int64), 0, columns - 1)
    np.fmin.at(low, column, ys)
    np.fmax.at(high, column, ys)
    return _join(low, high)


def _join(
    low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Stretch each column down or up to where the one before it ended."""
    joined_low, joined_high = low.copy(), high.copy()
    joined_low[1:] = np.where(high[:-1] < low[1:], high[:-1], low[1:])
    joined_high[1:] = np.where(low[:-1] > high[1:], low[:-1], high[1:])
    return joined_low, joined_high


def dots(
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    *,
    y_range: tuple[float, float],
    rows: int,
    is_dashed: bool = False,
) -> NDArray[np.int32]:
    """Return braille patterns of shape ``[rows, columns / 2]`` for an envelope.

    Args:
        low: Lowest value of each dot column, NaN for none.
        high: Highest value of each dot column.
        y_range: What the bottom and the top row stand for.
        rows: Character rows.
        is_dashed: Leave gaps, so that a curve is known without its colour.
    """
    height = rows * DOTS_DOWN
    bottom, top = y_range
    scale = (height - 1) / ((top - bottom) or 1.0)
    has_value = ~(np.isnan(low) | np.isnan(high))
    first = _dot_row(np.where(has_value, high, top), top, scale, height)
    last = _dot_row(np.where(has_value, low, top), top, scale, height)
    row = np.arange(height)[:, None]
    is_set = (row >= first) & (row <= last) & has_value
    if is_dashed:
        is_set &= (np.arange(low.size) // DASH_DOTS) % 2 == 0
    cells = is_set.reshape(rows, DOTS_DOWN, low.size // DOTS_ACROSS, DOTS_ACROSS)
    patterns: NDArray[np.int32] = np.einsum("rdca,da->rc", cells.astype(np.int32), DOT_BITS)
    return patterns


def _dot_row(
    value: NDArray[np.float64], top: float, scale: float, height: int
) -> NDArray[np.int64]:
    return np.clip(np.rint((top - value) * scale), 0, height - 1).astype(np.int64)
