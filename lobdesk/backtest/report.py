"""Backtests and sweeps as text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobdesk.backtest.model import USUAL_RULES
from lobdesk.backtest.statistics import DAYS_PER_YEAR, MARKOUT_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PLOT_COLUMNS, PLOT_ROWS = 78, 12
LABEL = 24

SECTIONS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "result": (
        ("final PnL", "final_pnl", "{:+,.6f}"),
        ("realized", "realized", "{:+,.6f}"),
        ("fees", "fee", "{:,.6f}"),
        ("break-even fee", "break_even_fee", "{:+.4%} of traded value"),
        ("return", "return", "{:+.4%} of capital"),
        ("return a year", "annual_return", "{:+.2%} of capital"),
        ("max drawdown", "max_drawdown", "{:,.6f}"),
        ("return / max drawdown", "return_over_mdd", "{:.3f}"),
        ("Sharpe", "sharpe", "{:.2f}"),
        ("Sortino", "sortino", "{:.2f}"),
    ),
    "trading": (
        ("orders", "orders", "{:,}"),
        ("fills", "fills", "{:,}"),
        ("orders filled", "fill_ratio", "{:.1%}"),
        ("quantity filled", "quantity_fill_ratio", "{:.1%}"),
        ("certain fills", "certain_share", "{:.1%} (the rest depends on the queue model)"),
        ("maker share", "maker_share", "{:.1%} of traded value"),
        ("rejected", "reject_ratio", "{:.1%} of orders"),
        ("cancelled", "cancel_ratio", "{:.1%} of orders"),
        ("time to fill, median", "median_time_to_fill_us", "{:,.0f} us"),
        ("time to fill, p95", "p95_time_to_fill_us", "{:,.0f} us"),
        ("volume", "volume", "{:,.8g} base units"),
        ("turnover", "turnover", "{:,.2f}"),
        ("fills a day", "fills_per_day", "{:,.1f}"),
        ("turnover a day", "turnover_per_day", "{:,.2f}"),
    ),
    "execution": (
        ("slippage, latency", "slippage_latency", "{:+.6f} a unit"),
        ("slippage, depth", "slippage_depth", "{:+.6f} a unit"),
        *((f"markout {s} s", f"markout_{s}s_bps", "{:+.3f} bps") for s in MARKOUT_S),
    ),
    "inventory": (
        ("largest position", "max_position_value", "{:,.2f}"),
        ("mean position", "mean_position_value", "{:,.2f}"),
        ("median position", "median_position_value", "{:,.2f}"),
        ("largest leverage", "max_leverage", "{:.3f}"),
    ),
}
ONLY_WITH_CAPITAL = frozenset({"return", "annual_return", "max_leverage"})

TABLE = {
    "final_pnl": "PnL",
    "fills": "fills",
    "maker_share": "maker",
    "certain_share": "certain",
    "max_drawdown": "drawdown",
    "sharpe": "Sharpe",
    "markout_5s_bps": "5 s bps",
    "break_even_fee": "b/e fee",
}
CELL = 11


def text_report(run_id: str, name: str, metrics: Mapping[str, Any]) -> str:
    """Return every figure of a backtest under what it assumes."""
    lines = [f"{run_id}  {name}", *(f"  {line}" for line in assumptions(metrics))]
    for section, rows in SECTIONS.items():
        lines += ["", section]
        for label, key, form in rows:
            value = metrics.get(key)
            if value is None and key in ONLY_WITH_CAPITAL:
                continue
            text = "n/a" if value is None else form.format(value)
            if key.startswith("markout") and value is not None:
                text += f" over {metrics[key.replace('_bps', '_fills')]:,} fills"
            lines.append(f"  {label:<{LABEL}}{text}")
    return "\n".join(lines)


def assumptions(facts: Mapping[str, Any]) -> list[str]:
    """Return the lines that say what the figures depend on.

    Args:
        facts: Figures of a run, or settings of a sweep with ``varied`` for its axes.
    """
    latency = facts.get("latency") or (
        f"{facts['entry_us']} us to the exchange, {facts['response_us']} us back"
    )
    model = f"preset {facts['preset']}, queue {facts['queue']}"
    if "n" in facts:
        model += f" (n = {facts['n']})"
    for name, usual in USUAL_RULES.items():
        if (value := facts.get(name, usual)) != usual:
            model += f", {name} {value}"
    sampling_us = facts["sampling_us"]
    sampling = f"{sampling_us / 1e6:g} s" if isinstance(sampling_us, int) else sampling_us
    lines = [
        f"{model}; latency {latency}",
        f"fees: maker {facts['maker_fee']}, taker {facts['taker_fee']}",
        f"Sharpe and Sortino: equity changes each {sampling}, {DAYS_PER_YEAR} days a year",
    ]
    if "days" in facts:
        lines.append(f"{facts['days']:.4f} days of data, {facts['events']:,} events")
    return lines


def show_plots(folder: Path) -> None:
    """Draw equity, drawdown and inventory of a run's ledger on standard output."""
    import duckdb  # noqa: PLC0415 - drawn on request only

    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT (ts_us - min(ts_us) OVER ()) / 1e6, sum(equity), sum(equity - cash + fee) "
            "FROM read_parquet(?) GROUP BY ts_us ORDER BY ts_us",
            [str(folder / "equity.parquet")],
        ).fetchall()
    if not rows:
        return
    seconds = [row[0] for row in rows]
    peak, drawdown = 0.0, []
    for row in rows:
        peak = max(peak, row[1])
        drawdown.append(row[1] - peak)
    _plot("equity", seconds, [row[1] for row in rows])
    _plot("drawdown", seconds, drawdown)
    _plot("value of the position", seconds, [row[2] for row in rows])


def _plot(title: str, seconds: Sequence[float], values: Sequence[float]) -> None:
    import plotext  # noqa: PLC0415 - slow to import

    figure = plotext.figure
    figure.clear()
    figure.plot_size(PLOT_COLUMNS, PLOT_ROWS)
    figure.draw(figure.signal(list(seconds), list(values)).lines())
    figure.title(title)
    figure.label("seconds")
    figure.show(colorless=True)


def sweep_table(rows: Sequence[Mapping[str, Any]], axes: Sequence[str], *, limit: int) -> str:
    """Return the best points of a sweep by profit, then those that failed.

    Args:
        rows: As ``read_points`` returns them.
        axes: What was varied.
        limit: Points shown at most.
    """
    done = [row for row in rows if "figures" in row]
    done.sort(key=lambda row: row["figures"]["final_pnl"], reverse=True)
    widths = {
        axis: max(len(axis), *(len(str(row.get(axis, ""))) for row in rows), 4) + 2 for axis in axes
    }
    head = f"{'point':>6}" + "".join(f"{axis:>{width}}" for axis, width in widths.items())
    lines = [head + "".join(f"{label:>{CELL}}" for label in TABLE.values())]
    for row in done[:limit]:
        cells = "".join(f"{row[axis]!s:>{width}}" for axis, width in widths.items())
        figures = "".join(_cell(key, row["figures"].get(key)) for key in TABLE)
        lines.append(f"{row['point']:>6}{cells}{figures}")
    if len(done) > limit:
        lines.append(f"{len(done) - limit:,} more; all of them: points.csv")
    failed = [row for row in rows if "error" in row]
    lines += [f"{row['point']:>6}  failed: {row['error']}" for row in failed[:limit]]
    return "\n".join(lines)


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return f"{'n/a':>{CELL}}"
    if isinstance(value, int):
        return f"{value:>{CELL},}"
    if key.endswith("_share"):
        return f"{value:>{CELL}.1%}"
    if key == "break_even_fee":
        return f"{value:>{CELL}.4%}"
    return f"{value:>{CELL}.4g}" if abs(value) < 1e6 else f"{value:>{CELL}.4e}"
