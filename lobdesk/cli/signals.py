"""``lobdesk signals``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lobdesk.cli.options import (
    data_dir_option,
    data_paths,
    json_option,
    print_json,
    progress_option,
)
from lobdesk.cli.training_extra import require_training
from lobdesk.progress import make_progress

if TYPE_CHECKING:
    from pathlib import Path


@click.command("signals")
@click.argument("run_id", metavar="RUN")
@data_dir_option
@json_option
@progress_option
@click.option(
    "--rows",
    type=click.Choice(["test", "all"]),
    default="test",
    show_default=True,
    help="Anchors of the test fold only, or of the whole store (most of it trained on).",
)
@click.option("--symbol", help="Which symbol, where the store holds several.")
@click.option(
    "--latency-us",
    type=click.IntRange(min=0),
    help="Microseconds an inference takes (default: measured here).",
)
def signals_command(
    *,
    run_id: str,
    data_dir: Path | None,
    as_json: bool,
    progress: str,
    rows: str,
    symbol: str | None,
    latency_us: int | None,
) -> None:
    """Write the causal predictions of a training RUN, for the signal_follower strategy."""
    require_training("lobdesk signals")
    from lobdesk.training.signals import make_signals

    run = make_signals(
        data_paths(data_dir),
        run_id,
        rows=rows,
        symbol=symbol,
        latency_us=latency_us,
        progress=make_progress(progress),
    )
    facts = {"run": run.id, "config": run.manifest.config, **run.metrics()}
    if as_json:
        print_json(facts)
    else:
        click.echo(f"{run.id}: {facts['signals']:,} signals of {run.manifest.config['symbol']}")
