"""What every pane offers the application."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.widget import Widget

from lobdesk.app.keys import bindings_of
from lobdesk.app.widgets.rows import RowView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.binding import Binding
    from textual.worker import Worker

    from lobdesk.app.app import LobdeskApp
    from lobdesk.jobs import Job


class Pane(Widget):
    """One of the desk's panes."""

    HELP_TITLE = ""
    DEFAULT_CSS = """
    Pane { layout: vertical; height: 1fr; width: 1fr; }
    """

    @property
    def desk(self) -> LobdeskApp:
        """The application, by its own type."""
        return cast("LobdeskApp", self.app)

    @property
    def row_views(self) -> list[RowView]:
        """The widgets that the frame timer paints."""
        return [view for view in self.query(RowView) if view.display]

    def bindings_here(self) -> list[Binding]:
        """The pane's own bindings, for the palette and the help."""
        return bindings_of(type(self))

    def focus_main(self) -> None:
        """Focus the widget that people use first."""
        for widget in self.query("*"):
            if widget.focusable:
                widget.focus()
                return

    def shown(self) -> None:
        """Do what is due when the pane comes to the front."""

    def hidden(self) -> None:
        """Do what is due when the pane goes to the back."""

    def tick(self, elapsed_s: float) -> bool:  # noqa: ARG002 - for panes that move
        """Advance what moves by itself; True while something does."""
        return False

    def jobs_changed(self, jobs: Sequence[Job]) -> None:
        """Take the newest state of all jobs."""

    def header_text(self) -> str:
        """Return what the header says on the right."""
        return ""

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Let the desk show what went wrong: these messages reach only the worker's own node."""
        self.desk.take_worker_state(event)

    async def reload(self) -> None:
        """Read everything anew."""
