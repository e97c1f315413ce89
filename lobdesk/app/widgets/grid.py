"""A grid of any number of rows: only what is on screen is ever turned into text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from textual.binding import Binding, BindingType
from textual.message import Message

from lobdesk.app.widgets.rows import Row, RowView, marked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events

SAMPLE_ROWS = 200
MAX_COLUMN = 60
WHEEL_ROWS = 3


class Table(Protocol):
    """Rows that the grid asks for as it needs them."""

    @property
    def columns(self) -> Sequence[str]:
        """Names, in order."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def row(self, index: int) -> Sequence[Any]:
        """Return one row's values."""


@dataclass(frozen=True, slots=True)
class ListTable:
    """A table whose rows are in a list."""

    columns: Sequence[str] = ()
    values: Sequence[Sequence[Any]] = ()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.values)

    def row(self, index: int) -> Sequence[Any]:
        """Return one row's values."""
        return self.values[index]


class ResultGrid(RowView, can_focus=True):
    """Shows a ``Table`` with a cursor; posts ``Moved`` and ``Chosen``."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Row up", show=False, id="grid.up"),
        Binding("down,j", "move(1)", "Row down", show=False, id="grid.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="grid.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="grid.page_down"),
        Binding("home,g", "edge(False)", "First row", show=False, id="grid.first"),
        Binding("end,G", "edge(True)", "Last row", show=False, id="grid.last"),
        Binding("left,h", "shift(-8)", "Columns left", show=False, id="grid.left"),
        Binding("right,l", "shift(8)", "Columns right", show=False, id="grid.right"),
        Binding("enter", "choose", "Details", show=False, id="grid.choose"),
    ]

    class Moved(Message):
        """The cursor is on another row.

        Attributes:
            grid: Which grid.
            index: The row.
        """

        def __init__(self, grid: ResultGrid, index: int) -> None:
            self.grid, self.index = grid, index
            super().__init__()

        @property
        def control(self) -> ResultGrid:
            """The grid, for selectors."""
            return self.grid

    class Chosen(Moved):
        """The row was chosen with enter or a second click."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._table: Table = ListTable()
        self._widths: list[int] = []
        self._is_number: list[bool] = []
        self._first = 0
        self._shift = 0
        self.cursor = 0
        self.empty_text = ""

    @property
    def table(self) -> Table:
        """What is shown."""
        return self._table

    def show(self, table: Table, *, keep_cursor: bool = False) -> None:
        """Show another table."""
        self._table = table
        if not keep_cursor:
            self.cursor, self._first, self._shift = 0, 0, 0
        self.cursor = max(0, min(self.cursor, len(table) - 1))
        self._widths, self._is_number = _measure(table)
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        """Describe the header and the rows in sight."""
        if not self._table.columns:
            return [(), ((f"  {self.empty_text}", "dim"),)]
        body = max(1, height - 1)
        self._first = max(0, min(self._first, len(self._table) - body))
        if self.cursor < self._first:
            self._first = self.cursor
        elif self.cursor >= self._first + body:
            self._first = self.cursor - body + 1
        rows = [self._row(self._table.columns, width, "dim", is_header=True)]
        for index in range(self._first, min(len(self._table), self._first + body)):
            row = self._row(self._table.row(index), width, "")
            rows.append(marked(row, width) if index == self.cursor else row)
        if not len(self._table):
            rows.append((("  (no rows)", "dim"),))
        return rows

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        target = max(0, min(self.cursor + rows, len(self._table) - 1))
        if target != self.cursor:
            self.cursor = target
            self.touch()
            self.post_message(self.Moved(self, target))

    def action_page(self, pages: int) -> None:
        """Move the cursor by what fits on screen."""
        self.action_move(pages * max(1, self.content_size.height - 2))

    def action_edge(self, to_end: bool) -> None:
        """Move the cursor to the first or last row."""
        self.action_move(len(self._table) if to_end else -len(self._table))

    def action_shift(self, cells: int) -> None:
        """Show columns further left or right."""
        total = sum(self._widths) + 2 * len(self._widths)
        self._shift = max(0, min(self._shift + cells, total - self.content_size.width))
        self.touch()

    def action_choose(self) -> None:
        """Tell that the row under the cursor was chosen."""
        if len(self._table):
            self.post_message(self.Chosen(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked row; a click on it chooses it."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y < 1:
            return
        index = self._first + offset.y - 1
        if index == self.cursor:
            self.action_choose()
        elif index < len(self._table):
            self.action_move(index - self.cursor)

    def on_mouse_scroll_down(self) -> None:
        """Move down."""
        self.action_move(WHEEL_ROWS)

    def on_mouse_scroll_up(self) -> None:
        """Move up."""
        self.action_move(-WHEEL_ROWS)

    def _row(
        self, values: Sequence[Any], width: int, style: str, *, is_header: bool = False
    ) -> Row:
        cells = []
        for column, value in enumerate(values):
            text = str(value) if is_header else cell_text(value)
            room = self._widths[column]
            if len(text) > room:
                text = text[: room - 1] + "…"
            cells.append(text.rjust(room) if self._is_number[column] else text.ljust(room))
        line = " " + "  ".join(cells)
        return ((line[self._shift : self._shift + width], style),)


def cell_text(value: object) -> str:
    """Return a value as one line of text; a missing one as ``--``."""
    if value is None:
        return "--"
    if isinstance(value, float):
        return f"{value:.10g}"
    text = str(value)
    return text.replace("\n", "⏎") if "\n" in text else text


def _measure(table: Table) -> tuple[list[int], list[bool]]:
    sample = [table.row(i) for i in range(min(len(table), SAMPLE_ROWS))]
    # The last row usually holds the largest numbers.
    if len(table) > SAMPLE_ROWS:
        sample.append(table.row(len(table) - 1))
    widths, numbers = [], []
    for column, name in enumerate(table.columns):
        values = [row[column] for row in sample]
        longest = max((len(cell_text(value)) for value in values), default=0)
        widths.append(min(MAX_COLUMN, max(len(str(name)), longest)))
        numbers.append(any(_is_number(value) for value in values))
    return widths, numbers


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) or type(value).__name__ == "Decimal"
