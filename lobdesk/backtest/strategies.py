"""Strategies by their settings, and the protocol for one written in Python."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from lobdesk import engine
from lobdesk.backtest.errors import OptionError, SignalError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Param = str | int | float | bool


class NativeStrategy(Protocol):
    """A strategy that the engine runs without Python."""

    def spec(self) -> engine.StrategySpec:
        """Return the engine's form."""


@runtime_checkable
class Strategy(Protocol):
    """A strategy in Python, called on an interval of the local clock.

    Attributes:
        interval_us: Distance of wake-ups; the first is one interval after the first record.
    """

    interval_us: int

    def on_wake(self, desk: engine.LocalDesk) -> object:
        """Look at the local side and send requests.

        ``desk`` shows only what has arrived: ``now_us``, ``touch()`` as ``(bid_ticks, ask_ticks)``
        or None while a side is empty, ``best_bid()`` and ``best_ask()`` as ``(price_ticks,
        qty_lots)`` or None, ``position()``, ``orders()`` as ``(id, side,
        price_ticks, leaves_lots, status, has_request)``. It takes ``submit(order_id, side,
        price_ticks, qty_lots, order_type=, tif=)``, ``cancel``, ``cancel_all`` and ``modify``.
        Codes are positions in ``SIDES``, ``STATUSES``, ``ORDER_TYPES`` and ``TIMES_IN_FORCE`` of
        ``lobdesk.backtest.model``. It is valid during the call only.
        """


@dataclass(frozen=True, slots=True)
class JoinTouch:
    """Keep a post-only order at each best price.

    First wake-up at the first exchange time plus the interval. On each one, unless a side of the
    book is empty: cancel own acknowledged orders that are not at best bid - offset or best ask +
    offset, then submit, bid first, on each side without a live order, buying while the position is
    below the limit and selling while it is above its negative.

    Attributes:
        interval_us: Distance of wake-ups.
        qty_lots: Size of each order.
        max_position_lots: No order that adds to a position of this size.
        offset_ticks: Distance behind the best price.
    """

    interval_us: int
    qty_lots: int
    max_position_lots: int
    offset_ticks: int = 0

    def spec(self) -> engine.StrategySpec:
        """Return the engine's form.

        Raises:
            OptionError: A parameter is out of range.
        """
        _require("interval_us", self.interval_us, 1)
        _require("qty_lots", self.qty_lots, 1)
        _require("max_position_lots", self.max_position_lots, 1)
        _require("offset_ticks", self.offset_ticks, 0)
        return engine.join_touch(
            interval_us=self.interval_us,
            qty_lots=self.qty_lots,
            max_position_lots=self.max_position_lots,
            offset_ticks=self.offset_ticks,
        )


class SignalFollower:
    """Hold a position by the sign of a signal.

    At each signal's action time the target is +max beyond the threshold, -max below its negative,
    and 0 between (``hold=True``: no change). The missing quantity, counting what is still open, is
    bought or sold at once: as a taker with an IOC order at the opposite best price, or, with
    ``maker=True``, with a post-only order at the own best price while own orders elsewhere are
    cancelled. Nothing happens while a side of the book is empty. It trades the first symbol.

    Attributes:
        ts_us: Action times (when the value was available), rising, int64, shape ``[signals]``.
        values: The signal, float64, shape ``[signals]``.
        threshold: In units of the signal, 0 or more.
        max_position_lots: Size of the target position.
        maker: Join the touch instead of taking.
        hold: Keep the position while the signal is within the threshold.
    """

    def __init__(
        self,
        ts_us: NDArray[np.int64],
        values: NDArray[np.float64],
        *,
        feature_ts_us: NDArray[np.int64] | None = None,
        threshold: float,
        max_position_lots: int,
        maker: bool = False,
        hold: bool = False,
    ) -> None:
        """Check the signals.

        Args:
            ts_us: Action times.
            values: The signal.
            feature_ts_us: Time of the last input of each value; must not be after ``ts_us``.
            threshold: In units of the signal.
            max_position_lots: Size of the target position.
            maker: Join the touch instead of taking.
            hold: Keep the position while the signal is within the threshold.

        Raises:
            SignalError: Times fall, a value is not finite, or one looks into the future.
            OptionError: A parameter is out of range.
        """
        self.ts_us = np.ascontiguousarray(ts_us, dtype=np.int64)
        self.values = np.ascontiguousarray(values, dtype=np.float64)
        if self.ts_us.shape != self.values.shape or self.ts_us.ndim != 1:
            raise OptionError("values", self.values.shape, "one value per action time")
        _refuse_rows(np.diff(self.ts_us, prepend=self.ts_us[:1]) < 0, "its time is before the last")
        _refuse_rows(~np.isfinite(self.values), "its value is not finite")
        if feature_ts_us is not None:
            late = np.asarray(feature_ts_us, dtype=np.int64) > self.ts_us
            _refuse_rows(late, "its feature time is after its action time: it looks ahead")
        if not threshold >= 0:
            raise OptionError("threshold", threshold, "0 or more")
        _require("max_position_lots", max_position_lots, 1)
        self.threshold = float(threshold)
        self.max_position_lots = max_position_lots
        self.maker = maker
        self.hold = hold

    def spec(self) -> engine.StrategySpec:
        """Return the engine's form."""
        return engine.signal_follower(
            self.ts_us,
            self.values,
            threshold=self.threshold,
            max_position_lots=self.max_position_lots,
            maker=self.maker,
            hold=self.hold,
        )


def to_spec(strategy: NativeStrategy | Strategy | engine.StrategySpec) -> engine.StrategySpec:
    """Return the engine's form of any strategy.

    Raises:
        OptionError: The object is no strategy.
    """
    if isinstance(strategy, engine.StrategySpec):
        return strategy
    if isinstance(strategy, Strategy):
        _require("interval_us", strategy.interval_us, 1)
        return engine.python_strategy(
            strategy, interval_us=strategy.interval_us, events=0, times_us=None
        )
    if hasattr(strategy, "spec"):
        return strategy.spec()
    raise OptionError("strategy", strategy, "an object with spec(), or on_wake() and interval_us")


def join_touch_from(params: Mapping[str, Param]) -> JoinTouch:
    """Return a JoinTouch from named parameters, all optional but the quantity.

    Raises:
        UnknownNameError: There is no such parameter.
        OptionError: A value has the wrong type.
    """
    defaults: dict[str, Param] = {"interval_us": 100_000, "offset_ticks": 0}
    names = [field.name for field in fields(JoinTouch)]
    values = {**defaults, **_known(params, names)}
    if "qty_lots" not in values:
        raise OptionError("qty_lots", None, "the size of an order: --param qty_lots=N")
    values.setdefault("max_position_lots", int(_integer("qty_lots", values["qty_lots"])) * 10)
    return JoinTouch(**{name: _integer(name, value) for name, value in values.items()})


def signal_params(params: Mapping[str, Param]) -> dict[str, Param]:
    """Return the checked parameters of a SignalFollower.

    Raises:
        UnknownNameError: There is no such parameter.
        OptionError: A value has the wrong type.
    """
    known = _known(params, ["threshold", "max_position_lots", "maker", "hold"])
    if "max_position_lots" not in known:
        raise OptionError("max_position_lots", None, "a size: --param max_position_lots=N")
    known["max_position_lots"] = _integer("max_position_lots", known["max_position_lots"])
    threshold = known.setdefault("threshold", 0.0)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise OptionError("threshold", threshold, "a number")
    for flag in ("maker", "hold"):
        if not isinstance(known.setdefault(flag, False), bool):
            raise OptionError(flag, known[flag], "true or false")
    return known


def _known(params: Mapping[str, Param], names: list[str]) -> dict[str, Param]:
    for name in params:
        if name not in names:
            raise UnknownNameError("parameter", name, names)
    return dict(params)


def _integer(name: str, value: Param) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise OptionError(name, value, "a whole number")
    return value


def _require(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise OptionError(name, value, f"a whole number from {least}")


def _refuse_rows(is_bad: NDArray[np.bool_], reason: str) -> None:
    if is_bad.any():
        raise SignalError(int(np.argmax(is_bad)), reason)
