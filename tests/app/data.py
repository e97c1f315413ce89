"""A real data directory for the desk: the shipped captures, indexed, and one backtest."""

from __future__ import annotations

from pathlib import Path

from lobdesk.cli import run_cli


def make_data_dir(root: Path, captures: Path) -> Path:
    """Import and index the captures and run a backtest, as a user would."""
    files = [str(path) for path in sorted(captures.glob("*.cbcap"))]
    assert run_cli(["import", *files, "--data-dir", str(root)]) == 0
    assert run_cli(["index", "--data-dir", str(root)]) == 0
    strategy = ["--param", "qty_lots=1000000", "--param", "max_position_lots=10000000"]
    backtest = ["backtest", "--symbol", "ETH/USD", *strategy, "--param", "interval_us=500000"]
    assert run_cli([*backtest, "--json", "--data-dir", str(root)]) == 0
    return root
