"""Views over the registry of runs and the Parquet files of backtests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb

from lobdesk.index import duck
from lobdesk.index.other_views import LEDGERS, RUNS
from lobdesk.runs import DamagedRunError, list_runs

if TYPE_CHECKING:
    from pathlib import Path

    from lobdesk.index.schema import Table
    from lobdesk.paths import DataPaths
    from lobdesk.runs import Run


def runs_definition() -> str:
    """Return the stored columns of ``runs`` with types, as in CREATE TABLE."""
    return ", ".join(f"{c.name} {c.type}" for c in RUNS.columns if c.type != "TIMESTAMP")


def run_rows(paths: DataPaths) -> list[list[Any]]:
    """Return one row for each run whose manifest is readable."""
    return [_row(run) for run in list_runs(paths.runs)]


def create_ledgers(con: duckdb.DuckDBPyConnection, paths: DataPaths) -> list[Path]:
    """Create ``internal.runs``, ``fills``, ``orders`` and ``equity``; return the files behind them.

    They are read from the runs' folders, because a run may have ended since the catalogue was
    published.
    """
    runs = list_runs(paths.runs)
    con.execute(f"CREATE TABLE internal.runs ({runs_definition()})")
    if runs:
        rows = [_row(run) for run in runs]
        marks = ", ".join("?" for _ in rows[0])
        con.executemany(f"INSERT INTO internal.runs VALUES ({marks})", rows)
    used: list[Path] = []
    for ledger in LEDGERS:
        files = {run.id: run.path / f"{ledger.name}.parquet" for run in reversed(runs)}
        found = {run_id: path for run_id, path in files.items() if path.is_file()}
        used += _create_ledger(con, ledger, found)
    return used


def _row(run: Run) -> list[Any]:
    manifest = run.manifest
    try:
        metrics = run.metrics()
    except DamagedRunError:
        metrics = {}
    return [
        manifest.id, manifest.kind, manifest.name, manifest.state, manifest.created_ts_us,
        manifest.ended_ts_us, manifest.version, json.dumps(manifest.config),
        json.dumps(manifest.inputs), json.dumps(manifest.outputs), json.dumps(metrics),
    ]  # fmt: skip


def _create_ledger(
    con: duckdb.DuckDBPyConnection, ledger: Table, files: dict[str, Path]
) -> list[Path]:
    """Create the view of one ledger over all runs that have its whole file."""
    whole = {run_id: path for run_id, path in files.items() if _is_whole(con, path)}
    selects = [
        f"SELECT {duck.quote(run_id)} AS run, * FROM {duck.parquet_scan([path])}"
        for run_id, path in whole.items()
    ]
    if not selects:
        con.execute(f"CREATE TABLE internal.{ledger.name} ({ledger.definition()})")
        selects = [f"SELECT * FROM internal.{ledger.name}"]
    con.execute(f"CREATE VIEW {ledger.name} AS {' UNION ALL BY NAME '.join(selects)}")
    return list(whole.values())


def _is_whole(con: duckdb.DuckDBPyConnection, path: Path) -> bool:
    """Tell whether a file can be read: that of a run at work, or killed, may lack its end."""
    try:
        con.execute(f"DESCRIBE SELECT * FROM {duck.parquet_scan([path])}").fetchall()
    except duckdb.Error:
        return False
    return True
