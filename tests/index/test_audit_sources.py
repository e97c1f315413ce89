"""The shipped queries on sources that number no trades, have no clock, or share a pair."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from lobdesk.index import update_index
from tests.index.story import SECOND, T0, Story
from tests.index.test_audits import at, audit


@pytest.fixture(scope="module")
def unnumbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trades of a source that numbers none: their order is that of time, then of the log."""
    data = tmp_path_factory.mktemp("unnumbered")
    told = Story(data / "l2")
    told.trades(1, (0, "buy", 10005, 100), (0, "buy", 10001, 300))
    told.trades(2, (0, "sell", 10003, 200), (0, "sell", 10002, 300), (0, "sell", 10000, 100))
    told.trades(3, (0, "buy", 10004, 300))
    update_index(data)
    return data


def test_silence_of_a_source_without_a_monotonic_clock(tmp_path: Path) -> None:
    told = Story(tmp_path / "l2")
    for second in (0, 1, 8, 9):
        told.journal.frame("{}", T0 + second * SECOND, derive=False, mono_us=0, boot="")
    update_index(tmp_path)

    (row,) = audit(tmp_path, "stale_feed")

    assert (row["what"], row["seq"], row["silent_s"]) == ("connection 1", 3, 7)
    assert audit(tmp_path, "clock_steps") == []


def test_overview_of_trades_alone_has_their_span(unnumbered: Path) -> None:
    (row,) = audit(unnumbered, "overview")

    assert (row["books"], row["trades"]) == (0, 6)
    assert (row["first"], row["last"]) == (at(0), at(2))


def test_bars_of_unnumbered_trades_follow_time_and_log(unnumbered: Path) -> None:
    (bar,) = audit(unnumbered, "bars")

    assert (bar["open"], bar["close"]) == (Decimal("100.05"), Decimal("100.04"))
    assert (bar["high"], bar["low"], bar["trades"]) == (Decimal("100.05"), Decimal(100), 6)
    assert bar["is_whole"] is None


def test_sweeps_of_unnumbered_trades_are_those_of_one_side_and_time(unnumbered: Path) -> None:
    rows = audit(unnumbered, "largest_sweeps")

    assert [(row["side"], row["levels"], row["trades"]) for row in rows] == [
        ("sell", 3, 3), ("buy", 2, 2),
    ]  # fmt: skip
    assert [(row["first_price"], row["last_price"]) for row in rows] == [
        (Decimal("100.03"), Decimal(100)), (Decimal("100.05"), Decimal("100.01")),
    ]  # fmt: skip
    assert audit(unnumbered, "missing_trades") == []


def test_equal_trades_are_in_the_order_of_the_log(unnumbered: Path) -> None:
    rows = audit(unnumbered, "largest_trades", top=2)

    assert [row["price"] for row in rows] == [Decimal("100.01"), Decimal("100.02")]


def test_sources_of_one_pair_are_not_added_up(tmp_path: Path) -> None:
    for root, ask in ((tmp_path / "l2", 10001), (tmp_path / "sources" / "other" / "l2", 10099)):
        told = Story(root)
        told.book(0, 9999, ask, kind="snapshot")
        told.trades(0.5, (1, "buy", ask, 100))
        told.book(1, 9999, ask)
    update_index(tmp_path)

    spread = audit(tmp_path, "spread")
    assert [(row["source"], row["known_s"], row["mean_spread"]) for row in spread] == [
        ("other", 1, 1), ("recorder", 1, 0.02),
    ]  # fmt: skip
    depth = audit(tmp_path, "depth")
    assert [(row["source"], row["side"], row["known_s"]) for row in depth] == [
        ("other", "bid", 1), ("other", "ask", 1), ("recorder", "bid", 1), ("recorder", "ask", 1),
    ]  # fmt: skip
    trades = audit(tmp_path, "trades_against_book")
    assert [(row["source"], row["at_best"]) for row in trades] == [("other", 1), ("recorder", 1)]


def test_small_prices_keep_their_digits(tmp_path: Path) -> None:
    told = Story(tmp_path / "l2")
    for number, ask in ((0, 88613), (1, 88614), (3, 88613)):
        ts_us = T0 + number * SECOND
        fields = {
            "seq": number + 1, "exch_ts_us": ts_us, "recv_ts_us": ts_us, "price_precision": 10,
            "qty_precision": 5, "bids": [[88611, 3]], "asks": [[ask, 7]], "checksum": None,
            "verified": None,
        }  # fmt: skip
        told.journal.snapshot("SHIB/BTC", fields, ts_us)
    for number, ticks, lots in ((1, 88613, 3), (2, 88614, 4)):
        trade = {
            "seq": number, "exch_ts_us": T0, "recv_ts_us": T0, "trade_id": number, "side": "buy",
            "ord_type": "limit", "price_ticks": ticks, "qty_lots": lots, "price_precision": 10,
            "qty_precision": 5,
        }  # fmt: skip
        told.journal.trade("SHIB/BTC", trade, T0)
    update_index(tmp_path)

    (spread,) = audit(tmp_path, "spread")
    assert spread["mean_spread"] == pytest.approx((2e-10 + 2 * 3e-10) / 3, rel=1e-9)
    assert spread["mean_bps"] == pytest.approx(8 / 3 * 1e4 / 88612, rel=1e-5)
    assert spread["p50_bps"] == pytest.approx(3e4 / 88612.5, rel=5e-5)
    (bar,) = audit(tmp_path, "bars")
    assert bar["vwap"] == pytest.approx((3 * 88613e-10 + 4 * 88614e-10) / 7, rel=1e-9)
    bid = audit(tmp_path, "depth")[0]
    assert (bid["best_qty"], bid["p50_qty"]) == (pytest.approx(3e-5), pytest.approx(3e-5))
    (mid,) = audit(tmp_path, "microprice_bars")
    means = [(88611 * 7 + ask * 3) / 10 * 1e-10 for ask in (88613, 88614)]
    assert mid["mean"] == pytest.approx((means[0] + 2 * means[1]) / 3, rel=1e-9)
    (sweep,) = audit(tmp_path, "largest_sweeps")
    assert sweep["notional"] == pytest.approx(7e-5 * bar["vwap"], rel=1e-9)


def test_gap_in_which_the_clock_was_set_back_takes_no_time_away(tmp_path: Path) -> None:
    told = Story(tmp_path / "l2")
    told.book(0, 9999, 10001, kind="snapshot")
    last = told.book(5, 9998, 10002)
    first = told.book(2, 9999, 10001, kind="snapshot")
    told.gap(2, last, first, 5, "checksum")
    last = told.book(3, 9999, 10001)
    first = told.book(4, 9999, 10001, kind="snapshot")
    told.gap(4, last, first, 3, "checksum")
    update_index(tmp_path)

    (row,) = audit(tmp_path, "gaps_by_hour")
    assert (row["gaps"], row["missing_s"], row["longest_s"]) == (2, 1, 1)
    (row,) = audit(tmp_path, "overview")
    assert (row["gaps"], row["gap_s"]) == (2, 1)
