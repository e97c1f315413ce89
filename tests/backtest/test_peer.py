"""The preset ``hftbacktest`` against hftbacktest itself: `make peer`."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.peer import Peer
from lobdesk.backtest import JoinTouch
from tests.backtest.oracle import QUEUES
from tests.backtest.peer_compare import Stream, check_equal
from tests.backtest.peer_streams import MARKETS, latency_table, make_market, make_orders
from tests.backtest.test_recordings import load

ROWS = 6_000
MAKERS = [
    (JoinTouch(100_000, 100, 1_000, 0), {"entry_us": 5_000, "response_us": 5_000}),
    (JoinTouch(10_000, 40, 200, 1), {"entry_us": 1_000, "response_us": 20_000}),
    (JoinTouch(250_000, 700, 700, 0), {"entry_us": 30_000, "response_us": 2_000}),
    (JoinTouch(33_000, 100, 500, 2), {"entry_us": 1, "response_us": 1}),
]
FEES = [("-0.00005", "0.0007"), ("0.001", "0.002"), ("0", "0"), ("0.0002", "-0.0001")]


@pytest.mark.parametrize("queue", QUEUES)
@pytest.mark.parametrize("market", MARKETS)
def test_all_queue_models_give_the_runs_of_hftbacktest(
    peer: Peer, tmp_path: Path, market: str, queue: str
) -> None:
    fills = 0
    for seed, is_split in ((1, False), (2, True)):
        stream = Stream(tmp_path, make_market(market, ROWS, seed, is_split=is_split))
        exponents = (1.0, 2.0, 3.0) if queue.startswith("power") else (3.0,)
        for (maker, latency), n in itertools.product(MAKERS, exponents):
            fees = FEES[fills % len(FEES)]
            rules = {"queue": queue, "n": n, **latency}
            names = dict(zip(("maker_fee", "taker_fee"), fees, strict=True))
            fills += len(check_equal(peer, stream, maker, **names, **rules).fills)
    assert fills > 200


@pytest.mark.parametrize("queue", ["risk_averse", "log2"])
def test_interpolated_latencies_give_the_runs_of_hftbacktest(
    peer: Peer, tmp_path: Path, queue: str
) -> None:
    stream = Stream(tmp_path, make_market("liquid", ROWS, 3))
    rows = latency_table(stream.data.end_us - stream.data.start_us - 3_000_000, seed=5)

    for maker, _ in MAKERS:
        result = check_equal(peer, stream, maker, queue=queue, latency_rows=rows)

        waits = result.orders["ack_us"] - result.orders["decision_us"]
        assert len(np.unique(waits)) > 20


def test_a_long_stream_gives_the_run_of_hftbacktest(peer: Peer, tmp_path: Path) -> None:
    stream = Stream(tmp_path, make_market("liquid", 120_000, 4))

    assert len(check_equal(peer, stream, MAKERS[0][0], queue="power3", n=3.0).fills) > 1_000


def test_the_other_book_of_hftbacktest_gives_the_same(peer: Peer, tmp_path: Path) -> None:
    for market in MARKETS:
        stream = Stream(tmp_path, make_market(market, ROWS, 1))
        for queue in ("risk_averse", "log"):
            check_equal(peer, stream, MAKERS[0][0], book="hashmap", queue=queue)


@pytest.mark.parametrize("market", ["liquid", "thin", "deletions"])
def test_partial_fills_that_hftbacktest_counts_give_its_runs(
    peer: Peer, tmp_path: Path, market: str
) -> None:
    # Orders of one lot among even ones: no fill is partial or completes by an exact match.
    records = make_market(market, ROWS, 5).copy()
    records["qty_lots"] *= 2
    stream = Stream(tmp_path, records)
    rules: dict[str, Any] = {"preset": "hftbacktest_partial", "queue": "risk_averse"}

    fills = [check_equal(peer, stream, JoinTouch(20_000, 1, 9, at), **rules).fills for at in (0, 1)]

    assert min(map(len, fills)) > 10


def test_exact_queues_give_the_runs_of_hftbacktest(peer: Peer, tmp_path: Path) -> None:
    fills = 0
    for seed in (1, 2, 3):
        records, order_ids = make_orders(ROWS, seed)
        stream = Stream(tmp_path, records, order_ids=order_ids)
        for maker, latency in MAKERS:
            fills += len(check_equal(peer, stream, maker, queue="l3_fifo", **latency).fills)
    assert fills > 100


@pytest.fixture(scope="module", params=["spot_btcusdt_20240808.gz", "cm_btcusd_perp_20240808.gz"])
def recording(
    request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Stream:
    """Return a recording as our index has it."""
    folder = tmp_path_factory.mktemp("recording")
    data = load(shared / "data" / "binance" / request.param, folder)
    return Stream(folder, np.array(data.records), tick=str(data.tick), lot=str(data.lot))


@pytest.mark.shared
@pytest.mark.parametrize("queue", QUEUES)
def test_recordings_give_the_runs_of_hftbacktest(peer: Peer, recording: Stream, queue: str) -> None:
    sizes = recording.data.records["qty_lots"]
    lots = int(np.median(sizes[sizes > 0])) // 4 + 1
    makers = [JoinTouch(100_000, lots, 10 * lots), JoinTouch(20_000, lots, 10 * lots, 1)]
    if recording.data.lot == 1 and queue == "log":
        makers = makers[1:]  # whole contracts: there the queue goes below zero, see the differences

    fills = [check_equal(peer, recording, maker, queue=queue, n=3.0).fills for maker in makers]

    assert min(map(len, fills)) > 100


def test_the_captures_give_the_runs_of_hftbacktest(
    peer: Peer, captures: Path, tmp_path: Path
) -> None:
    data = load(captures / "v2_ethusd_d25_20260802.cbcap", tmp_path)
    stream = Stream(tmp_path, np.array(data.records), tick=str(data.tick), lot=str(data.lot))

    for queue in QUEUES:
        fills = check_equal(peer, stream, JoinTouch(20_000, 1_000, 10_000, 1), queue=queue).fills
        assert len(fills) > 0
