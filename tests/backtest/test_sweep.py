"""Grids of backtests over an indexed recording."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import msgspec
import pytest

from lobdesk.backtest import Backtest, JoinTouch, run_many
from lobdesk.backtest.errors import OptionError, SweepError, UnknownNameError
from lobdesk.backtest.grid import plan
from lobdesk.backtest.sweep import read_points, repeat_point, resume_sweep, run_sweep
from lobdesk.importers import import_file
from lobdesk.index import open_catalog, update_index
from lobdesk.paths import DataPaths
from lobdesk.progress import NoProgress
from lobdesk.runs import open_run
from lobdesk.settings import BacktestSettings
from tests.backtest.markets import market

GRID = {"queue": ("risk_averse", "log2"), "params.offset_ticks": (0, 1), "day": ("*",)}
SETTINGS = BacktestSettings(symbol="ETH/USD", params={"qty_lots": 1_000_000}, grid=GRID)


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory, captures: Path) -> DataPaths:
    paths = DataPaths(tmp_path_factory.mktemp("sweep"))
    import_file(paths, captures / "v2_ethusd_d25_20260802.cbcap")
    update_index(paths.root)
    return paths


class Interrupting:
    """Presses Ctrl-C after some points."""

    def __init__(self, after: int) -> None:
        self.after = after

    def update(self, phase: str, done: int, total: int | None, **facts: object) -> None:
        if done == self.after:
            raise KeyboardInterrupt

    def finish(self, state: str, **facts: object) -> None:
        self.state = state


def test_threads_change_nothing() -> None:
    data = market()
    cases = [
        (Backtest(data, queue=queue), JoinTouch(100_000, 100, 1_000, offset))
        for queue in ("risk_averse", "power3")
        for offset in (0, 1, 2)
    ]
    alone = [backtest.run(strategy).digest for backtest, strategy in cases]

    assert [result.digest for result in run_many(cases, threads=4)] == alone
    assert len(set(alone)) == 3


def test_combinations_in_order_the_last_axis_fastest() -> None:
    points = plan(SETTINGS, lambda *_: ["2026-08-01", "2026-08-02"])

    assert [point.number for point in points] == list(range(8))
    assert points[1].changes == {
        "queue": "risk_averse",
        "params.offset_ticks": 0,
        "day": "2026-08-02",
    }
    assert points[2].settings.params == {"qty_lots": 1_000_000, "offset_ticks": 1}
    assert points[4].settings.queue == "log2"
    assert not points[4].settings.grid


@pytest.mark.parametrize(
    ("axis", "values", "error", "message"),
    [
        ("que", (1,), UnknownNameError, "did you mean 'queue'"),
        ("grid", (1,), UnknownNameError, "axis 'grid' does not exist"),
        ("queue", (), OptionError, "at least one value"),
        ("queue", ("log", "log"), OptionError, "different values"),
        ("entry_us", ("soon",), OptionError, "grid.entry_us"),
    ],
)
def test_a_wrong_axis_is_named(
    axis: str, values: tuple[str, ...], error: type[Exception], message: str
) -> None:
    settings = msgspec.structs.replace(SETTINGS, grid={axis: values})
    with pytest.raises(error, match=message):
        plan(settings, lambda *_: [])


def test_a_sweep_leaves_a_table(paths: DataPaths) -> None:
    run = run_sweep(paths, SETTINGS, threads=2, progress=NoProgress())

    rows = read_points(run.path)
    assert run.id.startswith("w")
    assert run.manifest.state == "finished"
    assert run.metrics()["points"] == len(rows) == 4
    table = duckdb.sql(f"SELECT point, queue, final_pnl FROM '{run.path}/points.parquet'")
    assert [row[0] for row in table.fetchall()] == [0, 1, 2, 3]
    assert (run.path / "points.csv").read_text().count("\n") == 5
    assert rows[0]["figures"]["queue"] == "risk_averse"
    assert {row["day"] for row in rows} == {"2026-08-02"}
    with open_catalog(paths.root) as catalog:
        found = catalog.sql(
            "SELECT run, axes->>'queue', fills, final_pnl FROM sweep_points WHERE run = ?", [run.id]
        ).rows
    figures = [(row["queue"], row["figures"]["fills"], row["figures"]["final_pnl"]) for row in rows]
    assert sorted(found) == sorted((run.id, *figure) for figure in figures)


def test_a_point_repeated_as_a_run_has_the_same_ledger(paths: DataPaths) -> None:
    sweep = run_sweep(paths, SETTINGS, progress=NoProgress())

    run = repeat_point(paths, sweep.id, 3, progress=NoProgress())

    assert run.manifest.outputs["digest"] == read_points(sweep.path)[3]["digest"]
    assert run.manifest.config["queue"] == "log2"
    with pytest.raises(SweepError, match="no finished point 4"):
        repeat_point(paths, sweep.id, 4, progress=NoProgress())


def test_a_cancelled_sweep_goes_on_where_it_stopped(paths: DataPaths) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_sweep(paths, SETTINGS, threads=1, progress=Interrupting(2))
    sweep = max(paths.runs.glob("w*"))
    assert json.loads((sweep / "manifest.json").read_text())["state"] == "cancelled"
    first = read_points(sweep)
    assert len(first) == 2
    with (sweep / "points.jsonl").open("ab") as stream:
        stream.write(b'{"point": 3, "torn')  # killed in the middle of a line

    run = resume_sweep(paths, sweep.name, progress=NoProgress())

    rows = read_points(sweep)
    assert run.manifest.state == "finished"
    assert rows[:2] == first
    whole = run_sweep(paths, SETTINGS, progress=NoProgress())
    assert [row["digest"] for row in rows] == [row["digest"] for row in read_points(whole.path)]
    with pytest.raises(SweepError, match="is finished"):
        resume_sweep(paths, sweep.name, progress=NoProgress())


def test_records_that_changed_cannot_be_mixed(paths: DataPaths) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_sweep(paths, SETTINGS, threads=1, progress=Interrupting(1))
    sweep = max(paths.runs.glob("w*"))
    file = sweep / "points.jsonl"
    file.write_text(file.read_text().replace('"records": "', '"records": "0'))

    with pytest.raises(SweepError, match="records have changed"):
        resume_sweep(paths, sweep.name, progress=NoProgress())
    assert open_run(paths.runs, sweep.name).manifest.state == "failed"


def test_a_point_that_cannot_run_does_not_stop_the_others(paths: DataPaths) -> None:
    grid = {"symbol": ("ETH/USD",), "day": ("2026-08-02", "1999-01-01")}
    settings = msgspec.structs.replace(SETTINGS, grid=grid)

    run = run_sweep(paths, settings, progress=NoProgress())

    assert run.metrics()["failed"] == 1
    assert "day: expected a day of ETH/USD: 2026-08-02" in read_points(run.path)[1]["error"]
    with pytest.raises(UnknownNameError, match="did you mean 'join_touch'"):
        run_sweep(
            paths,
            msgspec.structs.replace(settings, grid={"strategy": ("join_tuch",)}),
            progress=NoProgress(),
        )
