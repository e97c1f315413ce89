"""Log lines for people and for programs."""

import json
import logging

from lobdesk.cli.logs import JsonFormatter, TextFormatter


def record(**facts) -> logging.LogRecord:
    made = logging.LogRecord("lobdesk.x", logging.WARNING, "f", 1, "book suspect", None, None)
    made.created = 1_700_000_000.25
    made.__dict__.update(facts)
    return made


def test_json_line_holds_time_level_event_and_facts() -> None:
    assert json.loads(JsonFormatter().format(record(symbol="BTC/USD"))) == {
        "ts_us": 1_700_000_000_250_000,
        "time": "2023-11-14T22:13:20.250000Z",
        "level": "warning",
        "event": "book suspect",
        "symbol": "BTC/USD",
    }


def test_text_line_is_readable() -> None:
    line = TextFormatter().format(record(symbol="BTC/USD", reason=""))

    assert line == "22:13:20.250 warning book suspect  symbol=BTC/USD"
