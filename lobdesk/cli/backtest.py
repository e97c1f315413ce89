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
    json_option,
    print_json,
    progress_option,
)
from lobdesk.errors import SettingsError
from lobdesk.progress import is_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobdesk.runs import Run

PLOT_COLUMNS, PLOT_ROWS = 78, 14

SETTINGS_OPTIONS = [
    click.option("--symbol", help="Pair (default: the first indexed one)."),
    click.option("--source", help="Whose recording, where several have the pair."),
    click.option("--strategy", help="join_touch (default), grid, twap or signal_follower."),
    click.option(
        "--param", "params", multiple=True, metavar="KEY=VALUE", help="Of the strategy; repeatable."
    ),
    click.option("--signals", metavar="RUN", help="Signals that signal_follower follows."),
    click.option("--preset", help="lobdesk (default), hftbacktest or hftbacktest_partial."),
    click.option("--queue", help="Queue model, for example risk_averse (default) or power3."),
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
        "--maker-fee", help="Fraction of traded value (default: 0.0025); negative is a rebate."
    ),
    click.option("--taker-fee", help="Fraction of traded value (default: 0.004)."),
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
@data_dir_option
@json_option
@progress_option
def backtest_command(
    *,
    config: Path | None,
    scenario: Path | None,
    records: Path | None,
    tick: str | None,
    lot: str | None,
    data_dir: Path | None,
    as_json: bool,
    progress: str,
    params: tuple[str, ...],
    **settings: object,
) -> None:
    """Run a strategy over recorded market data and keep the ledger as a run.

    Example: lobdesk backtest --symbol BTC/USD --strategy join_touch --param qty_lots=1000000
    """
    if scenario is not None:
        click.get_current_context().exit(_run_scenarios(scenario))
    from lobdesk.backtest.jobs import run_backtest
    from lobdesk.backtest.sources import find_data
    from lobdesk.progress import make_progress
    from lobdesk.settings import load_settings

    overrides = {f"backtest.{name}": value for name, value in settings.items()}
    if params:
        overrides["backtest.params"] = _parse_params(params)
    loaded = load_settings(config=config, overrides=overrides).settings.backtest
    paths = data_paths(data_dir)
    data = find_data(
        paths, loaded.symbol, source=loaded.source, records=records, tick=tick, lot=lot
    )
    run = run_backtest(paths, loaded, data=data, progress=make_progress(progress))
    if as_json:
        print_json({"run": run.id, "path": str(run.path), **run.manifest.outputs, **run.metrics()})
        return
    _print_report(run)


def _parse_params(params: tuple[str, ...]) -> dict[str, str | int | float | bool]:
    parsed: dict[str, str | int | float | bool] = {}
    for text in params:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise SettingsError("command line", "--param", f"expected KEY=VALUE, not {text!r}")
        try:
            read = json.loads(value)
        except json.JSONDecodeError:
            read = value
        parsed[key] = read if isinstance(read, str | int | float | bool) else value
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


ROWS = (
    ("final PnL", "final_pnl", "{:+.6f}"),
    ("realized", "realized", "{:+.6f}"),
    ("fees", "fee", "{:.6f}"),
    ("fills / orders", "", ""),
    ("maker share", "maker_share", "{:.1%}"),
    ("certain fills", "certain_share", "{:.1%}"),
    ("turnover", "turnover", "{:,.2f}"),
    ("max drawdown", "max_drawdown", "{:.6f}"),
    ("Sharpe", "sharpe", "{:.2f}"),
)


def _print_report(run: Run) -> None:
    metrics = run.metrics()
    click.echo(f"{run.id}  {run.manifest.name}  preset {run.manifest.config['preset']}")
    for label, key, form in ROWS:
        if not key:
            text = f"{metrics['fills']:,} / {metrics['orders']:,}"
        else:
            text = "n/a" if metrics.get(key) is None else form.format(metrics[key])
        if key == "sharpe":
            text += (
                f"   (changes each {metrics['sampling_us'] / 1e6:g} s, "
                f"{metrics['annualization_days']} days a year)"
            )
        click.echo(f"  {label:<16}{text}")
    if is_terminal(sys.stdout):
        _plot_equity(run)
    click.echo(f"see it: lobdesk replay {run.id}", err=True)


def _plot_equity(run: Run) -> None:
    import duckdb
    import plotext

    file = str(run.path / "equity.parquet")
    rows = duckdb.execute(
        "SELECT (ts_us - min(ts_us) OVER ()) / 1e6, sum(equity) FROM read_parquet(?) "
        "GROUP BY ts_us ORDER BY ts_us",
        [file],
    ).fetchall()
    figure = plotext.figure
    figure.clear()
    figure.plot_size(PLOT_COLUMNS, PLOT_ROWS)
    curve = figure.signal([row[0] for row in rows], [row[1] for row in rows]).lines()
    figure.draw(curve)
    figure.title("equity")
    figure.label("seconds")
    figure.show(colorless=True)
