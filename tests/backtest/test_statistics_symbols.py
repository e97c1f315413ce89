"""Figures of one run over two symbols of different ticks and lots, worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lobdesk.backtest import RECORD_DTYPE, Backtest, MarketData
from lobdesk.backtest.jobs import figures_of
from lobdesk.engine import script
from tests.backtest.test_statistics_worked import (
    BUY,
    CANCEL,
    GTC,
    IOC,
    LIMIT,
    MARKET,
    SELL,
    SUBMIT,
    S,
    depth,
)

FIRST = [
    depth(1 * S, BUY, 99, 10),
    depth(1 * S, SELL, 101, 10),  # mid 100
    depth(5 * S, BUY, 99, 0),
    depth(5 * S, BUY, 101, 5),  # crosses: the asks go, a new one comes
    depth(5 * S, SELL, 103, 10),  # mid 102
    depth(11 * S, SELL, 110, 1),
]
SECOND = [
    depth(1 * S, BUY, 38, 900),
    depth(1 * S, SELL, 42, 900),  # mid 40 ticks of 0.5 = 20
    depth(5 * S, SELL, 42, 0),
    depth(5 * S, SELL, 40, 300),  # mid 39 ticks = 19.5
    depth(11 * S, SELL, 50, 1),
]


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    first = MarketData.from_records(
        np.array(FIRST, dtype=RECORD_DTYPE), symbol="A/B", tick="1", lot="1"
    )
    second = MarketData.from_records(
        np.array(SECOND, dtype=RECORD_DTYPE), symbol="C/B", tick="0.5", lot="0.1"
    )
    # 4 A bought at 101; 200 lots = 20 C sold at 38 ticks = 19; an order of 60 lots = 6 C cancelled.
    actions = [
        (2 * S, SUBMIT, 1, 0, BUY, 0, 4, MARKET, IOC),
        (3 * S, SUBMIT, 2, 1, SELL, 0, 200, MARKET, IOC),
        (4 * S, SUBMIT, 3, 1, BUY, 20, 60, LIMIT, GTC),
        (7 * S, CANCEL, 3, 1, 0, 0, 0, 0, 0),
    ]
    backtest = Backtest([first, second], maker_fee="0", taker_fee=["0.001", "0.002"])
    return figures_of(backtest, backtest.run(script(actions)), capital=1000)


def test_money_adds_up_over_symbols(figures: dict[str, Any]) -> None:
    # A: -404 + 4 x 102 = 4; C: +380 - 20 x 19.5 = -10; fees 0.404 and 0.76.
    assert figures["turnover"] == pytest.approx(404 + 380)
    assert figures["fee"] == pytest.approx(0.404 + 0.76)
    assert figures["final_pnl"] == pytest.approx(4 - 10 - 1.164)


def test_quantities_count_base_units(figures: dict[str, Any]) -> None:
    assert figures["fill_ratio"] == pytest.approx(2 / 3)
    assert figures["quantity_fill_ratio"] == pytest.approx((4 + 20) / (4 + 20 + 6))
    # A costs 1 a unit against the mid of 100, C 1 a unit against the mid of 20.
    assert figures["slippage_depth"] == pytest.approx((4 * 1 + 20 * 1) / 24)
    assert figures["slippage_latency"] == pytest.approx(0)


def test_a_long_and_a_short_position_do_not_cancel(figures: dict[str, Any]) -> None:
    # Samples at 2 s ... 11 s; 400 at 3 s, 400 + 400 at 4 s, then 408 + 390.
    assert figures["max_position_value"] == pytest.approx(800)
    assert figures["mean_position_value"] == pytest.approx((400 + 800 + 7 * 798) / 10)


def test_risk_and_markouts_are_those_of_the_whole(figures: dict[str, Any]) -> None:
    # Equity: 0, -4.404, then C costs 20 x 1 + 0.76, then 4 - 10 - fees.
    low, last = -4.404 - 20.76, -7.164
    equity = [0, -4.404, low, *[last] * 7]
    changes = np.diff(equity)
    factor = (365 * 86_400) ** 0.5
    assert figures["max_drawdown"] == pytest.approx(-low)
    assert figures["sharpe"] == pytest.approx(changes.mean() / changes.std(ddof=1) * factor)
    # After 5 s: A from 101 to 102, C (sold) from 19 to 19.5.
    gain = (404 * (102 - 101) / 101 + 380 * (19 - 19.5) / 19) / 784
    assert figures["markout_5s_bps"] == pytest.approx(gain * 1e4)
    assert figures["markout_5s_fills"] == 2
