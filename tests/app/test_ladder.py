from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lobdesk.app.text import Scale
from lobdesk.app.widgets.ladder import LadderView, OwnMark, ask_bar, bid_bar, ladder_rows
from lobdesk.app.widgets.rows import row_text, row_width
from tests.app.conftest import Check, grid_text

BIDS = [(700097, 60400000), (700092, 3000000), (700090, 50000000), (700088, 220000)]
ASKS = [(700098, 1050000), (700099, 10000000), (700101, 22000000), (700102, 210000)]


def book(**changes: object) -> LadderView:
    view = {
        "bids": BIDS, "asks": ASKS,
        "price": Scale.from_precision(1), "qty": Scale.from_precision(8), **changes,
    }  # fmt: skip
    return LadderView(**view)  # type: ignore[arg-type]


def test_wide_ladder_shows_sums_and_bars(snapshot: Check) -> None:
    snapshot("ladder_wide", grid_text(ladder_rows(book(), 72, levels=4)))


def test_narrow_ladder_drops_the_sums(snapshot: Check) -> None:
    snapshot("ladder_narrow", grid_text(ladder_rows(book(), 46, levels=3)))


def test_own_orders_stand_beside_their_level_with_what_is_ahead(snapshot: Check) -> None:
    view = book(
        has_own=True,
        own_bids={700090: OwnMark(5000000, 12000000)},
        own_asks={700101: OwnMark(2000000, None)},
    )

    snapshot("ladder_own", grid_text(ladder_rows(view, 90, levels=4)))


def test_crossed_book_is_named_in_words() -> None:
    rows = ladder_rows(book(bids=[(700099, 5)], asks=[(700098, 5)]), 72, levels=4)

    assert "CROSSED" in row_text(rows[5])


def test_one_sided_book_has_no_mid() -> None:
    rows = ladder_rows(book(asks=[]), 72, levels=2)

    assert "one side is empty" in row_text(rows[3])


side = st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**14)), min_size=0, max_size=10)


@given(bids=side, asks=side, width=st.integers(24, 200), levels=st.integers(1, 10))
def test_any_book_fits_its_rows(
    bids: list[tuple[int, int]], asks: list[tuple[int, int]], width: int, levels: int
) -> None:
    view = book(bids=bids, asks=asks)

    rows = ladder_rows(view, width, levels=levels)

    assert len(rows) == levels + 2 + min(levels, len(bids))
    texts = [row_text(row) for row in rows]
    for ticks, lots in bids[:levels]:
        shown = f"{view.qty.text(lots)} "
        assert any(view.price.text(ticks) in text and shown in text for text in texts)


@given(lots=st.integers(0, 10**12), largest=st.integers(1, 10**12), cells=st.integers(0, 40))
def test_bars_are_exactly_as_wide_as_their_column(lots: int, largest: int, cells: int) -> None:
    lots = min(lots, largest)
    for bar in (ask_bar(lots, largest, cells), bid_bar(lots, largest, cells)):
        assert row_width(((bar, ""),)) == cells
        assert (bar.strip() != "") == (lots > 0 and cells > 0)
