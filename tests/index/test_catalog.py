from __future__ import annotations

import json
import shutil
import threading
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from lobdesk.index import open_catalog, update_index
from lobdesk.index.errors import QueryError, UnknownSourceError, UnknownSymbolError
from lobdesk.runs import create_run
from tests.index.journals import JournalWriter, compact, plain_snapshot, plain_trade

DAY_US = 86_400_000_000


def book_frame(kind: str, symbol: str = "X/Y") -> str:
    return compact({"channel": "book", "type": kind, "data": [{"symbol": symbol}]})


def snapshot_line(
    writer: JournalWriter, seq: int, *, ts_us: int | None = None, **changes: object
) -> None:
    fields = plain_snapshot(seq, ts_us if ts_us is not None else DAY_US + seq)
    writer.snapshot("X/Y", fields | {"checksum": 1, "verified": True} | changes, DAY_US)


def test_columns_are_the_lines_of_the_log(indexed: Path) -> None:
    path = next((indexed / "l2" / "snapshots").rglob("*.jsonl"))
    lines = [json.loads(line) for line in path.read_text().splitlines()]

    with open_catalog(indexed) as catalog:
        found = catalog.snapshot_columns("ETH/USD")

    assert found.seq.tolist() == [line["seq"] for line in lines]
    assert found.exch_ts_us.tolist() == [line["exch_ts_us"] for line in lines]
    assert found.bid_ticks.tolist() == [[p for p, _ in line["bids"]] for line in lines]
    assert found.ask_lots.tolist() == [[q for _, q in line["asks"]] for line in lines]
    assert set(found.verified.tolist()) == {1}
    for name in ("seq", "bid_ticks", "ask_lots"):
        assert getattr(found, name).dtype == np.int64
        assert getattr(found, name).flags.c_contiguous
    assert found.price_precision.dtype == np.int8
    assert found.starts_segment.tolist() == [True] + [False] * 1128


def test_each_replaced_book_starts_a_segment(indexed: Path) -> None:
    with open_catalog(indexed) as catalog:
        found = catalog.snapshot_columns("BTC/USD")
        frames = catalog.sql(
            "SELECT seq FROM raw_events WHERE channel = 'book' AND type = 'snapshot' "
            "AND symbol = 'BTC/USD' AND dir = 'in' ORDER BY seq"
        ).fetchall()

    assert found.seq[found.starts_segment].tolist() == [row[0] for row in frames]
    assert len(frames) == 5


def test_time_range_is_half_open_and_starts_a_segment(indexed: Path) -> None:
    with open_catalog(indexed) as catalog:
        whole = catalog.snapshot_columns("ETH/USD")
        times = whole.exch_ts_us
        part = catalog.snapshot_columns("ETH/USD", start_us=int(times[100]), end_us=int(times[200]))

    chosen = (times >= times[100]) & (times < times[200])
    assert part.seq.tolist() == whole.seq[chosen].tolist()
    assert part.starts_segment[0]


def test_gap_note_precision_change_and_other_source_start_segments(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    for seq in range(1, 7):
        snapshot_line(writer, seq, price_precision=3 if seq >= 5 else 2)
    writer.seq = 6
    gap = {
        "kind": "gap", "symbol": "X/Y", "cause": "close", "last_verified_seq": 2,
        "first_verified_seq": 3, "from_us": DAY_US + 2, "to_us": DAY_US + 9,
    }  # fmt: skip
    writer.note(gap, DAY_US)
    update_index(tmp_path)

    with open_catalog(tmp_path) as catalog:
        starts = catalog.snapshot_columns("X/Y").starts_segment
        (found,) = catalog.gaps("X/Y")

    assert starts.tolist() == [True, False, True, False, True, False]
    assert (found.cause, found.to_us - found.from_us) == ("close", 7)


def test_frame_whose_checksum_failed_is_found(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    writer.frame(book_frame("snapshot"), DAY_US, derive=False)
    snapshot_line(writer, 1)
    writer.frame('{"channel":"heartbeat"}', DAY_US, derive=False)
    writer.frame(book_frame("update"), DAY_US, derive=False)
    writer.frame(book_frame("update"), DAY_US, derive=False)
    writer.frame(book_frame("snapshot"), DAY_US, derive=False)
    snapshot_line(writer, 5)
    gap = {
        "kind": "gap", "symbol": "X/Y", "cause": "checksum", "last_verified_seq": 1,
        "first_verified_seq": 5, "from_us": DAY_US, "to_us": DAY_US + 1_000_000,
    }  # fmt: skip
    writer.note(gap, DAY_US)
    update_index(tmp_path)

    with open_catalog(tmp_path) as catalog:
        rows = catalog.sql("SELECT seq, checksum_ok FROM raw_events ORDER BY seq").fetchall()
        quality = catalog.quality("X/Y")

    assert rows == [(1, True), (2, None), (3, False), (4, None), (5, True), (6, None)]
    assert (quality.book_frames, quality.verified, quality.failed) == (4, 2, 1)
    assert (quality.unverified, quality.resyncs, quality.gaps) == (1, 1, 1)
    assert quality.gap_us == 1_000_000


def test_snapshot_whose_checksum_failed_within_a_gap_is_found(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    writer.frame(book_frame("snapshot"), DAY_US, derive=False)
    snapshot_line(writer, 1)
    for kind in ("update", "snapshot", "update", "snapshot"):
        writer.frame(book_frame(kind), DAY_US, derive=False)
    snapshot_line(writer, 5)
    gap = {
        "kind": "gap", "symbol": "X/Y", "cause": "checksum", "last_verified_seq": 1,
        "first_verified_seq": 5, "from_us": DAY_US, "to_us": DAY_US + 1_000_000,
    }  # fmt: skip
    writer.note(gap, DAY_US)
    update_index(tmp_path)

    with open_catalog(tmp_path) as catalog:
        rows = catalog.sql("SELECT seq, checksum_ok FROM raw_events ORDER BY seq").fetchall()
        quality = catalog.quality("X/Y")

    assert rows == [(1, True), (2, False), (3, False), (4, None), (5, True), (6, None)]
    assert (quality.verified, quality.failed, quality.unverified) == (2, 2, 1)


def test_a_name_that_is_not_there_is_an_error_not_an_empty_answer(indexed: Path) -> None:
    with open_catalog(indexed) as catalog:
        with pytest.raises(UnknownSymbolError, match=r"did you mean 'BTC/USD'\? indexed are: BTC"):
            catalog.gaps("BTC")
        with pytest.raises(UnknownSourceError, match="'nobody' does not have it; known are btc"):
            catalog.book_at("BTC/USD", 0, source="nobody")
        assert catalog.book_at("BTC/USD", 0, source="btc") is None


def test_tail_is_seen_before_it_is_indexed(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    writer.frame(book_frame("snapshot"), DAY_US, derive=False)
    snapshot_line(writer, 1)
    update_index(tmp_path)
    with open_catalog(tmp_path) as catalog:
        writer.frame(book_frame("update"), DAY_US, derive=False)
        snapshot_line(writer, 2)
        writer.frame(book_frame("snapshot"), DAY_US, derive=False)
        snapshot_line(writer, 3)
        writer.trade("X/Y", plain_trade(3, DAY_US, 1), DAY_US)

        assert catalog.sql("SELECT count(*) FROM snapshots").fetchall() == [(1,)]
        catalog.refresh()

        found = catalog.snapshot_columns("X/Y")
        assert found.seq.tolist() == [1, 2, 3]
        assert found.starts_segment.tolist() == [True, False, True]
        assert catalog.trade_columns("X/Y").trade_id.tolist() == [1]
        assert catalog.sql("SELECT max(seq) FROM raw_events").fetchall() == [(3,)]


def test_prices_are_exact_decimals(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    snapshot_line(writer, 1, price_precision=10, bids=[[1, 3]], asks=[[12_345_678_901_234_567, 1]])
    update_index(tmp_path)

    with open_catalog(tmp_path) as catalog:
        query = "SELECT best_bid, best_ask, best_bid_qty, mid FROM snapshots"
        ((bid, ask, qty, mid),) = catalog.sql(query).fetchall()

    assert bid == Decimal("0.0000000001")
    assert ask == Decimal("1234567.8901234567")
    assert qty == Decimal("0.003")
    assert mid == pytest.approx(617283.945061728)


def test_empty_side_has_no_best_and_no_mid(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    snapshot_line(writer, 1, bids=[])
    update_index(tmp_path)

    with open_catalog(tmp_path) as catalog:
        query = "SELECT best_bid, mid, vwm, spread_ticks, crossed FROM snapshots"
        assert catalog.sql(query).fetchall() == [(None, None, None, None, False)]


def test_crossed_and_locked_books_are_marked(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    for seq, ask in ((1, 1001), (2, 1000), (3, 990)):
        snapshot_line(writer, seq, asks=[[ask, 5]])
    update_index(tmp_path)

    with open_catalog(tmp_path) as catalog:
        rows = catalog.sql("SELECT crossed FROM snapshots ORDER BY seq").fetchall()
        assert catalog.quality("X/Y").crossed == 2

    assert rows == [(False,), (True,), (True,)]


def test_book_at_an_instant(indexed: Path) -> None:
    with open_catalog(indexed) as catalog:
        rows = catalog.snapshot_columns("BTC/USD")
        at = int(rows.exch_ts_us[10])

        book = catalog.book_at("BTC/USD", at)
        assert book is not None
        assert book.seq == rows.seq[10]
        assert book.bids[0] == (rows.bid_ticks[10, 0], rows.bid_lots[10, 0])
        before = catalog.book_at("BTC/USD", at - 1)
        assert before is not None
        assert before.seq == rows.seq[9]
        assert catalog.book_at("BTC/USD", int(rows.exch_ts_us[0]) - 1) is None


def test_pair_is_found_by_what_people_call_it(indexed: Path) -> None:
    with open_catalog(indexed) as catalog:
        assert {catalog.find_symbol(name) for name in ("BTC", "btc", "btc/usd")} == {"BTC/USD"}
        with pytest.raises(UnknownSymbolError, match="BTC/USD, ETH/USD"):
            catalog.find_symbol("BTC/EUR")


def test_unknown_symbol_names_those_that_exist(indexed: Path) -> None:
    with open_catalog(indexed) as catalog:
        for ask in (
            catalog.snapshot_columns,
            catalog.trade_columns,
            catalog.quality,
            lambda symbol: catalog.book_at(symbol, 0),
        ):
            with pytest.raises(UnknownSymbolError, match="BTC/USD, ETH/USD"):
                ask("DOGE/USD")


def test_digest_of_rows_does_not_depend_on_how_they_were_indexed(
    indexed: Path, recorded: Path
) -> None:
    update_index(recorded, block_bytes=20_000)

    with open_catalog(indexed) as one, open_catalog(recorded) as other:
        for symbol in ("BTC/USD", "ETH/USD"):
            left, right = one.snapshot_columns(symbol), other.snapshot_columns(symbol)
            assert left.sources == right.sources
            assert left.starts_segment.tolist() == right.starts_segment.tolist()


def test_threads_query_at_once(indexed: Path) -> None:
    found: list[int] = []
    with open_catalog(indexed) as catalog:

        def ask() -> None:
            found.extend(len(catalog.snapshot_columns("ETH/USD")) for _ in range(5))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert found == [1129] * 20


def test_instrument_facts_stay_exact(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    pair = (
        '{"symbol":"X/Y","price_precision":10,"qty_precision":5,"price_increment":1e-10,'
        '"qty_increment":0.00001,"qty_min":5,"status":"online"}'
    )
    frame = f'{{"channel":"instrument","type":"snapshot","data":{{"assets":[],"pairs":[{pair}]}}}}'
    writer.frame(frame, DAY_US)
    writer.frame('{"channel":"instrument","type":"update","data":{"pairs":[{}]}}', DAY_US)
    snapshot_line(writer, 1)

    report = update_index(tmp_path)

    assert report.rejects == 1
    with open_catalog(tmp_path) as catalog:
        query = "SELECT price_increment, qty_increment, qty_min, is_inferred FROM instruments"
        assert catalog.sql(query).fetchall() == [("0.0000000001", "0.00001", "5", False)]
        assert catalog.symbols()[0].price_increment == "0.0000000001"
        assert catalog.sql("SELECT count(*) FROM raw_events").fetchall() == [(2,)]


def test_runs_and_ledgers_are_tables(indexed: Path, recorded: Path) -> None:
    import duckdb

    update_index(recorded)
    run = create_run(recorded / "runs", "backtest", name="test", config={"symbol": "BTC/USD"})
    duckdb.sql("SELECT 7::BIGINT AS qty_lots, 'BTC/USD' AS symbol").write_parquet(
        str(run.path / "fills.parquet")
    )
    (run.path / "equity.parquet").write_bytes(b"PAR1 half")
    (run.path / "orders.parquet").write_bytes(b"PAR1 both ends and nothing between PAR1")
    run.finish("finished", metrics={"sharpe": 1.5})
    (recorded / "runs" / "k0002").mkdir()
    (recorded / "runs" / "k0002" / "manifest.json").write_text("{")

    with open_catalog(recorded) as catalog:
        fills = catalog.sql("SELECT run, qty_lots FROM fills").fetchall()
        runs = catalog.sql("SELECT id, metrics->>'sharpe', state FROM runs").fetchall()
        equity = catalog.sql("SELECT * FROM equity UNION ALL BY NAME FROM orders").fetchall()

    assert fills == [("k0001", 7)]
    assert runs == [("k0001", "1.5", "finished")]
    assert equity == []


def test_result_knows_when_it_was_cut(indexed: Path) -> None:
    with open_catalog(indexed) as catalog:
        cut = catalog.sql("SELECT seq FROM snapshots", limit=10)
        exact = catalog.sql("SELECT seq FROM snapshots LIMIT 10", limit=10)

    assert (len(cut.rows), cut.is_cut) == (10, True)
    assert (len(exact.rows), exact.is_cut) == (10, False)


def test_numpy_of_a_result_is_typed(indexed: Path) -> None:
    with open_catalog(indexed) as catalog:
        found = catalog.sql(
            "SELECT seq, mid, symbol, best_bid, exch_ts, NULL::BIGINT AS nothing, crossed "
            "FROM snapshots ORDER BY source, seq LIMIT 3"
        ).to_numpy()

    assert found["seq"].dtype == np.int64
    assert found["mid"].dtype == np.float64
    assert found["symbol"].tolist() == ["BTC/USD"] * 3
    assert isinstance(found["best_bid"][0], Decimal)
    assert found["exch_ts"].dtype == np.dtype("datetime64[us]")
    assert np.ma.getmaskarray(found["nothing"]).all()
    assert found["crossed"].dtype == np.bool_


@pytest.mark.parametrize("kept_bytes", [None, 100])
def test_missing_or_cut_part_says_how_to_get_it_back(
    indexed: Path, tmp_path: Path, kept_bytes: int | None
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(indexed, folder)
    part = next(folder.glob("lake/v1/snapshots/pair=BTC*/**/*.parquet"))
    content = part.read_bytes()
    part.unlink()
    if kept_bytes is not None:
        part.write_bytes(content[:kept_bytes])

    with (
        pytest.raises(QueryError, match=r"[^\n]*\.parquet[^\n]*index --check$"),
        open_catalog(folder) as catalog,
    ):
        catalog.snapshot_columns("BTC/USD")

    report = update_index(folder)
    assert [name.partition("/")[0] for name in report.repaired] == ["btc:snapshots"]
    assert report.rows == {"snapshots": 301}, "nothing else is read again"
    with open_catalog(folder) as catalog:
        assert len(catalog.snapshot_columns("BTC/USD")) > 0


def test_text_without_a_query_is_refused(indexed: Path) -> None:
    with open_catalog(indexed) as catalog, pytest.raises(QueryError, match="holds no query"):
        catalog.sql(" -- nothing")


def test_error_of_a_query_is_one_line(indexed: Path) -> None:
    with open_catalog(indexed) as catalog, pytest.raises(QueryError) as caught:
        catalog.sql("SELECT nope FROM snapshots")

    assert "\n" not in str(caught.value)
    assert "nope" in str(caught.value)
