"""Log lines on standard error: for people, or one JSON object a line for programs."""

from __future__ import annotations

import json
import logging
import sys

from lobdesk.units import format_rfc3339_us

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def set_up_logs(style: str) -> None:
    """Send lobdesk's log to standard error.

    Args:
        style: ``text`` or ``json``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    logger = logging.getLogger("lobdesk")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


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
