"""The desk: one screen, one header, panes that are loaded when they are first opened.

This module imports nothing heavy: panes bring NumPy and DuckDB with them, after the first paint.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.widgets import ContentSwitcher, Footer, Static

from lobdesk.app.colors import DARK, LIGHT, side_variables
from lobdesk.app.dialogs import ConfirmScreen, KeysScreen
from lobdesk.app.header import HeaderLine
from lobdesk.app.keys import binding_rows
from lobdesk.app.panes.base import Pane
from lobdesk.app.widgets.rows import FramesWanted
from lobdesk.errors import LobdeskError
from lobdesk.jobs import Job, JobPool
from lobdesk.paths import DataPaths
from lobdesk.settings import AppSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from textual.app import ComposeResult
    from textual.screen import Screen
    from textual.worker import Worker

    from lobdesk.app.market import MarketReader

DEMO_FILE = "DEMO"
JOBS_INTERVAL_S = 1.0
SLOW_FRAME_S = 0.025
MIN_FRAME_SHARE = 0.5
"""A frame may come this much of the usual distance after the one before."""


@dataclass(frozen=True, slots=True)
class PaneSpec:
    """Where a pane is found.

    Attributes:
        key: That opens it.
        title: In the header.
        module: Imported when the pane is first opened.
        type_name: Of the pane's class there.
    """

    key: str
    title: str
    module: str
    type_name: str


PANES = {
    "books": PaneSpec("1", "Books", "lobdesk.app.panes.books.pane", "BooksPane"),
    "audit": PaneSpec("2", "Audit", "lobdesk.app.panes.audit.pane", "AuditPane"),
    "jobs": PaneSpec("3", "Jobs", "lobdesk.app.panes.jobs.pane", "JobsPane"),
    "replay": PaneSpec("4", "Replay", "lobdesk.app.panes.replay.pane", "ReplayPane"),
}
WELCOME = PaneSpec("", "Welcome", "lobdesk.app.panes.welcome.pane", "WelcomePane")


class LobdeskApp(App[None]):
    """The desk over one data directory."""

    TITLE = "lobdesk"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual declares it
        (0, "-too-narrow"), (60, "-slim"), (76, "-narrow"), (90, "-normal"), (150, "-wide"),
    ]  # fmt: skip
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual declares it
        (0, "-too-short"), (20, "-short"), (30, "-tall"),
    ]  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(spec.key, f"show('{name}')", spec.title, show=False, id=f"pane.{name}")
            for name, spec in PANES.items()
        ),
        Binding("question_mark,f1", "keys", "Help", key_display="?", id="help"),
        Binding("ctrl+p", "command_palette", "Commands", show=False, priority=True, id="palette"),
        Binding("colon", "command_palette", "Commands", show=False, id="palette.colon"),
        Binding("f9", "toggle_side", "Side", show=False, id="side"),
        Binding("ctrl+r", "reload", "Reload", show=False, id="reload"),
        Binding("q", "leave", "Quit", id="leave"),
        Binding("ctrl+q", "leave", "Quit", show=False, priority=True, id="quit"),
    ]

    def __init__(
        self,
        data_dir: Path,
        *,
        settings: AppSettings | None = None,
        pane: str = "books",
        run: str | None = None,
        jobs: JobPool | None = None,
    ) -> None:
        """Prepare the desk.

        Args:
            data_dir: Data directory, which may be empty or missing.
            settings: Section ``app`` of the settings.
            pane: Which pane to open first.
            run: Backtest that the Replay pane opens.
            jobs: Registry of jobs, by default that of the data directory.
        """
        self.settings = settings if settings is not None else AppSettings()
        super().__init__()
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        if self.settings.theme in self.available_themes:
            self.theme = self.settings.theme
        self.paths = DataPaths(data_dir)
        self.jobs = jobs if jobs is not None else JobPool(data_dir)
        self.run_id = run
        self.book_wanted: tuple[str, int] | None = None
        self.job_list: Sequence[Job] = ()
        self.header = HeaderLine([(spec.key, spec.title) for spec in PANES.values()])
        self._switcher = ContentSwitcher(id="body", initial="opening")
        self._first_pane = pane
        self._is_pane_wanted = False
        self._market: MarketReader | None = None
        self._last_frame_s = 0.0
        self._is_frame_skipped = False

    # --- set-up ---

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return the colours of the two sides, of borders and of what matters less."""
        is_dark = self.current_theme.dark
        return {
            "border": "#39414F" if is_dark else "#B9BEC6",
            "dim": "#7F8A9B" if is_dark else "#5F6874",
            **side_variables(self.settings.palette, dark=is_dark),
        }

    def compose(self) -> ComposeResult:
        """Lay out header, panes and footer; no pane is loaded yet."""
        yield self.header
        with self._switcher:
            yield Static("opening …", id="opening")
        yield Static(id="too-small")
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """Start the timers and open the first pane after the first paint."""
        self._frames = self.set_interval(1 / self.settings.fps, self._paint_frame, pause=True)
        self.set_interval(JOBS_INTERVAL_S, self._look_at_jobs)
        self.header.is_demo = (self.paths.root / DEMO_FILE).is_file()
        self.call_after_refresh(self._show_first)
        self._look_at_jobs()
        if self.settings.theme not in self.available_themes:
            self.notify(
                f"theme {self.settings.theme!r} does not exist: app.theme in the configuration",
                severity="warning",
            )

    def on_unmount(self) -> None:
        """Let go of the index."""
        if self._market is not None:
            self._market.close()

    # --- what panes use ---

    @property
    def market(self) -> MarketReader:
        """Reader of the index, shared by the panes."""
        if self._market is None:
            module = importlib.import_module("lobdesk.app.market")
            reader: MarketReader = module.MarketReader(self.paths.root)
            self._market = reader
        return self._market

    @property
    def pane(self) -> Pane | None:
        """The pane in front."""
        found = self._switcher.visible_content
        return found if isinstance(found, Pane) else None

    def refresh_header(self) -> None:
        """Take over what the pane in front says for the header."""
        pane = self.pane
        self.header.text = pane.header_text() if pane else ""
        self.header.touch()

    def tell(self, error: LobdeskError | str) -> None:
        """Show an error or a note as a toast of one line."""
        is_error = isinstance(error, LobdeskError)
        self.notify(
            str(error).splitlines()[0],
            severity="error" if is_error else "information",
            markup=False,
        )

    def show_book(self, symbol: str, ts_us: int) -> None:
        """Open Books at an instant of a symbol."""
        self.book_wanted = (symbol, ts_us)
        self.action_show("books")

    @property
    def is_empty(self) -> bool:
        """True while the data directory holds nothing to look at."""
        return not (self.paths.journals() or self.paths.catalog.exists() or self._has_runs())

    # --- panes ---

    def _show_first(self) -> None:
        # A key may have opened another pane before the first paint.
        if not self._is_pane_wanted:
            self.action_show(self._first_pane)

    @work(exclusive=True, group="show", exit_on_error=False)
    async def action_show(self, name: str) -> None:
        """Open a pane, loading it at the first time."""
        self._is_pane_wanted = True
        name = name if name in PANES else "books"
        spec = PANES[name]
        if name == "books" and self.is_empty:
            name, spec = "welcome", WELCOME
        switcher = self._switcher
        before = self.pane
        if not switcher.query(f"#{name}"):
            module = await asyncio.to_thread(importlib.import_module, spec.module)
            pane: Pane = getattr(module, spec.type_name)(id=name)
            await switcher.add_content(pane)
        if before is not None and before.id != name:
            before.hidden()
        switcher.current = name
        self.header.current = "books" if name == "welcome" else name
        shown = self.pane
        if shown is not None:
            shown.focus_main()
            shown.jobs_changed(self.job_list)
            shown.shown()
        self.refresh_header()

    @on(HeaderLine.TabClicked)
    def _open_clicked_tab(self, message: HeaderLine.TabClicked) -> None:
        self.action_show(message.name)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Take notice of the desk's own workers."""
        self.take_worker_state(event)

    def take_worker_state(self, event: Worker.StateChanged) -> None:
        """Show what went wrong in a worker instead of ending the desk."""
        error = event.worker.error
        if error is None or event.state.name != "ERROR":
            return
        if isinstance(error, LobdeskError):
            self.tell(error)
        else:
            self.log.error(f"{event.worker.name} failed", error)
            self.notify(
                f"{type(error).__name__}: {error}"[:300], title="Unexpected error",
                severity="error", markup=False,
            )  # fmt: skip

    def action_toggle_side(self) -> None:
        """Hide or show the secondary parts of the pane."""
        if self.pane is not None:
            self.pane.toggle_class("-no-side")

    @work(exclusive=True, group="reload", exit_on_error=False)
    async def action_reload(self) -> None:
        """Read everything anew."""
        if self.pane is not None and self.pane.id == "welcome" and not self.is_empty:
            self.action_show("books")
        elif self.pane is not None:
            await self.pane.reload()

    @work(exclusive=True, group="leave", exit_on_error=False)
    async def action_leave(self) -> None:
        """Quit; ask first if jobs run."""
        running = sum(job.is_active for job in self.job_list)
        if running:
            word = "job goes" if running == 1 else "jobs go"
            question = f"{running} {word} on in the background. Leave the desk?"
            if not await self.push_screen_wait(ConfirmScreen(question)):
                return
        self.exit()

    def action_keys(self) -> None:
        """List the keys that work here."""
        pane = self.pane
        sections = []
        if pane is not None:
            sections.append((pane.HELP_TITLE, binding_rows(type(pane))))
        focused = self.focused
        if focused is not None and focused is not pane and type(focused).__dict__.get("BINDINGS"):
            sections.append((f"{type(focused).__name__} in focus", binding_rows(type(focused))))
        sections.append(("Everywhere", binding_rows(type(self))))
        self.push_screen(KeysScreen(sections))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer every action of the pane in front and of the desk in the palette."""
        pane = self.pane
        if pane is not None:
            for binding in pane.bindings_here():
                yield SystemCommand(
                    f"{binding.description}", f"{pane.HELP_TITLE}, key {binding.key}",
                    lambda action=binding.action: self.call_later(pane.run_action, action),
                )  # fmt: skip
        for name, spec in PANES.items():
            yield SystemCommand(
                f"Open {spec.title}", f"key {spec.key}", lambda name=name: self.action_show(name)
            )
        yield SystemCommand("Reload", "Read everything anew, ctrl+r", self.action_reload)
        yield SystemCommand("Help", "List the keys that work here, ?", self.action_keys)
        yield from super().get_system_commands(screen)

    # --- frames ---

    @on(FramesWanted)
    def _wake_frames(self, message: FramesWanted) -> None:
        message.stop()
        self.wake_frames()
        # A key's effect need not wait for the timer, as long as frames stay apart.
        if time.monotonic() - self._last_frame_s >= MIN_FRAME_SHARE / self.settings.fps:
            self._paint_frame()

    def wake_frames(self) -> None:
        """Let the frame timer run until nothing changes any more."""
        self._frames.resume()

    def _paint_frame(self) -> None:
        """Advance what moves, paint the rows that changed; rest if there is nothing to do."""
        if not self.header.is_attached:
            return  # the desk is closing, and its widgets go before its timers
        now_s = time.monotonic()
        elapsed_s = min(0.25, now_s - self._last_frame_s)
        self._last_frame_s = now_s
        if self._is_frame_skipped:
            self._is_frame_skipped = False
            return
        pane = self.pane
        is_moving = pane.tick(elapsed_s) if pane is not None else False
        painted = self.header.flush()
        painted += sum(view.flush() for view in pane.row_views) if pane is not None else 0
        if not painted and not is_moving:
            self._frames.pause()
        # Keys come before pictures: after a slow frame the next one is left out.
        self._is_frame_skipped = time.monotonic() - now_s > SLOW_FRAME_S

    def on_resize(self) -> None:
        """Say what size is needed when there is too little room."""
        size = self.size
        self.screen_stack[0].query_one("#too-small", Static).update(
            f"make me larger\n\nlobdesk needs 60 x 20\nthis is {size.width} x {size.height}"
        )

    # --- jobs ---

    @work(exclusive=True, group="jobs", exit_on_error=False)
    async def _look_at_jobs(self) -> None:
        if not self.paths.jobs.is_dir():
            return
        self.job_list = await asyncio.to_thread(self.jobs.jobs)
        running = sum(job.is_active for job in self.job_list)
        if running != self.header.running:
            self.header.running = running
            self.header.touch()
        if self.pane is not None:
            self.pane.jobs_changed(self.job_list)

    def look_at_jobs(self) -> None:
        """Look now instead of at the next second."""
        self._look_at_jobs()

    def _has_runs(self) -> bool:
        return self.paths.runs.is_dir() and any(self.paths.runs.iterdir())
