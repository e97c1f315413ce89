"""Bad input of every kind: a typed error that names the place, and an engine as it was before."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lobdesk.backtest import Backtest, JoinTouch, MarketData, SignalFollower, run_many, run_scenario
from lobdesk.backtest.errors import RefusedDataError, ScenarioError, SignalError
from lobdesk.engine import EngineError, OrderError, script
from tests.backtest.markets import LOT, SYMBOL, TICK, market
from tests.backtest.streams import random_market

MAKER = JoinTouch(interval_us=100_000, qty_lots=100, max_position_lots=1_000)
ALL = 2**62


def healthy() -> None:
    """Threads start, share the lock and run backtests as before."""
    backtest = Backtest(market(1_000))
    ticks: list[int] = []
    thread = threading.Thread(target=lambda: ticks.append(1))
    thread.start()
    thread.join(10)
    results = run_many([(backtest, MAKER), (backtest, Good())], threads=2)
    assert ticks == [1]
    assert results[0].digest == backtest.run(MAKER).digest
    assert len(results[1].orders) > 0


class Good:
    """Takes a lot at each wake-up."""

    interval_us = 100_000

    def on_wake(self, desk: Any) -> None:
        if desk.touch() is not None:
            desk.buy(desk.touch()[1] + 3, 1, tif="IOC")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("exch_ts_us", 1, "exch_ts_us 1 is before the row above"),
        ("exch_ts_us", -(2**62), r"beyond 2\^61 microseconds"),
        ("recv_ts_us", 2**62, r"beyond 2\^61 microseconds"),
        ("recv_ts_us", 5, "is before exch_ts_us"),
        ("kind", 9, "kind 9 is unknown"),
        ("side", 7, "side 7 is impossible"),
        ("price_ticks", 0, "price_ticks 0 is not positive"),
        ("qty_lots", -3, "qty_lots -3 is out of range"),
        ("qty_lots", 2**53 + 1, "qty_lots 9007199254740993 is out of range"),
    ],
)
def test_a_bad_record_is_named_by_its_row(field: str, value: int, reason: str) -> None:
    records = random_market(300)
    records[field][217] = value

    with pytest.raises(RefusedDataError, match=rf"{SYMBOL}: row 217: .*{reason}"):
        MarketData.from_records(records, symbol=SYMBOL, tick=TICK, lot=LOT)

    healthy()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"px": 100.5}, "row 1: price 100.5 is off the grid"),
        ({"qty": 0.25}, "row 1: quantity 0.25 is off the grid"),
        ({"px": 2**40}, "row 1: price 1099511627776 is off the grid"),
        ({"qty": 2**60}, "row 1: quantity 1152921504606846976 is off the grid"),
        ({"k": "auction"}, "row 1: kind 'auction' is unknown"),
        ({"side": "both"}, "row 1: side 'both' is unknown"),
    ],
)
def test_a_bad_row_of_a_scenario_is_named(change: dict[str, Any], reason: str) -> None:
    row = {"k": "depth", "ex": 5, "lo": 6, "side": "bid", "px": 100, "qty": 3, "sym": 0}
    scenario = {"model": {}, "feed": [row, row | change], "actions": [], "end": 9}

    assert reason in run_scenario(scenario)["raised"]


def test_an_off_tick_order_of_a_scenario_is_named() -> None:
    row = {"k": "depth", "ex": 5, "lo": 6, "side": "bid", "px": 100, "qty": 3, "sym": 0}
    order = {"do": "submit", "t": 7, "id": 1, "side": "buy", "px": 99.5, "qty": 1, "tif": "GTC"}

    with pytest.raises(ScenarioError, match=r"action 0.*99\.5 is off the grid"):
        run_scenario({"model": {}, "feed": [row], "actions": [order], "end": 9})


BAD_CALLS: list[tuple[Callable[[Any], Any], type[Exception], str]] = [
    (lambda desk: desk.submit(77, 0, 60_000, 0), OrderError, "order 77: its quantity"),
    (lambda desk: desk.submit(77, 0, 60_000, -4), OrderError, "order 77: its quantity"),
    (lambda desk: desk.submit(77, 0, 60_000, 2**53 + 1), OrderError, "order 77: its quantity"),
    (lambda desk: desk.submit(77, 0, 0, 1), OrderError, "order 77: its price"),
    (lambda desk: desk.submit(77, 0, -5, 1), OrderError, "order 77: its price"),
    (lambda desk: desk.submit(77, 0, 2**31, 1), OrderError, "order 77: its price"),
    (lambda desk: desk.submit(77, 0, 60_000, 1, symbol=3), OrderError, "order 77: .*symbol"),
    (lambda desk: desk.buy(60_000, 0), OrderError, "order [0-9]+: its quantity"),
    (lambda desk: desk.modify(1, 0, 1), OrderError, "order 1: its price"),
    (lambda desk: desk.modify(1, 60_000, 2**60), OrderError, "order 1: its quantity"),
    (lambda desk: desk.buy(60_000.5, 1), TypeError, r"buy\(\): price_ticks .*60000\.5"),
    (lambda desk: desk.sell(60_000, 0.5), TypeError, r"sell\(\): qty_lots .*0\.5"),
    (lambda desk: desk.submit(77, 0, 60_000, 2**70), OverflowError, r"submit\(\): qty_lots"),
    (lambda desk: desk.submit(77, 5, 60_000, 1), ValueError, "side"),
]


@pytest.mark.parametrize(("call", "error", "text"), BAD_CALLS)
def test_a_bad_request_of_a_strategy_changes_nothing(
    call: Callable[[Any], Any], error: type[Exception], text: str
) -> None:
    class Tries(Good):
        def on_wake(self, desk: Any) -> None:
            with pytest.raises(error, match=text):
                call(desk)
            super().on_wake(desk)

    backtest = Backtest(market(3_000))
    plain = backtest.run(Good())

    result = backtest.run(Tries())

    assert len(plain.fills) > 10
    assert (result.digest, result.state_hash) == (plain.digest, plain.state_hash)


@pytest.mark.parametrize(("call", "error", "text"), BAD_CALLS)
def test_a_bad_request_ends_a_run_that_can_be_read_and_go_on(
    call: Callable[[Any], Any], error: type[Exception], text: str
) -> None:
    class Once(Good):
        wakes = 0

        def on_wake(self, desk: Any) -> None:
            self.wakes += 1
            if self.wakes == 5:
                call(desk)
            super().on_wake(desk)

    backtest = Backtest(market(3_000))
    running, plain = backtest.start(Once()), backtest.run(Good())

    with pytest.raises(error, match=text):
        running.run(backtest.end_us, ALL)

    known = running.fills(), running.orders(), running.account(0), running.state_hash()
    assert len(known[1]) == 4
    assert np.array_equal(known[0], plain.fills[: len(known[0])])
    healthy()
    assert running.state_hash() == known[3]
    running.run(backtest.end_us, ALL)
    assert backtest.finish(running).digest == plain.digest


@pytest.mark.parametrize(
    ("price", "lots", "text"),
    [
        (60_000, 0, "order 9: its quantity"),
        (60_000, -1, "order 9: its quantity"),
        (60_000, 2**53 + 1, "order 9: its quantity"),
        (0, 1, "order 9: its price"),
        (2**31, 1, "order 9: its price"),
    ],
)
def test_a_bad_order_of_a_native_strategy_ends_a_run_that_can_be_read(
    price: int, lots: int, text: str
) -> None:
    good = (1_010_000, 0, 1, 0, 0, 50_000, 5, 0, 0)
    backtest = Backtest(market(1_000))
    running = backtest.start(script([good, (1_100_000, 0, 9, 0, 0, price, lots, 0, 0)]))

    with pytest.raises(OrderError, match=text):
        running.run(backtest.end_us, ALL)

    assert running.now_us == 1_100_000
    assert running.orders()["order_id"].tolist() == [1]
    assert running.order_state(1) is not None
    healthy()


def test_sums_that_leave_their_range_name_the_fill() -> None:
    # Full fees on the largest orders: the eighth or so leaves 128 bits.
    records = random_market(100)
    records["price_ticks"] = np.where(records["side"] == 0, 2**31 - 3, 2**31 - 2)
    records["kind"], records["qty_lots"] = 1, 5
    data = MarketData.from_records(records, symbol=SYMBOL, tick=TICK, lot=LOT)
    backtest = Backtest(data, preset="hftbacktest", taker_fee="1")
    orders = [(1_050_000 + i, 0, i, 0, 0, 0, 2**53, 1, 0) for i in range(1, 40)]
    running = backtest.start(script(orders))

    with pytest.raises(EngineError, match=r"fill of order [0-9]+: position, cash or fee leaves"):
        running.run(backtest.end_us, ALL)

    fills = running.fills()
    assert len(fills) > 3
    position, cash, fee = running.account(0)[:3]
    assert position == int(fills["qty_lots"].sum())
    assert cash == pytest.approx(fills["cash"][-1])
    assert fee == pytest.approx(fills["fee"].sum())
    healthy()


@pytest.mark.parametrize(
    ("times", "features", "values", "text"),
    [
        ([10, 20, 30], [10, 21, 30], [0.0, 0.0, 0.0], "signal 1: its feature time is after"),
        ([10, 20, 15], None, [0.0, 0.0, 0.0], "signal 2: its .*before the last"),
        ([10, 20, 30], None, [0.0, 0.0, np.inf], "signal 2: its .*not finite"),
    ],
)
def test_a_bad_signal_is_named(
    times: list[int], features: list[int] | None, values: list[float], text: str
) -> None:
    known = None if features is None else np.array(features)

    with pytest.raises(SignalError, match=text):
        SignalFollower(
            np.array(times), np.array(values), feature_ts_us=known, threshold=0,
            max_position_lots=1,
        )  # fmt: skip


@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt(), SystemExit(3)])
def test_a_strategy_that_raises_lets_other_threads_run(error: BaseException) -> None:
    class Raises(Good):
        def on_wake(self, desk: Any) -> None:
            super().on_wake(desk)
            if desk.now_us > 1_500_000:
                raise error

    backtest = Backtest(market(3_000))
    running = backtest.start(Raises())

    with pytest.raises(type(error)):
        running.run(backtest.end_us, ALL)

    # What it had asked for is under way; nothing else of that wake-up is.
    assert len(running.orders()) > 2
    assert running.account(0)[5] == len(running.fills())
    healthy()
