"""The whole desk on real recordings, driven by keys."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lobdesk.app.app import LobdeskApp
from lobdesk.app.panes.books.pane import BooksPane
from lobdesk.app.widgets.grid import ResultGrid
from lobdesk.app.widgets.ladder import Ladder
from lobdesk.jobs import JobPool
from tests.app.conftest import Check
from tests.app.drive import screen_text, wait_for_text, wait_until

SIZES = [(120, 36), (80, 24)]
WORKER = Path(__file__).parents[1] / "jobs" / "worker.py"


def best(app: LobdeskApp) -> tuple[object, object]:
    view = app.query_one("#ladder", Ladder).view
    return view.bids[0], view.asks[0]


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_books_show_the_first_book_of_the_recording(
    data_dir: Path, size: tuple[int, int], snapshot: Check
) -> None:
    app = LobdeskApp(data_dir)
    async with app.run_test(size=size) as pilot:
        await wait_for_text(pilot, "checksum 301 of 301")

        snapshot(f"books_{size[0]}x{size[1]}", screen_text(app))


async def test_books_move_by_event_second_gap_and_symbol(data_dir: Path) -> None:
    app = LobdeskApp(data_dir)
    async with app.run_test(size=(120, 36)) as pilot:
        await wait_for_text(pilot, "02:53:53.398143")
        await pilot.press("full_stop")
        await wait_for_text(pilot, "02:53:53.646219")
        await pilot.press("comma", "shift+right")
        await wait_for_text(pilot, "02:54:03.398143 UTC")
        await pilot.press("home", "right_curly_bracket")
        await wait_for_text(pilot, "starts a segment")
        await pilot.press("end")
        await wait_for_text(pilot, "02:54:53.266327")
        await pilot.press("greater_than_sign")
        await wait_for_text(pilot, "checksum 1,129 of 1,129")
        assert "ETH/USD  10 x 10 levels" in screen_text(app)


async def test_books_go_to_a_typed_instant_and_refuse_a_wrong_one(data_dir: Path) -> None:
    app = LobdeskApp(data_dir)
    async with app.run_test(size=(120, 36)) as pilot:
        await wait_for_text(pilot, "02:53:53.398143")
        await pilot.press("ctrl+g", *"soon", "enter")
        await wait_for_text(pilot, "'soon' is no time")
        await pilot.press(*(["backspace"] * 4), *"02:54:20", "enter")
        await wait_for_text(pilot, "02:54:20.000000 UTC")


async def test_resize_in_the_middle_keeps_the_book_and_fits_it(
    data_dir: Path, snapshot: Check
) -> None:
    app = LobdeskApp(data_dir)
    async with app.run_test(size=(120, 36)) as pilot:
        await wait_for_text(pilot, "checksum 301 of 301")
        before = best(app)
        await pilot.resize_terminal(80, 24)
        await wait_for_text(pilot, "8 of 10 levels")
        await pilot.resize_terminal(59, 19)
        await wait_for_text(pilot, "make me larger")
        await pilot.resize_terminal(60, 20)
        await wait_for_text(pilot, "6 of 10 levels")
        snapshot("books_60x20", screen_text(app))
        await pilot.resize_terminal(200, 60)
        await wait_for_text(pilot, "10 x 10 levels")

        assert best(app) == before


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_audit_runs_a_shipped_query_and_shows_the_raw_line(
    data_dir: Path, size: tuple[int, int], snapshot: Check
) -> None:
    app = LobdeskApp(data_dir, pane="audit")
    async with app.run_test(size=size) as pilot:
        await wait_for_text(pilot, "Checksum failures")
        await wait_until(pilot, lambda: len(app.query_one("#audit-list", ResultGrid).table) > 30)
        await pilot.press("f9")  # the list shows the index's schema, which is not ours to fix
        await wait_until(pilot, lambda: "Queries and tables" not in screen_text(app))
        snapshot(f"audit_{size[0]}x{size[1]}", screen_text(app))
        await pilot.press("f9")
        app.query_one("#audit-list").focus()
        await pilot.press("enter")
        await wait_for_text(pilot, "Results  0 rows")
        editor = app.query_one("#audit-editor")
        editor.load_text(
            "SELECT source, seq, symbol, exch_ts_us FROM snapshots WHERE symbol = 'BTC/USD' "
            "ORDER BY seq"
        )
        await pilot.press("f5")
        await wait_for_text(pilot, "Results  301 rows")
        await pilot.press("v")
        await wait_for_text(pilot, '{"channel":"book","type":"snapshot"')
        await pilot.press("escape", "down", "down", "b")
        await wait_for_text(pilot, "seq 9")
        assert isinstance(app.pane, BooksPane)


async def test_audit_shows_a_wrong_query_in_one_line(data_dir: Path) -> None:
    app = LobdeskApp(data_dir, pane="audit")
    async with app.run_test(size=(120, 36)) as pilot:
        await wait_for_text(pilot, "Checksum failures")
        app.query_one("#audit-editor").load_text("SELECT nothing FROM snapshots")
        await pilot.press("ctrl+j")
        await wait_for_text(pilot, '"nothing" not found')


async def test_audit_cancels_a_long_query_and_stays_usable(data_dir: Path) -> None:
    app = LobdeskApp(data_dir, pane="audit")
    async with app.run_test(size=(120, 36)) as pilot:
        await wait_for_text(pilot, "Checksum failures")
        app.query_one("#audit-editor").load_text(
            "SELECT count(*) FROM range(10000000000) a WHERE hash(range) = 1"
        )
        await pilot.press("ctrl+j")
        await wait_for_text(pilot, "running")
        await pilot.press("e", *"abc")
        assert "abc" in app.query_one("#audit-editor").text
        await pilot.press("f8")
        await wait_for_text(pilot, "cancel")
        await wait_until(pilot, lambda: "running" not in screen_text(app))


async def test_jobs_start_show_and_cancel_a_real_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pool = JobPool(tmp_path, launcher=(sys.executable, str(WORKER)))
    app = LobdeskApp(tmp_path, pane="jobs", jobs=pool)
    async with app.run_test(size=(120, 36)) as pilot:
        await wait_for_text(pilot, "No jobs yet.")
        await pilot.press("t", *"--finish", "enter")
        await wait_for_text(pilot, "finished")
        await wait_for_text(pilot, "── loss 0.0500")
        await pilot.press("n", *"--polite", "enter")
        await wait_for_text(pilot, "1 job running")
        await wait_for_text(pilot, "j0002  build  running")
        await pilot.press("x")
        await wait_for_text(pilot, "Cancel j0002 (build)?")
        await pilot.press("y")
        await wait_for_text(pilot, "asked to")
        assert pool.job("j0002").state == "cancelled"


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_empty_data_dir_welcomes_and_names_the_next_commands(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    app = LobdeskApp(tmp_path)
    async with app.run_test(size=size) as pilot:
        await wait_for_text(pilot, "Welcome to lobdesk")

        text = screen_text(app)
        for command in ("lobdesk demo", "lobdesk record", "lobdesk import", "lobdesk doctor"):
            assert command in text


async def test_recordings_without_index_are_indexed_by_one_key(
    tmp_path: Path, captures: Path
) -> None:
    from lobdesk.cli import run_cli

    file = captures / "v2_btcusd_d10_resync_20260801.cbcap"
    assert run_cli(["import", str(file), "--data-dir", str(tmp_path)]) == 0
    app = LobdeskApp(tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        await wait_for_text(pilot, "Press i to index")
        await pilot.press("i")
        await wait_for_text(pilot, "checksum 301 of 301")


async def test_demo_is_named_in_the_header(tmp_path: Path) -> None:
    (tmp_path / "DEMO").touch()
    app = LobdeskApp(tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        await wait_for_text(pilot, " DEMO ")


async def test_help_lists_the_keys_of_the_pane(data_dir: Path) -> None:
    app = LobdeskApp(data_dir)
    async with app.run_test(size=(120, 36)) as pilot:
        await wait_for_text(pilot, "checksum 301 of 301")
        await pilot.press("question_mark")
        await wait_for_text(pilot, "Go to time")
        await wait_for_text(pilot, "Everywhere")
        await pilot.press("escape")
        await wait_until(pilot, lambda: "Everywhere" not in screen_text(app))


async def test_idle_desk_paints_nothing_and_rests(data_dir: Path) -> None:
    app = LobdeskApp(data_dir)
    async with app.run_test(size=(120, 36)) as pilot:
        await wait_for_text(pilot, "checksum 301 of 301")
        await wait_until(pilot, lambda: not app._frames._active.is_set())

        assert sum(view.flush() for view in app.pane.row_views) == 0


async def test_step_paints_only_rows_that_changed(data_dir: Path) -> None:
    app = LobdeskApp(data_dir)
    async with app.run_test(size=(120, 36)) as pilot:
        await wait_for_text(pilot, "checksum 301 of 301")
        await wait_until(pilot, lambda: not app._frames._active.is_set())
        ladder = app.query_one("#ladder", Ladder)
        app.pane.action_step(1)

        assert 0 < ladder.flush() < 22


async def test_no_color_leaves_sides_readable(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = LobdeskApp(data_dir)
    async with app.run_test(size=(120, 36)) as pilot:
        await wait_for_text(pilot, "checksum 301 of 301")
        rows = screen_text(app).splitlines()

        ask_row, bid_row = rows[12], rows[14]
        assert "│ 63005.0 │ █" in ask_row
        assert "│ 63004.9 │ " in bid_row
        assert not bid_row.split("│ 63004.9 │")[1].split("│")[0].strip()
