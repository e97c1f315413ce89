"""How far a long piece of work has come: a bar for people, JSON lines for programs."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

MIN_INTERVAL_S = 0.2
"""Shortest time between two reports, except the first and last of a phase."""

Fact = str | int | float | bool | None


class Progress(Protocol):
    """Receives the progress of one piece of work."""

    def update(self, phase: str, done: int, total: int | None, **facts: Fact) -> None:
        """Tell that ``done`` of ``total`` units of a phase are done (total None: unknown)."""

    def finish(self, state: str, **facts: Fact) -> None:
        """Tell how the work ended: ``finished``, ``cancelled`` or ``failed``."""


class NoProgress:
    """Tells nobody."""

    def update(self, phase: str, done: int, total: int | None, **facts: Fact) -> None:
        """Do nothing."""

    def finish(self, state: str, **facts: Fact) -> None:
        """Do nothing."""


class JsonProgress:
    """Writes one JSON object a line: ``event``, ``ts_us``, ``phase``, ``done``, ``total``, facts.

    ``event`` is ``progress``, or the state the work ended in.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._last_s = 0.0
        self._phase = ""

    def update(self, phase: str, done: int, total: int | None, **facts: Fact) -> None:
        """Write a line, at most one each ``MIN_INTERVAL_S`` within a phase."""
        now_s = time.monotonic()
        is_due = phase != self._phase or done == total or now_s - self._last_s >= MIN_INTERVAL_S
        if is_due:
            self._last_s, self._phase = now_s, phase
            self._write("progress", {"phase": phase, "done": done, "total": total, **facts})

    def finish(self, state: str, **facts: Fact) -> None:
        """Write the last line."""
        self._write(state, facts)

    def _write(self, event: str, facts: Mapping[str, Fact]) -> None:
        line = {"event": event, "ts_us": time.time_ns() // 1000, **facts}
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()


class BarProgress:
    """Draws one line on a terminal and keeps redrawing it."""

    WIDTH = 24

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._last_s = 0.0
        self._phase = ""

    def update(self, phase: str, done: int, total: int | None, **facts: Fact) -> None:
        """Redraw the bar, at most once each ``MIN_INTERVAL_S`` within a phase."""
        now_s = time.monotonic()
        if phase == self._phase and done != total and now_s - self._last_s < MIN_INTERVAL_S:
            return
        if self._phase and phase != self._phase:
            self._stream.write("\n")
        self._last_s, self._phase = now_s, phase
        tail = "  ".join(f"{key} {_short(value)}" for key, value in facts.items())
        if total:
            filled = min(self.WIDTH, self.WIDTH * done // total)
            bar = "█" * filled + "░" * (self.WIDTH - filled)
            text = f"{phase:<10} {bar} {100 * done // total:3d}%  {tail}"
        else:
            text = f"{phase:<10} {done:,}  {tail}"
        self._stream.write(f"\r\x1b[K{text[:110]}")
        self._stream.flush()

    def finish(self, state: str, **facts: Fact) -> None:
        """End the line."""
        tail = "  ".join(f"{key} {_short(value)}" for key, value in facts.items())
        prefix = "\n" if self._phase else ""
        self._stream.write(f"{prefix}{state}  {tail}\n" if tail else prefix)
        self._stream.flush()


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal; a closed one (``>&-``) is None and is not."""
    return stream is not None and stream.isatty()


def printable(text: str) -> str:
    """Return a text that cannot write over a terminal.

    Frames, names and messages come from outside, and a control character steers the terminal.
    """
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def make_progress(mode: str, stream: TextIO | None = None) -> Progress:
    """Return the reporter for ``auto``, ``json`` or ``none``.

    ``auto`` draws a bar if the stream (standard error) is a terminal and is silent otherwise.
    """
    stream = stream if stream is not None else sys.stderr
    if mode == "json":
        return JsonProgress(stream)
    if mode == "auto" and is_terminal(stream):
        return BarProgress(stream)
    return NoProgress()


def _short(value: Fact) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
