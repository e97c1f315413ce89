"""Runs that stop early: breakpoints, pauses, time limits, strategies that fail."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

import numpy as np
import pytest

from lobdesk.backtest import Backtest, Breakpoints, JoinTouch, MarketData
from lobdesk.backtest.breakpoints import STOPS, stop_reasons
from lobdesk.backtest.errors import OptionError, TimeLimitError
from lobdesk.backtest.replay import Replay
from lobdesk.engine import EngineError, OrderError, script
from tests.backtest.markets import market
from tests.backtest.streams import random_market

MAKER = JoinTouch(interval_us=20_000, qty_lots=100, max_position_lots=1_000)
ALL = 2**62


def test_a_replay_stops_at_each_own_fill() -> None:
    backtest = Backtest(market(5_000))
    whole = backtest.run(MAKER)
    replay = Replay(backtest, MAKER.spec())
    seen = []

    while replay.run(Breakpoints(own_fill=True)) == ("own_fill",):
        seen.append((replay.now_us, replay.view().fills))

    assert len(seen) > 20
    assert seen == list(
        zip(whole.fills["local_ts_us"].tolist(), range(1, len(seen) + 1), strict=True)
    )
    assert replay.now_us == replay.end_us
    replay.seek_event(replay.event_count)
    assert replay.state_hash() == whole.state_hash


def test_reports_of_one_time_are_stops_of_their_own() -> None:
    # Receipts as late as the reports: then both wait for the same instant.
    records = random_market(20_000, seed=3)
    records["exch_ts_us"] = records["exch_ts_us"] // 20_000 * 20_000
    records["recv_ts_us"] = records["exch_ts_us"] + 5_000
    data = MarketData.from_records(records, symbol="SYN/USD", tick="0.1", lot="0.001")
    backtest = Backtest(data)
    times = backtest.run(MAKER).fills["local_ts_us"].tolist()
    running = backtest.start(MAKER)
    seen = []

    while True:
        running.run(backtest.end_us, ALL, stop_on=STOPS["own_fill"])
        if running.stopped == 0:
            break
        seen.append(len(running.fills()))

    assert seen == list(range(1, len(times) + 1))
    assert len(set(times)) < len(times)


def test_an_order_event_is_any_report() -> None:
    backtest = Backtest(market(3_000))
    running = backtest.start(MAKER)

    running.run(backtest.end_us, ALL, stop_on=STOPS["order_event"])
    first = running.now_us

    assert stop_reasons(running.stopped) == ("order_event",)
    assert running.orders()["ack_us"].max() == first


def test_times_end_a_run_without_a_reason() -> None:
    replay = Replay(Backtest(market(3_000)), MAKER.spec())
    middle = (replay.start_us + replay.end_us) // 2

    assert replay.run(middle) == ()
    assert replay.now_us == middle
    assert replay.run(Breakpoints(ts_us=middle - 1)) == ()
    assert replay.now_us == middle


def test_drawdown_is_measured_from_the_highest_sample() -> None:
    backtest = Backtest(market(20_000), sample_us=100_000)
    equity = backtest.run(MAKER).equity
    fall = np.maximum.accumulate(np.maximum(equity["equity"], 0)) - equity["equity"]
    limit = float(fall.max()) / 2
    first = equity["ts_us"][np.argmax(fall >= limit)]
    running = backtest.start(MAKER)

    running.run(backtest.end_us, ALL, stop_on=STOPS["drawdown"], drawdown=limit)

    assert limit > 0
    assert running.now_us == first


def crossing(*extra: tuple[int, int, int, int, int]) -> MarketData:
    records = random_market(1)[:0].copy()
    rows = [(0, 1, 0, 100, 5), (0, 1, 1, 102, 5), *extra]
    records = np.zeros(len(rows), dtype=records.dtype)
    for at, (after_us, kind, side, price, lots) in enumerate(rows):
        when = 1_000_000 + after_us
        records[at] = (when, when + 10, price, kind, side, 1, lots)
    return MarketData.from_records(records, symbol="X", tick="1", lot="1")


def test_a_crossed_book_and_a_gap_stop_a_run() -> None:
    data = crossing((50, 1, 0, 102, 3), (90, 3, 255, 0, 0), (95, 3, 255, 0, 0))
    backtest = Backtest(data)
    running = backtest.start(script([]))
    watch = Breakpoints(crossed_book=True, gap=True).bits
    stops = []

    while running.run(backtest.end_us, ALL, stop_on=watch) and running.stopped:
        stops.append((running.now_us - 1_000_000, stop_reasons(running.stopped)))

    # The second clear finds nothing to clear.
    assert stops == [(50, ("crossed_book",)), (90, ("gap",))]
    assert running.events == 2 * len(data)


def test_breakpoints_change_nothing() -> None:
    backtest = Backtest(market(4_000))
    whole = backtest.run(MAKER)
    running = backtest.start(MAKER)
    every = Breakpoints(own_fill=True, order_event=True, crossed_book=True, gap=True).bits

    while running.run(backtest.end_us, ALL, stop_on=every) and running.stopped:
        pass

    result = backtest.finish(running)
    assert (result.digest, result.state_hash) == (whole.digest, whole.state_hash)


def test_a_drawdown_must_be_positive() -> None:
    with pytest.raises(OptionError, match="drawdown"):
        _ = Breakpoints(drawdown=0).bits


def test_another_thread_pauses_a_run_that_goes_on_later() -> None:
    backtest = Backtest(market(100_000), sample_us=50)
    whole = backtest.run(script([]))
    running = backtest.start(script([]))

    def pause() -> None:
        while running.now_us == 0:
            pass
        running.pause()

    thread = threading.Thread(target=pause)
    thread.start()
    running.run(backtest.end_us, ALL)
    thread.join()
    paused = stop_reasons(running.stopped)
    running.run(backtest.end_us, ALL)

    assert paused in (("paused",), ())  # a fast run may be over before
    assert backtest.finish(running).digest == whole.digest


def test_a_native_run_ends_at_its_time_limit() -> None:
    with pytest.raises(TimeLimitError, match=r"time limit of 0\.05 s"):
        Backtest(market(300_000), sample_us=1).run(script([]), time_limit_s=0.05)


class Endless:
    """Comes back from its fifth wake-up never."""

    interval_us = 1_000

    def __init__(self) -> None:
        self.wakes = 0

    def on_wake(self, desk: Any) -> None:
        self.wakes += 1
        if desk.touch() is not None:
            desk.buy(desk.touch()[0], 1)
        while self.wakes == 5:
            with contextlib.suppress(Exception):  # one that swallows everything
                time.sleep(0)


def test_a_strategy_that_never_returns_is_interrupted() -> None:
    backtest = Backtest(market(2_000))
    start = time.monotonic()

    with pytest.raises(TimeLimitError):
        backtest.run(Endless(), time_limit_s=0.2)

    assert time.monotonic() - start < 5
    for _ in range(1_000):  # nothing is felt later
        pass


def test_time_limits_must_be_positive() -> None:
    with pytest.raises(OptionError, match="time_limit_s"):
        Backtest(market(10)).run(MAKER, time_limit_s=0)


class Failing:
    """Fails at its fourth wake-up, once."""

    interval_us = 100_000

    def __init__(self) -> None:
        self.wakes = 0
        self.seen: list[int] = []

    def on_wake(self, desk: Any) -> None:
        self.wakes += 1
        if self.wakes == 4:
            raise RuntimeError("the model is gone")
        self.seen.append(desk.now_us)
        if desk.touch() is not None:
            desk.buy(desk.touch()[1] + 3, 1, tif="IOC")


def test_a_strategy_that_raises_leaves_a_readable_ledger_and_can_go_on() -> None:
    data = market(2_000)
    backtest, failing = Backtest(data), Failing()
    running = backtest.start(failing, checkpoint_events=300)

    with pytest.raises(RuntimeError, match="the model is gone"):
        running.run(backtest.end_us, ALL)

    failed_at = running.now_us
    assert failed_at == data.start_us + 4 * 100_000
    assert len(running.orders()) == 3
    assert len(running.fills()) > 0
    assert running.events > 0
    running.run(backtest.end_us, ALL)
    assert failing.seen[3] == failed_at
    assert len(backtest.finish(running).orders) == len(failing.seen)


def test_an_impossible_order_of_a_strategy_is_named() -> None:
    class Wrong:
        interval_us = 100_000

        def on_wake(self, desk: Any) -> None:
            desk.submit(77, 0, 2**40, 5)

    with pytest.raises(OrderError, match="order 77: its price must be"):
        Backtest(market(500)).run(Wrong())


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda desk: desk.submit(1, 2, 5, 5), ValueError),
        (lambda desk: desk.submit(1, 0, 5), TypeError),
        (lambda desk: desk.submit(1, 0, 5, 5, tif=9), ValueError),
        (lambda desk: desk.submit(1, 0, 5, 5, 0), TypeError),
        (lambda desk: desk.buy(1, 1, tif="GTT"), ValueError),
        (lambda desk: desk.buy(1, 1, price=3), TypeError),
        (lambda desk: desk.buy(2**70, 1), OverflowError),
        (lambda desk: desk.buy(1.5, 1), TypeError),
        (lambda desk: desk.buy(1, 1, symbol=7), OrderError),
        (lambda desk: desk.position(3), IndexError),
        (lambda desk: desk.levels(4), ValueError),
        (lambda desk: type(desk)(), TypeError),
    ],
)
def test_a_wrong_call_of_the_desk_is_refused(call: Any, error: type[Exception]) -> None:
    class Calls:
        interval_us = 100_000

        def on_wake(self, desk: Any) -> None:
            call(desk)

    with pytest.raises(error):
        Backtest(market(500)).run(Calls())


def test_an_engine_that_runs_cannot_be_run_again() -> None:
    backtest = Backtest(market(500))

    class Recursive:
        interval_us = 100_000

        def on_wake(self, _: Any) -> None:
            running.run(backtest.end_us, 1)

    running = backtest.start(Recursive())
    with pytest.raises(EngineError, match="running already"):
        running.run(backtest.end_us, ALL)
