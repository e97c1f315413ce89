"""Figures of a finished backtest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk.backtest.model import REASONS, STATUSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lobdesk.backtest.run import Result

DAYS_PER_YEAR = 365
US_PER_YEAR = DAYS_PER_YEAR * 86_400_000_000
MARKOUT_S = (1, 5, 30)

Figures = dict[str, float | int | str | None]


def summarize(result: Result, *, unit_values: Sequence[float], sample_us: int) -> Figures:
    """Return the figures of a result; None where one is not defined.

    Args:
        result: What a backtest returned.
        unit_values: Quote value of one tick times one lot, per symbol.
        sample_us: Distance of its equity samples; 0 leaves out what needs them.
    """
    fills = result.fills
    traded = _traded_value(fills, unit_values)
    maker = traded[fills["is_maker"] == 1].sum()
    figures: Figures = {
        "final_pnl": result.final_equity,
        "realized": result.realized,
        "fee": result.fee,
        "fills": len(fills),
        "orders": len(result.orders),
        "maker_share": _ratio(float(maker), float(traded.sum())),
        "certain_share": _ratio(float(fills["is_certain"].sum()), len(fills)),
        "turnover": float(traded.sum()),
        "events": result.events,
        "errors": len(result.errors),
    }
    figures |= _order_figures(result)
    figures |= _slippage(fills)
    _, equity = equity_curve(result.equity)
    figures["max_drawdown"] = max_drawdown(equity)
    if sample_us > 0:
        figures |= risk_figures(equity, sample_us=sample_us)
        figures |= _markouts(result, sample_us)
    return figures


def equity_curve(rows: NDArray[np.void]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return sample times and equity over all symbols."""
    ts_us, first = np.unique(rows["ts_us"], return_index=True)
    if not len(ts_us):
        return ts_us, np.empty(0)
    return ts_us, np.add.reduceat(rows["equity"], first)


def max_drawdown(equity: NDArray[np.float64]) -> float:
    """Return the largest fall below an earlier peak; the start counts as a peak of 0."""
    if not len(equity):
        return 0.0
    peak = np.maximum.accumulate(np.maximum(equity, 0.0))
    return float((peak - equity).max())


def risk_figures(equity: NDArray[np.float64], *, sample_us: int) -> Figures:
    """Return Sharpe and Sortino ratios of equity changes, annualized with 365 days.

    Sharpe divides the mean by the sample standard deviation, Sortino by the root of the mean
    squared loss.
    """
    changes = np.diff(equity)
    factor = math.sqrt(US_PER_YEAR / sample_us)
    mean = float(changes.mean()) if len(changes) else 0.0
    spread = float(changes.std(ddof=1)) if len(changes) > 1 else 0.0
    loss = math.sqrt(float(np.mean(np.minimum(changes, 0.0) ** 2))) if len(changes) else 0.0
    return {
        "sharpe": _ratio(mean * factor, spread),
        "sortino": _ratio(mean * factor, loss),
        "sampling_us": sample_us,
        "annualization_days": DAYS_PER_YEAR,
    }


def _traded_value(fills: NDArray[np.void], unit_values: Sequence[float]) -> NDArray[np.float64]:
    unit = np.asarray(unit_values, dtype=np.float64)[fills["symbol"]]
    value: NDArray[np.float64] = fills["price_ticks"] * fills["qty_lots"].astype(np.float64) * unit
    return value


def _order_figures(result: Result) -> Figures:
    orders = result.orders
    count = len(orders)
    was_filled = orders["filled_lots"] > 0
    waits = result.fills["wait_us"][result.fills["is_maker"] == 1]
    refused = np.isin(
        orders["reason"], [i for i, reason in enumerate(REASONS) if reason is not None]
    )
    return {
        "fill_ratio": _ratio(int(was_filled.sum()), count),
        "reject_ratio": _ratio(int(refused.sum()), count),
        "cancel_ratio": _ratio(int((orders["status"] == STATUSES.index("CANCELED")).sum()), count),
        "median_time_to_fill_us": float(np.median(waits)) if len(waits) else None,
    }


def _slippage(fills: NDArray[np.void]) -> Figures:
    if not len(fills):
        return {"slippage_latency": None, "slippage_depth": None}
    weights = fills["qty_lots"] / fills["qty_lots"].sum()
    depth = fills["slip_arrival"]
    latency = fills["slip_decision"] - depth
    return {
        "slippage_latency": _finite(float((latency * weights).sum())),
        "slippage_depth": _finite(float((depth * weights).sum())),
    }


def _markouts(result: Result, sample_us: int) -> Figures:
    """Return mean gains of fills some seconds later, by the last sampled mid until then."""
    figures: Figures = {}
    fills = result.fills
    for seconds in MARKOUT_S:
        gains: list[float] = []
        for symbol in range(len(result.symbols)):
            rows = result.equity[result.equity["symbol"] == symbol]
            own = fills[fills["symbol"] == symbol]
            if not len(rows) or not len(own):
                continue
            later = own["exch_ts_us"] + seconds * 1_000_000
            at = np.searchsorted(rows["ts_us"], later, "right") - 1
            is_known = (at >= 0) & (later <= rows["ts_us"][-1])
            now = own["arrival_mid"]
            sign = np.where(own["side"] == 0, 1.0, -1.0)
            cost = own["slip_arrival"] * sign + now  # the fill's price
            gain = (rows["mid"][at] - cost) * sign
            gains += gain[is_known & np.isfinite(gain)].tolist()
        figures[f"markout_{seconds}s"] = float(np.mean(gains)) if gains else None
    figures["markout_mid_age_us"] = sample_us
    return figures


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def plain(figures: Figures) -> dict[str, Any]:
    """Return figures that JSON can hold."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in figures.items()
    }
