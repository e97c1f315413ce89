"""The table of all sweeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.backtest.tables import write_rows
from lobdesk.index import open_catalog, run_user_sql, update_index
from lobdesk.runs import create_run

if TYPE_CHECKING:
    from pathlib import Path


def test_points_of_finished_sweeps_are_a_table(recorded: Path) -> None:
    update_index(recorded)
    rows = [
        {"point": 0, "queue": "log", "params.n": 2, "final_pnl": 1.5, "fills": 7, "vol": 1.0},
        {"point": 1, "queue": "log2", "params.n": 2, "error": "no day"},
    ]
    for state in ("finished", "running"):
        run = create_run(
            recorded / "runs", "sweep", name=state,
            config={"grid": {"queue": ["log", "log2"], "params.n": [2]}},
        )  # fmt: skip
        (run.path / "points.jsonl").write_text('{"point": 0}\n')
        if state == "finished":
            write_rows(run.path, "points", rows)
            run.finish(state)
    other = create_run(recorded / "runs", "sweep", name="failed", config={"grid": {"n": ["x"]}})
    write_rows(other.path, "points", [{"point": 0, "n": "x", "error": "all fail", "fills": None}])
    (other.path / "points.csv").unlink()

    query = (
        "SELECT run, point, axes->>'queue', axes->>'params.n', final_pnl, fills, error, vol "
        "FROM sweep_points ORDER BY ALL"
    )
    with open_catalog(recorded) as catalog:
        found = catalog.sql(query).fetchall()
        assert catalog.sql("SELECT typeof(fills) FROM sweep_points").rows[0] == ("BIGINT",)

    assert [(*row[:6],) for row in found] == [
        ("w0001", 0, "log", "2", 1.5, 7),
        ("w0001", 1, "log2", "2", None, None),
        ("w0003", 0, None, None, None, None),
    ]
    assert [row[6] for row in found] == [None, "no day", "all fail"]
    assert run_user_sql(recorded, "SELECT count(*) FROM sweep_points").rows == [(3,)]
