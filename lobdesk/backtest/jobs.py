"""Backtests as runs: settings in, a run's folder with ledger and figures out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from lobdesk.backtest import sources
from lobdesk.backtest.checks import make_from
from lobdesk.backtest.errors import OptionError, ReplayError, UnknownNameError
from lobdesk.backtest.model import ModelOptions, fee_rate
from lobdesk.backtest.plans import Grid, Twap
from lobdesk.backtest.run import Backtest
from lobdesk.backtest.statistics import plain, summarize
from lobdesk.backtest.strategies import (
    SignalFollower,
    join_touch_from,
    signal_params,
)
from lobdesk.backtest.tables import write_ledger
from lobdesk.errors import BacktestError
from lobdesk.runs import create_run, open_run
from lobdesk.settings import BacktestSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lobdesk import engine
    from lobdesk.backtest.data import MarketData
    from lobdesk.backtest.run import Result
    from lobdesk.backtest.strategies import NativeStrategy
    from lobdesk.paths import DataPaths
    from lobdesk.progress import Progress
    from lobdesk.runs import Run

STRATEGIES = ("join_touch", "grid", "twap", "signal_follower")
SIGNALS_FILE = "signals.npy"
PROGRESS_EVENTS = 1_000_000


def run_backtest(
    paths: DataPaths,
    settings: BacktestSettings,
    *,
    data: MarketData | Sequence[MarketData],
    progress: Progress,
) -> Run:
    """Run one backtest and write its folder.

    Args:
        paths: The data directory.
        settings: Strategy, rules and fees.
        data: Market data of one or several symbols.
        progress: Hears how far the clock is.

    Raises:
        BacktestError: The settings name something that does not exist or is impossible.
    """
    backtest = make_backtest(settings, data)
    strategy = make_strategy(paths, settings, backtest.data)
    read = [sources.describe(paths, each) for each in backtest.data]
    run = create_run(
        paths.runs,
        "backtest",
        name=f"{settings.strategy} {', '.join(each.symbol for each in read)}",
        config={**msgspec.to_builtins(settings), "data": msgspec.to_builtins(read)},
        inputs={
            "records": sources.records_digest(*backtest.data),
            "rows": sum(len(each) for each in backtest.data),
        },
    )
    try:
        result = _run_with_progress(backtest, strategy, progress)
    except KeyboardInterrupt:
        run.finish("cancelled")
        progress.finish("cancelled", run=run.id)
        raise
    except BacktestError:
        run.finish("failed")
        raise
    metrics = figures_of(backtest, result, capital=settings.capital)
    files_written = write_ledger(run.path, result)
    outputs = {"digest": result.digest, "state_hash": f"{result.state_hash:016x}"}
    run.finish("finished", metrics=metrics, outputs={**outputs, "files": files_written})
    progress.finish("finished", run=run.id, pnl=metrics["final_pnl"], fills=metrics["fills"])
    return run


def figures_of(backtest: Backtest, result: Result, *, capital: float = 0.0) -> dict[str, Any]:
    """Return the figures of a result that JSON can hold, and what they assume."""
    return {**backtest.assumptions(), **plain(summarize(backtest, result, capital=capital))}


def make_backtest(settings: BacktestSettings, data: MarketData | Sequence[MarketData]) -> Backtest:
    """Return the rules of settings over some data."""
    fees = {"maker_fee": settings.maker_fee, "taker_fee": settings.taker_fee}
    return Backtest(data, **fees, **_options(settings))


def check_settings(settings: BacktestSettings) -> None:
    """Refuse what can be refused without market data.

    Raises:
        UnknownNameError: There is no such strategy, parameter, preset or model.
        OptionError: A value is impossible.
    """
    sources.market_of(settings)
    ModelOptions(**_options(settings)).to_native(end_us=0)
    fee_rate("maker_fee", settings.maker_fee)
    fee_rate("taker_fee", settings.taker_fee)
    if settings.strategy == "signal_follower":
        signal_params(settings.params)
    else:
        _plain_strategy(settings).spec()


def _options(settings: BacktestSettings) -> dict[str, Any]:
    return {
        "preset": settings.preset,
        "queue": settings.queue,
        "n": settings.n,
        "through": settings.through,
        "unknown": settings.unknown,
        "window": settings.window or None,
        "truncate": settings.truncate,
        "netting_us": settings.netting_us,
        "fee_tiers": settings.fee_tiers or None,
        "sample_us": settings.sample_us,
        "entry_us": settings.entry_us,
        "response_us": settings.response_us,
        "latency_rows": settings.latency_rows,
    }


def make_strategy(
    paths: DataPaths, settings: BacktestSettings, data: Sequence[MarketData]
) -> NativeStrategy:
    """Return the strategy that settings name.

    Raises:
        UnknownNameError: There is no such strategy or parameter.
        OptionError: A parameter has an impossible value, or signals are missing.
    """
    if settings.strategy == "signal_follower":
        return _signal_follower(paths, settings, data)
    return _plain_strategy(settings)


def _plain_strategy(settings: BacktestSettings) -> NativeStrategy:
    if settings.strategy == "join_touch":
        return join_touch_from(settings.params)
    if settings.strategy == "grid":
        return make_from(Grid, settings.params, interval_us=100_000)
    if settings.strategy == "twap":
        return make_from(Twap, settings.params)
    raise UnknownNameError("strategy", settings.strategy, STRATEGIES)


def repeat_run(paths: DataPaths, run_id: str) -> tuple[Backtest, engine.StrategySpec, Run]:
    """Return rules, strategy and folder of a finished backtest, ready to run again.

    Raises:
        RunError: There is no such run.
        ReplayError: It is no finished backtest, or was made by settings unknown here.
    """
    run = open_run(paths.runs, run_id)
    if run.manifest.kind != "backtest" or run.manifest.state != "finished":
        raise ReplayError(
            run_id, f"is a {run.manifest.state} {run.manifest.kind} run, not a finished backtest"
        )
    config = dict(run.manifest.config)
    try:
        read = config.pop("data")  # one object before runs could have several symbols
        files = msgspec.convert(
            [read] if isinstance(read, dict) else read, list[sources.DataSource]
        )
        settings = msgspec.convert(config, BacktestSettings)
    except (KeyError, msgspec.ValidationError) as error:
        raise ReplayError(run_id, f"its settings cannot be read: {error}") from error
    data = [sources.reopen(paths, each) for each in files]
    strategy = make_strategy(paths, settings, data)
    return make_backtest(settings, data), strategy.spec(), run


def _run_with_progress(backtest: Backtest, strategy: NativeStrategy, progress: Progress) -> Result:
    running = backtest.start(strategy)
    start_us = min(each.start_us for each in backtest.data)
    total = max(1, (backtest.end_us - start_us) // 1_000_000)
    while running.run(backtest.end_us, PROGRESS_EVENTS) == PROGRESS_EVENTS:
        done = max(0, running.now_us - start_us) // 1_000_000
        progress.update("backtest", done, total, equity=running.account(0)[4])
    progress.update("backtest", total, total, equity=running.account(0)[4])
    return backtest.finish(running, takes_ledger=True)


def _signal_follower(
    paths: DataPaths, settings: BacktestSettings, data: Sequence[MarketData]
) -> SignalFollower:
    if not settings.signals:
        raise OptionError("signals", settings.signals, "a run of kind signals: --signals RUN")
    run = open_run(paths.runs, settings.signals)
    path = run.path / SIGNALS_FILE
    symbol = run.manifest.config.get("symbol")
    if run.manifest.kind != "signals" or not path.is_file():
        raise OptionError("signals", settings.signals, "a finished run of kind signals")
    names = [each.symbol for each in data]
    if symbol not in names:
        raise OptionError("signals", settings.signals, f"signals of {names[0]}, not {symbol}")
    number = names.index(symbol)
    rows = np.load(path, allow_pickle=False)
    params = signal_params(settings.params)
    return SignalFollower(
        data[number].to_data_clock(rows["available_ts_us"]),
        rows["value"],
        symbols=np.full(len(rows), number),
        feature_ts_us=data[number].to_data_clock(rows["feature_ts_us"]),
        threshold=float(params["threshold"]),
        max_position_lots=int(params["max_position_lots"]),
        maker=bool(params["maker"]),
        hold=bool(params["hold"]),
    )
