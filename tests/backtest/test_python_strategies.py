"""Strategies in Python: what the desk shows and takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lobdesk import engine
from lobdesk.backtest import RECORD_DTYPE, Backtest, JoinTouch, MarketData
from lobdesk.backtest.errors import OptionError
from tests.backtest.markets import BUY, SELL, START_US, market, quiet


def run(data: MarketData, strategy: Any) -> object:
    return Backtest(data, entry_us=1_000, response_us=1_000).run(strategy)


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
