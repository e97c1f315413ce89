"""What the backtest room refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lobdesk.errors import BacktestError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable


class RefusedDataError(BacktestError):
    """Market data contradict themselves or cannot be represented."""

    def __init__(self, symbol: str, reason: str) -> None:
        self.symbol = symbol
        self.reason = reason
        super().__init__(f"{symbol}: {reason}")


class UnknownNameError(BacktestError):
    """A preset, queue model, strategy, option or parameter does not exist."""

    exit_code: ClassVar[int] = 2

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        self.what = what
        self.name = name
        self.known = tuple(known)
        hint = did_you_mean(name, self.known)
        super().__init__(f"{what} {name!r} does not exist; {hint}")


class OptionError(BacktestError):
    """An option of a backtest or strategy has an impossible value."""

    exit_code: ClassVar[int] = 2

    def __init__(self, option: str, value: object, expected: str) -> None:
        self.option = option
        self.value = value
        super().__init__(f"{option}: expected {expected}, not {value!r}")


class SignalError(BacktestError):
    """Signals are unsorted, not finite, or look into the future."""

    def __init__(self, row: int, reason: str) -> None:
        self.row = row
        self.reason = reason
        super().__init__(f"signal {row}: {reason}")


class ScenarioError(BacktestError):
    """A scenario is not what the format says."""

    def __init__(self, where: str, reason: str) -> None:
        self.where = where
        self.reason = reason
        super().__init__(f"scenario: {where}: {reason}")


class TimeLimitError(BacktestError):
    """A run took longer than it was allowed; what it did so far stands."""

    def __init__(self, limit_s: float, now_us: int) -> None:
        self.limit_s = limit_s
        self.now_us = now_us
        super().__init__(f"the run reached its time limit of {limit_s:g} s at {now_us} us")


class ReplayError(BacktestError):
    """A run cannot be repeated as it was."""

    def __init__(self, run_id: str, reason: str) -> None:
        self.run_id = run_id
        self.reason = reason
        super().__init__(f"{run_id}: {reason}")


class SweepError(BacktestError):
    """A sweep cannot go on, or has no such point."""

    def __init__(self, sweep: str, reason: str) -> None:
        self.sweep = sweep
        self.reason = reason
        super().__init__(f"{sweep}: {reason}")
