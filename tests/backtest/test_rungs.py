"""One strategy on every rung: built in, as signals, behind a C pointer, in Python."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lobdesk.backtest import Backtest, CFunction, JoinTouch, SignalFollower, pointers
from lobdesk.backtest.errors import OptionError
from lobdesk.engine import OrderError, StrategyError
from tests.backtest.markets import market
from tests.backtest.numba_maker import numba_maker

INTERVAL_US, QTY, LIMIT = 20_000, 100, 1_000
NATIVE = JoinTouch(INTERVAL_US, QTY, LIMIT)
SOURCE = Path(__file__).parents[1] / "data" / "join_touch.c"


class Maker:
    """JoinTouch in Python."""

    interval_us = INTERVAL_US

    def __init__(self) -> None:
        self.wakes = 0

    def on_wake(self, desk: Any) -> None:
        self.wakes += 1
        touch = desk.touch()
        if touch is None:
            return
        has = [False, False]
        for order in desk.orders():
            side = order.side
            has[side] = True
            can_cancel = not (order.is_pending or order.has_request)
            if can_cancel and order.price_ticks != touch[side]:
                desk.cancel(order.id)
        position = desk.position()
        if not has[0] and position < LIMIT:
            desk.buy(touch[0], QTY, tif="GTX")
        if not has[1] and position > -LIMIT:
            desk.sell(touch[1], QTY, tif="GTX")


class RememberingMaker(Maker):
    """The same with a state that checkpoints can keep."""

    def get_state(self) -> int:
        return self.wakes

    def set_state(self, state: int) -> None:
        self.wakes = state


def through_numpy(view_at: int, symbols_at: int, orders_at: int, commands_at: int) -> None:
    """Do what JoinTouch does, on the structures as NumPy sees them."""

    def rows(address: int, dtype: np.dtype[Any], count: int) -> Any:
        size = dtype.itemsize * count
        if size == 0:
            return np.zeros(0, dtype)
        return np.frombuffer((ctypes.c_char * size).from_address(address), dtype)

    view = rows(view_at, pointers.VIEW_DTYPE, 1)[0:1]
    assert view["version"][0] == pointers.VERSION
    assert view["size"][0] == pointers.VIEW_DTYPE.itemsize
    symbol = rows(symbols_at, pointers.SYMBOL_DTYPE, 1)[0]
    if symbol["bid_ticks"] == 0 or symbol["ask_ticks"] == 0:
        return
    commands = rows(commands_at, pointers.COMMAND_DTYPE, pointers.COMMAND_CAPACITY)
    touch = int(symbol["bid_ticks"]), int(symbol["ask_ticks"])
    made: list[tuple[int, ...]] = []
    has = [False, False]
    for order in rows(orders_at, pointers.ORDER_DTYPE, int(view["order_count"][0])):
        side = int(order["side"])
        has[side] = True
        if order["price_ticks"] != touch[side] and order["status"] and not order["has_request"]:
            made.append((int(order["id"]), 0, 0, 0, 1, 0, 0, 0))
    next_id = int(view["next_order_id"][0])
    for side, sign in ((0, 1), (1, -1)):
        if not has[side] and sign * int(symbol["position_lots"]) < LIMIT:
            made.append((next_id, touch[side], QTY, 0, 0, side, 0, 3))
            next_id += 1
    for at, command in enumerate(made):
        commands[at] = command
    view["command_count"] = len(made)


def ctypes_maker() -> CFunction:
    @pointers.FUNCTION_TYPE
    def on_wake(*pointers_given: int) -> int:
        view, symbols, _, orders, _, _, commands, _ = pointers_given
        through_numpy(view, symbols, orders, commands)
        return 0

    return CFunction(on_wake, interval_us=INTERVAL_US)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler")
    library = tmp_path_factory.mktemp("c") / "join_touch.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    return ctypes.CDLL(str(library))


def compiled_maker(library: ctypes.CDLL) -> CFunction:
    settings = np.array([QTY, LIMIT, 0], dtype=np.int64)
    return CFunction(library.join_touch, interval_us=INTERVAL_US, state=settings)


@pytest.mark.parametrize("options", [{}, {"preset": "hftbacktest", "queue": "log2"}])
def test_python_ctypes_and_c_give_the_native_ledger(
    compiled: ctypes.CDLL, options: dict[str, Any]
) -> None:
    backtest = Backtest(market(6_000), **options)
    native = backtest.run(NATIVE)

    assert len(native.fills) > 20
    assert backtest.run(Maker()).digest == native.digest
    assert backtest.run(ctypes_maker()).digest == native.digest
    assert backtest.run(compiled_maker(compiled)).digest == native.digest


def test_numba_gives_the_native_ledger() -> None:
    backtest = Backtest(market(6_000))
    function = numba_maker(QTY, LIMIT)

    result = backtest.run(CFunction(function, interval_us=INTERVAL_US))

    assert result.digest == backtest.run(NATIVE).digest


def test_signals_are_the_same_in_python() -> None:
    data = market(6_000)
    times = np.arange(data.start_us, data.end_us, 30_000)
    values = np.sin(np.arange(len(times)) / 7)

    class Follows:
        times_us = times

        def on_wake(self, desk: Any) -> None:
            value = values[np.searchsorted(times, desk.now_us, "right") - 1]
            touch = desk.touch()
            if touch is None:
                return
            target = LIMIT if value > 0.5 else -LIMIT if value < -0.5 else 0
            wanted = target - desk.position()
            side = 0 if wanted >= 0 else 1
            open_lots = 0
            for order in desk.orders():
                open_lots += order.leaves_lots if order.side == side else 0
                is_good = order.side == side and open_lots <= abs(wanted)
                if not (is_good or order.is_pending or order.has_request):
                    desk.cancel(order.id)
            if abs(wanted) > open_lots:
                send = desk.buy if side == 0 else desk.sell
                send(touch[1 - side], abs(wanted) - open_lots, tif="IOC")

    backtest = Backtest(data)
    native = backtest.run(SignalFollower(times, values, threshold=0.5, max_position_lots=LIMIT))

    assert len(native.fills) > 10
    assert backtest.run(Follows()).digest == native.digest


@pytest.mark.parametrize("make", [RememberingMaker, "compiled", NATIVE])
def test_seeks_come_back_to_the_same_states(make: Any, compiled: ctypes.CDLL) -> None:
    strategy = compiled_maker(compiled) if make == "compiled" else make
    if strategy is RememberingMaker:
        strategy = RememberingMaker()
    backtest = Backtest(market(6_000))
    whole = backtest.run(NATIVE)
    running = backtest.start(strategy, checkpoint_events=700)
    running.run(backtest.end_us, 2**62)
    end, hashes = running.events, {}
    for event in (5_000, 100, 9_000, 4_321, 0, 9_000, 100, 5_000):
        running.seek_event(event)
        assert hashes.setdefault(event, running.state_hash()) == running.state_hash()
    running.seek_event(end)

    assert not running.seeks_from_start
    assert backtest.finish(running).digest == whole.digest
    if isinstance(strategy, RememberingMaker):
        once = Maker()
        backtest.run(once)
        assert strategy.wakes == once.wakes


def test_the_state_of_a_c_function_belongs_to_each_engine(compiled: ctypes.CDLL) -> None:
    counter = CFunction(compiled.buys_each_third_wake, interval_us=INTERVAL_US, state=8)
    backtest = Backtest(market(3_000))

    first, again = backtest.run(counter), backtest.run(counter)

    assert len(first.orders) > 5
    assert again.digest == first.digest


def test_a_c_function_names_its_own_next_wake_up_and_sees_levels(compiled: ctypes.CDLL) -> None:
    data = market(3_000)
    chooser = CFunction(compiled.checks_levels, times_us=[data.start_us + 100_000], levels=3)

    orders = Backtest(data).run(chooser).orders

    assert (np.diff(orders["decision_us"])[:5] == 777).all()


@pytest.mark.parametrize(
    ("name", "error", "text"),
    [
        ("fails", StrategyError, "returned 7 at"),
        ("floods", StrategyError, "wrote 1000 commands"),
        ("buys_nothing", OrderError, "order 5: its quantity must be"),
        ("unknown_kind", StrategyError, "kind 9"),
    ],
)
def test_a_c_function_that_errs_ends_the_run(
    compiled: ctypes.CDLL, name: str, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        Backtest(market(1_000)).run(CFunction(compiled[name], interval_us=INTERVAL_US))


@pytest.mark.parametrize("function", [None, 0, "x", print])
def test_what_is_no_c_function_is_refused(function: Any) -> None:
    with pytest.raises(OptionError, match="function"):
        CFunction(function, interval_us=1)
