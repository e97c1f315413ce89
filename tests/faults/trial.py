"""What a fault test demands, and what it measured."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

    Size = Literal["quick", "scaled", "soak"]

T = TypeVar("T")

STUDY_RATE = 5_000
"""Frames a second of the study's load, 1.1 times all of Kraken."""


QUICK_PATIENCE = 10
"""The quick size runs beside other tests, where times say little."""


LONGEST_S = {"quick": 120, "scaled": 400, "soak": 2 * 86_400}
"""By size, after how long a test is given up, so that the others have their turn."""


class NotRunError(Exception):
    """This machine cannot do what the test needs; the text says why."""


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes:
        text: What was measured, with the limit where it was missed.
        is_met: Whether the demand is; None where nothing is demanded of it.
    """

    text: str
    is_met: bool | None


@dataclass
class Trial:
    """One run of one fault test.

    Attributes:
        folder: For its files; empty at the start.
        size: ``quick`` (seconds), ``scaled`` (``make faults``) or ``soak`` (the study's lengths).
        rate: Frames a second that the load aims at.
        figures: What was measured.
    """

    folder: Path
    size: Size = "scaled"
    rate: float = STUDY_RATE
    figures: list[Figure] = field(default_factory=list)

    def pick(self, *, quick: T, scaled: T, soak: T) -> T:
        """Return what this size asks for."""
        return {"quick": quick, "scaled": scaled, "soak": soak}[self.size]

    def demand(self, text: str, *, is_met: bool) -> None:
        """Note a figure of which something is demanded."""
        self.figures.append(Figure(text if is_met else f"MISS: {text}", is_met))

    def none(self, what: str, count: int) -> None:
        """Demand that something never happened."""
        self.demand(f"{count:,} {what}", is_met=count == 0)

    def all(self, what: str, count: int, of: int) -> None:
        """Demand that something happened each time, and at least once."""
        self.demand(f"{count:,} of {of:,} {what}", is_met=count == of > 0)

    def below(self, what: str, value: float, limit: float, unit: str) -> None:
        """Demand a value below a limit; times have patience in the quick size."""
        limit *= QUICK_PATIENCE if self.size == "quick" and unit[0] == "s" else 1
        self.demand(f"{what} {value:,.3g} {unit} (< {limit:,g})", is_met=value < limit)

    def above(self, what: str, value: float, limit: float, unit: str) -> None:
        """Demand a value of at least a limit."""
        self.demand(f"{what} {value:,.3g} {unit} (≥ {limit:,g})", is_met=value >= limit)

    def note(self, text: str) -> None:
        """Note a figure of which nothing is demanded."""
        self.figures.append(Figure(text, None))


@dataclass(frozen=True)
class Fault:
    """One fault test.

    Attributes:
        number: That of the study.
        name: What goes wrong.
        demands: What must hold then.
        is_quick: Part of the quick subset.
        body: Does it, and notes figures in the trial.
    """

    number: int
    name: str
    demands: str
    is_quick: bool
    body: Callable[[Trial], None]


@dataclass(frozen=True)
class Outcome:
    """What one run gave.

    Attributes:
        number: That of the study.
        name: What went wrong.
        demands: What had to hold.
        verdict: ``pass``, ``MISS`` or ``not run``.
        figures: What was measured; the reason if it was not run.
        took_s: Time it took.
        load: Average number of processes at work on the machine in the minute before its end.
    """

    number: int
    name: str
    demands: str
    verdict: str
    figures: list[str]
    took_s: float
    load: float

    def line(self) -> str:
        """Return the one line of the report."""
        return (
            f"{self.number:2} {self.name:<18} {self.verdict:<7} {self.took_s:4.0f} s  "
            f"demanded: {self.demands} | measured: {'; '.join(self.figures)}"
        )

    def to_json(self) -> dict[str, object]:
        """Return the fields."""
        return dataclasses.asdict(self)


FAULTS: dict[int, Fault] = {}


def fault(
    number: int, name: str, demands: str, *, quick: bool = False
) -> Callable[[Callable[[Trial], None]], Callable[[Trial], None]]:
    """Register a fault test."""

    def register(body: Callable[[Trial], None]) -> Callable[[Trial], None]:
        FAULTS[number] = Fault(number, name, demands, quick, body)
        return body

    return register


def run_fault(chosen: Fault, trial: Trial, *, limit_s: float | None = None) -> Outcome:
    """Run one fault test; what it raises by mistake is a miss, too."""
    began_s = time.monotonic()
    try:
        with given_up_after(limit_s) if limit_s else contextlib.nullcontext():
            chosen.body(trial)
    except NotRunError as reason:
        trial.note(str(reason))
        verdict = "not run"
    except Exception as error:  # noqa: BLE001 - the others still have to run
        trial.demand(f"{type(error).__name__}: {error}", is_met=False)
    missed = any(figure.is_met is False for figure in trial.figures)
    demanded = any(figure.is_met is not None for figure in trial.figures)
    verdict = "MISS" if missed else "pass" if demanded else "not run"
    return Outcome(
        chosen.number,
        chosen.name,
        chosen.demands,
        verdict,
        [figure.text for figure in trial.figures],
        time.monotonic() - began_s,
        os.getloadavg()[0],
    )


@contextlib.contextmanager
def given_up_after(limit_s: float) -> Iterator[None]:
    """Raise in the main thread when a test takes too long; its processes are ended then."""

    def give_up(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"given up after {limit_s:g} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
