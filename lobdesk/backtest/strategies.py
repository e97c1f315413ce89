"""Strategies by their settings, and the protocol for one written in Python."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lobdesk import engine
from lobdesk.backtest.checks import Param, known_params, require
from lobdesk.backtest.errors import OptionError, SignalError
from lobdesk.backtest.wake import make_rule

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


class NativeStrategy(Protocol):
    """A strategy that the engine runs without Python."""

    def spec(self) -> engine.StrategySpec:
        """Return the engine's form."""


class Strategy(Protocol):
    """A strategy in Python.

    It says when it is woken by attributes, each optional, at least one needed: ``interval_us``
    (distance of wake-ups, the first one interval after the first record), ``wake_on`` (names of
    ``best``, ``trade``, ``fill``, ``report``) and ``times_us`` (rising times). All events of one
    microsecond make one wake-up, after everything else of it.

    With ``get_state()`` and ``set_state(state)`` a run keeps checkpoints and can seek; the state is
    copied deeply. Without them, going back runs again from the start, with the attributes as they
    were then.
    """

    def on_wake(self, desk: engine.LocalDesk, /) -> object:
        """Look at the local side and send requests.

        ``desk`` shows only what has arrived: ``now_us``, ``reasons`` (bits of ``WAKE_REASONS``),
        ``touch()`` as ``(bid_ticks, ask_ticks)`` or None while a side is empty, ``best_bid()`` and
        ``best_ask()`` as ``(price_ticks, qty_lots)`` or None, ``levels(side, count)`` as a list
        of these, best first, ``position()`` in lots, ``equity()`` in quote units, and

        - ``orders()``: live own orders in order of submission, each with ``id``, ``is_buy``,
          ``price_ticks``, ``leaves_lots``, ``status``, ``is_pending``, ``has_request``;
        - ``fills()`` since the last wake-up: ``order_id``, ``is_buy``, ``price_ticks``,
          ``qty_lots``, ``is_maker``, ``symbol``;
        - ``trades()`` since the last wake-up, for those that wake on trades: ``recv_ts_us``,
          ``is_buy`` (the aggressor bought), ``price_ticks``, ``qty_lots``, ``symbol``.

        ``buy(price_ticks, qty_lots, tif="GTC")``, ``sell``, ``buy_market(qty_lots)`` and
        ``sell_market`` return the identifier of the new order; ``cancel(order_id)``,
        ``modify(order_id, price_ticks, qty_lots)`` and ``cancel_all()`` ask for a change.
        ``submit(order_id, side, price_ticks, qty_lots, order_type=, tif=)`` takes an identifier
        of yours. Codes are positions in ``SIDES``, ``STATUSES``, ``ORDER_TYPES`` and
        ``TIMES_IN_FORCE`` of ``lobdesk.backtest.model``; arguments may be those words. All take
        ``symbol=``, by default the first. The desk is valid during the call only.
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
        require("interval_us", self.interval_us, 1)
        require("qty_lots", self.qty_lots, 1)
        require("max_position_lots", self.max_position_lots, 1)
        require("offset_ticks", self.offset_ticks, 0)
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
    cancelled. Nothing happens while a side of the book is empty. Each signal is for one symbol of
    the run; of those of one symbol at one time the last counts.

    Attributes:
        ts_us: Action times (when the value was available), rising, int64, shape ``[signals]``.
        values: The signal, float64, shape ``[signals]``.
        symbols: Number of each signal's symbol within the run's data, int32, shape ``[signals]``.
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
        symbols: NDArray[np.integer] | None = None,
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
            symbols: Number of each signal's symbol; None means the first one's.
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
        numbers = np.zeros(len(ts_us), dtype=np.int32) if symbols is None else np.asarray(symbols)
        if numbers.shape != self.ts_us.shape or not np.issubdtype(numbers.dtype, np.integer):
            raise OptionError("symbols", numbers.shape, "one whole number per action time")
        is_number = (numbers >= 0) & (numbers <= np.iinfo(np.int32).max)
        _refuse_rows(~is_number, "its symbol is no number of one")
        self.symbols = np.ascontiguousarray(numbers, dtype=np.int32)
        _refuse_rows(np.diff(self.ts_us, prepend=self.ts_us[:1]) < 0, "its time is before the last")
        _refuse_rows(~np.isfinite(self.values), "its value is not finite")
        if feature_ts_us is not None:
            late = np.asarray(feature_ts_us, dtype=np.int64) > self.ts_us
            _refuse_rows(late, "its feature time is after its action time: it looks ahead")
        if not threshold >= 0:
            raise OptionError("threshold", threshold, "0 or more")
        require("max_position_lots", max_position_lots, 1)
        self.threshold = float(threshold)
        self.max_position_lots = max_position_lots
        self.maker = maker
        self.hold = hold

    def refuse_unknown_symbols(self, count: int) -> None:
        """Check the signals against the number of symbols of a run.

        Raises:
            SignalError: A signal is for a symbol that the run does not have.
        """
        _refuse_rows(self.symbols >= count, f"its symbol is none of the run's {count}")

    def spec(self) -> engine.StrategySpec:
        """Return the engine's form."""
        return engine.signal_follower(
            self.ts_us,
            self.values,
            self.symbols,
            threshold=self.threshold,
            max_position_lots=self.max_position_lots,
            maker=self.maker,
            hold=self.hold,
        )


def to_spec(strategy: NativeStrategy | Strategy | engine.StrategySpec) -> engine.StrategySpec:
    """Return the engine's form of any strategy.

    Raises:
        OptionError: The object is no strategy, or nothing would ever wake it.
        UnknownNameError: It wakes on an event that does not exist.
    """
    if isinstance(strategy, engine.StrategySpec):
        return strategy
    if callable(getattr(strategy, "on_wake", None)):
        rule = make_rule(
            interval_us=getattr(strategy, "interval_us", 0),
            wake_on=getattr(strategy, "wake_on", ()),
            times_us=getattr(strategy, "times_us", None),
        )
        return engine.python_strategy(
            strategy, interval_us=rule.interval_us, events=rule.events, times_us=rule.times_us
        )
    if hasattr(strategy, "spec"):
        return strategy.spec()
    raise OptionError("strategy", strategy, "an object with spec(), or on_wake(desk)")


def join_touch_from(params: Mapping[str, Param]) -> JoinTouch:
    """Return a JoinTouch from named parameters, all optional but the quantity.

    Raises:
        UnknownNameError: There is no such parameter.
        OptionError: A value has the wrong type.
    """
    defaults: dict[str, Param] = {"interval_us": 100_000, "offset_ticks": 0}
    names = [field.name for field in fields(JoinTouch)]
    values = {**defaults, **known_params(params, names)}
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
    known = known_params(params, ["threshold", "max_position_lots", "maker", "hold"])
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


def _integer(name: str, value: Param) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise OptionError(name, value, "a whole number")
    return value


def _refuse_rows(is_bad: NDArray[np.bool_], reason: str) -> None:
    if is_bad.any():
        raise SignalError(int(np.argmax(is_bad)), reason)
