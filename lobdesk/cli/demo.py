"""``lobdesk demo``: the whole pipeline on built-in data."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from lobdesk.cli.options import data_dir_option, json_option, print_json
from lobdesk.cli.training_extra import require_installed
from lobdesk.progress import is_terminal

if TYPE_CHECKING:
    from pathlib import Path


@click.command("demo")
@click.option("--seed", type=int, default=7, show_default=True, help="Of market and training.")
@click.option("--no-tui", is_flag=True, help="Do not open the desk at the end.")
@data_dir_option
@json_option
def demo_command(*, seed: int, no_tui: bool, data_dir: Path | None, as_json: bool) -> None:
    """Run the whole pipeline on built-in data, then open the desk on it.

    Nothing is fetched and nothing of yours is touched: the demo has a data directory of its own
    (below the cache folder, or --data-dir), which it empties at each start.
    """
    from lobdesk.demo import Demo, demo_dir

    require_installed("lobdesk demo")
    folder = data_dir if data_dir is not None else demo_dir()
    report = Demo(folder, seed=seed, say=lambda line: click.echo(line, err=as_json)).run()
    if as_json:
        print_json(report)
        return
    click.echo(f"\nDone in {report['seconds']} s. Everything is in {folder}")
    click.echo(f"Look at it:  lobdesk --data-dir {folder}")
    if not no_tui and is_terminal(sys.stdin) and is_terminal(sys.stdout):
        from lobdesk.cli.desk import open_desk

        open_desk(data_dir=folder, pane="replay", run=report["backtests"][0]["run"])
