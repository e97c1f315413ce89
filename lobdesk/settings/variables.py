"""The daemon's variables: their names and how their text is read."""

from __future__ import annotations

import difflib
from typing import Any

import msgspec

from lobdesk.errors import SettingsError
from lobdesk.settings.checks import parse_symbols

DAEMON_VARIABLES = {
    "KRAKEN_SYMBOLS": "symbols",
    "KRAKEN_BOOK_DEPTH": "book_depth",
    "KRAKEN_WS_URL": "ws_url",
    "KRAKEN_PROXY": "proxy",
    "KRAKEN_REDUNDANT": "redundant",
    "KRAKEN_LEVEL3": "level3",
    "KRAKEN_LEVEL3_DEPTH": "level3_depth",
    "KRAKEN_LEVEL3_URL": "level3_url",
    "KRAKEN_LEVEL3_TOKEN": "level3_token",
    "KRAKEN_LEVEL3_TOKEN_FILE": "level3_token_file",
    "KRAKEN_LEVEL3_TOKEN_COMMAND": "level3_token_command",
    "KRAKEN_LEVEL3_RATE": "level3_rate",
    "KRAKEN_PING_INTERVAL_S": "ping_interval_s",
    "KRAKEN_SUBSCRIBE_PARAMS": "subscribe_params",
    "SNAPSHOT_QUEUE_SIZE": "snapshot_queue_size",
    "L2_PERSIST_JSONL": "persist_jsonl",
    "L2_JSONL_OUTPUT_DIR": "output_dir",
    "L2_SEGMENT_BYTES": "segment_bytes",
    "L2_METRICS": "metrics",
    "L2_METRICS_REMOTE": "metrics_remote",
    "L2_RETENTION_DAYS": "retention_days",
    "L2_RETENTION_BYTES": "retention_bytes",
}
MISTYPED = 0.85
"""How alike a foreign environment variable must be to one of ours to count as mistyped."""

TEXT_FIELDS = {
    "ws_url", "proxy", "output_dir", "metrics", "level3_url", "level3_token", "level3_token_file",
    "level3_token_command",
}  # fmt: skip


def near_daemon_variable(variable: str) -> str | None:
    """Return the variable of ours that a foreign one looks like a mistyping of."""
    if not variable.startswith(("KRAKEN_", "L2_", "SNAPSHOT_")):
        return None
    near = difflib.get_close_matches(variable, DAEMON_VARIABLES, n=1, cutoff=MISTYPED)
    return near[0] if near else None


def daemon_value(variable: str, text: str, origin: str) -> dict[str, Any]:
    """Return the setting that a variable gives, under its dotted name.

    Raises:
        SettingsError: The text is no such value; it names `origin` and the variable.
    """
    field = DAEMON_VARIABLES[variable]
    value: Any = text
    try:
        if field == "symbols":
            value = parse_symbols(text)
        elif field == "subscribe_params":
            value = msgspec.json.decode(text, type=dict[str, str | int | float | bool])
        elif field in {"persist_jsonl", "redundant", "metrics_remote", "level3"}:
            value = {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        elif field in {"ping_interval_s", "retention_days"}:
            value = float(text)
        elif field not in TEXT_FIELDS:
            value = int(text)
    except KeyError:
        raise SettingsError(origin, variable, f"{text!r} is neither true nor false") from None
    except (ValueError, msgspec.DecodeError) as error:
        reason = "a whole number is expected" if "invalid literal" in str(error) else str(error)
        reason = "a number is expected" if "string to float" in reason else reason
        raise SettingsError(origin, variable, f"{text!r}: {reason}") from None
    return {f"daemon.{field}": value}
