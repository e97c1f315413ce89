"""``lobdesk train`` and ``lobdesk evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lobdesk.cli.options import (
    config_option,
    data_dir_option,
    data_paths,
    json_option,
    print_json,
    progress_option,
)
from lobdesk.cli.training_extra import require_training
from lobdesk.errors import SettingsError
from lobdesk.progress import make_progress
from lobdesk.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from lobdesk.runs import Run


@click.command("train")
@data_dir_option
@config_option
@json_option
@progress_option
@click.option("--store", "store_id", help="Window store (default: the newest).")
@click.option("--model", help="deeplob (default), deeplob-tf1, deeplob-paper or bin-ctabl.")
@click.option("--task", help="classification (default) or regression.")
@click.option("--target", help="Target of the store (default: mean:10).")
@click.option("--max-steps", type=int, help="Optimizer steps at most (default: -1, no limit).")
@click.option("--max-epochs", type=int, help="Passes over the training fold at most (default: 10).")
@click.option("--batch-size", type=int, help="Windows of a batch (default: 32).")
@click.option("--seed", type=int, help="Seed of everything random (default: 7).")
@click.option("--resume", "resume_id", metavar="RUN", help="Go on with an interrupted run.")
def train_command(
    *,
    data_dir: Path | None,
    config: Path | None,
    as_json: bool,
    progress: str,
    store_id: str | None,
    resume_id: str | None,
    **flags: Any,  # noqa: ANN401 - the options named as the settings they override
) -> None:
    """Train a model on a window store, and judge it beside the baselines.

    Ctrl-C or SIGTERM cancel with a checkpoint; --resume goes on from there, bit for bit.
    """
    require_training("lobdesk train")
    paths, reporter = data_paths(data_dir), make_progress(progress)
    if resume_id is not None:
        limits = {name: flags.pop(name) for name in ("max_steps", "max_epochs")}
        named = [name for name, value in flags.items() if value is not None]
        if store_id is not None or config is not None or named:
            raise SettingsError("--resume", "", "only --max-steps and --max-epochs go with it")
        from lobdesk.training.runs import resume

        run = resume(paths, resume_id, progress=reporter, **limits)
    else:
        overrides = {f"training.{name}": value for name, value in flags.items()}
        settings = load_settings(config=config, overrides=overrides).settings.training
        from lobdesk.training.runs import train

        run = train(paths, settings, store_id=store_id, progress=reporter)
    _print_run(run, as_json=as_json)


@click.command("evaluate")
@click.argument("run_id", metavar="RUN")
@data_dir_option
@json_option
@progress_option
def evaluate_command(run_id: str, data_dir: Path | None, as_json: bool, progress: str) -> None:
    """Judge a trained model again on its test fold, beside the baselines."""
    require_training("lobdesk evaluate")
    from lobdesk.training.runs import evaluate_run

    run = evaluate_run(data_paths(data_dir), run_id, progress=make_progress(progress))
    _print_run(run, as_json=as_json)


def _print_run(run: Run, *, as_json: bool) -> None:
    metrics = run.metrics()
    if as_json:
        print_json({"run": run.id, "state": run.manifest.state, **metrics})
        return
    from lobdesk.training.report import text_report

    click.echo(text_report(run.id, metrics))
