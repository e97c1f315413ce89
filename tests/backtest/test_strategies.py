"""What the built-in strategies do, and strategies in Python."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lobdesk import engine
from lobdesk.backtest import RECORD_DTYPE, Backtest, JoinTouch, MarketData, Result, SignalFollower
from lobdesk.backtest.errors import OptionError, SignalError, UnknownNameError
from lobdesk.backtest.strategies import join_touch_from, signal_params
from tests.backtest.markets import market

START_US = 1_000_000
BUY, SELL = 0, 1


def quiet(*updates: tuple[int, int, int, int]) -> MarketData:
    """Return a book of 100 x 10 and 102 x 10 with (time, side, price, quantity) updates."""
    rows = [(0, 0, 100, 10), (0, 1, 102, 10), *updates, (100_000, 0, 90, 1)]
    records = np.zeros(len(rows), dtype=RECORD_DTYPE)
    for at, (time_us, side, price, lots) in enumerate(rows):
        records[at] = (START_US + time_us, START_US + time_us + 100, price, 1, side, 1, lots)
    return MarketData.from_records(records, symbol="X", tick="1", lot="1")


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


class InPython:
    """JoinTouch again, in Python."""

    def __init__(self, interval_us: int, qty: int, limit: int) -> None:
        self.interval_us, self.qty, self.limit, self.last_id = interval_us, qty, limit, 0

    def on_wake(self, desk: Any) -> None:
        best = desk.best_bid(), desk.best_ask()
        if best[0] is None or best[1] is None:
            assert desk.touch() is None
            return
        assert desk.touch() == (best[0][0], best[1][0])
        has = [False, False]
        for order in desk.orders():
            side = order.side
            has[side] = True
            can_cancel = not (order.is_pending or order.has_request)
            if can_cancel and order.price_ticks != best[side][0]:
                desk.cancel(order.id)
        for side, held in ((BUY, desk.position()), (SELL, -desk.position())):
            if not has[side] and held < self.limit:
                self.last_id += 1
                desk.submit(self.last_id, side, best[side][0], self.qty, tif=3)


def test_a_strategy_in_python_gives_the_ledger_of_the_native_one() -> None:
    data = market(5_000)

    native = Backtest(data).run(JoinTouch(100_000, 100, 1_000))
    python = Backtest(data).run(InPython(100_000, 100, 1_000))

    assert len(native.fills) > 10
    assert python.digest == native.digest


def test_an_error_in_a_python_strategy_reaches_the_caller() -> None:
    class Broken:
        interval_us = 1_000

        def on_wake(self, desk: Any) -> None:
            raise ZeroDivisionError("in the strategy")

    with pytest.raises(ZeroDivisionError, match="in the strategy"):
        Backtest(market(100)).run(Broken())


def test_the_desk_is_valid_during_a_wake_up_only() -> None:
    kept: list[Any] = []

    class Keeps:
        interval_us = 1_000

        def on_wake(self, desk: Any) -> None:
            kept.append(desk)
            with pytest.raises(IndexError):
                desk.position(5)
            with pytest.raises(ValueError, match="side"):
                desk.submit(1, 7, 100, 1)

    Backtest(market(100)).run(Keeps())

    with pytest.raises(ValueError, match="wake-up only"):
        kept[0].position()


def test_a_python_strategy_without_state_goes_back_by_running_again() -> None:
    data, strategy = market(3_000), InPython(10_000, 100, 1_000)
    whole = Backtest(data).run(InPython(10_000, 100, 1_000))
    engine = Backtest(data).start(strategy, checkpoint_events=500)

    engine.run(data.end_us, 2**62)
    end, engine_hash = engine.events, engine.state_hash()
    engine.seek_event(700)
    engine.seek_event(300)
    engine.seek_event(end)

    assert engine.seeks_from_start
    assert engine.state_hash() == engine_hash == whole.state_hash


def test_what_is_no_strategy_is_refused() -> None:
    with pytest.raises(OptionError, match="strategy"):
        Backtest(market(100)).run(object())  # type: ignore[arg-type]


class Reader:
    """Keeps what the desk shows, by name, and trades a little."""

    interval_us = 10_000
    wake_on = ("trade", "fill")

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_wake(self, desk: Any) -> None:
        touch = desk.touch()
        self.seen += [*desk.orders(), *desk.fills(), *desk.trades()]
        if not desk.orders() and not self.seen:
            self.ids = [
                desk.sell_market(3),
                desk.buy(touch[0], 2, tif="GTX"),
                desk.submit(77, "sell", touch[1] + 1, 1, order_type="limit", tif="GTC"),
            ]
            self.levels = desk.levels("ask", 1), desk.best_ask()


def test_what_the_desk_shows_has_names() -> None:
    reader = Reader()
    rows = np.array([(START_US + 50_000, START_US + 50_100, 102, 2, BUY, 1, 1)], dtype=RECORD_DTYPE)
    data = quiet()
    records = np.concatenate([data.records[:2], rows, data.records[2:]])
    data = MarketData.from_records(records, symbol="X", tick="1", lot="1")

    run(data, reader)

    orders = [row for row in reader.seen if isinstance(row, engine.OpenOrder)]
    fills = [row for row in reader.seen if isinstance(row, engine.OwnFill)]
    trades = [row for row in reader.seen if isinstance(row, engine.MarketTrade)]
    assert reader.ids == [1, 2, None]
    assert reader.levels == ([(102, 10)], (102, 10))
    assert {(o.id, o.is_buy, o.price_ticks, o.leaves_lots) for o in orders} >= {
        (2, True, 100, 2), (77, False, 103, 1)
    }  # fmt: skip
    assert not any(order.is_pending or order.has_request for order in orders[-2:])
    (fill,) = fills
    assert (fill.order_id, fill.is_buy, fill.price_ticks, fill.qty_lots) == (1, False, 100, 3)
    assert (fill.is_maker, fill.symbol) == (False, 0)
    (trade,) = trades
    assert (trade.recv_ts_us, trade.is_buy, trade.qty_lots) == (START_US + 50_100, True, 1)
    assert repr(trade) == (
        f"MarketTrade(recv_ts_us={START_US + 50_100}, side=0, is_buy=True, price_ticks=102, "
        "qty_lots=1, symbol=0)"
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda desk: desk.buy(100, 1, tif="DAY"), ValueError, "tif cannot be 'DAY'"),
        (lambda desk: desk.submit(5, "long", 100, 1), ValueError, "side cannot be 'long'"),
        (lambda desk: desk.buy("100", 1), TypeError, "price_ticks must be a whole number"),
        (lambda desk: desk.buy_market(0), engine.OrderError, "order 1"),
    ],
)
def test_wrong_words_and_numbers_are_named(call: Any, error: type[Exception], message: str) -> None:
    class Wrong:
        interval_us = 10_000

        def on_wake(self, desk: Any) -> None:
            call(desk)

    with pytest.raises(error, match=message):
        run(quiet(), Wrong())
