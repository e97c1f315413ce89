"""Audit: SQL over everything that was recorded, from a query's row back to the raw line."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import TextArea

from lobdesk.app.dialogs import TextScreen
from lobdesk.app.panes.audit.model import ROW_LIMIT, Answer, Entry, ask, queries, raw_line, schema
from lobdesk.app.panes.base import Pane
from lobdesk.app.widgets.grid import ListTable, ResultGrid
from lobdesk.app.widgets.rows import framed
from lobdesk.app.widgets.strip import FactStrip
from lobdesk.errors import LobdeskError

if TYPE_CHECKING:
    from textual.app import ComposeResult

HIGHLIGHT_LINES = 50
"""Above this, colouring the whole buffer at each key costs more than it helps."""

FIRST_TEXT = "SELECT symbol, count(*) AS books FROM snapshots GROUP BY symbol ORDER BY symbol\n"


class AuditPane(Pane):
    """Runs SQL behind a fence and shows any number of rows."""

    HELP_TITLE = "Audit"
    SCOPED_CSS = False  # the size classes sit on the screen, above any pane
    DEFAULT_CSS = Path(__file__).with_name("audit.tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+j,f5", "run", "Run", key_display="^j", id="audit.run"),
        Binding("f8", "cancel", "Cancel", id="audit.cancel"),
        Binding("v", "raw", "Raw line", id="audit.raw"),
        Binding("b", "book", "Book at row", id="audit.book"),
        Binding("e", "edit", "Edit", id="audit.edit"),
        Binding("escape", "leave_editor", "Leave editor", show=False, id="audit.escape"),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._entries: list[Entry] = []
        self._answer: Answer | None = None
        self._cancel: threading.Event | None = None
        self._can_highlight = importlib.util.find_spec("tree_sitter_sql") is not None

    def compose(self) -> ComposeResult:
        """Lay out the list, the editor, the results and the strip."""
        with Horizontal(id="audit-all"):
            yield framed(ResultGrid(id="audit-list"), "Queries and tables", "⏎ run / insert")
            with Vertical(id="audit-right"):
                editor = TextArea(FIRST_TEXT, id="audit-editor", show_line_numbers=True)
                yield framed(editor, "SQL", "^j or F5 run  F8 cancel  esc leave")
                results = ResultGrid(id="audit-results")
                results.empty_text = "^j runs the query · ⏎ on a shipped query loads and runs it"
                yield framed(results, "Results", "v raw line  b book at this time")
        yield FactStrip(id="audit-strip")

    def on_mount(self) -> None:
        """Read queries and schema."""
        self._say(())
        self._set_highlighting()
        self._read_list()

    def focus_main(self) -> None:
        """Focus the list: its first entry is one enter away from an answer."""
        self.query_one("#audit-list").focus()

    async def reload(self) -> None:
        """Read the schema anew."""
        await self.desk.market.reopen()
        self._read_list()

    @work(exclusive=True, group="audit-list", exit_on_error=False)
    async def _read_list(self) -> None:
        self._entries = [*queries(), Entry("")]
        self._show_list()
        if not self.desk.paths.catalog.exists():
            self._entries.append(Entry("no index yet: 1, then i"))
        else:
            self._entries += await self.desk.market.ask(schema)
        self._show_list()

    def _show_list(self) -> None:
        grid = self.query_one("#audit-list", ResultGrid)
        rows = [(entry.text, entry.note) for entry in self._entries]
        grid.show(ListTable(("", ""), rows), keep_cursor=True)

    # --- running ---

    def action_run(self) -> None:
        """Run what is in the editor."""
        text = self.query_one(TextArea).text.strip()
        if text and self._cancel is None:
            self._run(text)

    @work(exclusive=True, group="audit-run", exit_on_error=False)
    async def _run(self, text: str) -> None:
        grid = self.query_one("#audit-results", ResultGrid)
        grid.border_title = "Results  running …  F8 cancels"
        self._cancel = threading.Event()
        try:
            answer = await asyncio.to_thread(ask, self.desk.paths.root, text, self._cancel)
        except LobdeskError as error:
            grid.border_title = "Results"
            self._say((str(error).splitlines()[0],), is_error=True)
        else:
            self._answer = answer
            grid.show(answer.table)
            grid.border_title = answer.title()
            self._say(answer.result.notes)
        finally:
            self._cancel = None

    def action_cancel(self) -> None:
        """Stop the running query."""
        if self._cancel is not None:
            self._cancel.set()

    def on_unmount(self) -> None:
        """Do not leave a query running without a reader."""
        self.action_cancel()

    def _say(self, notes: tuple[str, ...], *, is_error: bool = False) -> None:
        strip = self.query_one(FactStrip)
        facts = [((note, "bad" if is_error else "warn"),) for note in notes]
        strip.facts = (
            *facts,
            (("read-only, fenced", "dim"),),
            ((f"row limit {ROW_LIMIT:,} (a cut result says so)", "dim"),),
        )

    # --- list and editor ---

    @on(ResultGrid.Chosen, "#audit-list")
    def _use_entry(self, message: ResultGrid.Chosen) -> None:
        entry = self._entries[message.index]
        editor = self.query_one(TextArea)
        if entry.sql:
            editor.load_text(entry.sql)
            self.action_run()
            self.query_one("#audit-results").focus()
        elif entry.name:
            editor.insert(entry.name)
            editor.focus()

    @on(TextArea.Changed, "#audit-editor")
    def _set_highlighting(self) -> None:
        editor = self.query_one(TextArea)
        is_wanted = self._can_highlight and editor.document.line_count <= HIGHLIGHT_LINES
        language = "sql" if is_wanted else None
        if editor.language != language:
            editor.language = language

    def action_edit(self) -> None:
        """Go to the editor."""
        self.query_one(TextArea).focus()

    def action_leave_editor(self) -> None:
        """Leave the editor for the results."""
        self.query_one("#audit-results").focus()

    # --- from a row to its origin ---

    @work(exclusive=True, group="dialog", exit_on_error=False)
    async def action_raw(self) -> None:
        """Show the raw line that the row under the cursor came from."""
        answer, row = self._answer, self.query_one("#audit-results", ResultGrid).cursor
        if answer is None or not answer.result.rows:
            self.desk.tell("run a query first")
            return
        source, seq = answer.value(row, "source"), answer.value(row, "seq")
        if source is None or seq is None:
            self.desk.tell("select source and seq to see the raw line of a row")
            return
        found = await self.desk.market.ask(lambda catalog: raw_line(catalog, source, seq))
        if found is None:
            self.desk.tell(f"the index holds no raw event {source} {seq}")
            return
        place, raw = found
        await self.app.push_screen_wait(TextScreen(place, raw))

    @on(ResultGrid.Chosen, "#audit-results")
    def action_book(self) -> None:
        """Show the book at the time of the row under the cursor."""
        answer, row = self._answer, self.query_one("#audit-results", ResultGrid).cursor
        symbol = answer.value(row, "symbol") if answer and answer.result.rows else None
        ts_us = answer.value(row, "exch_ts_us") if answer and answer.result.rows else None
        if not isinstance(symbol, str) or not isinstance(ts_us, int):
            self.desk.tell("select symbol and exch_ts_us to see the book at a row's time")
            return
        self.desk.show_book(symbol, ts_us)
