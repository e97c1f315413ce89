"""Grids of settings: every combination of the values of some axes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from lobdesk.backtest.errors import OptionError, UnknownNameError
from lobdesk.backtest.sources import Market, market_of
from lobdesk.settings import BacktestSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Value = str | int | float | bool

ALL_DAYS = "*"
NO_AXES = frozenset({"grid", "params"})


@dataclass(frozen=True, slots=True)
class Point:
    """One combination.

    Attributes:
        number: From 0, in the order of the grid.
        changes: Value of each axis.
        settings: What this backtest runs with.
    """

    number: int
    changes: dict[str, Value]
    settings: BacktestSettings

    @property
    def market(self) -> Market:
        """What it needs of the records."""
        return market_of(self.settings)


def plan(settings: BacktestSettings, days_of: Callable[[Market], Iterable[str]]) -> list[Point]:
    """Return all combinations of a grid, the last axis fastest.

    Args:
        settings: With a grid.
        days_of: Returns the days that were recorded, for ``day = ["*"]``.

    Raises:
        UnknownNameError: An axis is no setting.
        OptionError: An axis is empty, or a value has the wrong type.
    """
    axes = {name: _values(name, values) for name, values in settings.grid.items()}
    base = msgspec.structs.replace(settings, grid={})
    points: list[Point] = []
    for values in itertools.product(*axes.values()):
        changes = dict(zip(axes, values, strict=True))
        for own in _each_day(base, changes, days_of):
            points.append(Point(len(points), own, _change(base, own)))
    return points


def _each_day(
    base: BacktestSettings,
    changes: dict[str, Value],
    days_of: Callable[[Market], Iterable[str]],
) -> list[dict[str, Value]]:
    if changes.get("day") != ALL_DAYS:
        return [changes]
    anyday = market_of(_change(base, {**changes, "day": ""}))
    days = list(days_of(anyday))
    if not days:
        raise OptionError("grid.day", ALL_DAYS, "pairs that were recorded on one day")
    return [{**changes, "day": day} for day in days]


def _values(name: str, values: Sequence[Value]) -> tuple[Value, ...]:
    known = [field for field in BacktestSettings.__struct_fields__ if field not in NO_AXES]
    if not name.startswith("params.") and name not in known:
        raise UnknownNameError("axis", name, [*known, "params.NAME"])
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
        else:
            tree[name] = str(value) if isinstance(tree[name], str) else value
    try:
        return msgspec.convert(tree, BacktestSettings, strict=False)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$.")
        name = where.rstrip("`")
        raise OptionError(f"grid.{name}", changes.get(name), reason.lower()) from None
