"""The first line: where we are, what runs, whether this is a demo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from lobdesk.app.widgets.rows import Row, RowView, Span, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events

NARROW_COLUMNS = 90


class HeaderLine(RowView):
    """Shows the panes as tabs and the state on the right; a click opens a pane."""

    class TabClicked(Message):
        """A tab was clicked.

        Attributes:
            name: Of the pane.
        """

        def __init__(self, name: str) -> None:
            self.name = name
            super().__init__()

    def __init__(self, tabs: Sequence[tuple[str, str]]) -> None:
        """Make the line.

        Args:
            tabs: ``(key, title)`` of each pane in order.
        """
        super().__init__(id="header")
        self._tabs = tabs
        self._spots: list[tuple[int, int, str]] = []
        self.current = ""
        self.text = ""
        self.running = 0
        self.is_demo = False

    def rows(self, width: int, height: int) -> list[Row]:  # noqa: ARG002 - one row always
        """Describe the line."""
        is_narrow = width < NARROW_COLUMNS
        spans: list[Span] = [("lobdesk", "accent+strong"), (" │ ", "dim")]
        self._spots = []
        x = sum(len(text) for text, _ in spans)
        for key, title in self._tabs:
            is_current = title.lower() == self.current
            label = f"{key} {title}" if not is_narrow or is_current else key
            text = f"[{label}]" if is_current else f" {label} "
            spans.append((text, "tab" if is_current else "dim"))
            self._spots.append((x, x + len(text), title.lower()))
            x += len(text)
        return [spread(tuple(spans), self._right(), width)]

    def on_click(self, event: events.Click) -> None:
        """Open the clicked pane."""
        for start, end, name in self._spots:
            if start <= event.x < end:
                self.post_message(self.TabClicked(name))

    def _right(self) -> Row:
        parts: list[Span] = []
        if self.is_demo:
            parts += [(" DEMO ", "warn+tab"), ("  ", "")]
        if self.running:
            word = "job" if self.running == 1 else "jobs"
            parts += [(f"● {self.running} {word} running", "good"), ("  ", "")]
        return (*parts, (self.text, ""), (" ", ""))
