from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobdesk.app.panes.books import model as model_module
from lobdesk.app.panes.books.model import BookTape
from lobdesk.index import SnapshotColumns, TradeColumns, open_catalog

START_US = 1_785_552_833_000_000


def columns(times: list[int]) -> SnapshotColumns:
    count = len(times)
    bid = np.arange(count)[:, None] + 1000 - np.arange(10)
    lots = np.full((count, 10), 5, dtype=np.int64)
    return SnapshotColumns(
        symbol="BTC/USD",
        seq=np.arange(count, dtype=np.int64) + 1,
        exch_ts_us=START_US + np.array(times, dtype=np.int64),
        recv_ts_us=START_US + np.array(times, dtype=np.int64) + 7,
        verified=np.ones(count, dtype=np.int8),
        price_precision=np.full(count, 1, dtype=np.int8),
        qty_precision=np.full(count, 8, dtype=np.int8),
        bid_ticks=bid.astype(np.int64),
        bid_lots=lots,
        ask_ticks=(bid[:, :1] + 2 + np.arange(10)).astype(np.int64),
        ask_lots=lots.copy(),
        starts_segment=np.zeros(count, dtype=np.bool_),
        sources=[],
    )


def trades(times: list[int]) -> TradeColumns:
    count = len(times)
    whole = np.arange(count, dtype=np.int64)
    times_us = START_US + np.array(times, dtype=np.int64)
    return TradeColumns(
        symbol="BTC/USD", seq=whole, exch_ts_us=times_us, recv_ts_us=times_us, trade_id=whole,
        side=(whole % 2).astype(np.uint8), price_ticks=1000 + whole, qty_lots=whole + 1,
        price_precision=np.full(count, 1, np.int8), qty_precision=np.full(count, 8, np.int8),
        sources=[],
    )  # fmt: skip


def tape_of(times: list[int]) -> BookTape:
    tape = BookTape(
        "BTC/USD", rows=len(times), start_us=START_US + min(times), end_us=START_US + max(times)
    )
    chunk = tape.chunk_of(START_US)
    tape.load(columns(times), None, chunk)
    return tape


times_lists = st.lists(st.integers(0, 10**8), min_size=1, max_size=60).map(sorted)


@given(times=times_lists, target=st.integers(-10, 10**8 + 10))
def test_seek_finds_last_book_at_or_before(times: list[int], target: int) -> None:
    tape = tape_of(times)

    assert tape.seek(START_US + target) is None

    before = [t for t in times if t <= max(target, times[0])]
    assert tape.book_us == START_US + before[-1]
    assert tape.now_us == START_US + min(max(target, times[0]), times[-1])
    assert tape.row == len(before) - 1


@given(times=times_lists, moves=st.lists(st.integers(-5, 5), max_size=20))
def test_steps_visit_books_in_order_and_stop_at_both_ends(
    times: list[int], moves: list[int]
) -> None:
    tape, place = tape_of(times), 0

    for move in moves:
        assert tape.step(move) is None
        place = min(max(place + move, 0), len(times) - 1)
        assert tape.row == place
        assert tape.ladder().bids[0] == (1000 + place, 5)


@settings(deadline=None)
@given(times=st.lists(st.integers(0, 10**8), min_size=2, max_size=60, unique=True).map(sorted))
def test_parts_of_a_long_recording_join_without_hole_or_repeat(times: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_module, "CHUNK_ROWS", 7)
        tape = BookTape(
            "BTC/USD", rows=len(times), start_us=START_US + times[0], end_us=START_US + times[-1]
        )

        def load(ts_us: int) -> None:
            start_us, end_us = chunk = tape.chunk_of(ts_us)
            inside = [t for t in times if start_us <= START_US + t < end_us]
            tape.load(columns(inside), None, chunk)

        load(START_US + times[0])
        seen = [tape.now_us]
        while len(seen) <= len(times):
            outside_us = tape.step(1)
            if outside_us is None and tape.now_us == seen[-1]:
                break
            while outside_us is not None:
                load(outside_us)
                tape.to_edge(is_last=False)
                outside_us = None if tape.row_count else tape.chunk_of(outside_us)[1]
            seen.append(tape.now_us)

    assert seen == [START_US + t for t in times]


def test_trades_are_those_up_to_now_newest_first() -> None:
    tape = tape_of([0, 100, 200])
    tape.load(columns([0, 100, 200]), trades([50, 100, 150]), tape.chunk_of(START_US))
    tape.seek(START_US + 120)

    shown = tape.trades(5)

    assert [(t.exch_ts_us - START_US, t.is_buy, t.price, t.qty) for t in shown] == [
        (100, False, "100.1", "0.00000002"),
        (50, True, "100.0", "0.00000001"),
    ]
    assert len(tape.trades(1)) == 1


def test_missing_levels_are_left_out() -> None:
    books = columns([0])
    books.bid_lots[0, 4:] = 0
    tape = tape_of([0])
    tape.load(books, None, tape.chunk_of(START_US))

    assert len(tape.ladder().bids) == 4
    assert len(tape.ladder().asks) == 10


def test_signals_have_as_many_columns_as_asked() -> None:
    tape = tape_of(list(range(0, 50_000_000, 500_000)))
    tape.to_edge(is_last=True)

    signals = tape.signals(20)

    assert [name for name, _, _ in signals] == ["wmid", "imb", "imb10", "sprd", "rate"]
    assert all(len(spark) == 20 for _, spark, _ in signals)
    assert signals[3][2] == "0.2"


def test_last_book_of_a_real_recording_is_what_the_index_says(data_dir) -> None:
    with open_catalog(data_dir) as catalog:
        info = catalog.symbols()[0]
        tape = BookTape(
            info.symbol, rows=info.rows, start_us=info.first_ts_us, end_us=info.last_ts_us
        )
        tape.load(catalog.snapshot_columns(info.symbol), None, tape.chunk_of(info.first_ts_us))
        tape.seek(info.last_ts_us)
        book = catalog.book_at(info.symbol, info.last_ts_us)

    assert book is not None
    assert tape.ladder().bids == list(book.bids)
    assert tape.ladder().asks == list(book.asks)
