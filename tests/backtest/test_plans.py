"""Grid and Twap, worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from lobdesk.backtest import Backtest, Grid, Twap
from lobdesk.backtest.checks import make_from
from lobdesk.backtest.errors import OptionError, UnknownNameError
from lobdesk.backtest.jobs import run_backtest
from lobdesk.backtest.sources import open_array
from lobdesk.paths import DataPaths
from lobdesk.progress import NoProgress
from lobdesk.settings import BacktestSettings
from tests.backtest.markets import LOT, SYMBOL, TICK, market, save_market
from tests.backtest.test_strategies import BUY, SELL, START_US, placed, quiet, run


def test_grid_quotes_the_lines_next_to_the_touch() -> None:
    # Touch 100/102, lines at multiples of 3: bids 99, 96; asks 102, 105.
    result = run(quiet(), Grid(10_000, 5, 100, levels=2, spacing_ticks=3))

    assert placed(result) == [
        (10_000, BUY, 99),
        (10_000, BUY, 96),
        (10_000, SELL, 102),
        (10_000, SELL, 105),
    ]
    assert result.orders["tif"].tolist() == [3] * 4


def test_grid_cancels_lines_out_of_reach_and_adds_new_ones() -> None:
    # At 15 ms the bid falls to 98: line 99 would cross nothing but is no longer wanted; 93 is.
    moved = quiet((15_000, 0, 100, 0), (15_000, 0, 98, 4))

    result = run(moved, Grid(10_000, 5, 100, levels=2, spacing_ticks=3))

    assert placed(result)[4:] == [(20_000, BUY, 93)]
    assert result.orders["close_us"].tolist()[0] == START_US + 22_000


def test_grid_never_quotes_beyond_its_limit() -> None:
    # Limit 8: one order of 5 fits, a second would make 10.
    result = run(quiet(), Grid(10_000, 5, 8, levels=3, spacing_ticks=1))

    assert placed(result) == [(10_000, BUY, 100), (10_000, SELL, 102)]


def test_grid_stays_within_its_limit_whatever_fills() -> None:
    result = Backtest(market()).run(Grid(50_000, 70, 400, levels=4, spacing_ticks=2))
    position = result.fills["position_lots"]

    assert len(position) > 50
    assert abs(position).max() <= 400


def test_twap_buys_equal_slices_and_makes_up_for_what_is_missing() -> None:
    # 10 lots in 3 slices: targets 3, 6, 10. The book has 10 lots at 102, taken from by itself.
    result = run(quiet(), Twap("buy", 10, 30_000, slices=3, start_after_us=10_000))

    assert placed(result) == [(10_000, BUY, 102), (20_000, BUY, 102), (30_000, BUY, 102)]
    assert result.orders["qty_lots"].tolist() == [3, 3, 4]
    assert result.position_lots == 10


def test_twap_carries_an_unfilled_slice_into_the_next() -> None:
    # The ask is gone from 15 to 25 ms: nothing at 20 ms, at 30 ms everything up to the target.
    gone = quiet((15_000, 1, 102, 0), (25_000, 1, 103, 50))

    result = run(gone, Twap("buy", 10, 30_000, slices=3, start_after_us=10_000))

    assert placed(result) == [(10_000, BUY, 102), (30_000, BUY, 103)]
    assert result.orders["qty_lots"].tolist() == [3, 7]


def test_twap_sells_the_rest_at_its_end() -> None:
    # 4 lots are bid: slices of 5 get 4; at the end 6 are missing and 4 are there after an update.
    thin = quiet((1_000, 0, 100, 4), (35_000, 0, 100, 4))

    result = run(thin, Twap("sell", 10, 30_000, slices=2, start_after_us=10_000))

    assert placed(result) == [(10_000, SELL, 100), (25_000, SELL, 100), (40_000, SELL, 100)]
    assert result.orders["qty_lots"].tolist() == [5, 6, 6]
    assert result.position_lots == -8


@pytest.mark.parametrize(
    "wrong",
    [
        Grid(0, 1, 1),
        Grid(1, 0, 1),
        Grid(1, 1, 1, levels=0),
        Grid(1, 1, 1, levels=1001),
        Grid(1, 1, 1, spacing_ticks=0),
        Twap("up", 1, 10),
        Twap("buy", 0, 10),
        Twap("buy", 1, 2, slices=3),
        Twap("buy", 1, 10, start_after_us=-1),
    ],
)
def test_impossible_parameters_are_refused(wrong: Any) -> None:
    with pytest.raises(OptionError):
        wrong.spec()


def test_parameters_come_by_name() -> None:
    params = {"qty_lots": 3, "max_position_lots": 9, "levels": 2}
    assert make_from(Grid, params, interval_us=7) == Grid(7, 3, 9, levels=2)
    with pytest.raises(UnknownNameError, match="did you mean 'levels'"):
        make_from(Grid, {"level": 1})
    with pytest.raises(OptionError, match="side"):
        make_from(Twap, {"qty_lots": 1, "duration_us": 5})


@pytest.mark.parametrize(
    ("strategy", "params"),
    [
        ("grid", {"qty_lots": 10, "max_position_lots": 100}),
        ("twap", {"side": "buy", "qty_lots": 100, "duration_us": 10_000_000}),
    ],
)
def test_settings_reach_them(tmp_path: Any, strategy: str, params: dict[str, Any]) -> None:
    path = save_market(tmp_path)
    data = open_array(path, symbol=SYMBOL, tick=TICK, lot=LOT)
    settings = BacktestSettings(strategy=strategy, params=params)

    run_made = run_backtest(DataPaths(tmp_path), settings, data=data, progress=NoProgress())

    assert run_made.metrics()["fills"] > 5
