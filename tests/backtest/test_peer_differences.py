"""Where we differ from hftbacktest 2.4.4 on purpose: the smallest case of each, on both sides.

docs/backtest.md explains them. A case that no longer differs fails, so that the page stays true.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.peer import Peer
from lobdesk.backtest import run_scenario
from lobdesk.backtest.scenario import _market_data

START_US = 1_000_000
SUBMIT, CANCEL, MODIFY, LOOK = range(4)
THEIR_TIF = {"GTC": 0, "GTX": 1, "FOK": 2, "IOC": 3}
Json = dict[str, Any]


def row(after_us: int, kind: str, side: str | None, px: int, qty: int, oid: int = 0) -> Json:
    return {"k": kind, "ex": START_US + after_us, "lo": START_US + after_us, "side": side,
            "px": px, "qty": qty, "oid": oid, "sym": 0}  # fmt: skip


def book(bids: dict[int, int], asks: dict[int, int]) -> list[Json]:
    return [row(0, "depth", "bid", px, qty) for px, qty in bids.items()] + [
        row(0, "depth", "ask", px, qty) for px, qty in asks.items()
    ]


def submit(at: int, order: int, side: str, px: int, qty: int, tif: str = "GTC",
           kind: str = "limit") -> Json:  # fmt: skip
    return {"do": "submit", "t": START_US + at, "id": order, "side": side, "px": px, "qty": qty,
            "type": kind, "tif": tif, "sym": 0}  # fmt: skip


class Both:
    """One case on both sides: 1,000 us there and back, looked at after 100 ms."""

    def __init__(self, peer: Peer, folder: Path, feed: list[Json], actions: list[Json],
                 **rules: Any) -> None:  # fmt: skip
        end = START_US + 100_000
        quiet = row(100_000, "depth", "bid", 1, 1)
        if any(each["k"] == "add" for each in feed):
            quiet = row(100_000, "add", "bid", 1, 1, 10_000)
        both = {"entry_us": 1_000, "response_us": 1_000, **rules}
        preset, book = rules.pop("preset", "hftbacktest"), rules.pop("book", "roi")
        self.ours = run_scenario(
            {
                "model": {"preset": preset, "entry_us": 1_000, "resp_us": 1_000, **rules},
                "feed": [*feed, quiet],
                "actions": actions,
                "probes": [{"t": end - 1, "sym": 0}],
                "end": end,
            }
        )
        data = _market_data([*feed, quiet], 0, {})
        path = folder / "records.npz"
        ids = np.array([each["oid"] for each in [*feed, quiet]])
        np.savez(path, records=data.records, order_ids=ids)
        exchange = "partial" if preset == "hftbacktest_partial" else "no_partial"
        script = [action_row(each) for each in actions]
        script.append([end - 1, LOOK, 0, 0, 0, 0, 0, 0])
        answer = peer.ask(
            do="play", records=str(path), tick=1.0, lot=1.0, actions=script,
            rules={"book": book, "exchange": exchange, "maker_fee": 0, "taker_fee": 0, **both},
        )  # fmt: skip
        self.code, self.seen = answer["code"], answer["seen"][-1]

    @property
    def positions(self) -> tuple[float, float]:
        """Theirs and ours."""
        return self.seen["position"], self.ours["position"][0]


def action_row(action: Json) -> list[int]:
    what = ("submit", "cancel", "modify").index(action["do"])
    return [
        action["t"], what, action["id"], int(action.get("side") == "sell"), action.get("px") or 1,
        action.get("qty") or 0, int(action.get("type") == "market"),
        THEIR_TIF[action.get("tif") or "GTC"],
    ]  # fmt: skip


def test_partial_fills_before_the_last_are_not_booked_there(peer: Peer, tmp_path: Path) -> None:
    feed = book({100: 10}, {101: 10, 102: 20})

    both = Both(peer, tmp_path, feed, [submit(10, 1, "buy", 102, 25, "IOC")],
                preset="hftbacktest_partial")  # fmt: skip

    assert both.positions == (15, 25)
    assert both.ours["cash"] == [-(10 * 101 + 15 * 102)]


def test_an_order_filled_exactly_ends_the_run_there(peer: Peer, tmp_path: Path) -> None:
    trades = [row(5_000, "trade", "sell", 100, 15), row(6_000, "trade", "sell", 100, 5)]

    both = Both(peer, tmp_path, book({100: 10}, {101: 10}) + trades,
                [submit(10, 1, "buy", 100, 5)], preset="hftbacktest_partial")  # fmt: skip

    assert both.code == 14
    assert both.ours["position"] == [5]


def test_a_cancel_of_a_filled_order_books_the_fill_again_there(peer: Peer, tmp_path: Path) -> None:
    actions = [
        submit(10, 1, "buy", 101, 5),
        {"do": "cancel", "t": START_US + 5_000, "id": 1},
    ]

    both = Both(peer, tmp_path, book({100: 10}, {101: 10}), actions)

    assert both.positions == (10, 5)
    assert both.ours["orders"]["1"]["last_reject"] == "cancel_rejected"


def test_a_market_order_into_an_empty_side_fills_at_any_price_there(
    peer: Peer, tmp_path: Path
) -> None:
    both = Both(peer, tmp_path, book({100: 10}, {}), [submit(10, 1, "buy", 0, 5, "GTC", "market")])

    assert both.positions == (5, 0)
    assert both.seen["cash"] < -1e18
    assert both.ours["orders"]["1"]["status"] == "EXPIRED"


def test_a_clear_up_to_a_price_takes_one_level_too_many_there(peer: Peer, tmp_path: Path) -> None:
    feed = book({100: 1, 99: 1, 98: 1}, {101: 1, 102: 1, 103: 1})
    clears = [row(5_000, "clear", "bid", 100, 0), row(5_000, "clear", "ask", 101, 0)]

    both = Both(peer, tmp_path, feed + clears, [], book="hashmap")

    assert (both.seen["bid"], both.seen["ask"]) == (98, 103)
    assert both.ours["probes"][0]["local_best"] == [99, 102]


def test_a_larger_modify_does_not_raise_the_quantity_there(peer: Peer, tmp_path: Path) -> None:
    actions = [
        submit(10, 1, "buy", 100, 5),
        {"do": "modify", "t": START_US + 4_000, "id": 1, "px": 100, "qty": 8},
    ]

    feed = [*book({100: 1}, {101: 1}), row(9_000, "trade", "sell", 99, 1)]

    both = Both(peer, tmp_path, feed, actions)

    assert both.positions == (5, 8)


def test_levels_that_a_crossing_update_passed_come_back_there(peer: Peer, tmp_path: Path) -> None:
    updates = [
        row(5_000, "depth", "bid", 105, 1),  # crosses the ask of 105
        row(6_000, "depth", "bid", 105, 0),
        row(7_000, "depth", "ask", 104, 1),
        row(8_000, "depth", "ask", 104, 0),
    ]

    both = Both(peer, tmp_path, book({100: 1}, {105: 5, 106: 5}) + updates, [], book="hashmap")

    assert both.seen["ask"] == 105
    assert both.ours["probes"][0]["local_best"] == [100, 106]


@pytest.mark.parametrize("rules", [{"queue": "log"}, {"queue": "power", "n": 0.5}])
def test_a_queue_below_zero_sends_the_order_to_the_back_there(
    peer: Peer, tmp_path: Path, rules: Json
) -> None:
    # First 10 of 1,010 are ahead. Then 900 leave, and 10 - 900 (1 - p) is below zero. The next
    # update asks for the logarithm or the root of that.
    feed = book({100: 10}, {101: 10})
    feed += [row(5_000 + i, "depth", "bid", 100, qty) for i, qty in enumerate((1_010, 110, 109))]
    feed += [row(9_000, "trade", "sell", 100, 1)]

    both = Both(peer, tmp_path, feed, [submit(10, 1, "buy", 100, 5)], **rules)

    assert both.positions == (0, 5)


def test_a_fill_told_after_the_end_of_the_data_counts_there(peer: Peer, tmp_path: Path) -> None:
    feed = [*book({100: 1}, {101: 1}), row(99_500, "trade", "sell", 99, 1)]
    actions = [submit(10, 1, "buy", 100, 5)]
    both = Both(peer, tmp_path, feed, actions)
    path = tmp_path / "records.npz"
    script = [action_row(actions[0]), [START_US + 200_000, LOOK, 0, 0, 0, 0, 0, 0]]

    late = peer.ask(do="play", records=str(path), tick=1.0, lot=1.0, actions=script,
                    rules={"entry_us": 1_000, "response_us": 1_000})  # fmt: skip

    assert both.positions == (0, 0)
    assert late["seen"][-1]["position"] == 5


def test_an_order_beyond_the_recorded_window_keeps_its_place_only_here(
    peer: Peer, tmp_path: Path
) -> None:
    evicted = row(5_000, "depth", "bid", 100, 0) | {"flags": 4}
    back = [row(6_000, "depth", "bid", 100, 12), row(9_000, "trade", "sell", 100, 3)]

    both = Both(peer, tmp_path, [*book({101: 3, 100: 10}, {102: 10}), evicted, *back],
                [submit(10, 1, "buy", 100, 5)])  # fmt: skip

    assert both.positions == (5, 0)


def test_interpolated_latencies_are_cut_from_floating_point_there(
    peer: Peer, tmp_path: Path
) -> None:
    # 58 us more over 100 us: after 50 us 1,029, but 58 / 100 * 50 is just below 29.
    rows = [
        (START_US, START_US + 1_000, START_US + 2_000),
        (START_US + 100, START_US + 1_158, START_US + 2_158),
    ]
    feed = [*book({100: 1}, {101: 1}), row(50 + 1_029, "depth", "ask", 100, 1)]

    both = Both(peer, tmp_path, feed, [submit(50, 1, "buy", 100, 5, "GTX")],
                latency_rows=rows)  # fmt: skip

    # There it arrives before the ask and rests, then the ask fills it; here the ask is first.
    assert both.positions == (5, 0)
    assert both.ours["orders"]["1"]["reason"] == "post_only_reject"


def orders_of(*rows: tuple[int, str, str, int, int, int]) -> list[Json]:
    return [row(*each) for each in rows]


BEST = orders_of((0, "add", "bid", 100, 5, 1), (0, "add", "bid", 100, 5, 2),
                 (0, "add", "ask", 103, 5, 3))  # fmt: skip


def test_an_order_inside_the_spread_misses_fills_at_the_best_price_there(
    peer: Peer, tmp_path: Path
) -> None:
    feed = BEST + orders_of((5_000, "fill", "bid", 100, 5, 1), (5_001, "cancel", "bid", 100, 5, 1))

    both = Both(peer, tmp_path, feed, [submit(10, 1, "buy", 101, 5)], queue="l3_fifo")

    assert both.positions == (0, 5)


def test_a_clear_expires_own_orders_there_with_single_orders(peer: Peer, tmp_path: Path) -> None:
    feed = [*BEST, row(5_000, "clear", None, 0, 0)]
    feed += orders_of((5_001, "add", "bid", 100, 5, 11), (5_001, "add", "ask", 103, 5, 13),
                      (9_000, "fill", "bid", 100, 5, 11))  # fmt: skip

    both = Both(peer, tmp_path, feed, [submit(10, 1, "buy", 100, 5)], queue="l3_fifo")

    assert both.positions == (0, 5)
