"""Views over the registry of runs and the Parquet files of backtests."""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import duckdb

from lobdesk.index import duck
from lobdesk.index.other_views import LEDGERS, RUNS, SWEEP_POINTS
from lobdesk.runs import DamagedRunError, list_runs

if TYPE_CHECKING:
    from pathlib import Path

    from lobdesk.index.schema import Table
    from lobdesk.paths import DataPaths
    from lobdesk.runs import Run


INTEGERS = re.compile(r"\w+_(?:us|ticks|lots)\b")
"""The column that an added one is made of."""


def runs_definition() -> str:
    """Return the stored columns of ``runs`` with types, as in CREATE TABLE."""
    return ", ".join(f"{c.name} {c.type}" for c in RUNS.columns if c.type != "TIMESTAMP")


def run_rows(paths: DataPaths) -> list[list[Any]]:
    """Return one row for each run whose manifest is readable."""
    return [_row(run) for run in list_runs(paths.runs)]


def create_ledgers(con: duckdb.DuckDBPyConnection, paths: DataPaths) -> list[Path]:
    """Create ``internal.runs`` and the views of ledgers and sweeps; return the files behind them.

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
        used += _create_ledger(con, ledger, runs)
    return used + _create_sweep_points(con, runs)


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


def _create_ledger(con: duckdb.DuckDBPyConnection, ledger: Table, runs: list[Run]) -> list[Path]:
    """Create the view of one ledger over all runs that have its whole file."""
    columns = (*ledger.columns, *ledger.view_columns)
    definition = ", ".join(f"{_name(column.name)} {column.type}" for column in columns)
    con.execute(f"CREATE TABLE internal.{ledger.name} ({definition})")
    selects = [f"SELECT * FROM internal.{ledger.name}"]
    files = []
    for run in reversed(runs):
        path = run.path / f"{ledger.name}.parquet"
        if path.is_file() and _is_whole(con, path):
            files.append(path)
            selects.append(_entries(con, ledger, run, path))
    con.execute(f"CREATE VIEW {ledger.name} AS {' UNION ALL BY NAME '.join(selects)}")
    return files


def _entries(con: duckdb.DuckDBPyConnection, ledger: Table, run: Run, path: Path) -> str:
    """Return a query for one run's ledger, with what the view adds to the columns it has."""
    scan = duck.parquet_scan([path])
    names = {row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()}
    units = {unit: _increment(run, unit) for unit in ("tick", "lot")}
    added = [
        f"{column.expression.format(**units)} AS {_name(column.name)}"
        for column in ledger.view_columns
        if column.name not in names and INTEGERS.findall(column.expression)[0] in names
    ]
    return f"SELECT {', '.join([f'{duck.quote(run.id)} AS run', '*', *added])} FROM {scan}"


def _increment(run: Run, unit: str) -> str:
    """Return a price increment or quantity step as SQL; null if the run does not tell it."""
    data = run.manifest.config.get("data")
    text = data.get(unit) if isinstance(data, dict) else None
    try:
        exact = format(Decimal(str(text)), "f")
    except InvalidOperation:
        return "NULL::DECIMAL(19,18)"
    return f"TRY_CAST({duck.quote(exact)} AS DECIMAL(19,18))"


def _create_sweep_points(con: duckdb.DuckDBPyConnection, runs: list[Run]) -> list[Path]:
    """Create the view of the points of all sweeps that are done."""
    con.execute(f"CREATE TABLE internal.{SWEEP_POINTS.name} ({SWEEP_POINTS.definition()})")
    selects = [f"SELECT * FROM internal.{SWEEP_POINTS.name}"]
    files = []
    for run in reversed(runs):
        path = run.path / "points.parquet"
        if run.manifest.kind == "sweep" and path.is_file() and _is_whole(con, path):
            files.append(path)
            selects.append(_points(con, run, path))
    con.execute(f"CREATE VIEW {SWEEP_POINTS.name} AS {' UNION ALL BY NAME '.join(selects)}")
    return files


def _points(con: duckdb.DuckDBPyConnection, run: Run, path: Path) -> str:
    """Return a query for one sweep's rows. In its file NaN stands for no number."""
    scan = duck.parquet_scan([path])
    names = {row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()}
    axes = [name for name in run.manifest.config.get("grid", {}) if name in names]
    pairs = ", ".join(f"{duck.quote(name)}, {_name(name)}" for name in axes)
    listed = [column for column in SWEEP_POINTS.columns if column.name in names]
    casts = [
        f"TRY_CAST({_name(one.name)} AS {one.type}) AS {_name(one.name)}"
        if one.type == "VARCHAR"
        else f"TRY_CAST(nullif(TRY_CAST({_name(one.name)} AS DOUBLE), 'NaN'::DOUBLE) AS {one.type})"
        f" AS {_name(one.name)}"
        for one in listed
    ]
    others = sorted(names - {column.name for column in SWEEP_POINTS.columns})
    columns = [f"json_object({pairs}) AS axes", *casts, *map(_name, others)]
    return f"SELECT {duck.quote(run.id)} AS run, {', '.join(columns)} FROM {scan}"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _is_whole(con: duckdb.DuckDBPyConnection, path: Path) -> bool:
    """Tell whether a file can be read: that of a run at work, or killed, may lack its end."""
    try:
        con.execute(f"DESCRIBE SELECT * FROM {duck.parquet_scan([path])}").fetchall()
    except duckdb.Error:
        return False
    return True
