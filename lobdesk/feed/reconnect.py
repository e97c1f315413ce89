"""When to connect again, without any I/O."""

from __future__ import annotations

import bisect
import random

FREE_ATTEMPTS = 3
FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 60.0
JITTER = 0.25
BUDGET_ATTEMPTS, BUDGET_WINDOW_S = 120, 600.0
"""The exchange bans an address after about 150 attempts in ten minutes."""

MAINTENANCE_DELAY_S = 5.0
STABLE_S = 10.0
"""A connection that lived this long was a success: the next one is tried at once again."""


class AttemptBudget:
    """Attempts to connect in the last ten minutes, of everyone who shares an address."""

    def __init__(self) -> None:
        self._attempts_s: list[float] = []

    def wait_s(self, now_s: float, *, apart_s: float = 0.0) -> float:
        """Return how long to wait until another attempt is allowed.

        Args:
            now_s: A monotonic clock.
            apart_s: Least time since the last attempt, also one that is planned.
        """
        del self._attempts_s[: bisect.bisect_right(self._attempts_s, now_s - BUDGET_WINDOW_S)]
        wait_s = 0.0
        if self._attempts_s and apart_s:
            wait_s = self._attempts_s[-1] + apart_s - now_s
        if len(self._attempts_s) >= BUDGET_ATTEMPTS:
            wait_s = max(wait_s, self._attempts_s[-BUDGET_ATTEMPTS] + BUDGET_WINDOW_S - now_s)
        return max(0.0, wait_s)

    def attempted(self, at_s: float) -> None:
        """Count an attempt, made or planned."""
        bisect.insort(self._attempts_s, at_s)


class ReconnectPolicy:
    """Spaces connection attempts.

    The first attempts follow at once, then 1 s doubles to 60 s with jitter; never more than 120
    attempts in ten minutes, and at least 5 s apart while the exchange is in maintenance.

    Attributes:
        failures: Attempts since the last connection that lived long enough.
    """

    def __init__(
        self, chance: random.Random | None = None, *, budget: AttemptBudget | None = None
    ) -> None:
        """Begin.

        Args:
            chance: Source of the jitter.
            budget: Attempts to be shared with other policies.
        """
        self.failures = 0
        self._chance = chance if chance is not None else random.Random()  # noqa: S311 - jitter
        self._budget = budget if budget is not None else AttemptBudget()

    def next_delay_s(self, now_s: float, *, in_maintenance: bool = False) -> float:
        """Return how long to wait before the next attempt.

        Args:
            now_s: A monotonic clock.
            in_maintenance: The exchange said so last.
        """
        delay_s = 0.0
        if self.failures >= FREE_ATTEMPTS:
            doublings = min(self.failures - FREE_ATTEMPTS, 10)
            delay_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0**doublings)
            delay_s *= 1.0 - JITTER * self._chance.random()
        apart_s = MAINTENANCE_DELAY_S if in_maintenance else 0.0
        return max(delay_s, self._budget.wait_s(now_s, apart_s=apart_s))

    def attempted(self, at_s: float) -> None:
        """Count an attempt, made or planned."""
        self.failures += 1
        self._budget.attempted(at_s)

    def reserve(self, now_s: float, *, in_maintenance: bool = False) -> float:
        """Plan the next attempt, count it, and return how long to wait for it.

        Counted before the pause, so that two policies with one budget never plan the same place.
        """
        delay_s = self.next_delay_s(now_s, in_maintenance=in_maintenance)
        self.attempted(now_s + delay_s)
        return delay_s

    def ended(self, lived_s: float) -> None:
        """Tell how long a connection lived."""
        if lived_s >= STABLE_S:
            self.failures = 0
