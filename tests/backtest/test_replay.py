"""Replays of finished runs, through the run's folder."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from lobdesk.backtest import open_replay
from lobdesk.backtest.errors import RefusedDataError, ReplayError
from lobdesk.backtest.jobs import run_backtest
from lobdesk.backtest.sources import open_array
from lobdesk.errors import RunError
from lobdesk.paths import DataPaths
from lobdesk.progress import NoProgress
from lobdesk.runs import create_run
from lobdesk.settings import BacktestSettings
from tests.backtest.markets import LOT, SYMBOL, TICK, save_market

SETTINGS = BacktestSettings(
    params={"interval_us": 100_000, "qty_lots": 100, "max_position_lots": 1_000}
)


def finished(folder: Path, settings: BacktestSettings = SETTINGS) -> str:
    path = save_market(folder)
    data = open_array(path, symbol=SYMBOL, tick=TICK, lot=LOT)
    return run_backtest(DataPaths(folder), settings, data=data, progress=NoProgress()).id


def test_a_replay_repeats_the_run_exactly(tmp_path: Path) -> None:
    run_id = finished(tmp_path)
    manifest = json.loads((tmp_path / "runs" / run_id / "manifest.json").read_text())

    replay = open_replay(tmp_path, run_id)

    assert replay.digest() == manifest["outputs"]["digest"]
    assert f"{replay.result.state_hash:016x}" == manifest["outputs"]["state_hash"]
    assert (replay.symbol, replay.tick, replay.lot) == (SYMBOL, TICK, LOT)
    assert (replay.event_index, replay.now_us) == (0, replay.start_us)


def test_steps_and_seeks_meet_at_the_same_state(tmp_path: Path) -> None:
    replay = open_replay(tmp_path, finished(tmp_path))
    middle = (replay.start_us + replay.end_us) // 2

    replay.seek(middle)
    view, known = replay.view(), replay.state_hash()
    replay.step(500)
    replay.step(-500)
    stepped = replay.state_hash()
    replay.seek(replay.start_us)
    replay.advance_to(middle)

    assert known == stepped == replay.state_hash()
    assert replay.view() == view
    assert view.now_us == middle
    assert len(view.bids) > 2
    assert [px for px, _ in view.bids] == sorted((px for px, _ in view.bids), reverse=True)


def test_live_orders_are_shown_with_their_place(tmp_path: Path) -> None:
    replay = open_replay(tmp_path, finished(tmp_path))
    seen = []
    for _ in range(50):
        replay.step(400)
        seen += replay.view().orders

    assert {order.status for order in seen} <= {"PENDING", "NEW", "PARTIALLY_FILLED"}
    assert {order.side for order in seen} == {0, 1}
    assert all(order.ahead_lots is None or order.ahead_lots >= 0 for order in seen)
    assert any(order.ahead_lots for order in seen)


def test_fills_and_equity_end_at_the_instant(tmp_path: Path) -> None:
    replay = open_replay(tmp_path, finished(tmp_path))
    times = replay.fill_times()
    last = int(times[-3])

    replay.seek(last - 1)
    before = len(replay.fills())
    replay.seek(last)

    assert before == np.searchsorted(times, last, "left")
    assert len(replay.fills()) == np.searchsorted(times, last, "right") == replay.view().fills
    ts_us, equity = replay.equity()
    assert ts_us[-1] <= last
    assert all(math.isfinite(value) for value in equity)


def test_moves_stop_at_both_ends(tmp_path: Path) -> None:
    replay = open_replay(tmp_path, finished(tmp_path))

    replay.step(-5)
    assert replay.event_index == 0
    replay.step(10**9)
    assert replay.event_index == replay.event_count
    replay.seek_event(7)
    assert replay.event_index == 7
    replay.seek(10**18)
    assert replay.now_us == replay.end_us
    replay.advance_to(replay.start_us)
    assert replay.now_us == replay.end_us


def test_time_passes_between_events_too(tmp_path: Path) -> None:
    replay = open_replay(tmp_path, finished(tmp_path))

    replay.advance_to(replay.start_us + 1)

    assert replay.now_us == replay.start_us + 1


def test_changed_records_are_refused(tmp_path: Path) -> None:
    run_id = finished(tmp_path)
    path = tmp_path / "records.npy"
    records = np.load(path)
    records["qty_lots"][5] += 1
    np.save(path, records)

    with pytest.raises(RefusedDataError, match="has changed since the run"):
        open_replay(tmp_path, run_id)
    path.unlink()
    with pytest.raises(RefusedDataError, match="is gone"):
        open_replay(tmp_path, run_id)


def test_a_changed_digest_is_refused(tmp_path: Path) -> None:
    run_id = finished(tmp_path)
    path = tmp_path / "runs" / run_id / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["outputs"]["digest"] = "0" * 64
    path.write_text(json.dumps(manifest))

    with pytest.raises(ReplayError, match="repeating it gives the ledger"):
        open_replay(tmp_path, run_id)


def test_only_finished_backtests_can_be_replayed(tmp_path: Path) -> None:
    running = create_run(tmp_path / "runs", "backtest", name="x", config={})

    with pytest.raises(ReplayError, match="is a running backtest run"):
        open_replay(tmp_path, running.id)
    with pytest.raises(RunError):
        open_replay(tmp_path, "k9999")


def test_signals_are_replayed_from_their_run(tmp_path: Path) -> None:
    signals = np.zeros(
        200, dtype=[("feature_ts_us", "<i8"), ("available_ts_us", "<i8"), ("value", "<f8")]
    )
    signals["feature_ts_us"] = 2_000_000 + np.arange(200) * 100_000
    signals["available_ts_us"] = signals["feature_ts_us"] + 700
    signals["value"] = np.sin(np.arange(200) / 9)
    run = create_run(tmp_path / "runs", "signals", name="x", config={"symbol": SYMBOL})
    np.save(run.path / "signals.npy", signals)
    run.finish("finished")

    run_id = finished(
        tmp_path,
        BacktestSettings(
            strategy="signal_follower",
            signals=run.id,
            params={"threshold": 0.5, "max_position_lots": 50},
        ),
    )

    replay = open_replay(tmp_path, run_id)
    assert len(replay.fill_times()) > 3
