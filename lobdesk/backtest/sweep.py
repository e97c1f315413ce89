"""Many backtests over the same records: every combination of some settings, on all cores."""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from lobdesk import __version__
from lobdesk.backtest import sources
from lobdesk.backtest.data import record_files
from lobdesk.backtest.errors import SweepError
from lobdesk.backtest.grid import plan
from lobdesk.backtest.jobs import (
    check_settings,
    figures_of,
    make_backtest,
    make_strategy,
    run_backtest,
)
from lobdesk.backtest.tables import write_rows
from lobdesk.errors import BacktestError
from lobdesk.runs import create_run, open_run
from lobdesk.settings import BacktestSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lobdesk.backtest.data import MarketData
    from lobdesk.backtest.grid import Point
    from lobdesk.backtest.run import Backtest, Result
    from lobdesk.backtest.sources import Market
    from lobdesk.backtest.strategies import NativeStrategy
    from lobdesk.paths import DataPaths
    from lobdesk.progress import Progress
    from lobdesk.runs import Run

Row = dict[str, Any]

POINTS_FILE = "points.jsonl"
CHUNK_EVENTS = 1_000_000
"""Events between two looks at whether the sweep was cancelled."""


def run_many(
    backtests: Iterable[tuple[Backtest, NativeStrategy]], *, threads: int = 0
) -> list[Result]:
    """Run backtests side by side and return their results in the order given.

    Threads share the mapped records; the interpreter is free while they run. Strategies in Python
    work too, one at a time.

    Args:
        backtests: Rules with data, and a strategy for each; the same ``Backtest`` may occur often.
        threads: How many at once; 0 takes all cores.
    """
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        return list(pool.map(lambda each: each[0].run(each[1]), backtests))


def run_sweep(
    paths: DataPaths, settings: BacktestSettings, *, threads: int = 0, progress: Progress
) -> Run:
    """Run every combination of ``settings.grid`` and keep a table of them.

    Args:
        paths: The data directory.
        settings: With a grid.
        threads: Backtests at once; 0 takes all cores.
        progress: Hears of each finished one.

    Returns:
        A run of kind ``sweep``; its folder holds ``points.jsonl`` and, when all are done,
        ``points.parquet`` and ``points.csv``.

    Raises:
        BacktestError: The grid names something that does not exist.
    """
    points = _plan(paths, settings)
    for point in points:
        check_settings(point.settings)
    name = f"{settings.strategy} x {len(points)}: {', '.join(settings.grid)}"
    run = create_run(paths.runs, "sweep", name=name, config=msgspec.to_builtins(settings))
    return _run(paths, run, points, [], threads=threads, progress=progress)


def resume_sweep(paths: DataPaths, run_id: str, *, threads: int = 0, progress: Progress) -> Run:
    """Run what a cancelled, failed or killed sweep has not done yet.

    Raises:
        RunError: There is no such run.
        SweepError: It is no sweep, is finished, or was made by another version of lobdesk or from
            other records, so that its rows could not be compared.
    """
    run, settings = open_sweep(paths, run_id)
    if run.manifest.state == "finished":
        raise SweepError(run_id, "is finished; see: lobdesk runs show " + run_id)
    if run.manifest.version != __version__:
        raise SweepError(run_id, f"was begun by lobdesk {run.manifest.version}; start it anew")
    rows = [row for row in read_points(run.path) if "error" not in row]
    return _run(paths, run, _plan(paths, settings), rows, threads=threads, progress=progress)


def open_sweep(paths: DataPaths, run_id: str) -> tuple[Run, BacktestSettings]:
    """Return a sweep and its settings.

    Raises:
        RunError: There is no such run.
        SweepError: It is no sweep, or its settings are unknown here.
    """
    run = open_run(paths.runs, run_id)
    if run.manifest.kind != "sweep":
        raise SweepError(run_id, f"is a {run.manifest.kind} run, not a sweep")
    try:
        return run, msgspec.convert(run.manifest.config, BacktestSettings, strict=False)
    except msgspec.ValidationError as error:
        raise SweepError(run_id, f"its settings cannot be read: {error}") from error


def repeat_point(paths: DataPaths, run_id: str, number: int, *, progress: Progress) -> Run:
    """Run one combination of a sweep again as a backtest with its whole ledger.

    Raises:
        RunError: There is no such run.
        SweepError: It is no sweep, the point has no row, or its ledger is another one now.
    """
    run, settings = open_sweep(paths, run_id)
    row = {row["point"]: row for row in read_points(run.path)}.get(number)
    if row is None or "error" in row:
        raise SweepError(run_id, f"has no finished point {number}")
    point = _plan(paths, settings)[number]
    data = sources.open_market(paths, point.market)
    made = run_backtest(paths, point.settings, data=data, progress=progress)
    if made.manifest.outputs["digest"] != row["digest"]:
        raise SweepError(run_id, f"point {number} had another ledger than {made.id} has now")
    return made


def read_points(folder: Path) -> list[Row]:
    """Return the rows of a sweep so far, by number; a torn last line is left out."""
    path = folder / POINTS_FILE
    rows: dict[int, Row] = {}
    for line in path.read_bytes().split(b"\n")[:-1] if path.is_file() else []:
        row: Row = json.loads(line)
        rows[row["point"]] = row
    return [rows[number] for number in sorted(rows)]


class _Markets:
    """Market data of a sweep, opened once and dropped with the last point that needs them."""

    def __init__(
        self, paths: DataPaths, points: Sequence[Point], digests: Mapping[Market, str]
    ) -> None:
        """Open nothing yet.

        Args:
            paths: The data directory.
            points: What will be run.
            digests: Of records that earlier rows of the sweep came from.
        """
        self._paths = paths
        self._digests = digests
        self._lock = threading.Lock()
        self._open: dict[Market, tuple[list[MarketData], str]] = {}
        self._needed: dict[Market, int] = {}
        for point in points:
            self._needed[point.market] = self._needed.get(point.market, 0) + 1

    def take(self, point: Point) -> tuple[list[MarketData], str]:
        """Return the data and their digest.

        Raises:
            SweepError: They are not what earlier rows came from.
        """
        with self._lock:
            if point.market not in self._open:
                data = sources.open_market(self._paths, point.market)
                digest = sources.records_digest(*data)
                if self._digests.get(point.market, digest) != digest:
                    changed = "its records have changed since the sweep began; start it anew"
                    names = ", ".join(each.symbol for each in data)
                    raise SweepError(f"{names} {point.market.day}".rstrip(), changed)
                self._open[point.market] = data, digest
            return self._open[point.market]

    def give_back(self, point: Point) -> None:
        with self._lock:
            self._needed[point.market] -= 1
            if not self._needed[point.market]:
                self._open.pop(point.market, None)


def _plan(paths: DataPaths, settings: BacktestSettings) -> list[Point]:
    """Return the points; a day of several symbols is one that all of them have."""

    def days_of(market: Market) -> list[str]:
        days = [
            record_files(paths.root, symbol, source=market.source, by_order=market.by_order)
            for symbol in market.symbols
        ]
        return [day for day in days[0] if all(day in more for more in days[1:])]

    return plan(settings, days_of)


def _run(
    paths: DataPaths,
    run: Run,
    points: list[Point],
    rows: list[Row],
    *,
    threads: int,
    progress: Progress,
) -> Run:
    done = {row["point"]: row for row in rows}
    digests = {points[number].market: row["records"] for number, row in done.items()}
    # Neighbours share their records, so that few files are open at a time.
    left = sorted((p for p in points if p.number not in done), key=lambda p: (p.market, p.number))
    stop = threading.Event()
    try:
        with _appending(run.path / POINTS_FILE, done.values()) as write:
            for row in _rows(paths, left, digests, threads=threads, stop=stop):
                done[row["point"]] = row
                write(row)
                progress.update("sweep", len(done), len(points), **_best(done.values()))
    except KeyboardInterrupt:
        stop.set()
        run.finish("cancelled")
        progress.finish("cancelled", run=run.id)
        raise
    except BaseException:
        stop.set()
        run.finish("failed")
        raise
    return _finish(run, [done[number] for number in sorted(done)], progress)


def _rows(
    paths: DataPaths,
    points: Sequence[Point],
    digests: Mapping[Market, str],
    *,
    threads: int,
    stop: threading.Event,
) -> Iterator[Row]:
    markets = _Markets(paths, points, digests)
    count = threads or os.cpu_count() or 1
    waiting = iter(points)
    with ThreadPoolExecutor(count, thread_name_prefix="sweep") as pool:
        running: set[Future[Row]] = set()
        try:
            while True:
                for point in itertools.islice(waiting, count - len(running)):
                    running.add(pool.submit(_run_point, paths, point, markets, stop))
                if not running:
                    return
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        finally:
            stop.set()  # else leaving the pool would wait for the rest


def _run_point(paths: DataPaths, point: Point, markets: _Markets, stop: threading.Event) -> Row:
    began_s = time.perf_counter()
    row: Row = {"point": point.number, **point.changes}
    try:
        data, digest = markets.take(point)
        backtest = make_backtest(point.settings, data)
        strategy = make_strategy(paths, point.settings, data)
        result = _run_until(backtest, strategy, stop)
        figures = figures_of(backtest, result, capital=point.settings.capital)
    except SweepError:
        raise
    except BacktestError as error:
        return {**row, "error": str(error)}
    finally:
        markets.give_back(point)
    facts = {"digest": result.digest, "state_hash": f"{result.state_hash:016x}", "records": digest}
    seconds = round(time.perf_counter() - began_s, 6)
    return {**row, **facts, "seconds": seconds, "figures": figures}


def _run_until(backtest: Backtest, strategy: NativeStrategy, stop: threading.Event) -> Result:
    running = backtest.start(strategy)
    while running.run(backtest.end_us, CHUNK_EVENTS) == CHUNK_EVENTS:
        if stop.is_set():
            raise SweepError("sweep", "cancelled")
    return backtest.finish(running, takes_ledger=True)


@contextmanager
def _appending(path: Path, rows: Iterable[Row]) -> Iterator[Callable[[Row], object]]:
    """Write the rows so far anew, without a torn last line, and yield what appends another."""
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(b"".join(map(_line, rows)))
    temporary.replace(path)
    with path.open("ab", buffering=0) as stream:
        yield lambda row: stream.write(_line(row))


def _line(row: Row) -> bytes:
    return json.dumps(row).encode() + b"\n"


def _finish(run: Run, rows: list[Row], progress: Progress) -> Run:
    failed = sum("error" in row for row in rows)
    files = write_rows(run.path, "points", [flat(row) for row in rows])
    metrics = {"points": len(rows), "failed": failed, **_best(rows)}
    run.finish("finished", metrics=metrics, outputs={"files": [POINTS_FILE, *files]})
    progress.finish("finished", run=run.id, points=len(rows), failed=failed)
    return run


def flat(row: Row) -> Row:
    """Return a row with its figures beside its axes; an axis keeps its name."""
    own = {key: value for key, value in row.items() if key != "figures"}
    return {**row.get("figures", {}), **own}


def _best(rows: Iterable[Row]) -> dict[str, Any]:
    done = [row for row in rows if "figures" in row]
    if not done:
        return {}
    best = max(done, key=lambda row: row["figures"]["final_pnl"])
    return {"best_point": best["point"], "best_pnl": best["figures"]["final_pnl"]}
