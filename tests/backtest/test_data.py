"""What market data are refused, and in which order both clocks deliver them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lobdesk.backtest import RECORD_DTYPE, Backtest, MarketData
from lobdesk.backtest.errors import OptionError, RefusedDataError
from lobdesk.engine import script
from lobdesk.index.records_file import write_records
from tests.backtest.markets import LOT, SYMBOL, TICK, market, row
from tests.backtest.streams import random_market


def take(records: np.ndarray[Any, Any], **options: Any) -> MarketData:
    return MarketData.from_records(records, symbol=SYMBOL, tick=TICK, lot=LOT, **options)


def test_a_record_has_32_bytes() -> None:
    assert RECORD_DTYPE.itemsize == 32
    assert [RECORD_DTYPE.fields[name][1] for name in RECORD_DTYPE.names or ()] == [
        0, 8, 16, 20, 21, 22, 24,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"kind": 4}, "kind 4 is unknown"),
        ({"kind": 0}, "kind 0 is unknown"),
        ({"side": 2}, "side 2 is impossible"),
        ({"side": 255}, "side 255 is impossible"),
        ({"price_ticks": 0}, "price_ticks 0 is not positive"),
        ({"price_ticks": -5}, "price_ticks -5 is not positive"),
        ({"qty_lots": -1}, "qty_lots -1 is out of range"),
        ({"qty_lots": 2**60}, "is out of range"),
        ({"kind": 2, "qty_lots": 0}, "qty_lots is 0"),
        ({"recv_ts_us": 5}, "is before exch_ts_us"),
        ({"kind": 10}, "order-level records need order_ids"),
    ],
)
def test_an_impossible_record_is_refused(values: dict[str, int], reason: str) -> None:
    with pytest.raises(RefusedDataError, match=reason):
        take(row(**values))


def test_any_memory_layout_is_taken() -> None:
    records = random_market(7)
    fields = RECORD_DTYPE.fields
    padded = np.dtype(
        {
            "names": list(fields)[::-1],
            "formats": [fields[name][0].newbyteorder(">") for name in list(fields)[::-1]],
            "offsets": [36, 32, 31, 30, 24, 16, 8],
            "itemsize": 48,
        }
    )
    other = np.zeros(len(records), dtype=padded)
    for name in fields:
        other[name] = records[name]
    strided = np.zeros(2 * len(records), dtype=RECORD_DTYPE)[::2]
    strided[:] = records
    unaligned = np.zeros(32 * len(records) + 1, dtype=np.uint8)[1:].view(RECORD_DTYPE)
    unaligned[:] = records

    for layout in (other, strided, unaligned):
        assert np.array_equal(take(layout).records, records)


@pytest.mark.parametrize(
    "records",
    [
        np.zeros((2, 1), dtype=RECORD_DTYPE),
        np.zeros(2),
        np.zeros(2, dtype=[(name, "i8") for name in RECORD_DTYPE.names or ()]),
    ],
)
def test_other_arrays_are_refused(records: np.ndarray[Any, Any]) -> None:
    with pytest.raises(RefusedDataError, match="expected records"):
        take(records)


def test_exchange_time_that_runs_backwards_names_the_row() -> None:
    records = random_market(5)
    records["exch_ts_us"][3] = 1

    with pytest.raises(RefusedDataError, match=rf"{SYMBOL}: row 3: exch_ts_us 1 is before"):
        take(records)


def test_receipts_may_come_in_another_order() -> None:
    records = random_market(2)
    records["recv_ts_us"] = records["exch_ts_us"] + [50_000, 100]

    assert len(take(records)) == 2


def test_a_record_split_by_clock_gives_the_same_run() -> None:
    records = random_market(500)
    records["recv_ts_us"][::7] += 20_000
    exchange_only, local_only = records.copy(), records.copy()
    exchange_only["flags"] |= 8
    local_only["flags"] |= 16
    order = np.argsort(records["recv_ts_us"], kind="stable")
    split = np.concatenate([exchange_only, local_only[order]])

    whole = Backtest(take(records)).run(script([(2_000_000, 0, 1, 0, 0, 60_000, 5, 0, 0)]))
    parts = Backtest(take(split)).run(script([(2_000_000, 0, 1, 0, 0, 60_000, 5, 0, 0)]))

    assert parts.digest == whole.digest


def test_unaligned_records_are_copied() -> None:
    raw = b"x" + random_market(50).tobytes()
    records = np.frombuffer(raw, dtype=np.uint8)[1:].view(RECORD_DTYPE)

    assert len(take(records)) == 50


@pytest.mark.parametrize("tick", ["0", "-1", "abc", "NaN"])
def test_an_impossible_tick_is_refused(tick: str) -> None:
    with pytest.raises(OptionError, match="tick"):
        MarketData.from_records(random_market(1), symbol=SYMBOL, tick=tick, lot=LOT)


def test_another_dtype_is_refused() -> None:
    with pytest.raises(RefusedDataError, match="expected records of"):
        take(np.zeros(3, dtype=[("price", "f8")]))


def test_an_order_level_queue_needs_order_level_records() -> None:
    with pytest.raises(OptionError, match="order-level records"):
        Backtest(market(10), queue="l3_fifo")


def test_an_order_below_the_minimum_is_rejected() -> None:
    data = take(random_market(100), qty_min="0.005")

    result = Backtest(data).run(script([(1_050_000, 0, 1, 0, 0, 50_000, 4, 0, 0)]))

    assert result.orders["reason"].tolist() == [5]
    assert result.orders["status"].tolist() == [5]


def test_days_that_overlap_at_midnight_are_joined(tmp_path: Path) -> None:
    midnight_us = 86_400_000_000
    last = row(exch_ts_us=midnight_us + 900, recv_ts_us=midnight_us + 900, qty_lots=1)
    early = row(exch_ts_us=midnight_us + 300, recv_ts_us=midnight_us + 400, qty_lots=2)
    late = row(exch_ts_us=midnight_us + 2_000, recv_ts_us=midnight_us + 2_500, qty_lots=3)
    paths = []
    for day, records in (("1970-01-01", last), ("1970-01-02", np.concatenate([early, late]))):
        header = {
            "version": 1, "symbol": SYMBOL, "tick": TICK, "lot": LOT, "date": day,
            "records": len(records), "clock": {"offset_us": 0},
        }  # fmt: skip
        paths.append(tmp_path / f"date={day}.lobr")
        write_records(paths[-1], header, records)

    data = MarketData.open(*paths)

    assert data.records["qty_lots"].tolist() == [1, 2, 3]
    assert (data.records["exch_ts_us"] - midnight_us).tolist() == [900, 900, 2_000]
    assert (data.records["recv_ts_us"] - midnight_us).tolist() == [900, 900, 2_500]
