"""Grids of settings: every combination of the values of some axes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from lobdesk.backtest.errors import OptionError, UnknownNameError
from lobdesk.settings import BacktestSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Value = str | int | float | bool

ALL_DAYS = "*"
NO_AXES = frozenset({"grid", "params"})


class Market(NamedTuple):
    """Which records a backtest reads.

    Attributes:
        symbol: Pair; empty means the first indexed one.
        source: Whose recording; empty means the only one.
        day: UTC day; empty means all of them.
        by_order: Single orders instead of levels and trades.
    """

    symbol: str
    source: str
    day: str
    by_order: bool


@dataclass(frozen=True, slots=True)
class Point:
    """One combination.

    Attributes:
        number: From 0, in the order of the grid.
        changes: Value of each axis.
        settings: What this backtest runs with.
        day: UTC day of the records; empty means all of them.
    """

    number: int
    changes: dict[str, Value]
    settings: BacktestSettings
    day: str

    @property
    def market(self) -> Market:
        """What it needs of the records."""
        settings = self.settings
        return Market(settings.symbol, settings.source, self.day, settings.queue == "l3_fifo")


def plan(settings: BacktestSettings, days_of: Callable[[str, str], Iterable[str]]) -> list[Point]:
    """Return all combinations of a grid, the last axis fastest.

    Args:
        settings: With a grid.
        days_of: Returns the days of a symbol and source, for ``day = ["*"]``.

    Raises:
        UnknownNameError: An axis is no setting.
        OptionError: An axis is empty, or a value has the wrong type.
    """
    axes = {name: _values(name, values) for name, values in settings.grid.items()}
    base = msgspec.structs.replace(settings, grid={})
    points: list[Point] = []
    for values in itertools.product(*axes.values()):
        changes = dict(zip(axes, values, strict=True))
        changed = _change(base, changes)
        day = str(changes.get("day", ""))
        days = list(days_of(changed.symbol, changed.source)) if day == ALL_DAYS else [day]
        for each in days:
            own = {**changes, "day": each} if "day" in changes else changes
            points.append(Point(len(points), own, changed, each))
    return points


def _values(name: str, values: Sequence[Value]) -> tuple[Value, ...]:
    known = [field for field in BacktestSettings.__struct_fields__ if field not in NO_AXES]
    if name != "day" and not name.startswith("params.") and name not in known:
        raise UnknownNameError("axis", name, [*known, "day", "params.NAME"])
    if not values:
        raise OptionError(f"grid.{name}", values, "at least one value")
    if len(set(map(str, values))) != len(values):
        raise OptionError(f"grid.{name}", values, "different values")
    return tuple(values)


def _change(settings: BacktestSettings, changes: Mapping[str, Value]) -> BacktestSettings:
    tree = msgspec.to_builtins(settings)
    for name, value in changes.items():
        if name.startswith("params."):
            tree["params"] = {**tree["params"], name.removeprefix("params."): value}
        elif name != "day":
            tree[name] = str(value) if isinstance(tree[name], str) else value
    try:
        return msgspec.convert(tree, BacktestSettings, strict=False)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$.")
        name = where.rstrip("`")
        raise OptionError(f"grid.{name}", changes.get(name), reason.lower()) from None
