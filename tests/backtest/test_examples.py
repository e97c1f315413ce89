"""The examples of docs/backtest.md run as they stand there."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lobdesk.backtest import Backtest, Breakpoints, CFunction, JoinTouch, Result, SignalFollower
from lobdesk.backtest.replay import Replay
from tests.backtest.markets import market

ROOT = Path(__file__).parents[2]
MAKER = JoinTouch(interval_us=20_000, qty_lots=100, max_position_lots=1_000)


def example(holding: str) -> str:
    """Return the only Python example of the page that holds a text."""
    text = (ROOT / "docs" / "backtest.md").read_text(encoding="utf-8")
    blocks = [
        block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if holding in block
    ]
    assert len(blocks) == 1, holding
    return str(blocks[0])


def run_example(holding: str, **names: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"Backtest": Backtest, "data": market(4_000), **names}
    exec(example(holding), known)
    return known


def test_the_built_in_example_is_join_touch() -> None:
    known = run_example("maker = JoinTouch(", JoinTouch=JoinTouch)

    plain = Backtest(known["data"], maker_fee="-0.0001", taker_fee="0.0004").run(MAKER)
    assert known["result"].digest == plain.digest
    assert known["result"].fee < 0


def test_the_signals_example_follows_a_wave() -> None:
    result: Result = run_example("feature_ts_us=ts_us", np=np, SignalFollower=SignalFollower)[
        "result"
    ]

    assert len(result.fills) > 10
    assert result.fills["position_lots"].max() == 300
    assert result.fills["position_lots"].min() == -300


def test_the_numba_example_buys_ten() -> None:
    result: Result = run_example("def buy_ten", CFunction=CFunction)["result"]

    assert result.position_lots == 10
    assert set(result.fills["qty_lots"]) == {1}
    assert result.fills["is_maker"].all()


def test_the_python_example_sells_into_trades() -> None:
    result: Result = run_example("class Fade")["result"]

    assert len(result.orders) > 3
    assert set(result.orders["side"]) == {1}
    assert result.position_lots >= -11


def test_the_c_example_is_join_touch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler")
    source, library = ROOT / "tests" / "data" / "join_touch.c", tmp_path / "join_touch.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    monkeypatch.chdir(tmp_path)

    known = run_example("ctypes.CDLL", ctypes=ctypes, np=np, CFunction=CFunction)

    assert known["result"].digest == Backtest(known["data"]).run(MAKER).digest


def test_the_duckdb_example_groups_fills() -> None:
    duckdb = pytest.importorskip("duckdb")
    result = Backtest(market(4_000)).run(MAKER)

    run_example('connection.register("fills"', result=result, connection=duckdb.connect())


def test_the_replay_example_stops_at_a_fill() -> None:
    replay = Replay(Backtest(market(4_000)), MAKER.spec())

    run_example(
        "open_replay(data_dir",
        open_replay=lambda *_: replay,
        data_dir=None,
        Breakpoints=Breakpoints,
    )

    assert replay.view().fills == 1
