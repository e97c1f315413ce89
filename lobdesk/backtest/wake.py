"""When a strategy is woken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lobdesk.backtest.errors import OptionError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

WAKE_REASONS = {"interval": 1, "time": 2, "best": 4, "trade": 8, "fill": 16, "report": 32}
"""Bits of ``desk.reasons``: why a strategy was woken. Several may be set."""

EVENTS = ("best", "trade", "fill", "report")


@dataclass(frozen=True, slots=True)
class WakeRule:
    """Conditions that add up.

    Attributes:
        interval_us: Distance of wake-ups, the first one interval after the first record; 0 for
            none.
        events: Bits of ``WAKE_REASONS``.
        times_us: Rising times, int64; None for none.
    """

    interval_us: int
    events: int
    times_us: NDArray[np.int64] | None


def make_rule(
    *,
    interval_us: int = 0,
    wake_on: Iterable[str] = (),
    times_us: Iterable[int] | NDArray[np.int64] | None = None,
) -> WakeRule:
    """Return a checked rule.

    Args:
        interval_us: Distance of wake-ups; 0 for none.
        wake_on: Events of the local side: ``best`` (a record changed a best price), ``trade``,
            ``fill`` (the report of an own one), ``report`` (any, fills included).
        times_us: Rising times; those before the first record are left out.

    Raises:
        UnknownNameError: There is no such event.
        OptionError: A time or interval is impossible, or nothing would ever wake it.
    """
    if isinstance(interval_us, bool) or not isinstance(interval_us, int | np.integer):
        raise OptionError("interval_us", interval_us, "a whole number from 0")
    if interval_us < 0:
        raise OptionError("interval_us", interval_us, "a whole number from 0")
    names = (wake_on,) if isinstance(wake_on, str) else tuple(wake_on)
    for name in names:
        if name not in EVENTS:
            raise UnknownNameError("wake_on", name, EVENTS)
    times = None
    if times_us is not None:
        times = np.ascontiguousarray(np.asarray(times_us, dtype=np.int64))
        if times.ndim != 1 or (np.diff(times) <= 0).any():
            raise OptionError("times_us", times_us, "rising times")
    if not (interval_us or names or times is not None):
        raise OptionError("interval_us", interval_us, "1 or more, wake_on or times_us")
    events = 0
    for name in names:
        events |= WAKE_REASONS[name]
    return WakeRule(int(interval_us), events, times)
