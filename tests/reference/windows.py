"""A window store's columns as their definitions read, row by row."""

from __future__ import annotations

import numpy as np

from tests.reference import features as reference


def segments(rows, max_pause_us):
    """Return the number of each row's segment."""
    number, numbers = -1, []
    was_crossed = False
    for t in range(len(rows)):
        is_crossed = (
            rows.bid_lots[t, 0] > 0
            and rows.ask_lots[t, 0] > 0
            and rows.bid_ticks[t, 0] >= rows.ask_ticks[t, 0]
        )
        pause_us = rows.exch_ts_us[t] - rows.exch_ts_us[t - 1] if t else 0
        if (
            t == 0
            or rows.starts_segment[t]
            or is_crossed
            or was_crossed
            or pause_us < 0
            or pause_us > max_pause_us
            or rows.price_precision[t] != rows.price_precision[t - 1]
            or rows.qty_precision[t] != rows.qty_precision[t - 1]
        ):
            number += 1
        was_crossed = is_crossed
        numbers.append(number)
    return np.array(numbers)


def columns(rows, spec):
    """Return features, ready, vwm and segment of one symbol's rows (deeplob40)."""
    segment = segments(rows, spec.max_pause_us)
    x, vwm = reference.deeplob40(*rows.floats(), spec.vwm_levels)
    has_mid = ~np.isnan(vwm)
    z, ready = np.zeros(x.shape), np.zeros(len(x), np.bool_)
    z[has_mid], ready[has_mid] = reference.rolling_z(
        x[has_mid], spec.norm_window_rows, spec.norm_min_rows, segment[has_mid]
    )
    return z, ready, vwm, segment


def anchors(ready, segment, window_rows):
    """Return the rows that end a window of ready rows of one segment."""
    found = []
    for t in range(window_rows - 1, len(ready)):
        window = slice(t - window_rows + 1, t + 1)
        if ready[window].all() and (segment[window] == segment[t]).all():
            found.append(t)
    return found


def first_input(vwm, segment, row, spec):
    """Return the earliest row that enters the window ending at a row."""
    first = row - spec.window_rows + 1
    seen = 0
    reach = first
    for t in range(first - 1, -1, -1):
        if segment[t] != segment[row] or seen == spec.norm_window_rows:
            break
        if not np.isnan(vwm[t]):
            seen += 1
            reach = t
    return reach
