"""The small views around the ladder: symbols, trades, measures of the last minute."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from lobdesk.app.text import clock_text, duration_text
from lobdesk.app.widgets.rows import Row, RowView, marked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events

    from lobdesk.app.panes.books.model import BookTape
    from lobdesk.index import SymbolInfo

MIN_SPARK_CELLS = 8


class SymbolList(RowView):
    """The recorded symbols; a click or ``<`` ``>`` chooses one."""

    class Picked(Message):
        """A symbol was clicked.

        Attributes:
            index: Its place in the list.
        """

        def __init__(self, index: int) -> None:
            self.index = index
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._symbols: Sequence[SymbolInfo] = ()
        self.cursor = 0

    def show(self, symbols: Sequence[SymbolInfo], cursor: int) -> None:
        """Show these symbols."""
        self._symbols, self.cursor = symbols, cursor
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        """Describe one line a symbol."""
        first = max(0, self.cursor - height + 1)
        lines = []
        for index, info in enumerate(self._symbols[first:], start=first):
            span = duration_text(info.last_ts_us - info.first_ts_us)
            text = f"{info.symbol:<10} {info.rows:>9,} books  {span}"
            if index == self.cursor:
                lines.append(marked((("▸", "accent"), (text, "strong")), width))
            else:
                lines.append(((f" {text}", ""),))
        return lines

    def on_click(self, event: events.Click) -> None:
        """Choose the clicked symbol."""
        offset = event.get_content_offset(self)
        if offset is not None:
            first = max(0, self.cursor - self.content_size.height + 1)
            self.post_message(self.Picked(first + offset.y))


class TapeView(RowView):
    """A view over the tape that asks it only when a frame is painted."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._tape: BookTape | None = None

    def show(self, tape: BookTape | None) -> None:
        """Show another tape, or the same one at another instant."""
        self._tape = tape
        self.touch()


class TradesView(TapeView):
    """The last trades up to now, newest first."""

    def rows(self, width: int, height: int) -> list[Row]:
        """Describe one line a trade."""
        if self._tape is None:
            return []
        if not self._tape.has_trades:
            return [
                (),
                (("  no trades recorded here", "dim"),),
                (("  (the trade channel was not subscribed)", "dim"),),
            ]
        digits = 6 if width >= 44 else 3
        lines: list[Row] = []
        trades = self._tape.trades(height)
        price_cells = max((len(trade.price) for trade in trades), default=0)
        for trade in trades:
            side, style = ("BUY ", "bid") if trade.is_buy else ("SELL", "ask")
            start = 0 if width >= 40 else 6
            lines.append(
                (
                    (f" {clock_text(trade.exch_ts_us, digits=digits)[start:]} ", "dim"),
                    (f"{side} ", style),
                    (f"{trade.price:>{price_cells}} ", style),
                    (trade.qty, ""),
                )
            )
        return lines or [((" none before this instant", "dim"),)]


class SignalsView(TapeView):
    """Measures of the last minute as sparklines."""

    def rows(self, width: int, height: int) -> list[Row]:
        """Describe one line a measure."""
        if self._tape is None:
            return []
        cells = max(MIN_SPARK_CELLS, width - 7 - 14)
        lines: list[Row] = [
            ((f" {name:<6}", "dim"), (spark, "accent"), (f" {value:>12}", "strong"))
            for name, spark, value in self._tape.signals(cells)
        ]
        return lines[:height]
