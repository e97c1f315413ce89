"""The fast engine against the slow one on recordings, and seeks in wide books."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lobdesk.backtest import Backtest, JoinTouch, MarketData, SignalFollower
from lobdesk.cli import run_cli
from tests.backtest.oracle import QUEUES, compare
from tests.backtest.streams import random_market

SHARED_PARTS = ("lob10/spot_btcusdt_20240808.npz", "binance/cm_btcusd_perp_20240808.gz")


def load(path: Path, folder: Path) -> MarketData:
    assert run_cli(["import", str(path), "--data-dir", str(folder)]) == 0
    assert run_cli(["index", "--data-dir", str(folder)]) == 0
    return MarketData.from_catalog(folder)


def check_all_queues(data: MarketData, rows: int) -> None:
    sizes = data.records["qty_lots"]
    lots = int(np.median(sizes[sizes > 0])) // 4 + 1
    ts_us = np.arange(data.start_us, int(data.records["exch_ts_us"][:rows].max()), 500_000)
    waves = np.sin(np.arange(len(ts_us)) / 3)
    taker = SignalFollower(ts_us, waves, threshold=0.3, max_position_lots=4 * lots)
    fills = 0
    for queue in QUEUES:
        for strategy in (JoinTouch(100_000, lots, 10 * lots), taker):
            fills += compare(data, rows, queue, strategy)
    assert fills > 0


@pytest.mark.parametrize(
    "name", ["v2_ethusd_d25_20260802.cbcap", "v2_btcusd_d10_resync_20260801.cbcap"]
)
def test_the_captures_give_the_reference_ledger(name: str, captures: Path, tmp_path: Path) -> None:
    data = load(captures / name, tmp_path)

    check_all_queues(data, len(data))


@pytest.mark.parametrize("name", SHARED_PARTS)
def test_recordings_give_the_reference_ledger(name: str, shared: Path, tmp_path: Path) -> None:
    check_all_queues(load(shared / "data" / name, tmp_path), 3_000)


def test_seeks_in_wide_books_give_the_states_of_one_pass() -> None:
    records = random_market(6_000, gap_us=2_000)
    rng = np.random.default_rng(5)
    is_far = (records["kind"] == 1) & (rng.random(len(records)) < 0.5)
    away = rng.integers(5_000, 40_000, len(records)) * np.where(records["side"] == 0, -1, 1)
    records["price_ticks"] = np.where(is_far, 60_000 + away, records["price_ticks"])
    data = MarketData.from_records(records, symbol="SYN/USD", tick="0.1", lot="0.001")
    backtest, maker = Backtest(data), JoinTouch(10_000, 50, 500)
    times = np.sort(rng.integers(data.start_us, data.end_us, 40))
    forward = backtest.start(maker)
    wanted = {}
    for ts_us in times.tolist():
        forward.run(ts_us, 2**62)
        wanted[ts_us] = forward.state_hash()
    seeking = backtest.start(maker, checkpoint_events=700)
    seeking.run(data.end_us, 2**62)

    for ts_us in rng.permutation(times).tolist():
        seeking.seek_time(ts_us)
        assert seeking.state_hash() == wanted[ts_us]
