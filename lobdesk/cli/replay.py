"""``lobdesk replay``: the desk on the replay of one backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lobdesk.cli.options import data_dir_option, data_paths
from lobdesk.errors import RunError

if TYPE_CHECKING:
    from pathlib import Path


@click.command("replay")
@click.argument("run")
@data_dir_option
def replay_command(run: str, *, data_dir: Path | None) -> None:
    """Open the desk on the replay of the backtest RUN, for example k0001."""
    from lobdesk.cli.desk import open_desk
    from lobdesk.runs import open_run

    paths = data_paths(data_dir)
    manifest = open_run(paths.runs, run).manifest
    if manifest.kind != "backtest":
        raise RunError(f"{run} is a {manifest.kind} run; only backtests can be replayed")
    if manifest.state != "finished":
        raise RunError(f"{run} is {manifest.state}; only finished backtests can be replayed")
    open_desk(paths.root, pane="replay", run=run)
