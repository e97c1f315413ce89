"""Every figure of one small run, worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lobdesk.backtest import RECORD_DTYPE, Backtest, MarketData
from lobdesk.backtest.jobs import figures_of
from lobdesk.engine import script

S = 1_000_000
BUY, SELL = 0, 1
LIMIT, MARKET = 0, 1
GTC, IOC = 0, 1
SUBMIT, CANCEL = 0, 1


def depth(ts_us: int, side: int, price: int, lots: int) -> tuple[int, ...]:
    return (ts_us, ts_us, price, 1, side, 1, lots)


def trade(ts_us: int, aggressor: int, price: int, lots: int) -> tuple[int, ...]:
    return (ts_us, ts_us, price, 2, aggressor, 1, lots)


MARKET_ROWS = [
    depth(1 * S, BUY, 99, 10),
    depth(1 * S, SELL, 101, 10),  # mid 100
    depth(3 * S, SELL, 101, 0),
    depth(3 * S, SELL, 103, 10),
    depth(3 * S, BUY, 101, 10),  # mid 102
    trade(5 * S, BUY, 103, 12),  # our sell behind 10 fills with 2
    depth(6 * S, BUY, 101, 0),
    depth(6 * S, BUY, 99, 0),
    depth(6 * S, BUY, 97, 10),
    depth(6 * S, SELL, 99, 10),  # mid 98
    depth(11 * S, SELL, 110, 1),
]


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    data = MarketData.from_records(
        np.array(MARKET_ROWS, dtype=RECORD_DTYPE), symbol="A/B", tick="1", lot="1"
    )
    # Four bought at 2.005 s as a taker at 101; a sale of 3 waits at 103 from 4.005 s and gets 2;
    # an order far away is cancelled.
    actions = [
        (2 * S, SUBMIT, 1, 0, BUY, 0, 4, MARKET, IOC),
        (4 * S, SUBMIT, 2, 0, SELL, 103, 3, LIMIT, GTC),
        (4 * S, SUBMIT, 3, 0, BUY, 50, 1, LIMIT, GTC),
        (7 * S, CANCEL, 3, 0, 0, 0, 0, 0, 0),
    ]
    backtest = Backtest(data, maker_fee="0.001", taker_fee="0.002")
    return figures_of(backtest, backtest.run(script(actions)), capital=1000)


def test_money(figures: dict[str, Any]) -> None:
    # Bought 4 x 101 = 404, sold 2 x 103 = 206, left 2 x mid 98; fees 0.808 and 0.206.
    assert figures["turnover"] == 610
    assert figures["fee"] == pytest.approx(1.014)
    assert figures["final_pnl"] == pytest.approx(-404 + 206 + 2 * 98 - 1.014)
    assert figures["realized"] == pytest.approx(2 * (103 - 101))
    assert figures["volume"] == 6
    assert figures["return"] == pytest.approx(-3.014 / 1000)
    assert figures["annual_return"] == pytest.approx(-3.014 / 1000 * 365 * 86_400 / 10)
    assert figures["return_over_turnover"] == pytest.approx(-3.014 / 610)
    assert figures["break_even_fee"] == pytest.approx(-2 / 610)


def test_orders_and_fills(figures: dict[str, Any]) -> None:
    assert (figures["orders"], figures["fills"]) == (3, 2)
    assert figures["maker_share"] == pytest.approx(206 / 610)
    assert figures["fill_ratio"] == pytest.approx(2 / 3)
    assert figures["quantity_fill_ratio"] == pytest.approx(6 / 8)
    assert figures["cancel_ratio"] == pytest.approx(1 / 3)
    assert figures["reject_ratio"] == 0
    assert figures["median_time_to_fill_us"] == 995_000  # 4.005 s to 5 s
    assert figures["certain_share"] == 1


def test_slippage_and_markouts(figures: dict[str, Any]) -> None:
    # Per unit: 1 against the mid of 100, and the sale 1 better than the mid of 102.
    assert figures["slippage_depth"] == pytest.approx((4 * 1 + 2 * -1) / 6)
    assert figures["slippage_latency"] == pytest.approx(0)
    # Mids: 102 at 3.005 s, 98 at 6 s (the change at that instant counts), 7.005 s and 10 s.
    bought, sold = 404 / 610, 206 / 610
    one = bought * (102 - 101) / 101 + sold * (103 - 98) / 103
    five = bought * (98 - 101) / 101 + sold * (103 - 98) / 103
    assert figures["markout_1s_bps"] == pytest.approx(one * 1e4)
    assert figures["markout_5s_bps"] == pytest.approx(five * 1e4)
    assert figures["markout_5s_fills"] == 2
    assert figures["markout_30s_bps"] is None
    assert figures["markout_30s_fills"] == 0


def test_risk(figures: dict[str, Any]) -> None:
    # Samples at 2 s ... 11 s: 0, then 4 bought at 101 of mid 102, then 2 left at mid 98.
    equity = [0, 3.192, 3.192, 3.192, *[-3.014] * 6]
    changes = np.diff(equity)
    factor = (365 * 86_400) ** 0.5
    assert figures["max_drawdown"] == pytest.approx(3.192 + 3.014)
    assert figures["return_over_mdd"] == pytest.approx(-3.014 / 6.206)
    assert figures["max_drawdown_share"] == pytest.approx(6.206 / 1003.192)
    assert figures["sharpe"] == pytest.approx(changes.mean() / changes.std(ddof=1) * factor)
    assert figures["sortino"] == pytest.approx(changes.mean() / (6.206 / 3) * factor)
    assert figures["max_position_value"] == pytest.approx(4 * 102)
    assert figures["mean_position_value"] == pytest.approx((3 * 408 + 6 * 196) / 10)
    assert figures["median_position_value"] == 196
    assert figures["max_leverage"] == pytest.approx(408 / 1003.192)
    assert figures["sampling_us"] == S
    assert figures["fills_per_day"] == pytest.approx(2 / (10 / 86_400))
    assert figures["volume_per_day"] == pytest.approx(6 / (10 / 86_400))


def test_assumptions_stand_beside_the_figures(figures: dict[str, Any]) -> None:
    named = {"preset": "lobdesk", "queue": "risk_averse", "entry_us": 5000, "response_us": 5000}
    assert {key: figures[key] for key in named} == named
    assert (figures["maker_fee"], figures["taker_fee"]) == ("0.001", "0.002")
    assert figures["annualization_days"] == 365
