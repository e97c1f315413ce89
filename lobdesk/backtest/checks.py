"""Checks of strategies' parameters."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from lobdesk.backtest.errors import OptionError, UnknownNameError
from lobdesk.backtest.model import SIDES

if TYPE_CHECKING:
    from collections.abc import Mapping

Param = str | int | float | bool
T = TypeVar("T")


def require(name: str, value: object, least: int, most: int = 2**62) -> None:
    """Refuse what is no whole number within bounds.

    Raises:
        OptionError: The value is out of range.
    """
    is_whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_whole or not least <= int(str(value)) <= most:
        raise OptionError(name, value, f"a whole number from {least}")


def require_side(side: object) -> None:
    """Refuse what is no side of a trade.

    Raises:
        OptionError: It is neither ``buy`` nor ``sell``.
    """
    if side not in SIDES:
        raise OptionError("side", side, "buy or sell")


def known_params(params: Mapping[str, Param], names: list[str]) -> dict[str, Param]:
    """Return the parameters as they are, if all have known names.

    Raises:
        UnknownNameError: There is no such parameter.
    """
    for name in params:
        if name not in names:
            raise UnknownNameError("parameter", name, names)
    return dict(params)


def make_from(strategy: type[T], params: Mapping[str, Param], **defaults: Param) -> T:
    """Return a strategy of a dataclass from named parameters.

    Args:
        strategy: A dataclass.
        params: Values by field.
        **defaults: Used for fields that ``params`` leaves out.

    Raises:
        UnknownNameError: There is no such parameter.
        OptionError: One is missing.
    """
    known: Any = fields(strategy)  # type: ignore[arg-type]
    values = {**defaults, **known_params(params, [field.name for field in known])}
    for field in known:
        if field.name not in values and field.default is MISSING:
            raise OptionError(field.name, None, f"a value: --param {field.name}=…")
    return strategy(**values)
