"""What a job has told so far: its progress lines, read as the file grows."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

FINAL_STATES = frozenset({"finished", "cancelled", "failed"})
LOG_LINES = 500
RESERVED_KEYS = frozenset({"event", "ts_us", "phase", "done", "total"})


@dataclass(frozen=True, slots=True)
class Sample:
    """One progress line.

    Attributes:
        ts_us: When it was written, wall clock.
        phase: What was being done.
        done: Units done.
        total: Units of the phase, None if unknown.
        facts: Everything else on the line.
    """

    ts_us: int
    phase: str
    done: int
    total: int | None
    facts: dict[str, Any]


class JobReport:
    """The progress file of one job, read from where the last reading ended.

    Attributes:
        samples: All progress lines, oldest first.
        log: The last lines that are for people, oldest first.
        facts: The newest value of every fact.
        final_state: The state the job says it ended in, None while it has not.
        final_facts: What the last line said besides.
    """

    def __init__(self, path: Path) -> None:
        self.samples: list[Sample] = []
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self.facts: dict[str, Any] = {}
        self.final_state: str | None = None
        self.final_facts: dict[str, Any] = {}
        self._path = path
        self._offset = 0
        self._phase_start: Sample | None = None

    def read(self) -> bool:
        """Read what was added; True if anything was."""
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                added = stream.read()
        except FileNotFoundError:
            return False
        # The writer may be in the middle of a line: that one is read next time.
        complete = added[: added.rfind(b"\n") + 1]
        self._offset += len(complete)
        for line in complete.splitlines():
            self._take(line.decode("utf-8", errors="replace"))
        return bool(complete)

    def rest(self) -> str:
        """Return the line without an end, which only a dead writer leaves."""
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                return stream.read().decode("utf-8", errors="replace").strip()
        except FileNotFoundError:
            return ""

    @property
    def latest(self) -> Sample | None:
        """The newest progress line."""
        return self.samples[-1] if self.samples else None

    def eta_s(self, now_us: int) -> float | None:
        """Return the seconds the current phase still needs at its average speed."""
        last, start = self.latest, self._phase_start
        if last is None or start is None or not last.total or last.done <= start.done:
            return None
        per_unit_us = (last.ts_us - start.ts_us) / (last.done - start.done)
        left_us = per_unit_us * (last.total - last.done) - (now_us - last.ts_us)
        return max(0.0, left_us / 1e6)

    def _take(self, line: str) -> None:
        entry = _parse(line)
        if entry is None:
            if line.strip():
                self.log.append(line.rstrip())
            return
        event = entry["event"]
        facts = {key: value for key, value in entry.items() if key not in RESERVED_KEYS}
        self.facts |= facts
        if event in FINAL_STATES:
            self.final_state, self.final_facts = event, facts
            self.log.append("  ".join([event, *(f"{k} {v}" for k, v in facts.items())]))
        elif event == "progress":
            self._add_sample(entry, facts)

    def _add_sample(self, entry: dict[str, Any], facts: dict[str, Any]) -> None:
        total = entry.get("total")
        sample = Sample(
            ts_us=int(entry.get("ts_us", 0)),
            phase=str(entry.get("phase", "")),
            done=int(entry.get("done", 0)),
            total=int(total) if total is not None else None,
            facts=facts,
        )
        if self._phase_start is None or self._phase_start.phase != sample.phase:
            self._phase_start = sample
            self.log.append(f"{sample.phase} started")
        self.samples.append(sample)


def _parse(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("event"), str) else None
