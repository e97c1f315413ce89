"""A finished run's ledger for other programs, fees by volume, netting both ways."""

from __future__ import annotations

import gc
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lobdesk.backtest import Backtest, JoinTouch, run_scenario
from lobdesk.backtest.errors import OptionError, UnknownNameError
from tests.backtest.markets import market

MAKER = JoinTouch(interval_us=20_000, qty_lots=100, max_position_lots=1_000)

needs_pyarrow = pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed"
)


@needs_pyarrow
@pytest.mark.parametrize("name", ["orders", "fills", "equity"])
def test_pyarrow_reads_a_ledger_in_place(name: str) -> None:
    import pyarrow

    result = Backtest(market(4_000)).run(MAKER)
    rows, ledger = getattr(result, name), result.table(name)

    table = pyarrow.table(ledger)

    table.validate(full=True)
    assert len(table) == len(rows) > 0
    for column in (c for c in ledger.columns if c not in ("is_maker", "is_certain")):
        chunk = table[column].chunk(0)
        plain = chunk.indices if hasattr(chunk, "indices") else chunk
        assert plain.buffers()[1].address == ledger.columns[column].ctypes.data
        assert np.array_equal(ledger.columns[column], rows[column], equal_nan=column != "symbol")
    del ledger
    gc.collect()
    assert set(table["symbol"].to_pylist()) == {"SYN/USD"}
    if name == "fills":
        assert table["is_maker"].to_pylist() == rows["is_maker"].astype(bool).tolist()
        assert table["side"].to_pylist() == [("buy", "sell")[side] for side in rows["side"]]
    if name == "orders":
        assert table["reason"].null_count == int((rows["reason"] == 0).sum())


def test_duckdb_queries_a_ledger() -> None:
    duckdb = pytest.importorskip("duckdb")
    result = Backtest(market(4_000)).run(MAKER)
    fills = result.table("fills")
    connection = duckdb.connect()
    connection.register("fills", fills)

    answer = connection.execute(
        "SELECT count(*), sum(qty_lots) FILTER (side = 'buy'), bool_and(is_maker) FROM fills"
    ).fetchone()

    bought = result.fills["qty_lots"][result.fills["side"] == 0].sum()
    assert answer == (len(fills), bought, True)


def test_an_empty_ledger_is_a_table_too() -> None:
    fills = Backtest(market(3)).run(MAKER).table("fills")
    connection = pytest.importorskip("duckdb").connect()
    connection.register("fills", fills)

    assert connection.execute("SELECT count(*) FROM fills").fetchone() == (0,)


def test_there_are_three_tables() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'fills'"):
        Backtest(market(3)).run(MAKER).table("fill")


def test_fees_follow_the_volume_before_each_fill() -> None:
    tiers = [(0, "0.002", "0.004"), (1_000, "0.001", "0.003"), (5_000, "-0.001", "0.002")]
    result = Backtest(market(5_000), fee_tiers=tiers).run(MAKER)
    value = result.fills["price_ticks"] * result.fills["qty_lots"] * 0.1 * 0.001
    before = np.concatenate([[0], np.cumsum(value)[:-1]])
    rates = np.array([0.002, 0.001, -0.001])[np.searchsorted([1_000, 5_000], before, "right")]

    assert len(set(rates)) == 3
    assert result.fills["is_maker"].all()
    assert result.fills["fee"] == pytest.approx(value * rates)
    assert result.fee == pytest.approx((value * rates).sum())


@pytest.mark.parametrize("tiers", [[(1, 0, 0)], [(0, 0, 0), (0, 0, 0)], [(0, "x", 0)]])
def test_impossible_fee_tiers_are_refused(tiers: Any) -> None:
    with pytest.raises(OptionError):
        Backtest(market(3), fee_tiers=tiers)


def test_fills_lie_between_both_queues() -> None:
    fills = Backtest(market(), queue="log2").run(MAKER).fills

    assert (fills["ahead_optimistic"] <= fills["ahead_pessimistic"]).all()
    assert fills["ahead_pessimistic"].max() > 0


def early_trade(netting_us: int) -> dict[str, Any]:
    """Ten ahead of us; the level falls by four, then the trade of four that did it arrives."""
    rows = [("depth", 0, "bid", 100, 10), ("depth", 0, "ask", 102, 10)]
    rows += [("depth", 20, "bid", 100, 10), ("depth", 30, "bid", 100, 6)]
    rows.append(("trade", 40, "sell", 100, 4))
    feed = [
        {"k": kind, "ex": 1000 + at, "lo": 1000 + at, "side": side, "px": px, "qty": qty}
        for kind, at, side, px, qty in rows
    ]
    order = {"do": "submit", "t": 1010, "id": 1, "side": "buy", "px": 100, "qty": 1}
    model = {"entry_us": 0, "resp_us": 0, "netting_us": netting_us}
    probes = [{"t": 1035, "order": 1}, {"t": 1045, "order": 1}]
    return run_scenario(
        {"model": model, "feed": feed, "actions": [order], "probes": probes, "end": 2000}
    )


@pytest.mark.parametrize(("netting_us", "after"), [(0, 2.0), (9, 2.0), (10, 6.0)])
def test_a_trade_after_its_depth_update_counts_once_within_the_window(
    netting_us: int, after: float
) -> None:
    # Without netting the trade comes off the six left; with it, those four are the trade's.
    assert [probe["ahead"] for probe in early_trade(netting_us)["probes"]] == [6.0, after]


def test_the_shared_pitfall_stays_as_it_is(shared: Path) -> None:
    document = json.loads((shared / "acceptance" / "engine_scenarios.json").read_text())
    scenario = next(each for each in document["scenarios"] if each["id"] == "S27")

    output = run_scenario(scenario)

    assert output["fills"][0]["exch_us"] == 1_021_000
