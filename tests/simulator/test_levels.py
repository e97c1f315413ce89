"""Depth views: what a client that follows the rules holds is what the exchange holds."""

import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from lobdesk.simulator.events import ASK, BID
from lobdesk.simulator.levels import DepthView, LevelBook

EVENTS = st.lists(
    st.lists(
        st.tuples(st.sampled_from([BID, ASK]), st.integers(1, 12), st.integers(0, 3)),
        min_size=1,
        max_size=4,
    ),
    max_size=40,
)


def best(levels: dict[int, int], side: int, depth: int) -> list[tuple[int, int]]:
    return sorted(levels.items(), reverse=side == BID)[:depth]


@settings(max_examples=300)
@given(EVENTS, st.integers(1, 5))
def test_client_that_cuts_after_each_message_holds_the_view(events, depth) -> None:
    book = LevelBook()
    full: tuple[dict, dict] = ({}, {})
    client: tuple[dict, dict] = ({}, {})
    view = DepthView(book, depth)

    for changes in events:
        for side, price, lots in changes:
            book.set(side, price, lots)
            full[side][price] = lots
            if not lots:
                del full[side][price]
        told = view.refresh(changes)
        for side in (BID, ASK):
            for price, lots in told[side]:
                client[side][price] = lots
                if not lots:
                    del client[side][price]
            kept = dict(best(client[side], side, depth))
            client[side].clear()
            client[side].update(kept)

            assert best(client[side], side, depth) == best(full[side], side, depth)


def test_level_pushed_out_of_the_depth_gets_no_removal() -> None:
    book = LevelBook()
    for price in (100, 99):
        book.set(BID, price, 5)
    view = DepthView(book, 2)

    book.set(BID, 101, 1)

    assert view.refresh([(BID, 101, 1)]) == ([(101, 1)], [])


def test_level_that_moves_into_the_depth_is_sent() -> None:
    book = LevelBook()
    for price in (100, 101, 102):
        book.set(ASK, price, 5)
    view = DepthView(book, 2)

    book.set(ASK, 100, 0)

    assert view.refresh([(ASK, 100, 0)]) == ([], [(100, 0), (102, 5)])


def test_change_behind_the_depth_says_nothing() -> None:
    book = LevelBook()
    book.set(BID, 100, 5)
    view = DepthView(book, 1)

    book.set(BID, 99, 5)

    assert view.refresh([(BID, 99, 5)]) == ([], [])


def test_checksum_is_that_of_the_exchanges_own_example(request) -> None:
    asks = "45285.2/0.00100000, 45286.4/1.54571953, 45286.6/1.54571109, 45289.6/1.54560911, \
45290.2/0.15890660, 45291.8/1.54553491, 45294.7/0.04454749, 45296.1/0.35380000, \
45297.5/0.09945542, 45299.5/0.18772827"
    bids = "45283.5/0.10000000, 45283.4/1.54582015, 45282.1/0.10000000, 45281.0/0.10000000, \
45280.3/1.54592586, 45279.0/0.07990000, 45277.6/0.03310103, 45277.5/0.30000000, \
45277.3/1.54602737, 45276.6/0.15445238"
    book = LevelBook()
    for side, text in ((BID, bids), (ASK, asks)):
        for level in text.split(", "):
            price, qty = (int(number.replace(".", "")) for number in level.split("/"))
            book.set(side, price, qty)

    assert DepthView(book, 10).checksum() == 3310070434


def test_empty_book_has_the_checksum_of_nothing() -> None:
    assert DepthView(LevelBook(), 10).checksum() == zlib.crc32(b"")
