"""A wall-clock limit for runs, also for strategies in Python that never return."""

from __future__ import annotations

import ctypes
import threading
from typing import TYPE_CHECKING

from lobdesk.backtest.breakpoints import STOPS
from lobdesk.backtest.errors import OptionError, TimeLimitError
from lobdesk.backtest.model import ALL_EVENTS

if TYPE_CHECKING:
    from lobdesk import engine

GRACE_S = 0.05


def run_within(running: engine.BacktestEngine, until_us: int, limit_s: float | None) -> None:
    """Run an engine up to a time, at most so long.

    The engine looks at the clock between events. A strategy that does not return is interrupted by
    an exception in its thread, which Python code notices and a call into C does not.

    Raises:
        OptionError: The limit is not above 0.
        TimeLimitError: The limit came first; the engine can go on.
    """
    if limit_s is None:
        running.run(until_us, ALL_EVENTS)
        return
    if not limit_s > 0:
        raise OptionError("time_limit_s", limit_s, "more than 0 seconds")
    watchdog = _Watchdog(limit_s + GRACE_S)
    try:
        with watchdog:
            running.run(until_us, ALL_EVENTS, time_limit_s=limit_s)
    except _OverdueError:
        raise TimeLimitError(limit_s, running.now_us) from None
    if running.stopped & STOPS["time_limit"]:
        raise TimeLimitError(limit_s, running.now_us)


class _OverdueError(BaseException):
    """Raised inside a strategy; no ``except Exception`` of its own holds it up."""


class _Watchdog:
    """Raises in the thread that made it, unless that leaves the block in time."""

    def __init__(self, after_s: float) -> None:
        self._thread = threading.get_ident()
        self._lock = threading.Lock()
        self._is_over = False
        self._timer = threading.Timer(after_s, self._bite)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._is_over = True
        self._timer.cancel()
        # If it bit between the last event and here, nobody must feel it later.
        _raise_in(self._thread, None)

    def _bite(self) -> None:
        with self._lock:
            if not self._is_over:
                _raise_in(self._thread, _OverdueError)


def _raise_in(thread: int, error: type[BaseException] | None) -> None:
    what = None if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), what)
