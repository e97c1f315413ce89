"""The base of all our widgets: rows of styled text, and only changed rows are painted again."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.style import Style
    from textual import events

Span = tuple[str, str]
"""Text and the names of its styles, joined by ``+``; see ``STYLE_NAMES``."""

Row = tuple[Span, ...]

STYLE_NAMES = ("bid", "ask", "dim", "strong", "warn", "good", "bad", "accent", "cursor", "tab")


class FramesWanted(Message):
    """A widget has something to paint: the frame timer must run."""


class RowView(Widget):
    """A widget that a subclass describes as rows of spans.

    Data arrive at any rate and only mark the widget with ``touch``; the app's frame timer calls
    ``flush``, which asks for the rows once, compares them with those on screen and paints the
    difference.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"row--{name}" for name in STYLE_NAMES}
    DEFAULT_CSS = """
    RowView { background: $background; color: $foreground; }
    RowView .row--bid { color: $bid; }
    RowView .row--ask { color: $ask; }
    RowView .row--dim { color: $dim; }
    RowView .row--strong { text-style: bold; }
    RowView .row--warn { color: $warning; text-style: bold; }
    RowView .row--good { color: $success; }
    RowView .row--bad { color: $error; text-style: bold; }
    RowView .row--accent { color: $accent; }
    RowView .row--cursor { background: $panel; }
    RowView .row--tab { background: $panel; text-style: bold; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._rows: list[Row] = []
        self._styles: dict[str, Style] = {}
        self._is_stale = True

    def rows(self, width: int, height: int) -> list[Row]:
        """Describe the content; missing rows are blank.

        Args:
            width: Columns of the content.
            height: Rows of the content.
        """
        raise NotImplementedError

    def touch(self) -> None:
        """Say that the content may have changed."""
        if not self._is_stale:
            self._is_stale = True
            self.post_message(FramesWanted())

    def flush(self) -> int:
        """Paint the rows that changed since the last time; return how many."""
        if not self._is_stale:
            return 0
        self._is_stale = False
        size = self.content_size
        if not size.area:
            return 0
        old, self._rows = self._rows, self.rows(size.width, size.height)[: size.height]
        count = max(len(old), len(self._rows))
        changed = [y for y in range(count) if _row(old, y) != _row(self._rows, y)]
        if changed:
            self.refresh(*(Region(0, y, size.width, 1) for y in changed))
        return len(changed)

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        if self._is_stale:
            self._is_stale = False
            size = self.content_size
            self._rows = self.rows(size.width, size.height)[: size.height]
        return row_strip(_row(self._rows, y), self.content_size.width, self._style)

    def notify_style_update(self) -> None:
        """Forget resolved colours when the theme changes."""
        super().notify_style_update()
        self._styles = {}

    def on_resize(self, event: events.Resize) -> None:  # noqa: ARG002 - the size is asked for later
        """Describe the rows anew for the new size."""
        self.touch()

    def _style(self, names: str) -> Style:
        style = self._styles.get(names)
        if style is None:
            style = self.rich_style
            for name in names.split("+") if names else ():
                style += self.get_component_rich_style(f"row--{name}", partial=True)
            self._styles[names] = style
        return style


View = TypeVar("View", bound=Widget)


def framed(view: View, title: str, hint: str = "") -> View:
    """Return the view with a frame, a title above and the keys that work in it below."""
    view.add_class("framed")
    view.border_title, view.border_subtitle = title, hint
    return view


def row_strip(row: Row, width: int, style_of: Callable[[str], Style]) -> Strip:
    """Return a row as a strip of exactly ``width`` cells."""
    segments = [Segment(text, style_of(names)) for text, names in row if text]
    return Strip(segments).adjust_cell_length(width, style_of(""))


def row_text(row: Row) -> str:
    """Return the text of a row."""
    return "".join(text for text, _ in row)


def row_width(row: Row) -> int:
    """Return the cells a row takes."""
    return sum(cell_len(text) for text, _ in row)


def pad(row: Row, width: int, names: str = "") -> Row:
    """Return the row filled with blanks to ``width`` cells."""
    missing = width - row_width(row)
    return (*row, (" " * missing, names)) if missing > 0 else row


def spread(left: Row, right: Row, width: int) -> Row:
    """Return a row with one part at each end; the right part goes first if room is short."""
    gap = width - row_width(left) - row_width(right)
    return (*left, (" " * gap, ""), *right) if gap >= 1 else left


def marked(row: Row, width: int) -> Row:
    """Return the row as the one the cursor is on: a whole line in the cursor's colour."""
    return tuple(
        (text, f"{names}+cursor" if names else "cursor") for text, names in pad(row, width)
    )


def _row(rows: list[Row], y: int) -> Row:
    return rows[y] if 0 <= y < len(rows) else ()
