"""Replay over a real backtest: the transport alone, then the pane driven by keys."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from lobdesk.app.app import LobdeskApp
from lobdesk.app.panes.replay.model import SPEEDS, Player, order_rows
from lobdesk.app.widgets.rows import row_text
from lobdesk.app.widgets.scrub import ScrubBar
from lobdesk.backtest import open_replay
from lobdesk.cli import run_cli
from tests.app.conftest import Check
from tests.app.drive import screen_text, wait_for_text, wait_until


@pytest.fixture
def player(data_dir: Path) -> Player:
    return Player(open_replay(data_dir, "k0001"))


def test_playing_in_any_frames_reaches_the_state_of_a_seek(player: Player, data_dir: Path) -> None:
    seeker = Player(open_replay(data_dir, "k0001"))
    chance = random.Random(7)
    player.toggle()
    for _ in range(60):
        player.advance(chance.uniform(0.0, 0.1))
        seeker.seek(player.view.now_us)
        assert seeker.view == player.view


def test_slow_speed_keeps_fractions_of_a_microsecond(player: Player) -> None:
    player.faster(-99)
    start_us = player.view.now_us
    player.toggle()
    for _ in range(1000):
        player.advance(0.000_003_3)

    assert player.speed == SPEEDS[0]
    assert abs(player.replay.now_us - start_us - 330) <= 1


def test_step_back_is_the_state_before(player: Player) -> None:
    player.seek((player.replay.start_us + player.replay.end_us) // 2)
    player.step(1)
    states = [player.view]
    for _ in range(20):
        player.step(1)
        states.append(player.view)
    for expected in reversed(states[:-1]):
        player.step(-1)
        assert player.view == expected


def test_fill_keys_visit_every_fill_in_both_directions(player: Player) -> None:
    seen = []
    while player.to_fill(1):
        seen.append(player.view.now_us)

    assert seen == sorted(set(player.fill_times))
    assert player.view.fills == len(player.fill_times)
    back = []
    while player.to_fill(-1):
        back.append(player.view.now_us)
    assert back == seen[-2::-1]


def test_playing_stops_at_the_end_and_starts_again_from_the_start(player: Player) -> None:
    player.seek(player.replay.end_us - 1000)
    player.toggle()
    player.advance(0.1)

    assert not player.is_playing
    assert player.is_at_end
    player.toggle()
    assert player.view.now_us == player.replay.start_us


def test_money_adds_up_at_every_fill(player: Player) -> None:
    unit = 0.01 * 1e-8
    while player.to_fill(1):
        fills = player.replay.fills()
        sign = np.where(fills["side"] == 0, 1, -1)
        position = int((sign * fills["qty_lots"]).sum())
        cash = -float((sign * fills["qty_lots"] * fills["price_ticks"]).sum()) * unit
        assert player.view.position_lots == position
        assert player.view.cash == pytest.approx(cash, abs=1e-9)


def test_ledger_is_newest_first_and_orders_name_their_side(player: Player) -> None:
    player.seek(player.fill_times[1])
    ledger = player.ledger()

    assert len(ledger) == 2
    assert ledger.row(0)[0] > ledger.row(1)[0]
    assert {row[1] for row in order_rows(player)} <= {"BUY", "SELL"}


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=str)
async def test_replay_opens_plays_steps_and_jumps(
    data_dir: Path, size: tuple[int, int], snapshot: Check
) -> None:
    app = LobdeskApp(data_dir, pane="replay", run="k0001")
    async with app.run_test(size=size) as pilot:
        await wait_for_text(pilot, "same as run k0001")
        await pilot.press("right_curly_bracket", "right_curly_bracket")
        await wait_for_text(pilot, "Ledger  2 of")
        await wait_until(pilot, lambda: not app._frames._active.is_set())
        snapshot(f"replay_{size[0]}x{size[1]}", screen_text(app))
        pane = app.pane
        index = pane._player.view.event_index
        await pilot.press("full_stop")
        assert pane._player.view.event_index == index + 1
        await pilot.press("comma", "comma")
        assert pane._player.view.event_index == index - 1
        await pilot.press("right_square_bracket", "right_square_bracket", "space")
        await wait_for_text(pilot, "▶ playing")
        await wait_until(pilot, lambda: pane._player.view.event_index > index + 50)
        await pilot.press("space", "home")
        await wait_until(pilot, lambda: pane._player.view.now_us == pane._player.replay.start_us)
        await pilot.press("end")
        await wait_until(pilot, lambda: pane._player.is_at_end)


async def test_replay_chooses_a_run_from_the_list_and_goes_back(data_dir: Path) -> None:
    app = LobdeskApp(data_dir)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("4")
        await wait_for_text(pilot, "join_touch ETH/USD")
        await pilot.press("enter")
        await wait_for_text(pilot, "same as run k0001")
        await pilot.press("o")
        await wait_until(pilot, lambda: "Transport" not in screen_text(app))
        assert "k0001" in screen_text(app)


async def test_click_on_the_bar_seeks(data_dir: Path) -> None:
    app = LobdeskApp(data_dir, pane="replay", run="k0001")
    async with app.run_test(size=(120, 36)) as pilot:
        await wait_for_text(pilot, "same as run k0001")
        await pilot.click("#replay-scrub", offset=(60, 0))
        await pilot.pause()
        replay = app.pane._player.replay
        share = (replay.now_us - replay.start_us) / (replay.end_us - replay.start_us)

        assert 0.45 < share < 0.55
        bar = app.query_one("#replay-scrub", ScrubBar)
        assert row_text(bar.rows(bar.content_size.width, 1)[0])[60] == "●"


async def test_unknown_run_is_a_toast_not_a_crash(data_dir: Path) -> None:
    app = LobdeskApp(data_dir, pane="replay", run="k0999")
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await wait_for_text(pilot, "'k0999' is not a")
        await wait_for_text(pilot, "k0001")


async def test_without_backtest_the_pane_names_the_next_key(tmp_path: Path) -> None:
    app = LobdeskApp(tmp_path, pane="replay")
    async with app.run_test(size=(120, 36)) as pilot:
        await wait_for_text(pilot, "No backtest yet.  Press 3, then B")


async def test_a_key_shows_the_next_symbol_of_a_run(tmp_path: Path, captures: Path) -> None:
    names = ["v2_ethusd_d25_20260802.cbcap", "v2_btcusd_d10_resync_20260801.cbcap"]
    data_dir = ["--data-dir", str(tmp_path)]
    assert run_cli(["import", *(str(captures / name) for name in names), *data_dir]) == 0
    assert run_cli(["index", *data_dir]) == 0
    run = ["backtest", "--symbol", "ETH,BTC", "--param", "qty_lots=1000000", *data_dir]
    assert run_cli(run) == 0
    app = LobdeskApp(tmp_path, pane="replay", run="k0001")
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await wait_for_text(pilot, "same as run k0001")
        await pilot.press("end")
        await wait_for_text(pilot, "ETH/USD as the strategy sees it")
        assert "ETH/USD" in screen_text(app).split("Ledger")[1]
        await pilot.press("greater_than_sign")
        await wait_for_text(pilot, "BTC/USD as the strategy sees it")
        await pilot.press("less_than_sign")
        await wait_for_text(pilot, "ETH/USD as the strategy sees it")


async def test_the_symbol_key_says_that_there_is_only_one(data_dir: Path) -> None:
    app = LobdeskApp(data_dir, pane="replay", run="k0001")
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await wait_for_text(pilot, "same as run k0001")
        await pilot.press("greater_than_sign")
        await wait_for_text(pilot, "this run has one symbol")
