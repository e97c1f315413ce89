"""When strategies are woken: rules, total order, and the slow reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobdesk.backtest import Backtest, MarketData
from lobdesk.backtest.errors import OptionError, UnknownNameError
from lobdesk.backtest.scenario import _market_data
from lobdesk.backtest.wake import EVENTS, WAKE_REASONS, make_rule
from tests.backtest.markets import market
from tests.backtest.streams import START_US, scenarios
from tests.reference.engine import Reference

Seen = tuple[int, tuple[str, ...], tuple[int, int] | None, int, tuple[int, ...]]


def decide(touch: tuple[int, int] | None, position: int, live: int) -> list[tuple[str, int, int]]:
    """Return (side, price, quantity) of orders: a function of what is seen only."""
    if touch is None or live > 2:
        return []
    side = "buy" if position <= 0 else "sell"
    return [(side, touch[0] if live % 2 == 0 else touch[1], 2 + live)]


class Logger:
    """Trades by ``decide`` and keeps what it saw."""

    def __init__(self, interval_us: int, wake_on: tuple[str, ...], times_us: list[int]) -> None:
        self.interval_us, self.wake_on, self.times_us = interval_us, wake_on, times_us
        self.seen: list[Seen] = []

    def on_wake(self, desk: Any) -> None:
        reasons = [name for name, bit in WAKE_REASONS.items() if desk.reasons & bit]
        live = tuple(order.id for order in desk.orders())
        touch = desk.touch()
        self.seen.append((desk.now_us, tuple(sorted(reasons)), touch, desk.position(), live))
        for side, price, lots in decide(touch, desk.position(), len(live)):
            (desk.buy if side == "buy" else desk.sell)(price, lots)


def reference_run(scenario: dict[str, Any], logger: Logger) -> tuple[list[Seen], Reference]:
    seen: list[Seen] = []

    def policy(ref: Reference, reasons: set[str]) -> list[dict[str, Any]]:
        bid, ask = ref.local.best("bid"), ref.local.best("ask")
        touch = None if bid is None or ask is None else (bid, ask)
        over = ("FILLED", "CANCELED", "EXPIRED")
        live = tuple(o.id for o in ref.orders.values() if o.status not in over)
        seen.append((ref.now, tuple(sorted(reasons)), touch, ref.position, live))
        first = len(ref.orders) + 1
        return [
            {"do": "submit", "t": ref.now, "id": first + i, "side": side, "px": price,
             "qty": lots, "type": "limit", "tif": "GTC", "sym": 0}
            for i, (side, price, lots) in enumerate(decide(touch, ref.position, len(live)))
        ]  # fmt: skip

    start, end = scenario["feed"][0]["ex"], scenario["end"]
    wakes = [(t, "time") for t in logger.times_us if start <= t <= end]
    if logger.interval_us:
        wakes += [
            (t, "interval") for t in range(start + logger.interval_us, end + 1, logger.interval_us)
        ]
    rules = {"policy": policy, "wake_on": logger.wake_on, "wakes": wakes, "actions": []}
    return seen, Reference(scenario | rules).run()


@settings(max_examples=100, deadline=None)
@given(
    scenarios(),
    st.sampled_from([0, 0, 3, 7]),
    st.sets(st.sampled_from(EVENTS)),
    st.sets(st.integers(START_US - 3, START_US + 60), min_size=1).map(sorted),
)
def test_wakes_come_in_the_total_order_of_the_reference(
    scenario: dict[str, Any], interval_us: int, wake_on: set[str], times_us: list[int]
) -> None:
    logger = Logger(interval_us, tuple(sorted(wake_on)), times_us)
    # An order per wake-up and a wake-up per report at no distance would never end.
    scenario["model"] |= {"entry_us": scenario["model"]["entry_us"] + 1}
    wanted, reference = reference_run(scenario, logger)
    model = scenario["model"]
    data = _market_data(scenario["feed"], 0, {})
    backtest = Backtest(
        data, entry_us=model["entry_us"], response_us=model["resp_us"], end_us=scenario["end"]
    )

    result = backtest.run(logger)

    assert logger.seen == wanted
    assert result.position_lots == reference.position
    assert result.cash == reference.accounts[0].cash
    # One event at a time, and with the state kept in between, it is the same.
    single = Logger(interval_us, logger.wake_on, times_us)
    running = backtest.start(single)
    while running.run(backtest.end_us, 1):
        pass
    assert single.seen == wanted
    assert backtest.finish(running).digest == result.digest


def test_trades_and_fills_are_those_since_the_last_wake_up() -> None:
    class Sees:
        wake_on = ("trade", "fill")

        def __init__(self) -> None:
            self.trades: list[Any] = []
            self.fills: list[Any] = []

        def on_wake(self, desk: Any) -> None:
            self.trades += desk.trades()
            self.fills += desk.fills()
            if desk.touch() is not None and not desk.orders():
                desk.buy(desk.touch()[1] + 5, 3, tif="IOC")

    data, sees = market(4_000), Sees()

    result = Backtest(data).run(sees)

    trades = data.records[data.records["kind"] == 2]
    trades = trades[trades["recv_ts_us"] <= data.end_us]
    assert [trade.recv_ts_us for trade in sees.trades] == trades["recv_ts_us"].tolist()
    assert [(f.order_id, f.side, f.price_ticks, f.qty_lots) for f in sees.fills] == [
        (row["order_id"], row["side"], row["price_ticks"], row["qty_lots"]) for row in result.fills
    ]
    assert len(sees.fills) > 10


def test_several_symbols_wake_by_each() -> None:
    class Times:
        wake_on = ("best",)

        def __init__(self) -> None:
            self.seen: list[int] = []

        def on_wake(self, desk: Any) -> None:
            self.seen.append(desk.now_us)

    both, one, two = Times(), Times(), Times()
    first, second = market(2_000, seed=1), market(2_000, seed=2)
    end_us = min(first.end_us, second.end_us)
    for data, strategy in (([first, second], both), (first, one), (second, two)):
        Backtest(data, end_us=end_us).run(strategy)  # type: ignore[arg-type]

    assert len(one.seen) > 100
    assert both.seen == sorted({*one.seen, *two.seen})


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"interval_us": -1},
        {"interval_us": 1.5},
        {"times_us": [3, 3]},
        {"times_us": [[1], [2]]},
    ],
)
def test_an_impossible_rule_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        make_rule(**wrong)


def test_an_unknown_event_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'trade'"):
        make_rule(wake_on=["trades"])


def test_times_before_the_data_are_left_out() -> None:
    data = market(100)
    seen: list[int] = []

    class Listed:
        times_us = np.array([5, data.start_us, data.start_us + 7])

        def on_wake(self, desk: Any) -> None:
            seen.append(desk.now_us)

    Backtest(data).run(Listed())

    assert seen == [data.start_us, data.start_us + 7]
    assert isinstance(data, MarketData)
