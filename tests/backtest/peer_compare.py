"""One market maker in hftbacktest and here: what both knew at each wake-up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk.backtest import Backtest, JoinTouch, MarketData, Result

if TYPE_CHECKING:
    from benchmarks.peer import Peer

NONE, NEW, EXPIRED, FILLED, CANCELED = range(5)
THEIR_STATUS = np.array([NONE, NEW, -1, FILLED, CANCELED, EXPIRED])  # by ours
NO_PRICE = 2**62
TICK, LOT = "0.1", "0.001"
MAKER_FEE, TAKER_FEE = "-0.00005", "0.0007"


class Stream:
    """Records for both sides."""

    def __init__(
        self,
        folder: Path,
        records: np.ndarray[Any, Any],
        *,
        order_ids: np.ndarray[Any, Any] | None = None,
        tick: str = TICK,
        lot: str = LOT,
    ) -> None:
        self.data = MarketData.from_records(
            records, symbol="SYN/USD", tick=tick, lot=lot, order_ids=order_ids
        )
        self.path = folder / ("records.npy" if order_ids is None else "records.npz")
        if order_ids is None:
            np.save(self.path, records)
        else:
            np.savez(self.path, records=records, order_ids=order_ids)


def check_equal(
    peer: Peer, stream: Stream, maker: JoinTouch, *, preset: str = "hftbacktest",
    maker_fee: str = MAKER_FEE, taker_fee: str = TAKER_FEE, book: str = "roi", **rules: Any,
) -> Result:  # fmt: skip
    """Run both and compare wake-ups, accounts and the state of each order at each wake-up."""
    data = stream.data
    facts, wakes, orders = peer.run(
        stream.path,
        tick=float(data.tick),
        lot=float(data.lot),
        rules={
            **rules, "book": book, "maker_fee": float(maker_fee), "taker_fee": float(taker_fee),
            "exchange": "partial" if preset == "hftbacktest_partial" else "no_partial",
        },
        maker={
            "interval_us": maker.interval_us, "qty_lots": maker.qty_lots,
            "max_position_lots": maker.max_position_lots, "offset_ticks": maker.offset_ticks,
        },
    )  # fmt: skip
    assert facts["rows"] <= facts["room"], "the log of the peer is too short"
    backtest = Backtest(
        data, preset=preset, sample_us=maker.interval_us, maker_fee=maker_fee, taker_fee=taker_fee,
        **rules,
    )  # fmt: skip
    result = backtest.run(maker)
    count = check_wakes(result, wakes, data, maker.interval_us)
    check_orders(result, orders[orders["wake"] < count], wakes["ts_us"][:count])
    assert len(result.orders) == facts["orders"]
    assert len(result.fills) == facts["trades"]
    assert result.position_lots == round(facts["position"] / float(data.lot))
    assert np.isclose(result.cash, facts["cash"], rtol=1e-9, atol=1e-6)
    assert np.isclose(result.fee, facts["fee"], rtol=1e-9, atol=1e-6)
    return result


def check_wakes(result: Result, wakes: Any, data: MarketData, interval_us: int) -> int:
    """Compare clock, best prices and account at each wake-up; return how many there were."""
    ours = result.equity[(result.equity["ts_us"] - data.start_us) % interval_us == 0]
    count = min(len(ours), len(wakes))
    assert abs(len(ours) - len(wakes)) <= 1  # at the very end
    ours, theirs = ours[:count], wakes[:count]
    best = {}
    for name in ("bid", "ask"):  # an empty side has an extreme price there
        is_price = (theirs[name] > 0) & (theirs[name] < NO_PRICE)
        best[name] = np.where(is_price, theirs[name], 0)
    first(theirs["ts_us"], ours["ts_us"], "clock")
    first(best["bid"], ours["bid_ticks"], "best bid")
    first(best["ask"], ours["ask_ticks"], "best ask")
    first(
        theirs["trades"],
        np.searchsorted(result.fills["local_ts_us"], ours["ts_us"], "right"),
        "fills",
    )
    first(np.round(theirs["position"] / float(data.lot)), ours["position_lots"], "position")
    assert np.allclose(theirs["cash"], ours["cash"], rtol=1e-9, atol=1e-6)
    assert np.allclose(theirs["fee"], ours["fee"], rtol=1e-9, atol=1e-6)
    return count


def check_orders(result: Result, theirs: Any, wakes_us: Any) -> None:
    """Compare which orders were known at each wake-up, with status, times and prices."""
    rows = np.sort(expected_orders(result, wakes_us), order=("wake", "id"))
    theirs = np.sort(theirs, order=("wake", "id"))
    for name in ("wake", "id", "side", "price", "status"):
        first(theirs[name], rows[name], name)
    for name, known in (("exch_us", (NONE, NEW, FILLED)), ("fill_price", (FILLED,))):
        is_told = np.isin(rows["status"], known)
        first(theirs[name][is_told], rows[name][is_told], name)


def expected_orders(result: Result, wakes_us: Any) -> Any:
    names = ("wake", "id", "side", "price", "status", "exch_us", "fill_price")
    fill_of = {int(row["order_id"]): row for row in result.fills}
    parts = []
    for order in result.orders:
        close_us, ack_us = int(order["close_us"]), int(order["ack_us"])
        begin = np.searchsorted(wakes_us, order["decision_us"], "right")
        end = len(wakes_us) if close_us == 0 else np.searchsorted(wakes_us, close_us, "left") + 1
        part = np.zeros(max(0, min(end, len(wakes_us)) - begin), [(name, "i8") for name in names])
        part["wake"] = np.arange(begin, begin + len(part))
        ts_us = wakes_us[part["wake"]]
        part["id"], part["price"] = order["order_id"], order["price_ticks"]
        part["side"] = 1 if order["side"] == 0 else -1
        part["status"] = np.where((ack_us != 0) & (ts_us >= ack_us), NEW, NONE)
        part["exch_us"] = np.where(part["status"] == NEW, order["arrival_us"], 0)
        if close_us:
            is_over = ts_us >= close_us
            part["status"][is_over] = THEIR_STATUS[order["status"]]
            fill = fill_of.get(int(order["order_id"]))
            if fill is not None:
                part["exch_us"][is_over] = fill["exch_ts_us"]
                part["fill_price"][is_over] = fill["price_ticks"]
        parts.append(part)
    return np.concatenate(parts)


def first(theirs: Any, ours: Any, what: str) -> None:
    """Name the first difference."""
    assert len(theirs) == len(ours), f"{what}: {len(theirs)} there, {len(ours)} here"
    wrong = np.flatnonzero(theirs != ours)
    assert len(wrong) == 0, (
        f"{what}: {len(wrong)} differ, the first at {wrong[0]}: {theirs[wrong[0]]} there, "
        f"{ours[wrong[0]]} here"
    )
