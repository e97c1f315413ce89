"""Features, normalization and targets as their definitions read: slow, obvious, NumPy only."""

from __future__ import annotations

import math

import numpy as np

LEVELS = 10


def vwm_of(bid_px, bid_qty, ask_px, ask_qty, levels=1):
    """Return the volume-weighted mid of one book (NaN where a level is missing)."""
    if math.isnan(bid_px[0]) or math.isnan(ask_px[0]):
        return math.nan
    if levels == 1:
        a, b, qa, qb = ask_px[0], bid_px[0], ask_qty[0], bid_qty[0]
    else:
        qa = sum(q for q in ask_qty[:levels] if not math.isnan(q))
        qb = sum(q for q in bid_qty[:levels] if not math.isnan(q))
        ask_side = zip(ask_px[:levels], ask_qty[:levels], strict=True)
        bid_side = zip(bid_px[:levels], bid_qty[:levels], strict=True)
        a = sum(p * q for p, q in ask_side if not math.isnan(p)) / qa
        b = sum(p * q for p, q in bid_side if not math.isnan(p)) / qb
    return (a * qb + b * qa) / (qa + qb)


def deeplob40_of(bid_px, bid_qty, ask_px, ask_qty, vwm):
    """Return the 40 numbers of one book."""
    row = []
    for level in range(LEVELS):
        for px, qty in (
            (ask_px[level], ask_qty[level]),
            (bid_px[level], bid_qty[level]),
        ):
            row += [0.0, 0.0] if math.isnan(px) else [(px - vwm) / vwm * 1e4, math.log1p(qty)]
    return row


def deeplob40(bid_px, bid_qty, ask_px, ask_qty, levels=1):
    """Return features and mids of all rows."""
    features, mids = [], []
    for book in zip(bid_px, bid_qty, ask_px, ask_qty, strict=True):
        vwm = vwm_of(*(side.tolist() for side in book), levels)
        mids.append(vwm)
        is_missing = math.isnan(vwm)
        features.append([math.nan] * 40 if is_missing else deeplob40_of(*book, vwm))
    return np.array(features), np.array(mids)


def ofi10(bid_px, bid_qty, ask_px, ask_qty):
    """Return the order-flow imbalance of each level against the row before."""
    flow = np.zeros((len(bid_px), LEVELS))
    for t in range(1, len(bid_px)):
        for level in range(LEVELS):
            flow[t, level] = _flow(bid_px, bid_qty, t, level, 1) - _flow(
                ask_px, ask_qty, t, level, -1
            )
    return flow


def _flow(px, qty, t, level, better):
    now, before = px[t, level], px[t - 1, level]
    now_qty = 0.0 if math.isnan(now) else qty[t, level]
    before_qty = 0.0 if math.isnan(before) else qty[t - 1, level]
    now = -math.inf if math.isnan(now) else better * now
    before = -math.inf if math.isnan(before) else better * before
    if now > before:
        return now_qty
    if now < before:
        return -before_qty
    return now_qty - before_qty


def state(bid_px, bid_qty, ask_px, ask_qty, exch_ts_us, segment):
    """Return spread, two imbalances and the log time since the row before."""
    rows = []
    for t in range(len(bid_px)):
        vwm = vwm_of(bid_px[t], bid_qty[t], ask_px[t], ask_qty[t])
        best = (bid_qty[t, 0], ask_qty[t, 0])
        both = (np.nansum(bid_qty[t]), np.nansum(ask_qty[t]))
        has_before = t > 0 and segment[t] == segment[t - 1]
        since_us = exch_ts_us[t] - exch_ts_us[t - 1] if has_before else 0
        rows.append(
            [
                (ask_px[t, 0] - bid_px[t, 0]) / vwm * 1e4,
                (best[0] - best[1]) / (best[0] + best[1]),
                (both[0] - both[1]) / (both[0] + both[1]),
                math.log1p(since_us / 1e3),
            ]
        )
    return np.array(rows)


def rolling_z(x, window_rows, min_rows, segment):
    """Return z-scores by two passes in extended precision over each window."""
    exact = np.asarray(x).astype(np.longdouble)
    z = np.zeros(exact.shape)
    ready = np.zeros(len(exact), np.bool_)
    for t in range(len(exact)):
        first = t
        while first > 0 and segment[first - 1] == segment[t] and t - first < window_rows:
            first -= 1
        if t - first < min_rows:
            continue
        ready[t] = True
        z[t] = z_of(exact[first:t], exact[t])
    return z, ready


def z_of(window, row):
    """Return one row's z-scores against a window, two passes in extended precision."""
    window, row = window.astype(np.longdouble), row.astype(np.longdouble)
    mean = window.mean(axis=0)
    std = np.sqrt(((window - mean) ** 2).mean(axis=0))
    is_constant = std < 1e-9
    return np.where(is_constant, 0, (row - mean) / np.where(is_constant, 1, std)).astype(float)


def forward_return_bps(vwm, horizon, kind, segment, exch_ts_us=None):
    """Return targets and last rows; with times the horizon is in microseconds."""
    targets, ends = np.full(len(vwm), np.nan), np.full(len(vwm), -1)
    for t in range(len(vwm)):
        mates = [s for s in range(t, len(vwm)) if (segment[t : s + 1] == segment[t]).all()]
        if exch_ts_us is None:
            used = [s for s in mates if t < s <= t + horizon]
            is_whole = len(used) == horizon
        else:
            until_us = exch_ts_us[t] + horizon
            used = [s for s in mates if s > t and exch_ts_us[s] <= until_us]
            is_whole = exch_ts_us[mates[-1]] >= until_us
        if not is_whole:
            continue
        used = used or [t]
        m = vwm[used[-1]] if kind == "point" else np.mean(vwm[used])
        targets[t] = (m - vwm[t]) / vwm[t] * 1e4
        ends[t] = -1 if math.isnan(targets[t]) else used[-1]
    return targets, ends
