"""Replay: a finished backtest, played, stepped and searched in both directions."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from lobdesk.app.dialogs import PromptScreen
from lobdesk.app.keys import key_pair
from lobdesk.app.panes.base import Pane
from lobdesk.app.panes.replay.model import Player
from lobdesk.app.panes.replay.views import OrdersView, TransportView, money_facts
from lobdesk.app.text import clock_text, parse_instant
from lobdesk.app.widgets.chart import ChartView, Curve, LineChart
from lobdesk.app.widgets.grid import ListTable, ResultGrid
from lobdesk.app.widgets.ladder import Ladder
from lobdesk.app.widgets.rows import framed
from lobdesk.app.widgets.scrub import ScrubBar, ScrubView
from lobdesk.app.widgets.strip import FactStrip
from lobdesk.backtest import open_replay
from lobdesk.runs import Run, list_runs, open_run

if TYPE_CHECKING:
    from textual.app import ComposeResult

SECOND_US = 1_000_000
RUN_COLUMNS = ("id", "name", "state", "fills", "net PnL", "started")
SIDE_INTERVAL_S = 0.2
"""Curve and ledger follow the playing book at this distance: they cost more than they show."""


class ReplayPane(Pane):
    """Plays a finished backtest step by step."""

    HELP_TITLE = "Replay"
    SCOPED_CSS = False  # the size classes sit on the screen, above any pane
    DEFAULT_CSS = Path(__file__).with_name("replay.tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "toggle_play", "Play/pause", key_display="␣", id="replay.play"),
        *key_pair("comma", "full_stop", "step", "Step", "replay.step"),
        *key_pair(
            "left_square_bracket",
            "right_square_bracket",
            "speed",
            "Speed",
            "replay.speed",
        ),
        *key_pair(
            "left_curly_bracket",
            "right_curly_bracket",
            "fill",
            "Fill",
            "replay.fill",
        ),
        Binding("backspace", "normal_speed", "Speed x1", show=False, id="replay.normal"),
        Binding("left", "skip(-1)", "1 s back", show=False, id="replay.second_back"),
        Binding("right", "skip(1)", "1 s on", show=False, id="replay.second_on"),
        Binding("shift+left", "skip(-10)", "10 s back", show=False, id="replay.ten_back"),
        Binding("shift+right", "skip(10)", "10 s on", show=False, id="replay.ten_on"),
        Binding("home", "edge(False)", "Start", show=False, id="replay.start"),
        Binding("end", "edge(True)", "End", show=False, id="replay.end"),
        Binding("ctrl+g", "goto", "Go to", id="replay.goto"),
        Binding("d", "ledger", "Ledger/book", show=False, id="replay.ledger"),
        Binding("less_than_sign", "symbol(-1)", "Symbol back", show=False, id="replay.symbol_back"),
        Binding("greater_than_sign", "symbol(1)", "Symbol on", show=False, id="replay.symbol_on"),
        Binding("o", "runs", "Runs", id="replay.runs"),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._player: Player | None = None
        self._run: Run | None = None
        self._runs: list[Run] = []
        self._digest_text = ""
        self._since_side_s = 0.0
        self._shown_fills = -1

    def compose(self) -> ComposeResult:
        """Lay out the list of runs, and the replay that takes its place."""
        chooser = ResultGrid(id="replay-runs")
        chooser.empty_text = "No backtest yet.  Press 3, then B: it runs one on the indexed symbol."
        yield framed(chooser, "Backtests", "⏎ replay")
        with Vertical(id="replay-stage"):
            with Horizontal(id="replay-top"):
                yield framed(Ladder(id="replay-ladder"), "Book")
                with Vertical(id="replay-side"):
                    yield framed(LineChart(id="replay-pnl"), "Equity")
                    yield framed(ResultGrid(id="replay-ledger"), "Ledger", "{ } fill  d focus")
            yield framed(OrdersView(id="replay-orders"), "Open orders")
            with Vertical(id="replay-transport"):
                yield TransportView(id="replay-clock")
                yield ScrubBar(id="replay-scrub")
        yield FactStrip(id="replay-strip")

    def on_mount(self) -> None:
        """Show the list of runs, or the run that was asked for."""
        self.query_one("#replay-transport").border_title = "Transport"
        hint = "␣ play  , . step  [ ] speed  ← → 1 s  { } fill  ^g go to"
        self.query_one("#replay-transport").border_subtitle = hint
        self._show_stage(is_open=False)

    def shown(self) -> None:
        """Open the run that was asked for meanwhile."""
        if self._player is None:
            self._list_runs()
        if self.desk.run_id is not None:
            wanted, self.desk.run_id = self.desk.run_id, None
            self._open(wanted)

    def hidden(self) -> None:
        """Stop the clock while nobody looks."""
        if self._player is not None:
            self._player.is_playing = False

    def focus_main(self) -> None:
        """Focus the book, or the list of runs while none is open."""
        name = "#replay-runs" if self._player is None else "#replay-ladder"
        self.query_one(name).focus()

    def header_text(self) -> str:
        """Say which run is played."""
        if self._run is None:
            return ""
        return f"REPLAY {self._run.id}  {self._run.manifest.name}"

    async def reload(self) -> None:
        """Look for new runs."""
        if self._player is None:
            self._list_runs()

    def tick(self, elapsed_s: float) -> bool:
        """Let time pass while playing."""
        player = self._player
        if player is None or not player.is_playing:
            return False
        player.advance(elapsed_s)
        self._since_side_s += elapsed_s
        has_side = self._since_side_s >= SIDE_INTERVAL_S or not player.is_playing
        self._show_now(has_side=has_side)
        return player.is_playing

    # --- runs ---

    @work(exclusive=True, group="replay-list", exit_on_error=False)
    async def _list_runs(self) -> None:
        self._runs = await asyncio.to_thread(list_runs, self.desk.paths.runs, "backtest")
        rows = [
            (run.id, run.manifest.name, run.manifest.state, *_outcome(run),
             clock_text(run.manifest.created_ts_us, digits=0))
            for run in self._runs
        ]  # fmt: skip
        grid = self.query_one("#replay-runs", ResultGrid)
        grid.show(ListTable(RUN_COLUMNS if rows else (), rows), keep_cursor=True)

    @on(ResultGrid.Chosen, "#replay-runs")
    def _open_chosen(self, message: ResultGrid.Chosen) -> None:
        self._open(self._runs[message.index].id)

    @work(exclusive=True, group="replay", exit_on_error=False)
    async def _open(self, run_id: str) -> None:
        run = open_run(self.desk.paths.runs, run_id)
        grid = self.query_one("#replay-runs", ResultGrid)
        grid.border_title = f"Backtests  opening {run_id} …"
        try:
            replay = await asyncio.to_thread(open_replay, self.desk.paths.root, run_id)
            self._player = await asyncio.to_thread(Player, replay)
        finally:
            grid.border_title = "Backtests"
        self._run, self._digest_text, self._shown_fills = run, "", -1
        self._show_stage(is_open=True)
        self.query_one(Ladder).show_nothing("")
        # A queue place in a level-2 feed is an estimate: its model is always named beside it.
        model = run.manifest.config.get("queue", "unknown")
        self.query_one(OrdersView).border_title = f"Open orders and queue   model: {model}"
        self._show_now()
        self.focus_main()
        self.desk.refresh_header()
        digest = await asyncio.to_thread(replay.digest)
        stored = str(run.manifest.outputs.get("digest", ""))
        is_same = bool(stored) and digest == stored
        self._digest_text = (
            f"✓ digest {digest[:8]}… same as run {run.id}"
            if is_same
            else f"✕ digest {digest[:8]}… differs from run {run.id}"
        )
        self._show_now()

    def _show_stage(self, *, is_open: bool) -> None:
        self.query_one("#replay-runs").display = not is_open
        self.query_one("#replay-stage").display = is_open

    # --- showing ---

    def _show_now(self, *, has_side: bool = True) -> None:
        player = self._player
        if player is None:
            return
        ladder = self.query_one(Ladder)
        ladder.view = player.ladder()
        ladder.border_title = f"{player.replay.symbol} as the strategy sees it"
        self.query_one(OrdersView).show(player)
        self.query_one(TransportView).show(player)
        replay = player.replay
        self.query_one(ScrubBar).view = ScrubView(
            replay.start_us, replay.end_us, player.view.now_us, player.marks
        )
        strip = self.query_one(FactStrip)
        strip.facts = money_facts(player, self._digest_text)
        if has_side:
            self._since_side_s = 0.0
            self._show_side(player)

    def _show_side(self, player: Player) -> None:
        start_us, end_us = player.replay.start_us, player.replay.end_us
        xs, ys = player.equity_curve()
        note = f"{player.view.equity:+.4f}"
        self.query_one(LineChart).view = ChartView(
            curves=(Curve("equity", xs, ys, note=note),),
            x_text=lambda x: clock_text(start_us + round(x * 1e6), digits=0),
            y_text=lambda y: f"{y:+.2f}",
            x_range=(0.0, (end_us - start_us) / 1e6),
            empty_text="no fill yet",
        )
        if player.view.fills != self._shown_fills:
            self._shown_fills = player.view.fills
            grid = self.query_one("#replay-ledger", ResultGrid)
            grid.show(player.ledger())
            grid.border_title = f"Ledger  {player.view.fills} of {len(player.fill_times)} fills"

    # --- keys ---

    def action_toggle_play(self) -> None:
        """Play or pause."""
        if self._player is not None:
            self._player.toggle()
            self._show_now()
            self.desk.wake_frames()

    def action_step(self, events: int) -> None:
        """Move by single events."""
        if self._player is not None:
            self._player.step(events)
            self._show_now()

    def action_skip(self, seconds: int) -> None:
        """Move by seconds of the recording."""
        if self._player is not None:
            self._seek(self._player.view.now_us + seconds * SECOND_US)

    def action_speed(self, steps: int) -> None:
        """Play slower or faster."""
        if self._player is not None:
            self._player.faster(steps)
            self._show_now(has_side=False)

    def action_normal_speed(self) -> None:
        """Play one second a second."""
        if self._player is not None:
            self._player.normal_speed()
            self._show_now(has_side=False)

    def action_fill(self, direction: int) -> None:
        """Jump to the next or previous own fill."""
        if self._player is None:
            return
        if self._player.to_fill(direction):
            self._show_now()
        else:
            self.desk.tell("no fill after this" if direction > 0 else "no fill before this")

    def action_edge(self, is_end: bool) -> None:
        """Go to the start or end."""
        if self._player is not None:
            replay = self._player.replay
            self._seek(replay.end_us if is_end else replay.start_us)

    @work(exclusive=True, group="dialog", exit_on_error=False)
    async def action_goto(self) -> None:
        """Ask for an instant and go there."""
        if self._player is None:
            return
        now_us = self._player.view.now_us

        def check(text: str) -> str:
            try:
                parse_instant(text, now_us)
            except ValueError as error:
                return str(error)
            return ""

        prompt = PromptScreen("Go to time (UTC)", hint="12:00:03.5   +10s   -2m", check=check)
        answer = await self.app.push_screen_wait(prompt)
        if answer is not None:
            self._seek(parse_instant(answer, now_us))

    def action_ledger(self) -> None:
        """Move the focus between the book and the ledger."""
        ledger, ladder = self.query_one("#replay-ledger"), self.query_one("#replay-ladder")
        (ladder if ledger.has_focus else ledger).focus()

    def action_symbol(self, steps: int) -> None:
        """Show the book of the run's next or previous symbol."""
        if self._player is None:
            return
        if self._player.move_symbol(steps):
            self._show_now()
        else:
            self.desk.tell("this run has one symbol")

    def action_runs(self) -> None:
        """Go back to the list of runs."""
        self._player, self._run = None, None
        self._show_stage(is_open=False)
        self.query_one(FactStrip).facts = ()
        self._list_runs()
        self.focus_main()
        self.desk.refresh_header()

    @on(ScrubBar.Sought)
    def _take_sought(self, message: ScrubBar.Sought) -> None:
        self._seek(message.ts_us)

    def _seek(self, ts_us: int) -> None:
        if self._player is not None:
            self._player.seek(ts_us)
            self._show_now()


def _outcome(run: Run) -> tuple[str, str]:
    metrics = run.metrics()
    fills = metrics.get("fills", "--")
    net = metrics.get("final_pnl")
    return str(fills), f"{net:+.4f}" if isinstance(net, int | float) else "--"
