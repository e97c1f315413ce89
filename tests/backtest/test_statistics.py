"""Figures of a backtest, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lobdesk.backtest import Backtest, JoinTouch
from lobdesk.backtest.jobs import figures_of
from lobdesk.backtest.statistics import max_drawdown, risk_figures
from lobdesk.engine import script
from tests.backtest.markets import market


def test_ratios_of_five_minutes() -> None:
    equity = np.array([0.0, 1.0, 0.5, 2.0, 1.5])

    figures = risk_figures(equity, sample_us=60_000_000)

    # Changes 1, -0.5, 1.5, -0.5: mean 0.375, sample deviation 1.030776, loss 0.353553.
    factor = (365 * 1440) ** 0.5
    assert figures["sharpe"] == pytest.approx(0.375 / 1.0307764 * factor)
    assert figures["sortino"] == pytest.approx(0.375 / 0.35355339 * factor)
    assert figures["sampling_us"] == 60_000_000
    assert max_drawdown(equity) == 0.5


def test_drawdown_counts_from_the_start() -> None:
    assert max_drawdown(np.array([-2.0, 1.0, 0.0])) == 2.0
    assert max_drawdown(np.array([])) == 0.0


def test_a_run_without_orders_has_no_ratios() -> None:
    backtest = Backtest(market(1_000))

    figures = figures_of(backtest, backtest.run(script([])))

    assert figures["fills"] == 0
    assert figures["maker_share"] is None
    assert figures["sharpe"] is None
    assert figures["final_pnl"] == 0


def test_figures_agree_with_the_ledger() -> None:
    backtest = Backtest(market(), maker_fee="0.0001")
    result = backtest.run(JoinTouch(100_000, 100, 1_000))

    figures = figures_of(backtest, result)

    value = (result.fills["price_ticks"] * result.fills["qty_lots"]).sum() * 0.0001
    assert figures["turnover"] == pytest.approx(value)
    assert figures["fee"] == pytest.approx(value * 0.0001)
    assert figures["maker_share"] == 1.0
    assert figures["slippage_depth"] == pytest.approx(
        np.average(result.fills["slip_arrival"], weights=result.fills["qty_lots"])
    )
    assert 0 < float(figures["fill_ratio"]) < 1
    assert figures["markout_1s_bps"] is not None
