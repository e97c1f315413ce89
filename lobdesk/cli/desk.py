"""Opening the desk from the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from lobdesk.cli.options import data_paths
from lobdesk.progress import is_terminal

if TYPE_CHECKING:
    from pathlib import Path

EXIT_USAGE = 2


def open_desk(data_dir: Path | None = None, pane: str = "books", run: str | None = None) -> None:
    """Run the desk until the user leaves it.

    Args:
        data_dir: Data directory, None for the default one.
        pane: Pane to open first: ``books``, ``audit``, ``jobs`` or ``replay``.
        run: Backtest that the Replay pane opens.
    """
    # Textual paints on standard error and would fill a log file or a pipe with escape codes.
    if not all(map(is_terminal, (sys.stdin, sys.stdout, sys.stderr))):
        click.echo("error: the desk needs a terminal on input, output and error", err=True)
        sys.exit(EXIT_USAGE)
    try:
        from lobdesk.app.app import LobdeskApp
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in {"textual", "plotext"}:
            raise
        text = f"the desk needs {error.name}, which the daemon's image leaves out"
        raise click.ClickException(f"{text}; run: pip install lobdesk") from error
    from lobdesk.settings import load_settings

    settings = load_settings().settings.app
    LobdeskApp(data_paths(data_dir).root, settings=settings, pane=pane, run=run).run()
