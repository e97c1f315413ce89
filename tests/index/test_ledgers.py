"""Ledgers of backtests: integers for machines, exact decimals and times for people."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from lobdesk.index import open_catalog, update_index
from lobdesk.index.other_views import LEDGERS
from lobdesk.runs import create_run

if TYPE_CHECKING:
    from pathlib import Path

LEDGER_SQL = {
    "fills": "SELECT 1785600000000001 AS exch_ts_us, 1785600000005001 AS local_ts_us, "
    "1::BIGINT AS order_id, 'BTC/USD' AS symbol, 630049::BIGINT AS price_ticks, "
    "187694700::BIGINT AS qty_lots",
    "orders": "SELECT 1::BIGINT AS order_id, 'BTC/USD' AS symbol, 630049::BIGINT AS price_ticks, "
    "187694700::BIGINT AS qty_lots, 50::BIGINT AS filled_lots, "
    "1785600000000001 AS decision_us, 1785600000005001 AS arrival_us, 0::BIGINT AS close_us",
    "equity": "SELECT 1785600001000000 AS ts_us, 'BTC/USD' AS symbol, 0::BIGINT AS bid_ticks, "
    "630050::BIGINT AS ask_ticks, -5::BIGINT AS position_lots",
}


def write_run(folder: Path, **config: Any) -> None:
    run = create_run(folder / "runs", "backtest", name="test", config=config)
    for name, query in LEDGER_SQL.items():
        duckdb.sql(query).write_parquet(str(run.path / f"{name}.parquet"))
    run.finish("finished", metrics={})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_run(tmp_path, data={"symbol": "BTC/USD", "tick": "0.1", "lot": "1E-8"})
    write_run(tmp_path)  # of a run that does not tell its increments
    update_index(tmp_path)
    return tmp_path


def rows(data: Path, query: str) -> list[tuple[Any, ...]]:
    with open_catalog(data) as catalog:
        return catalog.sql(query).rows


def at(ts_us: int) -> datetime:
    return datetime.utcfromtimestamp(1785600000).replace(microsecond=ts_us)  # noqa: DTZ004


def test_fills_have_exact_prices_and_times(data: Path) -> None:
    known, unknown = rows(data, "SELECT price, qty, exch_ts, local_ts FROM fills ORDER BY run")

    assert known == (Decimal("63004.9"), Decimal("1.876947"), at(1), at(5001))
    assert unknown == (None, None, at(1), at(5001))


def test_orders_have_times_only_of_what_happened(data: Path) -> None:
    (row, _) = rows(
        data,
        "SELECT price, qty, filled_qty, decision_ts, arrival_ts, ack_ts, close_ts FROM orders "
        "ORDER BY run",
    )

    assert row[:3] == (Decimal("63004.9"), Decimal("1.876947"), Decimal("0.0000005"))
    assert row[3:] == (at(1), at(5001), None, None)


def test_equity_has_exact_prices_and_none_where_a_side_is_empty(data: Path) -> None:
    (row, _) = rows(data, "SELECT ts, bid, ask, position FROM equity ORDER BY run")

    assert row == (at(0).replace(second=1), None, Decimal("63005.0"), Decimal("-0.00000005"))


def test_documented_columns_are_there_whatever_a_file_holds(data: Path) -> None:
    for ledger in LEDGERS:
        documented = [(one.name, one.type) for one in (*ledger.columns, *ledger.view_columns)]
        assert [row[:2] for row in rows(data, f"DESCRIBE {ledger.name}")] == documented
