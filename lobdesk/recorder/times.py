"""Durations in buckets, cheap enough to be counted for each frame."""

from __future__ import annotations

import bisect

BOUNDS_S = (2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 5e-2, 0.1, 0.5, 1.0, 5.0)


class Times:
    """Durations, counted in buckets.

    Attributes:
        counts: Of each bucket; its upper bound is in ``BOUNDS_S``, the last one has none.
        sum_s: Sum of all.
        last_s: The last one.
    """

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = self.last_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect.bisect_left(BOUNDS_S, seconds)] += 1
        self.sum_s += seconds
        self.last_s = seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Return the upper bounds and how many are not above, as Prometheus wants them."""
        total, found = 0, []
        for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), self.counts, strict=True):
            total += count
            found.append((bound, float(total)))
        return found
