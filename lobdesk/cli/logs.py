"""Log lines on standard error: for people, or one JSON object a line for programs."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import dataclass

from lobdesk.units import format_rfc3339_us

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

MOST_REPEATS = 5
WINDOW_S = 60.0
MOST_KEYS = 10_000
"""Kinds of warnings that are remembered."""


def set_up_logs(style: str) -> None:
    """Send lobdesk's log to standard error.

    Args:
        style: ``text`` or ``json``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    handler.addFilter(RepeatFilter())
    logger = logging.getLogger("lobdesk")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


class RepeatFilter(logging.Filter):
    """Lets the first few of equal warnings through, and tells later how many it held back.

    Warnings and errors are equal if event, symbol and connection are. Traces always pass.
    """

    def __init__(self, *, most: int = MOST_REPEATS, window_s: float = WINDOW_S) -> None:
        """Prepare.

        Args:
            most: Equal warnings in a window that pass.
            window_s: Its length; it begins with the first.
        """
        super().__init__()
        self._most = most
        self._window_s = window_s
        self._seen: dict[tuple[object, ...], _Repeats] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record is to be written; it may gain the fact ``held_back``."""
        if record.levelno < logging.WARNING or record.exc_info:
            return True
        facts = vars(record)
        key = (record.msg, facts.get("symbol"), facts.get("connection"))
        seen = self._seen.get(key)
        if seen is None or record.created - seen.begin_s >= self._window_s:
            if seen is not None and seen.held_back:
                record.held_back = seen.held_back
            if len(self._seen) >= MOST_KEYS:
                self._seen.clear()
            self._seen[key] = _Repeats(record.created)
            return True
        seen.passed += 1
        if seen.passed <= self._most:
            return True
        seen.held_back += 1
        return False


@dataclass(slots=True)
class _Repeats:
    begin_s: float
    passed: int = 1
    held_back: int = 0


class JsonFormatter(logging.Formatter):
    """``ts_us``, ``time``, ``level``, ``event``, then the record's facts."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        ts_us = int(record.created * 1e6)
        line = {
            "ts_us": ts_us,
            "time": format_rfc3339_us(ts_us),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **_facts(record),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """``12:00:00.000 warning  event  key=value``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        time = format_rfc3339_us(int(record.created * 1e6))[11:23]
        facts = "  ".join(f"{key}={value}" for key, value in _facts(record).items() if value != "")
        text = f"{time} {record.levelname.lower():<7} {record.getMessage()}"
        if facts:
            text += f"  {facts}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return text


def _facts(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}
