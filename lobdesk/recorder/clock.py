"""The recorder's two clocks: the wall clock dates frames, the monotonic one orders them."""

from __future__ import annotations

import time
from dataclasses import dataclass

STEP_US = 100_000
"""A wall clock that moves this much against the monotonic one has been set, not slewed."""


APART_NS = 1_000_000
"""If the process was put aside between reading the two clocks, they are read again: the pause would
look like a clock that was set."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """One instant on both clocks, in microseconds."""

    recv_ts_us: int
    mono_us: int


def now() -> Stamp:
    """Return the present instant."""
    for _ in range(3):
        before = time.monotonic_ns()
        wall = time.time_ns()
        after = time.monotonic_ns()
        if after - before < APART_NS:
            break
    return Stamp(wall // 1000, after // 1000)


class ClockWatch:
    """Notices when the wall clock is set."""

    def __init__(self, first: Stamp) -> None:
        self._offset_us = first.recv_ts_us - first.mono_us

    def step_us(self, stamp: Stamp) -> int:
        """Return by how much the wall clock was set since the last call, 0 if it was not."""
        offset_us = stamp.recv_ts_us - stamp.mono_us
        step_us = offset_us - self._offset_us
        self._offset_us = offset_us
        return step_us if abs(step_us) > STEP_US else 0
