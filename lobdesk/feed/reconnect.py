"""When to connect again, without any I/O."""

from __future__ import annotations

import random
from collections import deque

FREE_ATTEMPTS = 3
FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 60.0
JITTER = 0.25
BUDGET_ATTEMPTS, BUDGET_WINDOW_S = 120, 600.0
"""The exchange bans an address after about 150 attempts in ten minutes."""

MAINTENANCE_DELAY_S = 5.0
STABLE_S = 30.0
"""A connection that lived this long was a success: the next one is tried at once again."""


class ReconnectPolicy:
    """Spaces connection attempts.

    The first attempts follow at once, then 1 s doubles to 60 s with jitter; never more than 120
    attempts in ten minutes, and at least 5 s apart while the exchange is in maintenance.

    Attributes:
        failures: Attempts since the last connection that lived long enough.
    """

    def __init__(self, chance: random.Random | None = None) -> None:
        self.failures = 0
        self._chance = chance if chance is not None else random.Random()  # noqa: S311 - jitter
        self._attempts_s: deque[float] = deque()

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
        if self._attempts_s and in_maintenance:
            since_last_s = now_s - self._attempts_s[-1]
            delay_s = max(delay_s, MAINTENANCE_DELAY_S - since_last_s)
        if len(self._attempts_s) >= BUDGET_ATTEMPTS:
            oldest_s = self._attempts_s[-BUDGET_ATTEMPTS]
            delay_s = max(delay_s, oldest_s + BUDGET_WINDOW_S - now_s)
        return max(0.0, delay_s)

    def attempted(self, now_s: float) -> None:
        """Count an attempt."""
        self.failures += 1
        self._attempts_s.append(now_s)
        while self._attempts_s[0] <= now_s - BUDGET_WINDOW_S:
            self._attempts_s.popleft()

    def ended(self, lived_s: float) -> None:
        """Tell how long a connection lived."""
        if lived_s >= STABLE_S:
            self.failures = 0
