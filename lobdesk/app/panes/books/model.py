"""A recording of one symbol as a tape of books with a cursor in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lobdesk.app.text import Scale
from lobdesk.app.widgets.ladder import LadderView

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lobdesk.index import SnapshotColumns, TradeColumns

CHUNK_ROWS = 100_000
"""About how many rows are in memory at once: 35 MB."""

SIGNAL_WINDOW_US = 60_000_000
BLOCKS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class TradeRow:
    """One trade as text.

    Attributes:
        exch_ts_us: Exchange time.
        is_buy: The aggressor bought.
        price: Exact decimal.
        qty: Exact decimal.
    """

    exch_ts_us: int
    is_buy: bool
    price: str
    qty: str


class BookTape:
    """The books of one symbol; a part of them is in memory, around the cursor.

    Attributes:
        symbol: Pair.
        start_us: Exchange time of the first book or trade.
        end_us: That of the last one.
    """

    def __init__(self, symbol: str, *, rows: int, start_us: int, end_us: int) -> None:
        self.symbol = symbol
        self.start_us = start_us
        self.end_us = end_us
        chunks = max(1, -(-rows // CHUNK_ROWS))
        self._chunk_us = (end_us - start_us) // chunks + 1
        self._books: SnapshotColumns | None = None
        self._trades: TradeColumns | None = None
        self._order = np.empty(0, dtype=np.int64)
        self._times = np.empty(0, dtype=np.int64)
        self._mid = np.empty(0)
        self._chunk = (start_us, start_us)
        self._row = 0
        self._now_us = start_us

    # --- memory ---

    def chunk_of(self, ts_us: int) -> tuple[int, int]:
        """Return the part ``[start, end)`` of the recording that an instant belongs to."""
        ts_us = min(max(ts_us, self.start_us), self.end_us)
        number = (ts_us - self.start_us) // self._chunk_us
        start_us = self.start_us + number * self._chunk_us
        return start_us, start_us + self._chunk_us

    def load(
        self, books: SnapshotColumns, trades: TradeColumns | None, chunk: tuple[int, int]
    ) -> None:
        """Take a part into memory instead of the one before."""
        times = books.exch_ts_us
        # Several sources may have recorded at once: their books are shown in the exchange's order.
        self._order = np.argsort(times, kind="stable")
        self._times = times[self._order]
        self._books, self._trades, self._chunk = books, trades, chunk
        self._mid = _mids(books)[self._order]
        self._row = 0

    @property
    def row_count(self) -> int:
        """Books in memory."""
        return self._times.size

    # --- cursor ---

    @property
    def now_us(self) -> int:
        """Instant of the cursor, exchange time; the book shown is the last one until then."""
        return self._now_us

    @property
    def book_us(self) -> int:
        """Exchange time of the book under the cursor."""
        return int(self._times[self._row]) if self.row_count else self._now_us

    @property
    def row(self) -> int:
        """Place of the cursor in the part in memory."""
        return self._row

    def step(self, events: int) -> int | None:
        """Move by books; return the instant of a part to load if the next lies outside.

        At the ends of the recording the cursor stays there.
        """
        target = self._row + events
        if 0 <= target < self.row_count:
            self._put(target)
            return None
        start_us, end_us = self._chunk
        if target < 0 and start_us > self.start_us:
            return start_us - 1
        if target >= self.row_count and end_us <= self.end_us:
            return end_us
        self._put(min(max(target, 0), max(0, self.row_count - 1)))
        return None

    def seek(self, ts_us: int) -> int | None:
        """Go to the last book at or before an instant; return the instant if it is not in memory.

        Before the first book of the part in memory the cursor is on that first one.
        """
        ts_us = min(max(ts_us, self.start_us), self.end_us)
        if self.chunk_of(ts_us) != self._chunk:
            return ts_us
        place = int(np.searchsorted(self._times, ts_us, side="right")) - 1
        self._row = max(0, place)
        self._now_us = ts_us
        return None

    def to_edge(self, *, is_last: bool) -> None:
        """Put the cursor on the first or last book in memory."""
        self._put(max(0, self.row_count - 1) if is_last else 0)

    def _put(self, row: int) -> None:
        self._row = row
        self._now_us = self.book_us

    # --- what is shown ---

    def ladder(self) -> LadderView:
        """Return the book under the cursor."""
        if self._books is None or not self.row_count:
            return LadderView()
        i = self._order[self._row]
        books = self._books
        return LadderView(
            bids=_levels(books.bid_ticks[i], books.bid_lots[i]),
            asks=_levels(books.ask_ticks[i], books.ask_lots[i]),
            price=Scale.from_precision(int(books.price_precision[i])),
            qty=Scale.from_precision(int(books.qty_precision[i])),
        )

    def facts(self) -> tuple[int, int, int, bool] | None:
        """Return ``(seq, recv_ts_us, verified, starts_segment)`` of the book under the cursor."""
        if self._books is None or not self.row_count:
            return None
        i = self._order[self._row]
        books = self._books
        return (
            int(books.seq[i]), int(books.recv_ts_us[i]), int(books.verified[i]),
            bool(books.starts_segment[i]),
        )  # fmt: skip

    @property
    def has_trades(self) -> bool:
        """Whether the part in memory has any trade."""
        return self._trades is not None and self._trades.exch_ts_us.size > 0

    def trades(self, count: int) -> list[TradeRow]:
        """Return the last trades up to now, newest first."""
        trades = self._trades
        if trades is None:
            return []
        end = int(np.searchsorted(trades.exch_ts_us, self.now_us, side="right"))
        return [_trade_row(trades, i) for i in range(end - 1, max(-1, end - 1 - count), -1)]

    def mid_curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return times in seconds since the start of the recording and mids, for the chart."""
        has_mid = np.isfinite(self._mid)
        xs = (self._times[has_mid] - self.start_us) / 1e6
        return xs, self._mid[has_mid]

    def signals(self, columns: int) -> list[tuple[str, str, str]]:
        """Return ``(name, sparkline, value)`` of some measures over the last minute."""
        if self._books is None or not self.row_count:
            return []
        first = int(np.searchsorted(self._times, self.now_us - SIGNAL_WINDOW_US, side="right"))
        rows = self._order[first : self._row + 1]
        times = self._times[first : self._row + 1]
        price = Scale.from_precision(int(self._books.price_precision[rows[-1]]))
        bid, ask = self._books.bid_ticks[rows, 0], self._books.ask_ticks[rows, 0]
        bid_lots, ask_lots = self._books.bid_lots[rows, 0], self._books.ask_lots[rows, 0]
        total = np.maximum(bid_lots + ask_lots, 1)
        imbalance = (bid_lots - ask_lots) / total
        wmid = (ask * bid_lots + bid * ask_lots) / total / 10**price.digits
        depth = (
            self._books.bid_lots[rows].sum(1) - self._books.ask_lots[rows].sum(1)
        ) / np.maximum(self._books.bid_lots[rows].sum(1) + self._books.ask_lots[rows].sum(1), 1)
        spread = (ask - bid) / 10**price.digits
        edges = np.linspace(self.now_us - SIGNAL_WINDOW_US, self.now_us, columns + 1)
        rate, _ = np.histogram(times, edges)
        per_second = SIGNAL_WINDOW_US / columns / 1e6
        return [
            ("wmid", _spark(times, wmid, edges), f"{wmid[-1]:.{price.digits + 1}f}"),
            ("imb", _spark(times, imbalance, edges), f"{imbalance[-1]:+.2f}"),
            ("imb10", _spark(times, depth, edges), f"{depth[-1]:+.2f}"),
            ("sprd", _spark(times, spread, edges), price.text(int(ask[-1] - bid[-1]))),
            ("rate", _blocks(rate.astype(np.float64)), f"{rate[-1] / per_second:.0f}/s"),
        ]


def _levels(ticks: NDArray[np.int64], lots: NDArray[np.int64]) -> list[tuple[int, int]]:
    return [(t, q) for t, q in zip(ticks.tolist(), lots.tolist(), strict=True) if q]


def _mids(books: SnapshotColumns) -> NDArray[np.float64]:
    if not books.seq.size:
        return np.empty(0)
    has_both = (books.bid_lots[:, 0] > 0) & (books.ask_lots[:, 0] > 0)
    scale = 10.0 ** -books.price_precision.astype(np.float64)
    mid = (books.bid_ticks[:, 0] + books.ask_ticks[:, 0]) / 2 * scale
    return np.where(has_both, mid, np.nan)


def _trade_row(trades: TradeColumns, i: int) -> TradeRow:
    return TradeRow(
        exch_ts_us=int(trades.exch_ts_us[i]),
        is_buy=int(trades.side[i]) == 0,
        price=Scale.from_precision(int(trades.price_precision[i])).text(int(trades.price_ticks[i])),
        qty=Scale.from_precision(int(trades.qty_precision[i])).text(int(trades.qty_lots[i])),
    )


def _spark(
    times: NDArray[np.int64], values: NDArray[np.float64], edges: NDArray[np.float64]
) -> str:
    """Return the last value of each column as blocks; a column without one repeats the last."""
    place = np.searchsorted(times, edges[1:], side="right") - 1
    column = np.where(place >= 0, values[np.maximum(place, 0)], np.nan)
    return _blocks(column)


def _blocks(values: NDArray[np.float64]) -> str:
    known = values[np.isfinite(values)]
    if not known.size:
        return " " * values.size
    low, high = float(known.min()), float(known.max())
    span = (high - low) or 1.0
    return "".join(
        BLOCKS[1 + round((value - low) / span * 7)] if np.isfinite(value) else " "
        for value in values
    )
