"""``lobdesk backtest``: run a strategy over recorded data, or check scenario files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lobdesk.cli.options import (
    config_option,
    data_dir_option,
    data_paths,
    interrupted_by_sigterm,
    json_option,
    print_json,
    progress_option,
)
from lobdesk.errors import SettingsError
from lobdesk.progress import is_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobdesk.paths import DataPaths
    from lobdesk.progress import Progress
    from lobdesk.runs import Run

TABLE_ROWS = 30

SETTINGS_OPTIONS = [
    click.option(
        "--symbol", help="Pair, or several: BTC/USD,ETH/USD (default: the first indexed one)."
    ),
    click.option("--source", help="Whose recording, where several have the pair."),
    click.option("--day", metavar="YYYY-MM-DD", help="UTC day of the records; without it, all."),
    click.option("--strategy", help="join_touch (default), grid, twap or signal_follower."),
    click.option(
        "--param", "params", multiple=True, metavar="KEY=VALUE", help="Of the strategy; repeatable."
    ),
    click.option("--signals", metavar="RUN", help="Signals that signal_follower follows."),
    click.option("--preset", help="lobdesk (default), hftbacktest or hftbacktest_partial."),
    click.option("--queue", help="Queue model, for example risk_averse (default) or power3."),
    click.option("--n", type=float, help="Exponent of the power queue models (default: 3.0)."),
    click.option(
        "--entry-us",
        type=click.IntRange(min=0),
        help="Request latency, microseconds (default: 5000).",
    ),
    click.option(
        "--response-us",
        type=click.IntRange(min=0),
        help="Report latency, microseconds (default: 5000).",
    ),
    click.option(
        "--latency-rows",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Measured latencies instead: JSON, one table or one for each kind of request.",
    ),
    click.option(
        "--maker-fee", help="Fraction of traded value (default: 0.0025); negative is a rebate."
    ),
    click.option("--taker-fee", help="Fraction of traded value (default: 0.004)."),
    click.option(
        "--sample-us",
        type=click.IntRange(min=0),
        help="Distance of equity samples (default: 1000000).",
    ),
    click.option("--capital", type=float, help="What returns are measured against."),
]


def _settings_options(function: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(SETTINGS_OPTIONS):
        function = option(function)
    return function


@click.command("backtest")
@config_option
@click.option(
    "--scenario",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Run one scenario or a document of them instead of a strategy.",
)
@_settings_options
@click.option(
    "--records",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Use this record file (.lobr, or .npy with --symbol, --tick and --lot).",
)
@click.option("--tick", help="Price increment of an .npy file.")
@click.option("--lot", help="Quantity increment of an .npy file.")
@click.option(
    "--grid",
    multiple=True,
    metavar="KEY=V1,V2,...",
    help="Try all combinations of values of a setting or params.NAME (day=* is each); repeatable.",
)
@click.option("--threads", type=click.IntRange(min=0), default=0, help="Of a grid (default: all).")
@click.option("--resume", metavar="SWEEP", help="Run what an ended grid has not done yet.")
@click.option("--point", metavar="SWEEP/N", help="Run one point of a grid again, with its ledger.")
@data_dir_option
@json_option
@progress_option
def backtest_command(
    *,
    config: Path | None,
    scenario: Path | None,
    grid: tuple[str, ...],
    threads: int,
    resume: str | None,
    point: str | None,
    data_dir: Path | None,
    as_json: bool,
    progress: str,
    params: tuple[str, ...],
    **settings: Any,  # noqa: ANN401 - the options named as the settings they override
) -> None:
    """Run a strategy over recorded market data and keep the ledger as a run.

    Example: lobdesk backtest --symbol BTC/USD --strategy join_touch --param qty_lots=1000000

    With --grid, or [backtest.grid] in the configuration, it runs every combination on all cores
    and keeps a table of them: --grid queue=risk_averse,log --grid params.offset_ticks=0,1,2
    """
    context = click.get_current_context()
    if scenario is not None:
        context.exit(_run_scenarios(scenario))
    from lobdesk.backtest.sweep import repeat_point, resume_sweep
    from lobdesk.progress import make_progress

    paths, reporter = data_paths(data_dir), make_progress(progress)
    if resume is not None or point is not None:
        _refuse_others({"grid": grid, "param": params, "config": config, **settings})
    with interrupted_by_sigterm():
        if resume is not None:
            run = resume_sweep(paths, resume, threads=threads, progress=reporter)
        elif point is not None:
            run = repeat_point(paths, *_parse_point(point), progress=reporter)
        else:
            overrides = {**settings, "params": _parse_params(params), "grid": _parse_grid(grid)}
            run = _run_new(paths, config, overrides, threads=threads, progress=reporter)
    context.exit(_print_run(run, as_json=as_json))


def _run_new(
    paths: DataPaths,
    config: Path | None,
    overrides: dict[str, Any],
    *,
    threads: int,
    progress: Progress,
) -> Run:
    from lobdesk.backtest.jobs import run_backtest
    from lobdesk.backtest.sources import market_of, open_market, open_records
    from lobdesk.backtest.sweep import run_sweep
    from lobdesk.settings import load_settings

    file = {name: overrides.pop(name) for name in ("records", "tick", "lot")}
    overrides["latency_rows"] = _read_latency_rows(overrides["latency_rows"])
    given = {f"backtest.{name}": value for name, value in overrides.items() if value != {}}
    settings = load_settings(config=config, overrides=given).settings.backtest
    if settings.grid:
        if file["records"] is not None:
            raise SettingsError("command line", "--records", "a grid runs over the index only")
        return run_sweep(paths, settings, threads=threads, progress=progress)
    if file["records"] is not None:
        if settings.day:
            raise SettingsError("command line", "--day", "chooses of the index, not of --records")
        data = open_records(
            file["records"], symbol=settings.symbol, tick=file["tick"], lot=file["lot"]
        )
    else:
        data = open_market(paths, market_of(settings))
    return run_backtest(paths, settings, data=data, progress=progress)


def _read_latency_rows(path: Path | None) -> object:
    if path is None:
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError("command line", "--latency-rows", f"{path}: {error}") from error


def _refuse_others(given: dict[str, Any]) -> None:
    for name, value in given.items():
        if value:
            reason = "does not go with --resume or --point"
            raise SettingsError("command line", f"--{name.replace('_', '-')}", reason)


def _parse_point(text: str) -> tuple[str, int]:
    sweep, slash, number = text.partition("/")
    if not slash or not number.isdigit():
        raise SettingsError("command line", "--point", f"expected SWEEP/N, not {text!r}")
    return sweep, int(number)


def _parse_grid(axes: tuple[str, ...]) -> dict[str, list[str | int | float | bool]]:
    parsed = {}
    for text in axes:
        key, equals, values = text.partition("=")
        if not equals or not key or not values:
            raise SettingsError("command line", "--grid", f"expected KEY=V1,V2, not {text!r}")
        parsed[key] = [_parse_value(value) for value in values.split(",")]
    return parsed


def _parse_value(text: str) -> str | int | float | bool:
    try:
        read = json.loads(text)
    except json.JSONDecodeError:
        return text
    return read if isinstance(read, str | int | float | bool) else text


def _parse_params(params: tuple[str, ...]) -> dict[str, str | int | float | bool]:
    parsed: dict[str, str | int | float | bool] = {}
    for text in params:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise SettingsError("command line", "--param", f"expected KEY=VALUE, not {text!r}")
        parsed[key] = _parse_value(value)
    return parsed


def _run_scenarios(path: Path) -> int:
    from lobdesk.backtest.scenario import find_differences, run_scenario
    from lobdesk.errors import BacktestError, LobdeskError

    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BacktestError(f"{path}: is not a scenario file: {error}") from error
    if not isinstance(document, dict):
        raise BacktestError(f"{path}: expected a JSON object")
    if "scenarios" not in document:
        print_json(run_scenario(document))
        return 0
    results: dict[str, Any] = {}
    failed: dict[str, list[str]] = {}
    for scenario in document["scenarios"]:
        try:
            output = run_scenario(scenario)
        except LobdeskError as error:
            failed[scenario["id"]] = [f"cannot run: {error}"]
            continue
        results[scenario["id"]] = output
        if differences := find_differences(output, scenario.get("expect", {})):
            failed[scenario["id"]] = differences
    print_json({"results": results, "failed": failed})
    return 1 if failed else 0


def _print_run(run: Run, *, as_json: bool) -> int:
    """Print a backtest or a sweep and return the exit code: 1 if a point failed."""
    from lobdesk.backtest.sweep import read_points

    metrics = run.metrics()
    is_sweep = run.manifest.kind == "sweep"
    if as_json:
        more = {"rows": read_points(run.path)} if is_sweep else {}
        facts = {"run": run.id, "path": str(run.path), **run.manifest.outputs, **metrics, **more}
        print_json(facts)
    else:
        print_report(run)
        if is_sweep:
            hint = f"one as a run: lobdesk backtest --point {run.id}/{metrics.get('best_point', 0)}"
        else:
            hint = f"see it: lobdesk replay {run.id}"
        click.echo(hint, err=True)
    return 1 if metrics.get("failed") else 0


def print_report(run: Run) -> None:
    """Print a backtest or a sweep for people, with plots if standard output is a terminal."""
    from lobdesk.backtest.report import assumptions, show_plots, sweep_table, text_report
    from lobdesk.backtest.sweep import read_points

    if run.manifest.kind == "sweep":
        rows = read_points(run.path)
        click.echo(f"{run.id}  {run.manifest.name}  {run.manifest.state}")
        config = run.manifest.config
        facts = {**config, **dict.fromkeys(config["grid"], "varied")}
        facts["sampling_us"] = facts["sample_us"]
        if not str(config["queue"]).startswith("power") and facts["queue"] != "varied":
            del facts["n"]
        click.echo("\n".join(f"  {line}" for line in assumptions(facts)))
        click.echo(sweep_table(rows, list(config["grid"]), limit=TABLE_ROWS))
        return
    click.echo(text_report(run.id, run.manifest.name, run.metrics()))
    if is_terminal(sys.stdout):
        show_plots(run.path)
