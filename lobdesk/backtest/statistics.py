"""Figures of a finished backtest; what is not defined is None, never a guess."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk.backtest.model import REASONS, STATUSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lobdesk.backtest.run import Backtest, Result

DAYS_PER_YEAR = 365
US_PER_DAY = 86_400_000_000
MARKOUT_S = (1, 5, 30)

Figures = dict[str, float | int | str | None]


def summarize(backtest: Backtest, result: Result, *, capital: float = 0.0) -> Figures:
    """Return the figures of a result. Money is in quote units, ratios are fractions.

    Args:
        backtest: What made the result; markouts read its market data again.
        result: What it returned.
        capital: What returns are measured against; 0 leaves them out.
    """
    sample_us = backtest.options.sample_us
    fills = result.fills
    traded = traded_value(backtest, fills)
    _, equity = equity_curve(result.equity)
    drawdown = max_drawdown(equity)
    turnover = float(traded.sum())
    figures: Figures = {
        "final_pnl": result.final_equity,
        "realized": result.realized,
        "fee": result.fee,
        "fills": len(fills),
        "orders": len(result.orders),
        "maker_share": _ratio(float(traded[fills["is_maker"] == 1].sum()), turnover),
        "certain_share": _ratio(int(fills["is_certain"].sum()), len(fills)),
        "turnover": turnover,
        "max_drawdown": drawdown,
        "return_over_mdd": _ratio(result.final_equity, drawdown),
        "return_over_turnover": _ratio(result.final_equity, turnover),
        "break_even_fee": _ratio(result.final_equity + result.fee, turnover),
        "events": result.events,
        "errors": len(result.errors),
    }
    days = _days(backtest)
    figures |= _returns(result.final_equity, equity, capital, days)
    figures |= _daily(backtest, fills, turnover, days)
    figures |= _order_figures(backtest, result)
    figures |= _slippage(fills, _base_units(backtest, fills))
    figures |= _inventory(result, capital)
    figures |= risk_figures(equity, sample_us=sample_us)
    figures |= markouts(backtest, result)
    return figures


def equity_curve(rows: NDArray[np.void]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return sample times and equity over all symbols."""
    return _over_symbols(rows, rows["equity"])


def inventory_curve(rows: NDArray[np.void]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return sample times and the value of the position over all symbols: equity - cash + fee."""
    return _over_symbols(rows, rows["equity"] - rows["cash"] + rows["fee"])


def drawdown_curve(equity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the fall below the highest equity so far; the start counts as a peak of 0."""
    peak: NDArray[np.float64] = np.maximum.accumulate(np.maximum(equity, 0.0))
    return peak - equity


def max_drawdown(equity: NDArray[np.float64]) -> float:
    """Return the largest fall below an earlier peak; the start counts as a peak of 0."""
    return float(drawdown_curve(equity).max(initial=0.0))


def risk_figures(equity: NDArray[np.float64], *, sample_us: int) -> Figures:
    """Return Sharpe and Sortino ratios of equity changes, annualized with 365 days.

    Sharpe divides the mean by the sample standard deviation, Sortino by the root of the mean
    squared loss. Both are None where equity was not sampled (``sample_us=0``).
    """
    if sample_us <= 0:
        return {"sharpe": None, "sortino": None, "sampling_us": sample_us}
    changes = np.diff(equity)
    factor = math.sqrt(DAYS_PER_YEAR * US_PER_DAY / sample_us)
    mean = float(changes.mean()) if len(changes) else 0.0
    spread = float(changes.std(ddof=1)) if len(changes) > 1 else 0.0
    loss = math.sqrt(float(np.mean(np.minimum(changes, 0.0) ** 2))) if len(changes) else 0.0
    return {
        "sharpe": _ratio(mean * factor, spread),
        "sortino": _ratio(mean * factor, loss),
        "sampling_us": sample_us,
        "annualization_days": DAYS_PER_YEAR,
    }


def traded_value(backtest: Backtest, fills: NDArray[np.void]) -> NDArray[np.float64]:
    """Return price times quantity of each fill."""
    units = np.array([float(each.tick * each.lot) for each in backtest.data])
    value: NDArray[np.float64] = (
        fills["price_ticks"] * fills["qty_lots"].astype(np.float64) * units[fills["symbol"]]
    )
    return value


def markouts(backtest: Backtest, result: Result) -> Figures:
    """Return what a fill had gained some seconds later, averaged over traded value, in bps.

    Against the exchange's mid at exactly that time, read from the records again; fills with no mid
    then, or less than that before the end of the data, are left out. Positive is good.
    """
    fills = result.fills
    value = traded_value(backtest, fills)
    figures: Figures = {}
    gains = {seconds: np.full(len(fills), np.nan) for seconds in MARKOUT_S}
    for symbol, data in enumerate(backtest.data):
        mine = np.flatnonzero(fills["symbol"] == symbol)
        own = fills[mine]
        price = own["price_ticks"] * float(data.tick)
        sign = np.where(own["side"] == 0, 1.0, -1.0)
        later = [own["exch_ts_us"] + seconds * 1_000_000 for seconds in MARKOUT_S]
        for seconds, ts_us, mid in zip(
            MARKOUT_S, later, backtest.exchange_mids(symbol, later), strict=True
        ):
            known = np.where(ts_us <= backtest.end_us, mid, np.nan)
            gains[seconds][mine] = (known - price) / price * sign * 1e4
    for seconds, gain in gains.items():
        is_known = np.isfinite(gain)
        weight = float(value[is_known].sum())
        total = float((gain[is_known] * value[is_known]).sum())
        figures[f"markout_{seconds}s_bps"] = _ratio(total, weight)
        figures[f"markout_{seconds}s_fills"] = int(is_known.sum())
    return figures


def plain(figures: Figures) -> dict[str, Any]:
    """Return figures that JSON can hold."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in figures.items()
    }


def _over_symbols(
    rows: NDArray[np.void], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    ts_us, first = np.unique(rows["ts_us"], return_index=True)
    if not len(ts_us):
        return ts_us, np.empty(0)
    return ts_us, np.add.reduceat(values, first)


def _days(backtest: Backtest) -> float:
    start_us = min(each.start_us for each in backtest.data)
    return max(0, backtest.end_us - start_us) / US_PER_DAY


def _returns(final: float, equity: NDArray[np.float64], capital: float, days: float) -> Figures:
    if not capital:
        names = ("capital", "return", "annual_return", "max_drawdown_share")
        return dict.fromkeys(names)
    peak = np.maximum.accumulate(np.maximum(equity, 0.0)) + capital
    return {
        "capital": capital,
        "return": final / capital,
        "annual_return": _ratio(final / capital * DAYS_PER_YEAR, days),
        "max_drawdown_share": float((drawdown_curve(equity) / peak).max(initial=0.0)),
    }


def _daily(backtest: Backtest, fills: NDArray[np.void], turnover: float, days: float) -> Figures:
    volume = float((fills["qty_lots"] * _base_units(backtest, fills)).sum())
    return {
        "days": days,
        "volume": volume,
        "fills_per_day": _ratio(len(fills), days),
        "volume_per_day": _ratio(volume, days),
        "turnover_per_day": _ratio(turnover, days),
    }


def _order_figures(backtest: Backtest, result: Result) -> Figures:
    orders = result.orders
    lot = _base_units(backtest, orders)
    count = len(orders)
    was_filled = orders["filled_lots"] > 0
    waits = result.fills["wait_us"][result.fills["is_maker"] == 1]
    refused = np.isin(
        orders["reason"], [i for i, reason in enumerate(REASONS) if reason is not None]
    )
    quantity = float((orders["qty_lots"] * lot).sum())
    return {
        "fill_ratio": _ratio(int(was_filled.sum()), count),
        "quantity_fill_ratio": _ratio(float((orders["filled_lots"] * lot).sum()), quantity),
        "reject_ratio": _ratio(int(refused.sum()), count),
        "cancel_ratio": _ratio(int((orders["status"] == STATUSES.index("CANCELED")).sum()), count),
        "median_time_to_fill_us": float(np.median(waits)) if len(waits) else None,
        "p95_time_to_fill_us": float(np.percentile(waits, 95)) if len(waits) else None,
    }


def _base_units(backtest: Backtest, rows: NDArray[np.void]) -> NDArray[np.float64]:
    """Return the lot of each row's symbol: lots of several symbols do not add up."""
    lots: NDArray[np.float64] = np.array([float(each.lot) for each in backtest.data])[
        rows["symbol"]
    ]
    return lots


def _slippage(fills: NDArray[np.void], lot: NDArray[np.float64]) -> Figures:
    """Split cost against the mid at decision into what latency and what depth took, in quote."""
    if not len(fills):
        return {"slippage_latency": None, "slippage_depth": None}
    units = fills["qty_lots"] * lot
    weights = units / units.sum()
    depth = fills["slip_arrival"]
    latency = fills["slip_decision"] - depth
    return {
        "slippage_latency": _finite(float((latency * weights).sum())),
        "slippage_depth": _finite(float((depth * weights).sum())),
    }


def _inventory(result: Result, capital: float) -> Figures:
    rows = result.equity
    _, size = _over_symbols(rows, np.abs(rows["equity"] - rows["cash"] + rows["fee"]))
    if not len(size):
        names = ("max_position_value", "mean_position_value", "median_position_value")
        return dict.fromkeys((*names, "max_leverage"))
    _, equity = equity_curve(result.equity)
    leverage: float | None = None
    if capital and bool((equity + capital > 0).all()):
        leverage = float((size / (equity + capital)).max())
    return {
        "max_position_value": float(size.max()),
        "mean_position_value": float(size.mean()),
        "median_position_value": float(np.median(size)),
        "max_leverage": leverage,
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
