from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from lobdesk import engine
from lobdesk.engine_records import RECORD_DTYPE
from lobdesk.index import (
    open_catalog,
    open_market_records,
    update_index,
    write_market_records,
)
from lobdesk.index.errors import RecordsError, UnknownSymbolError
from tests.index.journals import JournalWriter, plain_snapshot, plain_trade

DAY_US = 86_400_000_000
NOON_US = DAY_US + DAY_US // 2
DEPTH, TRADE, CLEAR = 1, 2, 3
LAST, SNAPSHOT, EVICTED, EXCHANGE_ONLY, LOCAL_ONLY = 1, 2, 4, 8, 16


def replay(records: np.ndarray) -> list[tuple[list[tuple[int, int]], list[tuple[int, int]]]]:
    """Apply records as an engine would and return the ten best levels after each book message."""
    sides: list[dict[int, int]] = [{}, {}]
    books = []
    for record in records:
        if record["flags"] & LOCAL_ONLY or record["kind"] == TRADE:
            continue
        if record["kind"] == CLEAR:
            sides = [{}, {}]
            continue
        side = sides[record["side"]]
        side[int(record["price_ticks"])] = int(record["qty_lots"])
        if record["qty_lots"] == 0:
            del side[int(record["price_ticks"])]
        if record["flags"] & LAST:
            books.append((sorted(sides[0].items(), reverse=True), sorted(sides[1].items())))
    return books


TICKS_FIT = np.iinfo(np.int32).max


@pytest.mark.parametrize("shape", [(50,), (50, 10)])
@pytest.mark.parametrize("step", [1, 5])
def test_native_ticks_are_exact_multiples(shape: tuple[int, ...], step: int) -> None:
    rng = np.random.default_rng(3)
    wanted = rng.integers(-TICKS_FIT, TICKS_FIT, shape, endpoint=True)
    precision = rng.integers(3, 6, 50).astype(np.int8)
    factors = (10 ** (5 - precision.astype(np.int64))).reshape((-1,) + (1,) * (len(shape) - 1))
    wanted -= wanted % factors
    wanted[0] = (TICKS_FIT // 100) * 100
    mantissas = wanted * step // factors

    found = engine.to_ticks(mantissas, precision, digits=5, step=step)

    assert found is not None
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("mantissa", "precision", "step"),
    [
        (7, 2, 2),
        (TICKS_FIT + 1, 2, 1),
        (-TICKS_FIT - 1, 2, 1),
        ((TICKS_FIT + 1) * 5, 2, 5),
        (10**18, 0, 10**17),
        (1, 3, 1),
        (1, -17, 1),
    ],
)
def test_native_ticks_refuse_what_is_off_the_grid_or_does_not_fit(
    mantissa: int, precision: int, step: int
) -> None:
    mantissas, digits = np.array([0, mantissa]), np.array([2, precision], np.int8)

    assert engine.to_ticks(mantissas, digits, digits=2, step=step) is None


def rows_of(path: Path) -> list[tuple[int, ...]]:
    records = open_market_records(path, verify=True).records
    return [tuple(int(value) for value in record) for record in records]


@pytest.mark.parametrize("symbol", ["BTC/USD", "ETH/USD"])
def test_replayed_records_are_the_recorded_books(recorded: Path, symbol: str) -> None:
    update_index(recorded)
    (path,) = write_market_records(recorded, symbol)
    file = open_market_records(path, verify=True)
    with open_catalog(recorded) as catalog:
        rows = catalog.snapshot_columns(symbol)
    expected = []
    for row in range(len(rows)):
        book = tuple(
            [(int(p), int(q)) for p, q in zip(ticks[row], lots[row], strict=True) if q]
            for ticks, lots in ((rows.bid_ticks, rows.bid_lots), (rows.ask_ticks, rows.ask_lots))
        )
        if not expected or book != expected[-1] or rows.starts_segment[row]:
            expected.append(book)

    assert replay(file.records) == expected
    assert file.records.dtype == RECORD_DTYPE
    assert (np.diff(file.records["exch_ts_us"]) >= 0).all()
    assert (file.records["recv_ts_us"] >= file.records["exch_ts_us"]).all()
    assert file.symbol == symbol


def test_level_pushed_out_of_the_window_is_evicted_and_one_taken_is_not(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    first = plain_snapshot(1, NOON_US)
    better = plain_snapshot(2, NOON_US + 1) | {"bids": [[1001, 7], *first["bids"][:9]],
                                               "asks": first["asks"][1:]}  # fmt: skip
    writer.snapshot("X/Y", first, NOON_US)
    writer.snapshot("X/Y", better, NOON_US)
    update_index(tmp_path)

    rows = rows_of(write_market_records(tmp_path, "X/Y")[0])

    assert [(row[2], row[3], row[4], row[5], row[6]) for row in rows[21:]] == [
        (991, DEPTH, 0, EVICTED, 0),
        (1001, DEPTH, 1, 0, 0),
        (1001, DEPTH, 0, LAST, 7),
    ]


def test_snapshot_frame_clears_the_book_first(indexed: Path, recorded: Path) -> None:
    update_index(recorded)
    (path,) = write_market_records(recorded, "BTC/USD")

    records = open_market_records(path).records

    clears = np.flatnonzero(records["kind"] == CLEAR)
    assert len(clears) == 5
    assert (records["side"][clears] == 255).all()
    assert (records["flags"][clears] & SNAPSHOT).all()
    for begin in clears:
        assert (records["flags"][begin : begin + 21] & SNAPSHOT).all()
        assert records["flags"][begin + 20] & LAST


def test_trades_come_before_depth_of_the_same_exchange_time(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    writer.snapshot("X/Y", plain_snapshot(1, NOON_US), NOON_US)
    changed = plain_snapshot(2, NOON_US + 100) | {"asks": [[1001, 1]]}
    writer.snapshot("X/Y", changed, NOON_US)
    writer.trade("X/Y", plain_trade(3, NOON_US + 100, 1, side="sell"), NOON_US)
    update_index(tmp_path)

    (path,) = write_market_records(tmp_path, "X/Y")

    rows = [row for row in rows_of(path) if row[0] == NOON_US + 100]
    exchange = [row for row in rows if not row[5] & LOCAL_ONLY]
    local = [row for row in rows if not row[5] & EXCHANGE_ONLY]
    assert [row[3] for row in exchange] == [TRADE] + [DEPTH] * 10
    assert [row[3] for row in local] == [DEPTH] * 10 + [TRADE]
    assert exchange[0][4] == 1
    header = open_market_records(path).header
    assert header["split_messages"] == 1
    assert header["trades"] == 1


def test_a_trade_told_late_stands_at_its_own_exchange_time(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    writer.snapshot("X/Y", plain_snapshot(1, NOON_US), NOON_US)
    writer.trade("X/Y", plain_trade(2, NOON_US + 300, 1), NOON_US)
    writer.trade("X/Y", plain_trade(3, NOON_US + 100, 2), NOON_US)  # caused the depth at 200
    writer.trade("X/Y", plain_trade(4, NOON_US + 100, 3), NOON_US)
    changed = plain_snapshot(5, NOON_US + 200) | {"asks": [[1001, 1]]}
    writer.snapshot("X/Y", changed, NOON_US)
    update_index(tmp_path)

    file = open_market_records(write_market_records(tmp_path, "X/Y")[0], verify=True)

    exchange = file.records[(file.records["flags"] & LOCAL_ONLY) == 0]
    local = file.records[(file.records["flags"] & EXCHANGE_ONLY) == 0]
    late = (exchange["kind"] == TRADE).nonzero()[0]
    assert (exchange["exch_ts_us"][late] - NOON_US).tolist() == [100, 100, 300]
    assert exchange["kind"][late[1] + 1] == DEPTH
    trades = local[local["kind"] == TRADE]
    assert (trades["exch_ts_us"] - NOON_US).tolist() == [300, 100, 100]
    assert (file.records["recv_ts_us"] >= file.records["exch_ts_us"]).all()
    assert file.header["clock"]["trades_sorted"] == 2
    assert file.header["clock"]["exchange_times_raised"] == 0


def test_each_clock_sees_its_own_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    writer = JournalWriter(tmp_path / "l2")
    recv = NOON_US
    for seq in range(1, 400):
        recv += int(rng.integers(1, 50))
        exch = recv - int(rng.integers(0, 500))
        times = {"exch_ts_us": exch, "recv_ts_us": recv}
        if rng.random() < 0.4:
            writer.trade("X/Y", plain_trade(seq, 0, seq) | times, recv)
        else:
            bids = [[1000 - i, int(rng.integers(1, 9))] for i in range(10)]
            writer.snapshot("X/Y", plain_snapshot(seq, 0) | times | {"bids": bids}, recv)
    update_index(tmp_path)

    records = open_market_records(write_market_records(tmp_path, "X/Y")[0], verify=True).records

    exchange = records[(records["flags"] & LOCAL_ONLY) == 0]
    local = records[(records["flags"] & EXCHANGE_ONLY) == 0]
    assert (np.diff(exchange["exch_ts_us"]) >= 0).all()
    assert (np.diff(local["recv_ts_us"]) >= 0).all()
    assert (records["recv_ts_us"] >= records["exch_ts_us"]).all()
    plain = ["exch_ts_us", "recv_ts_us", "kind", "side", "price_ticks", "qty_lots"]
    assert sorted(exchange[plain].tolist()) == sorted(local[plain].tolist())


def test_clock_behind_the_exchange_is_corrected_and_noted(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    for seq, delay in ((1, -300), (2, -100)):
        times = {"exch_ts_us": NOON_US + seq, "recv_ts_us": NOON_US + seq + delay}
        writer.snapshot("X/Y", plain_snapshot(seq, 0, bid=1000 - seq) | times, NOON_US)
    update_index(tmp_path)

    (path,) = write_market_records(tmp_path, "X/Y", base_latency_us=50)

    records = open_market_records(path).records
    assert set((records["recv_ts_us"] - records["exch_ts_us"]).tolist()) == {50, 250}
    assert open_market_records(path).header["clock"] == {
        "method": "least_delay", "offset_us": -350, "base_latency_us": 50,
        "exchange_times_raised": 0, "trades_sorted": 0, "receipts_raised": 0,
    }  # fmt: skip
    with pytest.raises(RecordsError, match="300 µs before"):
        write_market_records(tmp_path, "X/Y", clock="raw")


def test_clock_that_is_plausible_is_left_alone(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    writer.snapshot("X/Y", plain_snapshot(1, NOON_US), NOON_US)
    update_index(tmp_path)

    (path,) = write_market_records(tmp_path, "X/Y")

    records = open_market_records(path).records
    assert set((records["recv_ts_us"] - records["exch_ts_us"]).tolist()) == {500}
    assert open_market_records(path).header["clock"]["method"] == "raw"


def test_precision_change_keeps_prices_and_quantities(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    writer.snapshot("X/Y", plain_snapshot(1, NOON_US) | {"bids": [[100, 5]], "asks": []}, NOON_US)
    finer = {"price_precision": 3, "qty_precision": 4, "bids": [[1000, 50]], "asks": []}
    writer.snapshot("X/Y", plain_snapshot(2, NOON_US + 1) | finer, NOON_US)
    update_index(tmp_path)

    file = open_market_records(write_market_records(tmp_path, "X/Y")[0])

    levels = file.records[file.records["kind"] == DEPTH]
    assert levels["price_ticks"].tolist() == [1000, 1000]
    assert levels["qty_lots"].tolist() == [50, 50]
    assert (file.tick, file.lot) == ("0.001", "0.0001")


def increments(tmp_path: Path, increment: str) -> JournalWriter:
    writer = JournalWriter(tmp_path / "l2")
    pair = (
        '{"symbol":"X/Y","price_precision":2,"qty_precision":3,'
        f'"price_increment":{increment},"qty_increment":0.001,"qty_min":1,"status":"online"}}'
    )
    frame = f'{{"channel":"instrument","type":"snapshot","data":{{"pairs":[{pair}]}}}}'
    writer.frame(frame, NOON_US)
    return writer


def test_prices_count_the_price_increment(tmp_path: Path) -> None:
    writer = increments(tmp_path, "0.25")
    writer.snapshot(
        "X/Y", plain_snapshot(1, NOON_US) | {"bids": [[1075, 1]], "asks": [[1100, 1]]}, NOON_US
    )
    update_index(tmp_path)

    file = open_market_records(write_market_records(tmp_path, "X/Y")[0])

    assert file.tick == "0.25"
    assert file.records["price_ticks"].tolist() == [0, 43, 44]


def test_price_off_the_grid_is_named(tmp_path: Path) -> None:
    writer = increments(tmp_path, "0.25")
    writer.snapshot(
        "X/Y", plain_snapshot(1, NOON_US) | {"bids": [[1076, 1]], "asks": [[1100, 1]]}, NOON_US
    )
    update_index(tmp_path)

    with pytest.raises(RecordsError, match=r"X/Y: row 0: 10\.76: bid price is not a multiple"):
        write_market_records(tmp_path, "X/Y")


def test_each_day_is_a_file_that_begins_with_its_own_book(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    for seq, ts in ((1, NOON_US), (2, NOON_US + DAY_US)):
        writer.snapshot("X/Y", plain_snapshot(seq, ts), ts)
    update_index(tmp_path)

    paths = write_market_records(tmp_path, "X/Y")

    assert [path.name for path in paths] == [
        "date=1970-01-02.recorder.lobr",
        "date=1970-01-03.recorder.lobr",
    ]
    assert [rows_of(path)[0][3] for path in paths] == [CLEAR, CLEAR]


def test_file_is_written_again_only_when_its_rows_change(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    writer.snapshot("X/Y", plain_snapshot(1, NOON_US), NOON_US)
    update_index(tmp_path)
    (path,) = write_market_records(tmp_path, "X/Y")
    inode = path.stat().st_ino

    assert write_market_records(tmp_path, "X/Y") == [path]
    assert path.stat().st_ino == inode
    writer.snapshot("X/Y", plain_snapshot(2, NOON_US, bid=999), NOON_US)
    write_market_records(tmp_path, "X/Y")
    assert path.stat().st_ino != inode


def test_writers_at_once_publish_whole_files_and_leave_nothing(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    for seq in range(1, 50):
        writer.snapshot("X/Y", plain_snapshot(seq, NOON_US + seq, bid=1000 - seq), NOON_US)
    update_index(tmp_path)
    (path,) = write_market_records(tmp_path, "X/Y")
    expected = path.read_bytes()
    abandoned = path.with_name(f"{path.name}.1-1.tmp")
    abandoned.write_bytes(b"half")
    os.utime(abandoned, (1, 1))
    path.unlink()
    failures: list[Exception] = []

    def work() -> None:
        try:
            for _ in range(3):
                path.unlink(missing_ok=True)
                write_market_records(tmp_path, "X/Y")
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    write_market_records(tmp_path, "X/Y")

    assert failures == []
    assert path.read_bytes() == expected
    assert list(path.parent.iterdir()) == [path]


def test_source_must_be_named_where_several_have_the_symbol(tmp_path: Path) -> None:
    for source in ("one", "two"):
        writer = JournalWriter(tmp_path / "sources" / source / "l2")
        writer.snapshot("X/Y", plain_snapshot(1, NOON_US), NOON_US)
    update_index(tmp_path)

    with pytest.raises(RecordsError, match="one, two"):
        write_market_records(tmp_path, "X/Y")
    (path,) = write_market_records(tmp_path, "X/Y", source="two")
    assert open_market_records(path).header["source"] == "two"
    with pytest.raises(RecordsError, match="'three' does not"):
        write_market_records(tmp_path, "X/Y", source="three")
    with pytest.raises(UnknownSymbolError):
        write_market_records(tmp_path, "A/B")


@pytest.mark.parametrize("damage", ["cut", "changed", "foreign", "header"])
def test_damaged_file_is_refused(tmp_path: Path, damage: str) -> None:
    writer = JournalWriter(tmp_path / "l2")
    writer.snapshot("X/Y", plain_snapshot(1, NOON_US), NOON_US)
    update_index(tmp_path)
    (path,) = write_market_records(tmp_path, "X/Y")
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[:-7]
    elif damage == "changed":
        data[-9] ^= 1
    elif damage == "foreign":
        data = bytearray(b"PAR1 something else")
    else:
        data[14] = 0xFF
    path.write_bytes(data)

    with pytest.raises(RecordsError, match="lobr"):
        open_market_records(path, verify=True)
    write_market_records(tmp_path, "X/Y")
    assert len(open_market_records(path, verify=True).records) == 21
