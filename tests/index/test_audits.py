"""The shipped queries: on a journal written by hand, whose answers are known, and on captures."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from lobdesk.cli import run_cli
from lobdesk.errors import LobdeskError
from lobdesk.index import open_catalog, run_audit, update_index
from lobdesk.index.queries import list_queries, load_query
from tests.index.story import PAIR, SECOND, T0, Story, book_frame


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books at 0, 1, 2, 6 s; a failure and a gap from 6 to 106 s; then one at 107 and 108 s.

    Spreads are 2, 4, 2 ticks (1, 1, 4 s), a crossed book from 108 s on, and after a pause of 60 s
    one more. Trades lie within and without.
    """
    data = tmp_path_factory.mktemp("story")
    told = Story(data / "l2")
    told.book(0, 9999, 10001, kind="snapshot")
    told.book(1, 9998, 10002)
    told.trades(1.5, (1, "buy", 10002, 500), (2, "buy", 10003, 1000), (3, "buy", 10005, 500))
    told.book(2, 9999, 10001)
    told.trades(3, (4, "sell", 9999, 100))
    told.trades(4, (7, "sell", 10000, 100))  # inside; 5 and 6 are missing
    told.trades(5, (8, "buy", 9999, 100))  # wrong side
    last = told.book(6, 9999, 10001, lots=40)
    told.frame(7, book_frame(checksum=5))  # the failure
    told.trades(50, (9, "buy", 10001, 100))  # in the gap
    first = told.book(106, 9000, 9010, kind="snapshot")
    told.gap(106, last, first, 6, "checksum")
    told.book(107, 9000, 9010)
    told.book(108, 9010, 9010)
    told.book(109, 9000, 9010)
    told.book(169, 9000, 9010)
    update_index(data)
    return data


def audit(data: Path, name: str, **values: Any) -> list[dict[str, Any]]:
    with open_catalog(data) as catalog:
        found = run_audit(catalog, name, **values)
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def at(seconds: float) -> datetime:
    return datetime.utcfromtimestamp((T0 + round(seconds * SECOND)) / 1e6)  # noqa: DTZ004


def test_spread_is_weighted_by_time_and_not_over_holes(story: Path) -> None:
    (row,) = audit(story, "spread")

    # 2 ticks for 1 + 4 s, 4 ticks for 1 s; behind the gap 10 ticks for 1 s and, at 107 s, for 1 s.
    assert row["known_s"] == 8
    assert row["books"] == 5
    assert row["mean_spread"] == pytest.approx((5 * 0.02 + 0.04 + 2 * 0.10) / 8)
    assert row["p50_bps"] == 2.0  # 2 ticks of 10,000
    assert row["p90_bps"] == row["widest_bps"] == pytest.approx(10 * 20000 / 18010, abs=1e-4)
    (longer,) = audit(story, "spread", max_pause_s=60)
    assert longer["known_s"] == 68  # the book of 109 s stood for a minute


def test_depth_is_weighted_by_time(story: Path) -> None:
    bid, ask = audit(story, "depth", to_us=T0 + 50 * SECOND)

    assert (bid["side"], ask["side"]) == ("bid", "ask")
    assert bid["known_s"] == 6
    assert bid["best_qty"] == 0.01
    assert bid["mean_qty"] == bid["p10_qty"] == bid["p90_qty"] == 0.11
    assert ask["p50_qty"] == 0.03
    assert (bid["levels"], ask["levels"]) == (2, 1)


def test_checksum_failure_is_found_with_its_place(story: Path) -> None:
    (row,) = audit(story, "checksum_failures")

    assert row["recv_ts"] == at(7)
    assert row["type"] == "update"
    data = next((story / "l2" / "events").rglob("*.jsonl")).read_bytes()
    assert data[row["offset"] :].startswith(f'{{"v":1,"seq":{row["seq"]},'.encode())


def test_gap_is_split_by_hour(story: Path, tmp_path: Path) -> None:
    (row,) = audit(story, "gaps_by_hour")
    assert (row["gaps"], row["missing_s"], row["cause"]) == (1, 100, "checksum")
    assert row["share_pct"] == pytest.approx(100 / 36, abs=1e-3)

    told = Story(tmp_path / "l2")
    last = told.book(3500, 1, 2, kind="snapshot")
    first = told.book(7300, 1, 2, kind="snapshot")
    told.gap(7300, last, first, 3500, "close")
    update_index(tmp_path)

    rows = audit(tmp_path, "gaps_by_hour")

    assert [row["hour"] for row in rows] == [at(0), at(3600), at(7200)]
    assert [row["missing_s"] for row in rows] == [100, 3600, 100]
    assert {row["longest_s"] for row in rows} == {3800}


def test_locked_book_is_named_and_timed(story: Path) -> None:
    (row,) = audit(story, "crossed_books")

    assert (row["state"], row["lasted_us"]) == ("locked", SECOND)
    assert row["exch_ts"] == at(107.995)


def test_silence_of_connection_and_book_but_not_of_a_gap(story: Path) -> None:
    rows = audit(story, "stale_feed", silent_s=5)

    assert [(row["what"], row["silent_s"]) for row in rows] == [
        (PAIR, 60), ("connection 1", 60), ("connection 1", 56), ("connection 1", 43),
    ]  # fmt: skip
    assert len(audit(story, "stale_feed", silent_s=5, top=1)) == 1


def test_event_rate_counts_live_seconds_only(story: Path) -> None:
    rows = audit(story, "event_rate")

    books = [row for row in rows if row["channel"] == "book"]
    assert [row["begin"] for row in books] == [at(0), at(60), at(120)]
    assert [row["frames"] for row in books] == [5, 4, 1]
    # In the first minute something came in the seconds 0 to 7 and in second 50.
    assert [row["live_s"] for row in books] == [9, 4, 1]
    assert books[0]["per_s"] == pytest.approx(5 / 9, abs=1e-3)
    assert books[0]["peak_per_s"] == 1


def test_receive_lag_leaves_out_frames_that_replaced_the_book(story: Path) -> None:
    (row,) = audit(story, "receive_lag")

    assert row["books"] == 7
    assert row["least_ms"] == row["p50_ms"] == row["p99_ms"] == row["most_ms"] == 5


def test_clock_step_is_found_and_slow_time_is_not(tmp_path: Path) -> None:
    told = Story(tmp_path / "l2")
    told.frame(0, "{}")
    told.frame(1000, "{}")
    update_index(tmp_path)
    assert audit(tmp_path, "clock_steps") == []

    elapsed_us = 1001 * SECOND
    told.journal.frame("{}", T0 + 998 * SECOND, derive=False, mono_us=T0 - 10**15 + elapsed_us)

    (row,) = audit(tmp_path, "clock_steps")
    assert (row["seq"], row["step_ms"], row["elapsed_ms"]) == (3, -3000, 1000)
    assert audit(tmp_path, "clock_steps", step_ms=4000) == []


def test_sweep_is_one_aggressor_over_several_prices(story: Path) -> None:
    (row,) = audit(story, "largest_sweeps")

    assert (row["levels"], row["trades"], row["side"]) == (3, 3, "buy")
    assert row["qty"] == Decimal(2)
    assert row["notional"] == pytest.approx(50.01 + 100.03 + 50.025, abs=0.006)
    assert (row["first_price"], row["last_price"]) == (Decimal("100.02"), Decimal("100.05"))
    assert row["reach_bps"] == pytest.approx(0.03 / 100.02 * 1e4, abs=1e-4)
    assert audit(story, "largest_sweeps", levels=4) == []


def test_largest_trades_are_in_order(story: Path) -> None:
    rows = audit(story, "largest_trades", top=2)

    assert [row["trade_id"] for row in rows] == [2, 1]
    assert rows[0]["qty"] == 1


def test_trades_are_judged_by_the_book_before_them(story: Path) -> None:
    (row,) = audit(story, "trades_against_book")

    # 1 and 4 at the best, 2 and 3 behind it, 7 inside, 8 on the wrong side, 9 in the gap.
    assert row == {
        "symbol": PAIR, "source": "recorder", "trades": 7, "at_best": 2, "deeper": 2, "inside": 1,
        "wrong_side": 1, "no_book": 1, "outside_pct": 33.333,
    }  # fmt: skip
    outside = audit(story, "trades_outside_book")
    assert [(one["trade_id"], one["verdict"]) for one in outside] == [
        (7, "inside"), (8, "wrong side"),
    ]  # fmt: skip
    assert outside[0]["best_ask"] == Decimal("100.01")


def test_missing_trade_numbers_and_whether_they_were_noted(story: Path, tmp_path: Path) -> None:
    (row,) = audit(story, "missing_trades")
    assert (row["first_missing"], row["last_missing"], row["missing"]) == (5, 6, 2)
    assert row["noted"] is False

    told = Story(tmp_path / "l2")
    told.trades(1, (1, "buy", 5, 1))
    told.trades(2, (4, "buy", 5, 1))
    note = {"kind": "trade_gap", "symbol": PAIR, "last_trade_id": 1, "first_trade_id": 4}
    told.journal.note(note, T0 + 2 * SECOND)
    update_index(tmp_path)
    assert [row["noted"] for row in audit(tmp_path, "missing_trades")] == [True]


def test_bars_of_trades_say_where_trades_are_missing(story: Path) -> None:
    bars = audit(story, "bars", bar_s=4)

    assert [bar["begin"] for bar in bars] == [at(0), at(4), at(48)]
    first, second, third = bars
    # Exchange times: 1.495, 2.995 in the first bar; 3.995 too; 4.995 in the second.
    assert [first[key] for key in ("open", "high", "low", "close")] == [
        Decimal("100.02"), Decimal("100.05"), Decimal("99.99"), Decimal(100),
    ]  # fmt: skip
    assert (first["volume"], first["buy_volume"], first["trades"]) == (Decimal("2.2"), 2, 5)
    assert first["vwap"] == pytest.approx((200.065 + 9.999 + 10) / 2.2)
    assert [bar["is_whole"] for bar in bars] == [False, True, True]
    assert second["trades"] == third["trades"] == 1


def test_microprice_bars_know_how_much_they_saw(story: Path) -> None:
    bars = audit(story, "microprice_bars", bar_s=4)

    # Bid 10 lots and ask 30: a quarter of the way up. Frames lie 5 ms before the full second.
    assert bars[0]["begin"] == at(-4)
    assert bars[1]["begin"] == at(0)
    assert bars[1]["open"] == pytest.approx(99.98 + 0.04 / 4)
    assert (bars[1]["books"], bars[1]["known_s"]) == (2, pytest.approx(1 + 2.005))
    mean = (99.99 * 1 + 99.995 * 2.005) / 3.005
    assert bars[1]["mean"] == pytest.approx(mean)
    in_gap = [bar for bar in bars if at(8) <= bar["begin"] < at(100)]
    assert in_gap == []
    (before_gap,) = [bar for bar in bars if bar["begin"] == at(4)]
    assert (before_gap["known_s"], before_gap["mean"]) == (0, None)


def test_derivation_is_compared_with_the_frames(story: Path, tmp_path: Path) -> None:
    assert audit(story, "derivation_differences") == []

    told = Story(tmp_path / "l2")
    told.book(1, 1, 2, kind="snapshot")
    told.frame(2, book_frame())  # gave no snapshot, and no gap says why
    told.book(3, 1, 2)
    orphan = {
        "seq": 90, "exch_ts_us": T0, "recv_ts_us": T0, "price_precision": 2, "qty_precision": 3,
        "bids": [[1, 1]], "asks": [[2, 1]], "checksum": 78, "verified": True,
    }  # fmt: skip
    told.journal.snapshot(PAIR, orphan, T0)
    told.journal.snapshot(PAIR, orphan | {"seq": 3, "recv_ts_us": T0 + 3 * SECOND}, T0)
    told.trades(4, (1, "buy", 1, 1))
    stray = {
        "seq": 4, "exch_ts_us": T0, "recv_ts_us": T0 + 4 * SECOND, "trade_id": 33, "side": "buy",
        "ord_type": "limit", "price_ticks": 1, "qty_lots": 1, "price_precision": 2,
        "qty_precision": 3,
    }  # fmt: skip
    told.journal.trade(PAIR, stray, T0)
    # What a second connection says as well made no new book.
    for conn in (1, 2):
        told.journal.frame(book_frame(checksum=99), T0 + 5 * SECOND, derive=False, conn=conn)
    said = orphan | {"seq": 5, "recv_ts_us": T0 + 5 * SECOND, "checksum": 99}
    told.journal.snapshot(PAIR, said, T0)
    foreign = Story(tmp_path / "sources" / "foreign" / "l2")  # another exchange's frames
    foreign.frame(1, '{"e":"depthUpdate"}')
    foreign.journal.snapshot(PAIR, orphan | {"seq": 1}, T0)
    update_index(tmp_path)

    rows = audit(tmp_path, "derivation_differences")

    assert [(row["seq"], row["difference"]) for row in rows] == [
        (2, "book frame without a snapshot"),
        (3, "checksum is not the frame's"),
        (4, "trade number is not in the frame"),
        (90, "snapshot without a book frame"),
    ]


def test_missing_events_and_rejects_name_the_damaged_line(story: Path, tmp_path: Path) -> None:
    assert audit(story, "missing_events") == audit(story, "rejects") == []
    told = Story(tmp_path / "l2")
    for second in range(3):
        told.frame(second, "{}")
    path = next((tmp_path / "l2" / "events").rglob("*.jsonl"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"damaged\n" + lines[2])
    update_index(tmp_path)

    (hole,) = audit(tmp_path, "missing_events")
    (reject,) = audit(tmp_path, "rejects")

    assert (hole["first_missing"], hole["last_missing"], hole["missing"]) == (2, 2, 1)
    assert reject["offset"] == len(lines[0])
    assert reject["length"] == 8
    assert "expected" in reject["reason"]


def test_overview_counts_books_trades_and_gaps(story: Path) -> None:
    (row,) = audit(story, "overview")

    assert (row["books"], row["replaced"], row["trades"], row["gaps"], row["gap_s"]) == (
        9, 2, 7, 1, 100,
    )  # fmt: skip
    assert (row["first"], row["last"]) == (at(-1), at(168))


def test_scope_limits_every_query(story: Path) -> None:
    (row,) = audit(story, "overview", from_us=T0 + 100 * SECOND, to_us=T0 + 108 * SECOND)
    assert (row["books"], row["trades"]) == (3, 0)
    assert audit(story, "bars", source="recorder", from_us=T0 + 100 * SECOND) == []
    with pytest.raises(LobdeskError, match="source 'recorde' is not indexed; did you mean 'recor"):
        audit(story, "bars", source="recorde")
    assert audit(story, "spread", symbol="abc")[0]["symbol"] == PAIR
    with pytest.raises(LobdeskError, match="ABC/USD"):
        audit(story, "spread", symbol="XYZ")
    with pytest.raises(LobdeskError, match="no parameter 'bar'; it has: bar_s"):
        audit(story, "bars", bar=5)


@pytest.mark.parametrize("query", list_queries(), ids=lambda query: query.name)
def test_header_tells_columns_and_defaults_truly(story: Path, query: Any) -> None:
    with open_catalog(story) as catalog:
        found = run_audit(catalog, query.name)

    assert [column.name for column in query.columns] == found.columns
    assert query.text.endswith(".")
    assert query.answers
    guide = (Path(__file__).parents[2] / "docs" / "index.md").read_text()
    assert f"| `{query.name}` | {query.text.rstrip('.')} |" in guide
    body = load_query(query.name).sql + (Path(__file__).parents[2] / "lobdesk/index/queries"
                                         / "macros.sql").read_text()  # fmt: skip
    for parameter in query.parameters:
        used = re.findall(rf"coalesce\(getvariable\('{parameter.name}'\), (\d+)\)", body)
        assert used, parameter
        assert set(used) == {str(parameter.default)}
    names = set(re.findall(r"getvariable\('(\w+)'\)", query.sql))
    assert names <= {one.name for one in query.parameters} | {"source", "symbol"}


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory, captures: Path) -> Path:
    data = tmp_path_factory.mktemp("captured")
    files = [str(path) for path in sorted(captures.glob("*.cbcap"))]
    assert run_cli(["import", *files, "--data-dir", str(data), "--progress", "none"]) == 0
    update_index(data)
    return data


@pytest.mark.parametrize("query", list_queries(), ids=lambda query: query.name)
def test_query_is_right_about_real_captures(captured: Path, query: Any) -> None:
    rows = audit(captured, query.name)

    clean = {"rejects", "missing_events", "derivation_differences", "clock_steps"}
    if query.name in clean:
        assert rows == []
    checks = REAL.get(query.name)
    if checks is not None:
        checks(rows)


def _positive_spread(rows: list[dict[str, Any]]) -> None:
    assert rows
    for row in rows:
        assert 0 < row["p50_bps"] <= row["p90_bps"] <= row["p99_bps"] <= row["widest_bps"] < 100


def _whole_depth(rows: list[dict[str, Any]]) -> None:
    assert {row["side"] for row in rows} == {"bid", "ask"}
    for row in rows:
        assert row["levels"] == 10
        assert 0 < row["p10_qty"] <= row["p50_qty"] <= row["p90_qty"]


def _ordered_bars(rows: list[dict[str, Any]]) -> None:
    assert rows
    for row in rows:
        assert row["low"] <= min(row["open"], row["close"])
        assert row["high"] >= max(row["open"], row["close"])


def _judged(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        parts = ("at_best", "deeper", "inside", "wrong_side", "no_book")
        assert row["trades"] == sum(row[key] for key in parts)


REAL = {
    "spread": _positive_spread, "depth": _whole_depth, "microprice_bars": _ordered_bars,
    "trades_against_book": _judged, "overview": lambda rows: rows or pytest.fail("empty"),
}  # fmt: skip
