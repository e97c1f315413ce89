"""``lobdesk runs``: the registry of trainings, backtests and signals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lobdesk.cli.options import data_dir_option, data_paths, json_option, print_json
from lobdesk.units import format_rfc3339_us

if TYPE_CHECKING:
    from lobdesk.runs import Run

NAME_CELLS = 40
KINDS = ["train", "backtest", "signals", "sweep"]
WITH_REPORT = frozenset({"backtest", "sweep"})


@click.group("runs")
def runs_command() -> None:
    """List, show, compare, export or remove trainings and backtests."""


@runs_command.command("ls")
@click.option(
    "--kind", type=click.Choice(["train", "backtest", "signals", "sweep"]), help="Only this kind."
)
@data_dir_option
@json_option
def ls(*, kind: str | None, data_dir: Path | None, as_json: bool) -> None:
    """List runs, newest first."""
    from lobdesk.runs import scan_runs

    runs, damaged = scan_runs(data_paths(data_dir).runs, kind)
    for error in damaged:
        click.echo(f"warning: {error}", err=True)
    if as_json:
        print_json({"runs": [_summary(run) for run in runs]})
        return
    if not runs:
        click.echo("no runs yet; make one with: lobdesk train, or: lobdesk backtest", err=True)
        return
    click.echo(f"{'id':<7} {'kind':<9} {'state':<10} {'started (UTC)':<20} name")
    for run in runs:
        manifest = run.manifest
        started = format_rfc3339_us(manifest.created_ts_us)[:19].replace("T", " ")
        click.echo(
            f"{run.id:<7} {manifest.kind:<9} {manifest.state:<10} {started:<20} "
            f"{manifest.name[:NAME_CELLS]}"
        )


@runs_command.command("show")
@click.argument("run")
@data_dir_option
@json_option
def show(run: str, *, data_dir: Path | None, as_json: bool) -> None:
    """Print what a run was made of and what it measured."""
    import msgspec

    from lobdesk.runs import open_run

    opened = open_run(data_paths(data_dir).runs, run)
    manifest: dict[str, Any] = msgspec.to_builtins(opened.manifest)
    metrics = opened.metrics()
    if as_json:
        print_json({"manifest": manifest, "metrics": metrics, "path": str(opened.path)})
        return
    facts = {**manifest, "path": str(opened.path)}
    has_report = (
        opened.manifest.kind in {"backtest", "sweep"} and opened.manifest.state != "running"
    )
    if not has_report:
        facts["metrics"] = metrics
    for key in ("created_ts_us", "ended_ts_us"):
        if facts[key] is not None:
            facts[key.removesuffix("_ts_us")] = format_rfc3339_us(facts[key])
        del facts[key]
    for line in _lines(facts, 0):
        click.echo(line)
    if has_report:
        from lobdesk.cli.backtest import print_report

        click.echo()
        print_report(opened)


@runs_command.command("diff")
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="RUN")
@data_dir_option
@json_option
def diff(first: str, second: str, *, data_dir: Path | None, as_json: bool) -> None:
    """Print the settings, inputs, outputs and figures in which two runs differ."""
    from lobdesk.runs import open_run

    folder = data_paths(data_dir).runs
    left, right = (_facts(open_run(folder, run)) for run in (first, second))
    differing = {
        key: [left.get(key), right.get(key)]
        for key in dict.fromkeys([*left, *right])
        if left.get(key) != right.get(key)
    }
    if as_json:
        print_json({"runs": [first, second], "differences": differing})
        return
    click.echo(f"{'':<36}{first:>24}{second:>24}")
    for key, values in differing.items():
        cells = "".join(f"{_short(value):>24}" for value in values)
        click.echo(f"{key[:35]:<36}{cells}")
    if not differing:
        click.echo("no difference", err=True)


@runs_command.command("export")
@click.argument("run")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@data_dir_option
@json_option
def export(run: str, folder: Path, *, data_dir: Path | None, as_json: bool) -> None:
    """Write a run's tables as CSV, and its manifest and figures as JSON, into FOLDER."""
    from lobdesk.runs import export_run

    written = [str(path) for path in export_run(data_paths(data_dir).runs, run, folder)]
    if as_json:
        print_json({"run": run, "files": written})
    else:
        click.echo("\n".join(written))


@runs_command.command("rm")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_dir_option
@json_option
def rm(runs: tuple[str, ...], *, yes: bool, data_dir: Path | None, as_json: bool) -> None:
    """Remove runs with everything in their folders."""
    import shutil

    folder = data_paths(data_dir).runs
    found = dict(_removable(folder, run) for run in dict.fromkeys(runs))
    if not yes:
        names = ", ".join(f"{path.name} ({name})" for path, name in found.items())
        click.confirm(f"Remove {names}?", abort=True, err=True)
    for path in found:
        shutil.rmtree(path)
    removed = [path.name for path in found]
    if as_json:
        print_json({"removed": removed})
    else:
        click.echo(f"removed {', '.join(removed)}", err=True)


def _removable(folder: Path, run_id: str) -> tuple[Path, str]:
    """Return a run's folder and name; a damaged run can be removed as well."""
    from lobdesk.errors import RunError
    from lobdesk.runs import DamagedRunError, open_run

    try:
        run = open_run(folder, run_id)
    except DamagedRunError as error:
        return error.path, "damaged"
    if run.manifest.state == "running":
        raise RunError(f"{run.id} is running; cancel its job before removing it")
    return run.path, run.manifest.name


def _summary(run: Run) -> dict[str, Any]:
    manifest = run.manifest
    return {
        "id": run.id,
        "kind": manifest.kind,
        "state": manifest.state,
        "name": manifest.name,
        "created_ts_us": manifest.created_ts_us,
        "ended_ts_us": manifest.ended_ts_us,
        "metrics": run.metrics(),
    }


def _facts(run: Run) -> dict[str, Any]:
    """Return what a run consists of, flat."""
    manifest = run.manifest
    parts = {
        "config": manifest.config,
        "inputs": manifest.inputs,
        "outputs": manifest.outputs,
        "metrics": run.metrics(),
    }
    return {"kind": manifest.kind, "version": manifest.version, **_flat(parts, "")}


def _flat(tree: dict[str, Any], prefix: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _short(value: object) -> str:
    text = f"{value:.8g}" if isinstance(value, float) else "--" if value is None else str(value)
    return text if len(text) < 23 else f"{text[:20]}..."


def _lines(value: Any, depth: int) -> list[str]:  # noqa: ANN401 - any JSON value
    """Write a JSON value as indented lines, one a leaf; long lists by their length."""
    lines = []
    for key, leaf in value.items():
        indent = "  " * depth
        if isinstance(leaf, dict) and leaf:
            lines += [f"{indent}{key}", *_lines(leaf, depth + 1)]
        elif isinstance(leaf, list) and len(leaf) > 8:
            lines.append(f"{indent}{key:<22} {len(leaf)} values")
        else:
            lines.append(f"{indent}{key:<22} {'--' if leaf in (None, '', {}) else leaf}")
    return lines
