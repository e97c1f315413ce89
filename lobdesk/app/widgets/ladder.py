"""The ladder: ten asks above, ten bids below, sizes as bars, own orders beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from lobdesk.app.text import Scale
from lobdesk.app.widgets.rows import Row, RowView, Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LEVELS = 10
MIN_BAR_CELLS = 3
OWN_CELLS = 16
WHOLE = Scale(1, 0)
EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


@dataclass(frozen=True, slots=True)
class OwnMark:
    """Own orders at one price.

    Attributes:
        qty_lots: What is left of them.
        ahead_lots: Quantity before the first of them, None if unknown.
    """

    qty_lots: int
    ahead_lots: int | None


@dataclass(frozen=True, slots=True)
class LadderView:
    """One book as the ladder draws it.

    Attributes:
        bids: ``(price_ticks, qty_lots)``, best first.
        asks: The same, best first.
        price: How prices are written.
        qty: How quantities are written.
        own_bids: Own buy orders by price.
        own_asks: Own sell orders by price.
        has_own: Whether the outer column shows own orders instead of sums.
    """

    bids: Sequence[tuple[int, int]] = ()
    asks: Sequence[tuple[int, int]] = ()
    price: Scale = WHOLE
    qty: Scale = WHOLE
    own_bids: Mapping[int, OwnMark] = field(default_factory=dict)
    own_asks: Mapping[int, OwnMark] = field(default_factory=dict)
    has_own: bool = False


@dataclass(frozen=True, slots=True)
class _Columns:
    side: int
    price: int
    qty: int
    outer: int
    bar: int


class Ladder(RowView):
    """Shows a ``LadderView``; assign ``view`` at any rate."""

    can_focus = True

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._view = LadderView()
        self._widest_qty = 0
        self._empty_text = ""

    @property
    def view(self) -> LadderView:
        """What is shown."""
        return self._view

    @view.setter
    def view(self, view: LadderView) -> None:
        self._view = view
        # The columns only grow, or prices would jump sideways with each large quantity.
        qty = max((lots for _, lots in (*view.bids, *view.asks)), default=0)
        self._widest_qty = max(self._widest_qty, len(view.qty.text(qty)))
        self.touch()

    @property
    def shown_levels(self) -> int:
        """Levels of each side that fit."""
        return max(1, min(LEVELS, (self.content_size.height - 2) // 2))

    def show_nothing(self, text: str) -> None:
        """Show a sentence instead of a book."""
        self._empty_text, self._widest_qty = text, 0
        self.view = LadderView()

    def rows(self, width: int, height: int) -> list[Row]:
        """Describe header, asks, mid and bids."""
        if not self._view.bids and not self._view.asks:
            return [(), (("  " + self._empty_text, "dim"),)]
        levels = max(1, min(LEVELS, (height - 2) // 2))
        return ladder_rows(self._view, width, levels=levels, qty_width=self._widest_qty)


def ladder_rows(view: LadderView, width: int, *, levels: int, qty_width: int = 0) -> list[Row]:
    """Return ``2 * levels + 2`` rows: header, asks worst first, the mid, bids best first."""
    bids, asks = view.bids[:levels], view.asks[:levels]
    columns = _columns(view, width, qty_width)
    largest = max((lots for _, lots in (*bids, *asks)), default=1) or 1
    ask_sums = list(accumulate(lots for _, lots in asks))
    bid_sums = list(accumulate(lots for _, lots in bids))
    rows = [_header(view, columns)]
    rows += [()] * (levels - len(asks))
    rows += [
        _ask_row(view, columns, asks[i], ask_sums[i], largest) for i in reversed(range(len(asks)))
    ]
    rows.append(_mid_row(view, columns, width))
    rows += [_bid_row(view, columns, bids[i], bid_sums[i], largest) for i in range(len(bids))]
    return rows


def _columns(view: LadderView, width: int, qty_width: int) -> _Columns:
    levels = (*view.bids, *view.asks)
    price = max((len(view.price.text(ticks)) for ticks, _ in levels), default=5)
    qty = max(qty_width, *(len(view.qty.text(lots)) for _, lots in levels), 3)
    side = max(0, (width - price - 4) // 2)
    # Own orders get a fixed room: the columns must not move as the queue does.
    outer = OWN_CELLS if view.has_own else qty + 1
    room = side - qty - 3 - MIN_BAR_CELLS
    if room < outer:
        # Sums go first; of own orders at least the side stays.
        outer = max(2, room) if view.has_own and side - qty > 4 else 0
    bar = max(0, side - qty - (outer + 1 if outer else 0) - 2)
    return _Columns(side, price, qty, outer, bar)


def _header(view: LadderView, columns: _Columns) -> Row:
    title = "own (ahead)" if columns.outer >= len("own (ahead)") else "own"
    outer = (title if view.has_own else "cum") if columns.outer > 2 else ""
    bid = f"{outer:>{columns.outer}} " if columns.outer else ""
    bid = f"{bid}{'bid':>{columns.qty}}".ljust(columns.side)
    ask_outer = f"{outer:<{columns.outer}}" if view.has_own else f"{outer:>{columns.outer}}"
    ask = f" {'':{columns.bar}} {'ask':>{columns.qty}}" + (f" {ask_outer}" if columns.outer else "")
    return (
        (bid, "bid"),
        ("│ ", "dim"),
        ("price".rjust(columns.price), "dim"),
        (" │", "dim"),
        (ask, "ask"),
    )


def _ask_row(
    view: LadderView, columns: _Columns, level: tuple[int, int], total: int, largest: int
) -> Row:
    ticks, lots = level
    row: list[Span] = [
        (" " * columns.side, ""),
        ("│ ", "dim"),
        (view.price.text(ticks).rjust(columns.price), "ask"),
        (" │ ", "dim"),
        (ask_bar(lots, largest, columns.bar), "ask"),
        (f" {view.qty.text(lots):>{columns.qty}}", "strong" if ticks == view.asks[0][0] else ""),
    ]
    mark = view.own_asks.get(ticks)
    if mark is not None and columns.outer:
        row.append((" " + _mark_text(view, mark, columns.outer, is_bid=False), "ask+strong"))
    elif columns.outer and not view.has_own:
        row.append((f" {view.qty.text(total):>{columns.outer}}", "dim"))
    return tuple(row)


def _bid_row(
    view: LadderView, columns: _Columns, level: tuple[int, int], total: int, largest: int
) -> Row:
    ticks, lots = level
    row: list[Span] = []
    mark = view.own_bids.get(ticks)
    if columns.outer and mark is not None:
        text = _mark_text(view, mark, columns.outer, is_bid=True)
        row.append((f"{text:>{columns.outer}} ", "bid+strong"))
    elif columns.outer:
        text = "" if view.has_own else view.qty.text(total)
        row.append((f"{text:>{columns.outer}} ", "dim"))
    row += [
        (f"{view.qty.text(lots):>{columns.qty}} ", "strong" if ticks == view.bids[0][0] else ""),
        (bid_bar(lots, largest, columns.bar), "bid"),
    ]
    used = sum(len(text) for text, _ in row)
    row += [
        (" " * max(0, columns.side - used), ""),
        ("│ ", "dim"),
        (view.price.text(ticks).rjust(columns.price), "bid"),
        (" │", "dim"),
    ]
    return tuple(row)


def _mid_row(view: LadderView, columns: _Columns, width: int) -> Row:
    if not view.bids or not view.asks:
        return (("one side is empty".center(width), "warn"),)
    (bid, bid_lots), (ask, ask_lots) = view.bids[0], view.asks[0]
    imbalance = (bid_lots - ask_lots) / ((bid_lots + ask_lots) or 1)
    left = f"mid {view.price.half_text(bid + ask)} ".rjust(columns.side)
    middle = f"sp {view.price.text(ask - bid)}"
    crossed = ask <= bid
    # The spread sits in the price column if it fits there, else it pushes the imbalance right.
    return (
        (left, "strong"),
        ("│ ", "dim"),
        (middle.center(columns.price), "bad" if crossed else "strong"),
        (" │ ", "dim"),
        (f"imb {imbalance:+.2f}", "strong"),
        ("  CROSSED" if crossed else "", "bad"),
    )


def _mark_text(view: LadderView, mark: OwnMark, cells: int, *, is_bid: bool) -> str:
    """Return side, quantity and what is ahead; what does not fit is left out from the outside.

    What is ahead is rounded to three digits here: the list of orders has it exactly.
    """
    ahead = "(?)" if mark.ahead_lots is None else f"({float(view.qty.text(mark.ahead_lots)):.3g})"
    parts = ["B►" if is_bid else "◄S", _short(view.qty.text(mark.qty_lots)), ahead]
    while len(" ".join(parts)) > cells and len(parts) > 1:
        parts.pop()
    return " ".join(reversed(parts) if is_bid else parts)[:cells]


def _short(number: str) -> str:
    """Return the same number without zeros at the end."""
    return number.rstrip("0").rstrip(".") if "." in number else number


def ask_bar(lots: int, largest: int, cells: int) -> str:
    """Return a bar that grows to the right, exactly ``cells`` wide."""
    eighths = _eighths(lots, largest, cells)
    return ("█" * (eighths // 8) + EIGHTHS[eighths % 8]).ljust(cells)


def bid_bar(lots: int, largest: int, cells: int) -> str:
    """Return a bar that grows to the left; halves are the finest step that fonts offer there."""
    eighths = _eighths(lots, largest, cells)
    half = "▐" if eighths % 8 >= 4 or (0 < eighths < 4) else ""
    return (half + "█" * (eighths // 8)).rjust(cells)


def _eighths(lots: int, largest: int, cells: int) -> int:
    if lots <= 0 or cells <= 0:
        return 0
    return max(1, min(cells * 8, round(lots / largest * cells * 8)))
