"""What to do while there is nothing to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from lobdesk.app.panes.base import Pane
from lobdesk.paths import config_file

if TYPE_CHECKING:
    from textual.app import ComposeResult

TEXT = """\
  No recordings found in {data_dir}

  Leave with q and run one of these, then come back:

    lobdesk demo            built-in data, the whole pipeline, no network
    lobdesk record          record Kraken now; no key or account needed
    lobdesk import FILE...  take recordings that you already have

  The demo is synthetic, seeded and kept in a folder of its own; the header
  says DEMO while you look at it.

  Config   {config}
  Data     {data_dir}
           (another one: lobdesk --data-dir DIR, or LOBDESK_DATA_DIR)

  Is everything installed?  lobdesk doctor
"""


class WelcomePane(Pane):
    """Names the commands that fill the data directory."""

    HELP_TITLE = "Welcome"
    DEFAULT_CSS = """
    WelcomePane { align: center middle; }
    WelcomePane Static { width: 80; max-width: 100%; height: auto; padding: 1 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "look", "Look again", id="welcome.look"),
    ]
    can_focus = True

    def compose(self) -> ComposeResult:
        """Show the text in a frame."""
        text = TEXT.format(data_dir=self.desk.paths.root, config=config_file())
        panel = Static(Content(text), classes="framed")
        panel.border_title = "Welcome to lobdesk"
        yield panel

    def focus_main(self) -> None:
        """Take the focus itself."""
        self.focus()

    def action_look(self) -> None:
        """Look whether something has been recorded meanwhile."""
        if self.desk.is_empty:
            self.desk.tell("still nothing there; run: lobdesk demo")
        else:
            self.desk.action_show("books")
