"""Strategies behind a C function pointer: numba ``@cfunc``, ctypes or a compiled library.

The function is called at each wake-up with eight pointers and returns 0, or another number to end
the run with a ``StrategyError``::

    int32_t on_wake(View *view, const Symbol *symbols, const Level *levels, const Order *orders,
                    const Trade *trades, const Fill *fills, Command *commands, void *state);

It writes its requests to ``commands``, their number to ``view->command_count``, and may set
``view->next_wake_us``. The structures are the dtypes below; ``view`` carries their
version. ``state`` is memory of the engine: checkpoints copy it, so that a run can seek.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, cast

import numpy as np

from lobdesk import engine
from lobdesk.backtest.checks import require
from lobdesk.backtest.errors import OptionError
from lobdesk.backtest.wake import make_rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

VERSION = 1
"""Version of the structures, in ``view.version``."""

COMMAND_CAPACITY = 256
"""Most requests of one wake-up."""

VIEW_DTYPE = np.dtype(
    [
        ("version", "<u4"),
        ("size", "<u4"),
        ("now_us", "<i8"),
        ("reasons", "<u4"),
        ("symbol_count", "<i4"),
        ("level_count", "<i4"),
        ("reserved", "<i4"),
        ("order_count", "<i8"),
        ("trade_count", "<i8"),
        ("fill_count", "<i8"),
        ("next_order_id", "<i8"),
        ("state_bytes", "<i8"),
        ("command_capacity", "<i8"),
        ("command_count", "<i8"),
        ("next_wake_us", "<i8"),
    ]
)
"""One wake-up. ``reasons`` are bits of ``WAKE_REASONS``; ``next_order_id`` is the next free one.

The function writes ``command_count`` (0 before) and may write ``next_wake_us``, one more wake-up
later than now (``2**63 - 1``: none).
"""

SYMBOL_DTYPE = np.dtype(
    [
        (name, "<i8")
        for name in ("bid_ticks", "bid_lots", "ask_ticks", "ask_lots", "last_mid2", "position_lots")
    ]
)
"""One symbol: best prices (0 while a side is empty), twice the last valid mid, the position."""

LEVEL_DTYPE = np.dtype([("price_ticks", "<i8"), ("qty_lots", "<i8")])
"""Level r of side d of symbol s: row ``(s * 2 + d) * level_count + r``; 0 where there is none."""

ORDER_DTYPE = np.dtype(
    [
        ("id", "<i8"),
        ("price_ticks", "<i8"),
        ("leaves_lots", "<i8"),
        ("filled_lots", "<i8"),
        ("symbol", "<i4"),
        ("side", "u1"),
        ("status", "u1"),
        ("has_request", "u1"),
        ("reserved", "u1"),
    ]
)
"""One live order, in order of submission; codes as in ``lobdesk.backtest.model``."""

TRADE_DTYPE = np.dtype(
    [
        ("exch_ts_us", "<i8"),
        ("recv_ts_us", "<i8"),
        ("price_ticks", "<i8"),
        ("qty_lots", "<i8"),
        ("symbol", "<i4"),
        ("side", "<i4"),
    ]
)
"""A trade since the last wake-up, if the function wakes on trades; ``side`` is the aggressor's."""

COMMAND_DTYPE = np.dtype(
    [
        ("id", "<i8"),
        ("price_ticks", "<i8"),
        ("qty_lots", "<i8"),
        ("symbol", "<i4"),
        ("kind", "u1"),
        ("side", "u1"),
        ("type", "u1"),
        ("tif", "u1"),
    ]
)
"""A request: kind 0 submit, 1 cancel, 2 modify, 3 cancel all (``symbol`` -1: of every symbol)."""

FUNCTION_TYPE = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 8)
"""Type of the function for ctypes."""


class CFunction:
    """A C function that trades.

    Attributes:
        address: Where its code is.
        rule: When it is woken.
    """

    def __init__(
        self,
        function: object,
        *,
        interval_us: int = 0,
        wake_on: Iterable[str] = (),
        times_us: Iterable[int] | NDArray[np.int64] | None = None,
        state: NDArray[np.generic] | bytes | int = 0,
        levels: int = 0,
    ) -> None:
        """Take a function and keep it alive.

        Args:
            function: A numba ``@cfunc`` (anything with ``address``), a ctypes function (a Python
                one as ``FUNCTION_TYPE(...)``), or an address.
            interval_us: As of ``make_rule``, like the next two.
            wake_on: Events of the local side.
            times_us: Rising times.
            state: Its memory at the start, or a number of zero bytes; at least 8-byte aligned.
            levels: Book levels a side that it sees.

        Raises:
            OptionError: The function is none, or an option is impossible.
        """
        self.rule = make_rule(interval_us=interval_us, wake_on=wake_on, times_us=times_us)
        self.address = _address(function)
        self._function = function
        require("levels", levels, 0, 1000)
        self._levels = levels
        if isinstance(state, int):
            require("state", state, 0, 2**30)
            self._state = bytes(state)
        else:
            self._state = state if isinstance(state, bytes) else state.tobytes()

    def spec(self) -> engine.StrategySpec:
        """Return the engine's form."""
        return engine.c_function(
            self.address,
            owner=self._function,
            state=self._state,
            interval_us=self.rule.interval_us,
            events=self.rule.events,
            times_us=self.rule.times_us,
            levels=self._levels,
        )


def _address(function: object) -> int:
    if isinstance(function, int) and not isinstance(function, bool):
        address: object = function
    elif isinstance(function, FUNCTION_TYPE.__mro__[1]):
        address = ctypes.cast(cast("ctypes.c_void_p", function), ctypes.c_void_p).value
    else:
        address = getattr(function, "address", None)
    if not isinstance(address, int) or address <= 0:
        raise OptionError("function", function, "a C function: numba @cfunc, ctypes or an address")
    return address
