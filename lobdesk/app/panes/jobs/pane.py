"""Jobs: start, watch and stop builds, trainings and backtests."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from lobdesk.app.dialogs import ConfirmScreen, PromptScreen
from lobdesk.app.panes.base import Pane
from lobdesk.app.panes.jobs.model import COLUMNS, Work, WorkList, progress_chart, work_row
from lobdesk.app.panes.jobs.views import DetailsView, LogView
from lobdesk.app.widgets.chart import LineChart
from lobdesk.app.widgets.grid import ListTable, ResultGrid
from lobdesk.app.widgets.rows import framed
from lobdesk.app.widgets.strip import FactStrip
from lobdesk.runs import list_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from lobdesk.jobs import Job

HINTS = {
    "build": "--symbol BTC/USD   --config FILE   (nothing: every indexed symbol)",
    "train": "--model deeplob   --store ID   --config FILE   (nothing: the newest store)",
    "backtest": "--strategy join_touch|grid|twap|signal_follower  --symbol BTC/USD   --config FILE",
    "index": "(nothing: bring the index up to the journal)",
}
DEFAULTS = {"backtest": "--param qty_lots=1000000 --param max_position_lots=10000000"}
"""What stands in the prompt at first: a strategy needs the size of its orders."""

EMPTY_TEXT = "No jobs yet.  n builds windows · t trains a model · B runs a backtest"


class JobsPane(Pane):
    """Shows jobs and runs with progress, details, losses and log."""

    HELP_TITLE = "Jobs"
    SCOPED_CSS = False  # the size classes sit on the screen, above any pane
    DEFAULT_CSS = Path(__file__).with_name("jobs.tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "start('build')", "Build", id="jobs.build"),
        Binding("t", "start('train')", "Train", id="jobs.train"),
        Binding("B", "start('backtest')", "Backtest", id="jobs.backtest"),
        Binding("I", "start('index')", "Index", id="jobs.index"),
        Binding("x", "cancel", "Cancel", id="jobs.cancel"),
        Binding("r", "again", "Run again", id="jobs.again"),
        Binding("p", "replay", "Replay", id="jobs.replay"),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._model = WorkList()
        self._work: list[Work] = []

    def compose(self) -> ComposeResult:
        """Lay out list, curve, details and log."""
        grid = ResultGrid(id="jobs-list")
        grid.empty_text = EMPTY_TEXT
        yield framed(grid, "Jobs", "n build  t train  B backtest  x cancel")
        with Horizontal(id="jobs-middle"):
            yield framed(LineChart(id="jobs-loss"), "Curve")
            yield framed(DetailsView(id="jobs-details"), "Details")
        yield framed(LogView(id="jobs-log"), "Log")
        yield FactStrip(id="jobs-strip")

    def on_mount(self) -> None:
        """Say the rule that people need to know."""
        fact = "jobs run as nice 10 processes of their own: they go on when this window closes"
        self.query_one(FactStrip).facts = (((fact, "dim"),),)

    def jobs_changed(self, jobs: Sequence[Job]) -> None:
        """Show the newest state."""
        self._merge(jobs)

    async def reload(self) -> None:
        """Look at jobs and runs now."""
        self.desk.look_at_jobs()

    @work(exclusive=True, group="jobs-merge", exit_on_error=False)
    async def _merge(self, jobs: Sequence[Job]) -> None:
        def read() -> list[Work]:
            return self._model.merge(jobs, list_runs(self.desk.paths.runs))

        chosen = self._chosen
        self._work = await asyncio.to_thread(read)
        grid = self.query_one(ResultGrid)
        if chosen is not None:
            ids = [entry.id for entry in self._work]
            grid.cursor = ids.index(chosen.id) if chosen.id in ids else 0
        columns = COLUMNS if self._work else ()
        grid.show(ListTable(columns, [work_row(entry) for entry in self._work]), keep_cursor=True)
        running = sum(entry.is_active for entry in self._work)
        grid.border_title = f"Jobs  {running} running" if running else "Jobs"
        self._show_chosen()

    @property
    def _chosen(self) -> Work | None:
        cursor = self.query_one(ResultGrid).cursor
        return self._work[cursor] if 0 <= cursor < len(self._work) else None

    @on(ResultGrid.Moved, "#jobs-list")
    def _show_chosen(self) -> None:
        chosen = self._chosen
        self.query_one(DetailsView).show(chosen)
        if chosen is None:
            return
        chart = self.query_one(LineChart)
        chart.view = progress_chart(chosen)
        chart.border_title = f"Curve {chosen.id}"
        self.query_one("#jobs-details").border_title = f"Details {chosen.id}"
        log = self.query_one(LogView)
        log.border_title = f"Log {chosen.id}"
        log.show(tuple(chosen.log))

    # --- keys ---

    @work(exclusive=True, group="dialog", exit_on_error=False)
    async def action_start(self, kind: str) -> None:
        """Ask for the arguments of a command and start it as a job."""
        await self._ask_and_start(kind, DEFAULTS.get(kind, ""))

    async def _ask_and_start(self, kind: str, arguments: str) -> None:
        prompt = PromptScreen(
            f"lobdesk {kind} …", value=arguments, hint=HINTS.get(kind, ""), check=_check_arguments
        )
        answer = await self.app.push_screen_wait(prompt)
        if answer is None:
            return
        job = await asyncio.to_thread(self.desk.jobs.start, kind, shlex.split(answer))
        self.query_one(ResultGrid).cursor = 0
        self._work = []
        self.desk.tell(f"{job.id}: {kind} started")
        self.desk.look_at_jobs()

    @work(exclusive=True, group="dialog", exit_on_error=False)
    async def action_again(self) -> None:
        """Start a job with the same arguments, which can be changed first."""
        chosen = self._chosen
        if chosen is None or not chosen.is_job:
            self.desk.tell("choose a job to run it again")
            return
        arguments = "" if chosen.name == "(defaults)" else chosen.name
        await self._ask_and_start(chosen.kind, arguments)

    @work(exclusive=True, group="dialog", exit_on_error=False)
    async def action_cancel(self) -> None:
        """Ask, then stop the job under the cursor."""
        chosen = self._chosen
        if chosen is None or not chosen.is_active:
            self.desk.tell("nothing to cancel here: this is over")
            return
        if await self.app.push_screen_wait(ConfirmScreen(f"Cancel {chosen.id} ({chosen.kind})?")):
            await asyncio.to_thread(self.desk.jobs.cancel, chosen.id)
            self.desk.look_at_jobs()

    def action_replay(self) -> None:
        """Open the backtest under the cursor in Replay."""
        chosen = self._chosen
        if chosen is None or chosen.kind != "backtest":
            self.desk.tell("choose a backtest to replay it")
            return
        self.desk.run_id = str(chosen.facts.get("run", chosen.id))
        self.desk.action_show("replay")


def _check_arguments(text: str) -> str:
    try:
        shlex.split(text)
    except ValueError as error:
        return f"cannot be read: {error}"
    return ""
