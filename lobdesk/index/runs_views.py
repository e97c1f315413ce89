"""Views over the registry of runs and the Parquet files of backtests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from lobdesk.errors import RunError
from lobdesk.index import duck
from lobdesk.runs import list_runs, open_run

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from lobdesk.paths import DataPaths
    from lobdesk.runs import Run

LEDGERS = ("fills", "orders", "equity")
EMPTY_LEDGERS = {
    "fills": "exch_ts_us BIGINT, local_ts_us BIGINT, order_id BIGINT, symbol VARCHAR, "
    "side VARCHAR, price_ticks BIGINT, qty_lots BIGINT, is_maker BOOLEAN, fee DOUBLE, "
    "position_lots BIGINT, cash DOUBLE, realized DOUBLE",
    "orders": "order_id BIGINT, symbol VARCHAR, side VARCHAR, status VARCHAR, reason VARCHAR, "
    "price_ticks BIGINT, qty_lots BIGINT",
    "equity": "ts_us BIGINT, equity DOUBLE, position_lots BIGINT, cash DOUBLE, fee DOUBLE",
}
"""Main columns of the ledgers, for queries written before the first backtest."""

RUNS_DEFINITION = (
    "id VARCHAR, kind VARCHAR, name VARCHAR, state VARCHAR, created_ts_us BIGINT, "
    "ended_ts_us BIGINT, version VARCHAR, config JSON, inputs JSON, outputs JSON, metrics JSON"
)


def create_run_views(con: duckdb.DuckDBPyConnection, paths: DataPaths) -> list[Path]:
    """Create ``runs``, ``fills``, ``orders`` and ``equity``; return the files behind them."""
    try:
        runs = list_runs(paths.runs)
    except RunError:
        # One unreadable manifest must not make market data unreachable.
        runs = _readable(paths)
    con.execute(f"CREATE TABLE internal.runs ({RUNS_DEFINITION})")
    if runs:
        con.executemany(
            "INSERT INTO internal.runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [_row(run) for run in runs],
        )
    con.execute(
        "CREATE VIEW runs AS SELECT *, make_timestamp(created_ts_us) AS created_ts, "
        "make_timestamp(ended_ts_us) AS ended_ts FROM internal.runs"
    )
    used: list[Path] = []
    for name in LEDGERS:
        files = {run.id: run.path / f"{name}.parquet" for run in reversed(runs)}
        found = {run_id: path for run_id, path in files.items() if path.is_file()}
        used += _create_ledger(con, name, found)
    return used


def _readable(paths: DataPaths) -> list[Run]:
    found = []
    for path in sorted(paths.runs.iterdir(), reverse=True):
        try:
            found.append(open_run(paths.runs, path.name))
        except RunError:
            continue
    return found


def _row(run: Run) -> list[object]:
    manifest = run.manifest
    try:
        metrics = run.metrics()
    except (OSError, ValueError):
        metrics = {}
    return [
        manifest.id, manifest.kind, manifest.name, manifest.state, manifest.created_ts_us,
        manifest.ended_ts_us, manifest.version, json.dumps(manifest.config),
        json.dumps(manifest.inputs), json.dumps(manifest.outputs), json.dumps(metrics),
    ]  # fmt: skip


def _create_ledger(con: duckdb.DuckDBPyConnection, name: str, files: dict[str, Path]) -> list[Path]:
    """Create the view of one ledger over all runs that have its whole file."""
    whole = {run_id: path for run_id, path in files.items() if _is_parquet(path)}
    selects = [
        f"SELECT {duck.quote(run_id)} AS run, * FROM {duck.parquet_scan([path])}"
        for run_id, path in whole.items()
    ]
    if not selects:
        con.execute(f"CREATE TABLE internal.{name} (run VARCHAR, {EMPTY_LEDGERS[name]})")
        selects = [f"SELECT * FROM internal.{name}"]
    con.execute(f"CREATE VIEW {name} AS {' UNION ALL BY NAME '.join(selects)}")
    return list(whole.values())


def _is_parquet(path: Path) -> bool:
    """Tell whether a file is complete: that of a run at work, or killed, may lack its end."""
    with path.open("rb") as stream:
        head = stream.read(4)
        stream.seek(0, 2)
        if stream.tell() < 12:
            return False
        stream.seek(-4, 2)
        return head == stream.read(4) == b"PAR1"
