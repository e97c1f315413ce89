"""Order-level records: from the order log to the engine, day by day."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from lobdesk.backtest import Backtest, JoinTouch, MarketData
from lobdesk.backtest.sources import describe, reopen
from lobdesk.cli import run_cli
from lobdesk.importers import import_file
from lobdesk.index import open_market_records, update_index, write_market_records
from lobdesk.index.errors import RecordsError
from lobdesk.index.order_stream import OrderStream
from lobdesk.journal import ORDERS, JournalWriter, symbol_log_dir
from lobdesk.paths import DataPaths
from lobdesk.records import OrderChange, OrderChanges
from lobdesk.units import US_PER_DAY
from tests.importers.test_databento_mbo import CLEAR, HEADER, row

ADD, CANCEL, MODIFY, FILL, CLEARED = 10, 11, 12, 13, 3


def line(seq, *changes, kind="update", delay_us=5, price_precision=2, at_us=None) -> OrderChanges:
    at_us = seq * 10 if at_us is None else at_us
    return OrderChanges(
        v=1,
        symbol="X",
        seq=seq,
        exch_ts_us=at_us,
        recv_ts_us=at_us + delay_us,
        price_precision=price_precision,
        qty_precision=0,
        type=kind,
        events=tuple(OrderChange(*change, 0, 0, 0) for change in changes),
        checksum=None,
        verified=None,
    )


def day(stream, *lines, step=1):
    for each in lines:
        stream.add(each)
    return stream.end_day(lambda _digits: step)


def shown(made):
    rows = zip(made.records.tolist(), made.order_ids.tolist(), strict=True)
    return [(r[3], r[4], r[2], r[6], number, r[5]) for r, number in rows]


@pytest.fixture
def stream() -> OrderStream:
    return OrderStream("X", clock="auto", base_latency_us=1000)


def test_changes_become_rows_with_numbers_in_order_of_appearance(stream) -> None:
    made = day(
        stream,
        line(1, ("add", "bid", "p", 100, 5), ("add", "ask", "q", 110, 7)),
        line(2, ("fill", "bid", "p", 100, 2), ("modify", "bid", "p", 100, 3)),
        line(3, ("delete", "ask", "q", 110, 7)),
        line(4, ("add", "ask", "q", 111, 1)),
    )

    assert shown(made) == [
        (ADD, 0, 100, 5, 1, 0),
        (ADD, 1, 110, 7, 2, 1),
        (FILL, 0, 100, 2, 1, 0),
        (MODIFY, 0, 100, 3, 1, 1),
        (CANCEL, 1, 110, 0, 2, 1),
        (ADD, 1, 111, 1, 3, 1),
    ]
    assert made.records["exch_ts_us"].tolist() == [10, 10, 20, 20, 30, 40]
    assert (made.facts["executions"], made.facts["opening"]) == (1, 0)
    assert (made.grid.tick, made.grid.lot) == ("0.01", "1")


def test_an_order_keeps_its_number_over_a_whole_book_and_unknown_ones_are_counted(stream) -> None:
    made = day(
        stream,
        line(1, ("delete", "bid", "old", 100, 1), ("add", "bid", "p", 100, 5)),
        line(2, ("add", "bid", "p", 100, 5), ("add", "bid", "r", 100, 5), kind="snapshot"),
        line(3, ("fill", "ask", "z", 100, 5)),
    )

    assert [(r[0], r[4]) for r in shown(made)] == [(ADD, 1), (CLEARED, 0), (ADD, 1), (ADD, 2)]
    assert made.facts["unknown"] == 2


def test_next_day_opens_with_what_rests_in_the_order_of_the_queue(stream) -> None:
    day(
        stream,
        line(1, *(("add", "bid", name, 100, 5) for name in "abc")),
        line(2, ("modify", "bid", "a", 100, 6), ("modify", "bid", "b", 100, 4)),
    )

    made = day(stream, line(3, ("evict", "bid", "b", 100, 4)))

    assert shown(made) == [
        (CLEARED, 255, 0, 0, 0, 2),
        (ADD, 0, 100, 4, 2, 2),
        (ADD, 0, 100, 5, 3, 2),
        (ADD, 0, 100, 6, 1, 3),
        (CANCEL, 0, 100, 0, 2, 1),
    ]
    assert made.facts["opening"] == 4


def test_prices_are_brought_to_the_finest_digits_and_the_increment(stream) -> None:
    made = day(
        stream,
        line(1, ("add", "bid", "p", 100, 5)),
        line(2, ("add", "bid", "q", 1005, 5), price_precision=3),
        step=5,
    )

    assert made.records["price_ticks"].tolist() == [200, 201]
    with pytest.raises(RecordsError, match=r"0\.1001: order price is not a multiple"):
        day(stream, line(3, ("add", "bid", "r", 1001, 5), price_precision=4), step=5)


def test_clock_is_corrected_and_says_so(stream) -> None:
    made = day(
        stream,
        line(1, ("add", "bid", "p", 100, 5), delay_us=-40, at_us=100),
        line(2, ("add", "bid", "q", 100, 5), at_us=90),
    )

    assert made.facts["clock"]["method"] == "least_delay"
    assert made.facts["clock"]["exchange_times_raised"] == 1
    assert made.records["exch_ts_us"].tolist() == [100, 100]
    assert (made.records["recv_ts_us"] >= made.records["exch_ts_us"]).all()


@pytest.fixture
def mbo(tmp_path) -> DataPaths:
    """Two bids of 10, then a sell of 15 that fills the first and half of the second."""
    paths = DataPaths(tmp_path / "data")
    rows = [
        CLEAR,
        row(1, "A", order=1, size=10),
        row(2, "A", "A", "5.60", 10, 9),
        row(10, "A", order=2, size=10),
        row(20, "T", "A", size=15, order=0, flags=0),
        row(20, "F", order=1, size=10, flags=0),
        row(20, "C", order=1, size=10, flags=0),
        row(20, "F", order=2, size=5, flags=0),
        row(20, "C", order=2, size=5),
        row(30, "A", order=3, size=1),
    ]
    file = tmp_path / "mbo.csv"
    file.write_text("".join(f"{text}\n" for text in (HEADER, *rows)))
    import_file(paths, file)
    update_index(paths.root)
    return paths


def test_index_writes_the_file_with_its_side_column(mbo) -> None:
    (path,) = write_market_records(mbo.root, "X", by_order=True)
    stamp = path.stat().st_mtime_ns

    file = open_market_records(path, verify=True)

    assert file.header["order_ids"] is True
    assert file.order_ids is not None
    assert file.order_ids.tolist() == [0, 1, 2, 3, 1, 1, 3, 3, 4]
    assert (file.tick, file.lot, file.header["executions"]) == ("0.01", "1", 2)
    assert write_market_records(mbo.root, "X", by_order=True) == [path]
    assert path.stat().st_mtime_ns == stamp
    (levels,) = write_market_records(mbo.root, "X")
    assert open_market_records(levels).order_ids is None


def test_changed_order_number_is_found(mbo) -> None:
    (path,) = write_market_records(mbo.root, "X", by_order=True)
    path.write_bytes(path.read_bytes()[:-8] + bytes(8))

    with pytest.raises(RecordsError, match="not those that were written"):
        open_market_records(path, verify=True)

    write_market_records(mbo.root, "X", by_order=True)
    open_market_records(path, verify=True)


def test_exact_queue_runs_on_it_and_can_be_repeated(mbo) -> None:
    """Our order comes between the two: it gets what the sell leaves behind the first."""
    data = MarketData.from_catalog(mbo.root, "X", by_order=True)
    strategy = JoinTouch(interval_us=3_000_000, qty_lots=3, max_position_lots=3)

    result = Backtest(data, queue="l3_fifo").run(strategy)

    assert result.fills["qty_lots"].tolist() == [3]
    assert result.fills["is_certain"].all()
    assert result.fills["ahead_at_arrival"].tolist() == [10]
    assert np.array_equal(reopen(mbo, describe(mbo, data)).order_ids, data.order_ids)


def test_command_line_takes_single_orders_for_the_exact_queue(mbo, capsys) -> None:
    arguments = ["--data-dir", str(mbo.root), "--symbol", "X", "--queue", "l3_fifo", "--json"]

    assert run_cli(["backtest", *arguments, "--param", "qty_lots=1"]) == 0
    capsys.readouterr()


def test_source_without_orders_is_refused_with_a_reason(tmp_path, captures) -> None:
    paths = DataPaths(tmp_path / "data")
    import_file(paths, captures / "v2_btcusd_d10_resync_20260801.cbcap")
    update_index(paths.root)

    with pytest.raises(RecordsError, match="l3_fifo needs a source that does"):
        MarketData.from_catalog(paths.root, by_order=True)


def test_orders_without_executions_are_refused_where_there_are_trades(tmp_path) -> None:
    paths = DataPaths(tmp_path / "data")
    rows = [CLEAR, row(1, "A"), row(2, "T", "A", order=0, flags=0), row(2, "C")]
    file = tmp_path / "mbo.csv"
    file.write_text("".join(f"{text}\n" for text in (HEADER, *rows)))
    import_file(paths, file)
    update_index(paths.root)

    with pytest.raises(RecordsError, match="does not say which orders they executed"):
        MarketData.from_catalog(paths.root, "X", by_order=True)


def test_days_in_a_row_are_one_stream(mbo) -> None:
    """The log goes on the next day; what the second file repeats is left out behind the first."""
    (root,) = [journal.path for journal in mbo.journals()]
    folder = symbol_log_dir(root, ORDERS, "X")
    (first,) = folder.rglob("*.jsonl")
    last = msgspec.json.decode(first.read_bytes().splitlines()[-1], type=OrderChanges)
    later_us = last.recv_ts_us + US_PER_DAY
    cancel = OrderChange("delete", "bid", "2", 551, 5, 0, 0, 0)
    added = msgspec.structs.replace(
        last, seq=last.seq + 1, exch_ts_us=later_us, recv_ts_us=later_us, events=(cancel,)
    )
    with_writer = JournalWriter(root, sync_interval_s=None)
    with_writer.write_derived(
        ORDERS,
        "X",
        msgspec.json.encode(added) + b"\n",
        recv_ts_us=later_us,
        seq=added.seq,
    )
    with_writer.close()

    paths = write_market_records(mbo.root, "X", by_order=True)

    assert [open_market_records(path).header["opening"] for path in paths] == [0, 4]
    both = MarketData.open(*paths)
    assert both.records["kind"].tolist()[-1] == CANCEL
    assert (len(both), both.order_ids.tolist()[-1]) == (10, 3)
    assert len(MarketData.open(paths[1])) == 5
