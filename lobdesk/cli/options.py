"""Options that many commands share."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lobdesk.errors import SettingsError
from lobdesk.paths import DataPaths, default_data_dir
from lobdesk.progress import is_terminal, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST_S = 604_800.0
"""A week: longer than anything that a person waits for, and what the system's limits can hold."""


class Seconds(click.FloatRange):
    """A finite length of time; ``nan`` and ``inf`` are none."""

    name = "seconds"

    def __init__(self, *, min: float, max: float = LONGEST_S) -> None:  # noqa: A002 - click's names
        super().__init__(min=min, max=max)

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Return the number, or say what is expected."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value} is no number of seconds", param, ctx)
        return number


F = TypeVar("F", bound="Callable[..., Any]")


def data_dir_option(function: F) -> F:
    """Add ``--data-dir``; the command receives ``data_dir: Path | None``."""
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        help="Data directory (default: LOBDESK_DATA_DIR, LOBDESK_HOME/data, the platform's).",
    )(function)


def config_option(function: F) -> F:
    """Add ``--config``; the command receives ``config: Path | None``."""
    return click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Configuration file (TOML) instead of the user's own.",
    )(function)


def json_option(function: F) -> F:
    """Add ``--json``; the command receives ``as_json: bool``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(function)


def progress_option(function: F) -> F:
    """Add ``--progress``; the command receives ``progress: str`` for ``make_progress``."""
    return click.option(
        "--progress",
        type=click.Choice(["auto", "json", "none"]),
        default="auto",
        show_default=True,
        help="How to report progress on standard error.",
    )(function)


def data_paths(data_dir: Path | None) -> DataPaths:
    """Return the layout of the data directory in use.

    Order: ``--data-dir``, ``LOBDESK_DATA_DIR``, ``data_dir`` of the configuration file,
    ``LOBDESK_HOME/data``, the platform's place.
    """
    if data_dir is None and not os.environ.get("LOBDESK_DATA_DIR"):
        from lobdesk.settings import load_settings

        configured = load_settings().settings.data_dir
        data_dir = Path(configured) if configured else None
    return DataPaths(data_dir if data_dir is not None else default_data_dir())


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does, so that a cancelled job says so in its run."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def terminal_width() -> int | None:
    """Return the columns of the terminal on standard output, None if it goes elsewhere."""
    return shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None


def warn(text: str) -> None:
    """Say on standard error what a reader should know."""
    click.echo(printable(f"warning: {text}"), err=True)


def print_json(value: object) -> None:
    """Print one JSON object on standard output."""
    click.echo(json.dumps(value))


def read_instant(text: str, command: str, name: str = "TIME") -> int:
    """Return the microseconds since the epoch of a time that a person typed as ``name``.

    Raises:
        SettingsError: It is neither RFC 3339 with an offset nor a count of microseconds.
    """
    from lobdesk.units import format_rfc3339_us, parse_rfc3339_us

    try:
        if not (text.isascii() and text.isdigit()):
            return parse_rfc3339_us(text)
        ts_us = int(text)
        format_rfc3339_us(ts_us)
    except ValueError as error:
        raise SettingsError(command, name, str(error)) from error
    except OverflowError as error:
        raise SettingsError(command, name, f"{text} is after the year 9999") from error
    return ts_us
