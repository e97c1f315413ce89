"""A bar over the whole recording: where we are, where the fills and gaps are; a click seeks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from lobdesk.app.text import clock_text
from lobdesk.app.widgets.rows import Row, RowView, Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events

PLAYED, AHEAD, HERE = "━", "─", "●"


@dataclass(frozen=True, slots=True)
class Mark:
    """Something worth finding on the bar.

    Attributes:
        ts_us: Where.
        glyph: One cell.
        style: Style name.
    """

    ts_us: int
    glyph: str
    style: str


@dataclass(frozen=True, slots=True)
class ScrubView:
    """What the bar draws.

    Attributes:
        start_us: Left end.
        end_us: Right end.
        now_us: Where we are.
        marks: Later ones win a shared cell.
    """

    start_us: int = 0
    end_us: int = 0
    now_us: int = 0
    marks: Sequence[Mark] = ()


class ScrubBar(RowView):
    """Shows a ``ScrubView``; a click posts ``Sought``."""

    class Sought(Message):
        """The user pointed at an instant.

        Attributes:
            ts_us: The instant.
        """

        def __init__(self, ts_us: int) -> None:
            self.ts_us = ts_us
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._view = ScrubView()
        self._cells: dict[int, Mark] = {}
        self._placed: Sequence[Mark] | None = None
        self._placed_width = 0

    @property
    def view(self) -> ScrubView:
        """What is shown."""
        return self._view

    @view.setter
    def view(self, view: ScrubView) -> None:
        self._view = view
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:  # noqa: ARG002 - one row always
        """Describe the bar; thousands of marks are put into cells once, not at each frame."""
        view = self._view
        if view.marks is not self._placed or width != self._placed_width:
            self._placed, self._placed_width = view.marks, width
            self._cells = place_marks(view, width)
        return [scrub_row(view, width, self._cells)]

    def on_click(self, event: events.Click) -> None:
        """Seek to where the bar was clicked."""
        offset = event.get_content_offset(self)
        if offset is None or self._view.end_us <= self._view.start_us:
            return
        first, cells = _track(self._view, self.content_size.width)
        share = min(1.0, max(0.0, (offset.x - first + 0.5) / cells))
        span_us = self._view.end_us - self._view.start_us
        self.post_message(self.Sought(self._view.start_us + round(share * span_us)))


def place_marks(view: ScrubView, width: int) -> dict[int, Mark]:
    """Return the mark of each cell that has one."""
    if view.end_us <= view.start_us:
        return {}
    _, cells = _track(view, width)
    inside = (mark for mark in view.marks if view.start_us <= mark.ts_us <= view.end_us)
    return {_cell(view, mark.ts_us, cells): mark for mark in inside}


def scrub_row(view: ScrubView, width: int, marks: dict[int, Mark] | None = None) -> Row:
    """Return the bar as one row of ``width`` cells; ``marks`` from ``place_marks``."""
    if view.end_us <= view.start_us or width < 30:
        return ()
    _, cells = _track(view, width)
    here = _cell(view, view.now_us, cells)
    track: list[Span] = [
        (PLAYED, "accent") if i < here else (HERE, "strong") if i == here else (AHEAD, "dim")
        for i in range(cells)
    ]
    for i, mark in (place_marks(view, width) if marks is None else marks).items():
        track[i] = (mark.glyph, mark.style if i != here else f"{mark.style}+tab")
    spans: list[Span] = [(f" {clock_text(view.start_us, digits=0)} ├", "dim")]
    for glyph, style in track:
        if spans[-1][1] == style:
            spans[-1] = (spans[-1][0] + glyph, style)
        else:
            spans.append((glyph, style))
    return (*spans, (f"┤ {clock_text(view.end_us, digits=0)} ", "dim"))


def _track(view: ScrubView, width: int) -> tuple[int, int]:
    edge = len(clock_text(view.start_us, digits=0)) + 3
    return edge, max(1, width - 2 * edge)


def _cell(view: ScrubView, ts_us: int, cells: int) -> int:
    span_us = view.end_us - view.start_us
    share = (ts_us - view.start_us) / span_us
    return min(cells - 1, max(0, int(share * cells)))
