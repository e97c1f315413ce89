"""Log lines for people and for programs."""

import json
import logging

from lobdesk.cli.logs import JsonFormatter, RepeatFilter, TextFormatter


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


def at(seconds: float, **facts) -> logging.LogRecord:
    made = record(**facts)
    made.created = seconds
    return made


def test_equal_warnings_are_held_back_and_counted() -> None:
    limit = RepeatFilter(most=2, window_s=60.0)

    passed = [limit.filter(at(second, symbol="BTC/USD")) for second in range(10)]
    later = at(60.0, symbol="BTC/USD")

    assert passed == [True] * 2 + [False] * 8
    assert limit.filter(later)
    assert later.held_back == 8
    assert '"held_back": 8' in JsonFormatter().format(later)


def test_other_symbols_and_connections_are_other_warnings() -> None:
    limit = RepeatFilter(most=1)

    assert limit.filter(at(0, symbol="BTC/USD", connection=1))
    assert limit.filter(at(0, symbol="ETH/USD", connection=1))
    assert limit.filter(at(0, symbol="BTC/USD", connection=2))
    assert not limit.filter(at(0, symbol="BTC/USD", connection=2))


def test_errors_are_held_back_too_but_no_trace_and_nothing_else() -> None:
    limit = RepeatFilter(most=1)
    passed = {}
    for name, level, trace in (
        ("info", logging.INFO, None),
        ("error", logging.ERROR, None),
        ("trace", logging.ERROR, (KeyError, KeyError("x"), None)),
    ):
        made = record()
        made.levelno, made.exc_info = level, trace
        passed[name] = sum(limit.filter(made) for _ in range(5))

    assert passed == {"info": 5, "error": 1, "trace": 5}
