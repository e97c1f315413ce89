"""What the built-in strategies do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lobdesk import engine
from lobdesk.backtest import Backtest, JoinTouch, MarketData, Result, SignalFollower
from lobdesk.backtest.errors import OptionError, SignalError, UnknownNameError
from lobdesk.backtest.strategies import join_touch_from, signal_params
from tests.backtest.markets import BUY, SELL, START_US, quiet


def run(data: MarketData, strategy: Any, **options: Any) -> Result:
    return Backtest(data, entry_us=1_000, response_us=1_000, **options).run(strategy)


def placed(result: Result) -> list[tuple[int, int, int]]:
    return [
        (int(row["decision_us"]) - START_US, int(row["side"]), int(row["price_ticks"]))
        for row in result.orders
    ]


def test_join_touch_places_bid_then_ask_at_the_first_wake_up() -> None:
    result = run(quiet(), JoinTouch(10_000, 5, 10))

    assert placed(result) == [(10_000, BUY, 100), (10_000, SELL, 102)]
    assert result.orders["order_id"].tolist() == [1, 2]
    assert result.orders["tif"].tolist() == [3, 3]


def test_join_touch_stays_behind_the_touch_by_its_offset() -> None:
    result = run(quiet(), JoinTouch(10_000, 5, 10, offset_ticks=2))

    assert placed(result) == [(10_000, BUY, 98), (10_000, SELL, 104)]


def test_join_touch_follows_the_touch_once_the_old_order_is_gone() -> None:
    result = run(quiet((15_000, 0, 101, 3)), JoinTouch(10_000, 5, 10))

    # 20 ms: cancel; acknowledged at 22 ms; 30 ms: the new one.
    assert placed(result) == [
        (10_000, BUY, 100),
        (10_000, SELL, 102),
        (30_000, BUY, 101),
    ]
    assert result.orders["close_us"].tolist() == [START_US + 22_000, 0, 0]


def test_join_touch_does_not_cancel_an_order_that_is_not_acknowledged() -> None:
    result = run(quiet((11_000, 0, 101, 3)), JoinTouch(1_500, 5, 10), sample_us=0)

    first = result.orders[0]
    assert first["ack_us"] > 0
    assert first["close_us"] > first["ack_us"]


def test_join_touch_does_nothing_while_a_side_is_empty() -> None:
    result = run(quiet((5_000, 1, 102, 0), (25_000, 1, 103, 4)), JoinTouch(10_000, 5, 10))

    assert placed(result) == [(30_000, BUY, 100), (30_000, SELL, 103)]


def test_join_touch_stops_adding_at_its_limit() -> None:
    result = run(quiet((25_000, 1, 100, 4), (25_000, 1, 102, 10)), JoinTouch(10_000, 5, 5))
    buys = [row for row in placed(result) if row[1] == BUY]

    assert result.fills["qty_lots"].tolist()[:1] == [5]
    assert [time_us for time_us, _, _ in buys] == [10_000]


@pytest.mark.parametrize(
    "wrong",
    [
        {"interval_us": 0},
        {"qty_lots": 0},
        {"max_position_lots": -1},
        {"offset_ticks": -1},
        {"qty_lots": 1.5},
    ],
)
def test_join_touch_refuses_impossible_parameters(wrong: dict[str, Any]) -> None:
    settings = {"interval_us": 1, "qty_lots": 1, "max_position_lots": 1} | wrong

    with pytest.raises(OptionError, match=next(iter(wrong))):
        JoinTouch(**settings).spec()


def follower(*signals: tuple[int, float], **options: Any) -> SignalFollower:
    times = np.array([START_US + at for at, _ in signals], dtype=np.int64)
    values = np.array([value for _, value in signals])
    return SignalFollower(times, values, **{"threshold": 0.5, "max_position_lots": 3, **options})


def test_signal_follower_takes_its_target_position() -> None:
    result = run(quiet(), follower((10_000, 0.9), (20_000, 0.7), (30_000, -0.8), (40_000, 0.1)))

    assert [(int(f["side"]), int(f["qty_lots"])) for f in result.fills] == [(0, 3), (1, 6), (0, 3)]
    assert result.fills["position_lots"].tolist() == [3, -3, 0]
    assert not result.fills["is_maker"].any()


def test_signal_follower_counts_what_is_still_under_way() -> None:
    result = run(quiet(), follower((10_000, 0.9), (10_500, 0.9), (11_500, 0.9)))

    assert result.orders["qty_lots"].tolist() == [3]


def test_signal_follower_never_bets_on_an_order_that_may_still_vanish() -> None:
    # The flip comes while the buy is under way. Selling 6 would be short 6 if the buy expired.
    result = run(quiet(), follower((10_000, 0.9), (10_500, -0.9)))

    assert result.orders["qty_lots"].tolist() == [3, 3]


@pytest.mark.parametrize("maker", [False, True])
def test_signal_follower_stays_within_its_limit_whatever_fills(maker: bool) -> None:
    random = np.random.default_rng(5)
    rows: list[tuple[int, int, int, int]] = []
    signals = []
    for step in range(1, 1500):
        bid = 100 + int(random.integers(-2, 3))
        rows += [(60 * step, 0, bid, 4), (60 * step, 1, bid + 2, 4)]
        signals.append((60 * step + 30, float(random.choice([-0.9, 0.0, 0.9]))))
    result = Backtest(quiet(*rows), entry_us=100, response_us=150).run(
        follower(*signals, maker=maker)
    )

    assert len(result.fills) > 20
    assert np.abs(result.fills["position_lots"]).max() == 3


def test_signal_follower_without_a_view_takes_its_order_away() -> None:
    result = run(quiet(), follower((10_000, 0.9), (40_000, 0.0), maker=True))

    assert result.orders["close_us"].tolist() == [START_US + 42_000]


def test_signal_follower_can_hold_inside_the_threshold() -> None:
    result = run(quiet(), follower((10_000, 0.9), (40_000, 0.1), hold=True))

    assert result.position_lots == 3


def test_signal_follower_as_a_maker_joins_and_moves_its_order() -> None:
    moved = quiet((15_000, 0, 101, 3))

    result = run(moved, follower((10_000, 1.0), (20_000, 1.0), (30_000, 1.0), maker=True))

    assert placed(result) == [(10_000, BUY, 100), (30_000, BUY, 101)]
    assert result.orders["tif"].tolist() == [3, 3]


def test_signals_at_one_time_are_one_decision_by_the_last() -> None:
    result = run(quiet(), follower((10_000, 0.9), (10_000, -0.9)))

    assert result.orders["side"].tolist() == [SELL]


def test_signals_of_several_symbols_are_as_if_each_had_a_run_of_its_own() -> None:
    random = np.random.default_rng(3)
    rows: list[tuple[int, int, int, int]] = []
    for step in range(1, 450):
        bid = 100 + int(random.integers(-2, 3))
        rows += [(80 * step, 0, bid, 4), (80 * step, 1, bid + 2, 4)]
    both = [quiet(*rows), quiet(*rows[:500])]
    times = START_US + np.sort(random.integers(0, 36_000, 300))
    values, symbols = random.normal(size=300), random.integers(0, 2, 300)
    options: dict[str, Any] = {"threshold": 0.5, "max_position_lots": 3, "maker": True}
    fast: dict[str, Any] = {"entry_us": 100, "response_us": 150}

    together = Backtest(both, **fast).run(SignalFollower(times, values, symbols=symbols, **options))

    for number in (0, 1):
        mine = symbols == number
        alone = Backtest(both[number], **fast).run(
            SignalFollower(times[mine], values[mine], **options)
        )
        fills = together.fills[together.fills["symbol"] == number]
        assert len(fills) > 3
        for name in ("local_ts_us", "side", "price_ticks", "qty_lots", "position_lots"):
            assert fills[name].tolist() == alone.fills[name].tolist()


def test_a_signal_for_a_symbol_that_there_is_not_is_refused() -> None:
    times, values = START_US + np.arange(3) * 1_000, np.ones(3)
    options: dict[str, Any] = {"threshold": 0.5, "max_position_lots": 3}

    with pytest.raises(SignalError, match="signal 2: its symbol is none of the run's 1"):
        Backtest(quiet()).run(SignalFollower(times, values, symbols=np.array([0, 0, 1]), **options))
    with pytest.raises(SignalError, match="signal 1: its symbol"):
        SignalFollower(times, values, symbols=np.array([0, -1, 0]), **options)
    spec = engine.signal_follower(
        times, values, np.full(3, 7, np.int32), threshold=0.5, max_position_lots=3,
        maker=False, hold=False,
    )  # fmt: skip
    with pytest.raises(engine.EngineError, match="signal 0: there is no symbol 7"):
        Backtest(quiet()).run(spec)


def test_signals_before_the_data_are_left_out() -> None:
    result = run(quiet(), follower((-500_000, 0.9), (-1, 0.9)))

    assert len(result.orders) == 0


def test_a_signal_that_looks_ahead_is_refused() -> None:
    times = np.array([10, 20], dtype=np.int64)

    with pytest.raises(SignalError, match="signal 1: its feature time is after"):
        SignalFollower(
            times,
            np.zeros(2),
            feature_ts_us=np.array([10, 21]),
            threshold=0,
            max_position_lots=1,
        )


@pytest.mark.parametrize(
    ("times", "values", "reason"),
    [([2, 1], [0.0, 0.0], "before the last"), ([1, 2], [0.0, np.nan], "not finite")],
)
def test_broken_signals_are_refused(times: list[int], values: list[float], reason: str) -> None:
    with pytest.raises(SignalError, match=f"signal 1: its .*{reason}"):
        SignalFollower(np.array(times), np.array(values), threshold=0, max_position_lots=1)


def test_unknown_parameters_suggest_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'qty_lots'"):
        join_touch_from({"qty_lot": 1})
    with pytest.raises(UnknownNameError, match="did you mean 'threshold'"):
        signal_params({"treshold": 1})
    with pytest.raises(OptionError, match="qty_lots"):
        join_touch_from({})
    with pytest.raises(OptionError, match="maker"):
        signal_params({"max_position_lots": 1, "maker": "yes"})
