"""Equal inputs give equal ledgers and states: in any process, thread, chunk, pause and seek."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from lobdesk.backtest import run_many
from tests.backtest.determinism import CASES, run_all, signature

ROOT = Path(__file__).parents[2]
ALL = 2**62


@pytest.fixture(scope="module")
def known() -> dict[str, list[str]]:
    return run_all()


@pytest.mark.parametrize("seed", ["0", "1", "424242", "random"])
def test_processes_with_other_hash_seeds_give_the_same(
    known: dict[str, list[str]], seed: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.backtest.determinism"],
        env={**os.environ, "PYTHONHASHSEED": seed}, cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip

    assert json.loads(done.stdout) == known


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the child starts no thread
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_child_processes_give_the_same(known: dict[str, list[str]], method: str) -> None:
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map(run_all, range(2)) == [known, known]


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_any_number_of_threads_gives_the_same(known: dict[str, list[str]], threads: int) -> None:
    cases = [CASES[name]() for name in known for _ in range(2)]

    results = run_many(cases, threads=threads)

    assert [signature(result) for result in results[::2]] == list(known.values())
    assert [signature(result) for result in results[1::2]] == list(known.values())


@pytest.mark.parametrize("name", CASES)
def test_chunks_pauses_and_seeks_give_the_same(known: dict[str, list[str]], name: str) -> None:
    backtest, strategy = CASES[name]()
    running = backtest.start(strategy, checkpoint_events=500)
    rng = np.random.default_rng(11)
    hashes: dict[int, int] = {}

    def note() -> None:
        assert hashes.setdefault(running.events, running.state_hash()) == running.state_hash()

    while running.run(backtest.end_us, int(rng.integers(1, 900))):
        note()
        choice = rng.random()
        if choice < 0.2:
            running.seek_event(int(rng.integers(0, running.events + 1)))
        elif choice < 0.3:
            running.seek_time(int(rng.integers(backtest.data[0].start_us, backtest.end_us)))
        elif choice < 0.4:
            running.pause()
        note()

    assert len(hashes) > 20
    assert signature(backtest.finish(running)) == known[name]


@pytest.mark.parametrize("name", CASES)
def test_pauses_from_another_thread_give_the_same(known: dict[str, list[str]], name: str) -> None:
    backtest, strategy = CASES[name]()
    running, is_over = backtest.start(strategy), threading.Event()

    def disturb() -> None:
        while not is_over.is_set():
            running.pause()
            time.sleep(0)

    thread = threading.Thread(target=disturb)
    thread.start()
    for _ in range(3):
        running.run(backtest.end_us, 1_000)
    is_over.set()
    thread.join()
    while running.run(backtest.end_us, ALL):
        pass

    assert signature(backtest.finish(running)) == known[name]
