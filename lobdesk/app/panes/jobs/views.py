"""What a job is made of and what it says: details and the end of its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.app.panes.jobs.model import details
from lobdesk.app.widgets.rows import Row, RowView

if TYPE_CHECKING:
    from lobdesk.app.panes.jobs.model import Work

STATE_STYLES = {"failed": "bad", "running": "good", "cancelling": "warn", "cancelled": "warn"}


class DetailsView(RowView):
    """Names and values of one piece of work."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._work: Work | None = None

    def show(self, work: Work | None) -> None:
        """Show another piece of work, or its newest state."""
        self._work = work
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        """Describe one line a fact; long values go on below."""
        if self._work is None:
            return []
        pairs = details(self._work)
        name_cells = min(18, max(len(name) for name, _ in pairs) + 1)
        room = max(8, width - name_cells - 2)
        lines: list[Row] = []
        for name, value in pairs:
            style = STATE_STYLES.get(value, "") if name == "state" else ""
            for start in range(0, max(1, len(value)), room):
                label = name[:name_cells] if start == 0 else ""
                lines.append(
                    ((f" {label:<{name_cells}} ", "dim"), (value[start : start + room], style))
                )
        return lines[:height]


class LogView(RowView):
    """The last lines a job wrote."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._lines: tuple[str, ...] = ()

    def show(self, lines: tuple[str, ...]) -> None:
        """Show the end of these lines."""
        self._lines = lines
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        """Describe the last lines that fit."""
        return [((f" {line[: width - 1]}", "dim"),) for line in self._lines[-height:]]
