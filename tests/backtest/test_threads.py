"""Engines on several threads over the same records: what `make sanitize` runs under TSan."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lobdesk.backtest import Backtest, JoinTouch, MarketData, SignalFollower, run_many
from lobdesk.backtest.errors import TimeLimitError
from lobdesk.engine import EngineError, script
from lobdesk.index.records_file import write_records
from tests.backtest.markets import LOT, SYMBOL, TICK, market
from tests.backtest.streams import random_market

MAKER = JoinTouch(interval_us=20_000, qty_lots=100, max_position_lots=1_000)
ALL = 2**62


class Quoter:
    """Takes the lock at each wake-up."""

    interval_us = 50_000

    def on_wake(self, desk: Any) -> None:
        if desk.touch() is not None and not desk.orders():
            desk.buy(desk.touch()[0], 10)


def test_threads_share_one_mapped_file(tmp_path: Path) -> None:
    header = {"version": 1, "symbol": SYMBOL, "tick": TICK, "lot": LOT, "date": "1970-01-01",
              "records": 20_000, "clock": {"offset_us": 0}}  # fmt: skip
    path = tmp_path / "date=1970-01-01.lobr"
    write_records(path, header, random_market(20_000))
    data = MarketData.open(path)
    ts_us = np.arange(data.start_us, data.end_us, 30_000)
    follower = SignalFollower(
        ts_us, np.sin(np.arange(len(ts_us))), threshold=0.1, max_position_lots=5
    )
    backtests = [Backtest(data, queue=queue) for queue in ("risk_averse", "power3", "log")]
    cases = [(each, strategy) for each in backtests for strategy in (MAKER, follower, Quoter())]

    results = run_many(cases, threads=4)

    alone = [backtest.run(strategy).digest for backtest, strategy in cases]
    assert [result.digest for result in results] == alone


def test_several_symbols_are_merged_once_for_all_threads() -> None:
    backtest = Backtest([market(5_000, seed=seed) for seed in (1, 2, 3)])

    digests = {result.digest for result in run_many([(backtest, MAKER)] * 6, threads=4)}

    assert len(digests) == 1


def test_another_thread_pauses_and_watches_an_engine() -> None:
    backtest = Backtest(market(30_000), sample_us=200)
    whole = backtest.run(MAKER)
    running, is_over, seen = backtest.start(MAKER), threading.Event(), []

    def disturb() -> None:
        while not is_over.is_set():
            running.pause()
            seen.append((running.stopped, running.now_us))
            time.sleep(0.001)

    thread = threading.Thread(target=disturb)
    thread.start()
    while running.now_us < backtest.end_us and running.run(backtest.end_us, ALL):
        pass
    is_over.set()
    thread.join()
    running.run(backtest.end_us, ALL)

    assert seen
    assert backtest.finish(running).digest == whole.digest


@pytest.mark.parametrize("strategy", [script([]), Quoter()])
def test_watchdogs_of_several_threads_end_their_own_runs(strategy: Any) -> None:
    backtest = Backtest(market(100_000), sample_us=1)
    errors: list[Exception] = []

    def limited() -> None:
        try:
            backtest.run(strategy, time_limit_s=0.2)
        except TimeLimitError as error:
            errors.append(error)

    threads = [threading.Thread(target=limited) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(errors) == 3
    assert Backtest(market(1_000)).run(MAKER).events > 0


@pytest.mark.parametrize(
    "read",
    [
        lambda engine: engine.fills(),
        lambda engine: engine.orders(),
        lambda engine: engine.account(0),
        lambda engine: engine.levels(0, local=True, count=5),
        lambda engine: engine.live_orders(0),
        lambda engine: engine.order_state(1),
        lambda engine: engine.state_hash(),
        lambda engine: engine.events,
        lambda engine: engine.seeks_from_start,
        lambda engine: engine.sample(),
        lambda engine: engine.run(2**62, 1),
        lambda engine: engine.take_ledger(),
    ],
)
def test_an_engine_that_runs_in_another_thread_is_not_read(read: Any) -> None:
    backtest = Backtest(market(100_000), sample_us=1)
    running = backtest.start(MAKER)
    thread = threading.Thread(target=lambda: running.run(backtest.end_us, ALL))
    thread.start()
    while running.now_us == 0:
        time.sleep(0)

    with pytest.raises(EngineError, match=r"running already|another thread"):
        read(running)

    running.pause()
    thread.join()
    assert len(running.fills()) == running.account(0)[5]
