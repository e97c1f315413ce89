"""The fast engine against the slow one on recordings, and seeks in wide books."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lobdesk.backtest import Backtest, JoinTouch, MarketData, SignalFollower
from lobdesk.cli import run_cli
from tests.backtest.oracle import QUEUES, compare
from tests.backtest.streams import random_market

STRETCHES = {
    "lob10/spot_btcusdt_20240808.npz": [(0, 3_000)],
    "binance/cm_btcusd_perp_20240808.gz": [(0, 2_000), (30_000, 32_000)],
    "binance/spot_btcusdt_20240808.gz": [(0, 2_000), (20_000, 22_000)],
}
ORDER_STRETCHES = {
    "databento/ARL_20250717_mbo.csv": [(0, 6_000)],
    "bitstamp/btcusd_l3_20150501.log.xz": [(0, 5_000), (44_000, 49_000)],
}
VARIANTS: dict[str, dict[str, Any]] = {
    "power": {"through": "cap"},
    "power2": {"netting_us": 20_000},
    "log": {"preset": "hftbacktest"},
    "log2": {"preset": "hftbacktest_partial"},
}
Arrays = tuple[MarketData, "np.ndarray[Any, Any] | None"]


def load(path: Path, folder: Path, *, by_order: bool = False) -> MarketData:
    assert run_cli(["import", str(path), "--data-dir", str(folder)]) == 0
    assert run_cli(["index", "--data-dir", str(folder)]) == 0
    return MarketData.from_catalog(folder, by_order=by_order)


def cut(data: MarketData, begin: int, end: int) -> Arrays:
    """Return some rows of a recording, and the feed's orders if it tells of them."""
    ids = None if data.order_ids is None else data.order_ids[begin:end]
    records = data.records[begin:end]
    part = MarketData.from_records(
        records, symbol=data.symbol, tick=data.tick, lot=data.lot, order_ids=ids
    )
    return part, ids


def check(data: MarketData, order_ids: np.ndarray[Any, Any] | None = None, *, queues: Any) -> int:
    """Compare a maker and a taker under queue models; return the number of fills."""
    sizes = data.records["qty_lots"]
    lots = int(np.median(sizes[sizes > 0])) // 4 + 1
    span_us = data.end_us - data.start_us
    step_us = max(100_000, span_us // 1_000)
    ts_us = np.arange(data.start_us, data.end_us, 5 * step_us)
    waves = np.sin(np.arange(len(ts_us)) / 3)
    taker = SignalFollower(ts_us, waves, threshold=0.3, max_position_lots=4 * lots)
    fills = 0
    for queue in queues:
        for strategy in (JoinTouch(step_us, lots, 10 * lots), taker):
            rules = {"queue": queue, "sample_us": step_us, **VARIANTS.get(queue, {})}
            fills += compare(data, strategy, order_ids=order_ids, **rules)
    return fills


@pytest.mark.parametrize(
    "name", ["v2_ethusd_d25_20260802.cbcap", "v2_btcusd_d10_resync_20260801.cbcap"]
)
def test_the_captures_give_the_reference_ledger(name: str, captures: Path, tmp_path: Path) -> None:
    assert check(load(captures / name, tmp_path), queues=QUEUES) > 0


@pytest.mark.shared
@pytest.mark.parametrize("name", STRETCHES)
def test_recordings_give_the_reference_ledger(name: str, shared: Path, tmp_path: Path) -> None:
    data = load(shared / "data" / name, tmp_path)

    for stretch in STRETCHES[name]:
        assert check(cut(data, *stretch)[0], queues=QUEUES) > 0


@pytest.mark.shared
@pytest.mark.parametrize("name", ORDER_STRETCHES)
def test_recordings_of_single_orders_give_the_reference_ledger(
    name: str, shared: Path, tmp_path: Path
) -> None:
    data = load(shared / "data" / name, tmp_path, by_order=True)

    for stretch in ORDER_STRETCHES[name]:
        assert check(*cut(data, *stretch), queues=("l3_fifo", "power3")) > 0


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
