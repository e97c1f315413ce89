"""Books: the ladder of a recording at any instant, with trades and the quality of the data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from lobdesk.app.dialogs import PromptScreen
from lobdesk.app.keys import key_pair
from lobdesk.app.panes.base import Pane
from lobdesk.app.panes.books.model import BookTape
from lobdesk.app.panes.books.quality import quality_facts
from lobdesk.app.panes.books.views import SignalsView, SymbolList, TapeView, TradesView
from lobdesk.app.text import clock_text, instant_text, parse_instant
from lobdesk.app.widgets.chart import ChartView, Curve, LineChart
from lobdesk.app.widgets.ladder import Ladder
from lobdesk.app.widgets.rows import framed
from lobdesk.app.widgets.scrub import Mark, ScrubBar, ScrubView
from lobdesk.app.widgets.strip import QualityStrip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from lobdesk.index import Catalog, Quality, SymbolInfo
    from lobdesk.jobs import Job

SECOND_US = 1_000_000
# A recording may begin with trades: the exchange sends older ones before the first book.
BOOK_SPAN = "SELECT min(exch_ts_us), max(exch_ts_us) FROM snapshots WHERE symbol = ?"
SEGMENT_STARTS = """
SELECT DISTINCT exch_ts_us FROM snapshots WHERE symbol = ? AND is_snapshot AND exch_ts_us > ?
ORDER BY 1
"""


class BooksPane(Pane):
    """Shows one symbol's recording with a cursor in time."""

    HELP_TITLE = "Books"
    SCOPED_CSS = False  # the size classes sit on the screen, above any pane
    DEFAULT_CSS = Path(__file__).with_name("books.tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [
        *key_pair("comma", "full_stop", "step", "Event", "books.step"),
        *key_pair("left_curly_bracket", "right_curly_bracket", "gap", "Gap", "books.gap"),
        *key_pair(
            "less_than_sign",
            "greater_than_sign",
            "symbol",
            "Symbol",
            "books.symbol",
        ),
        Binding("left", "skip(-1)", "1 s back", show=False, id="books.second_back"),
        Binding("right", "skip(1)", "1 s on", show=False, id="books.second_on"),
        Binding("shift+left", "skip(-10)", "10 s back", show=False, id="books.ten_back"),
        Binding("shift+right", "skip(10)", "10 s on", show=False, id="books.ten_on"),
        Binding("home", "edge(False)", "Start", show=False, id="books.start"),
        Binding("end", "edge(True)", "End", show=False, id="books.end"),
        Binding("ctrl+g", "goto", "Go to time", id="books.goto"),
        Binding("i", "index", "Index now", id="books.index"),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._symbols: Sequence[SymbolInfo] = ()
        self._place = 0
        self._tape: BookTape | None = None
        self._quality: Quality | None = None
        self._starts: list[int] = []
        self._index_job = ""

    def compose(self) -> ComposeResult:
        """Lay out the ladder, its surroundings, the time bar and the quality strip."""
        with Horizontal(id="books-top"):
            yield framed(Ladder(id="ladder"), "Books")
            with Vertical(id="books-side"):
                yield framed(SymbolList(id="symbols"), "Symbols", "< > choose")
                yield framed(TradesView(id="trades"), "Trades")
        with Horizontal(id="books-bottom"):
            yield framed(LineChart(id="mid"), "Mid", "{ } gap")
            yield framed(SignalsView(id="signals"), "Last minute")
        yield ScrubBar(id="books-scrub")
        yield QualityStrip(id="books-quality")

    def on_mount(self) -> None:
        """Read the list of symbols."""
        self._read_symbols()

    def shown(self) -> None:
        """Go to the instant that another pane asked for."""
        if self._symbols:
            self._take_wanted()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Offer indexing only while there is no index."""
        return not self.desk.paths.catalog.exists() if action == "index" else True

    def header_text(self) -> str:
        """Say where the cursor is."""
        return f"{instant_text(self._tape.now_us)} UTC" if self._tape else ""

    async def reload(self) -> None:
        """Look for newly indexed books and stay at the same instant."""
        await self.desk.market.reopen()
        self._read_symbols()

    def jobs_changed(self, jobs: Sequence[Job]) -> None:
        """Read the index that was just made."""
        ended = {job.id for job in jobs if job.kind == "index" and not job.is_active}
        if self._index_job and self._index_job in ended:
            self._index_job = ""
            self.desk.action_reload()

    # --- reading ---

    @work(exclusive=True, group="books", exit_on_error=False)
    async def _read_symbols(self) -> None:
        if not self.desk.paths.catalog.exists():
            self._show_empty("Nothing is indexed yet. Press i to index the recordings.")
            return
        self._symbols = await self.desk.market.ask(lambda catalog: catalog.symbols())
        if not self._symbols:
            self._show_empty("The index holds no books. Press ctrl+r after recording.")
            return
        if self._take_wanted():
            return
        now_us = self._tape.now_us if self._tape is not None else None
        self._place = min(self._place, len(self._symbols) - 1)
        await self._open_symbol(now_us)

    def _take_wanted(self) -> bool:
        wanted, self.desk.book_wanted = self.desk.book_wanted, None
        names = [info.symbol for info in self._symbols]
        if wanted is None or wanted[0] not in names:
            return False
        self._change_symbol(names.index(wanted[0]), wanted[1])
        return True

    @work(exclusive=True, group="books", exit_on_error=False)
    async def _change_symbol(self, place: int, ts_us: int | None = None) -> None:
        self._place = place
        await self._open_symbol(ts_us)

    async def _open_symbol(self, ts_us: int | None) -> None:
        info = self._symbols[self._place]
        if not info.rows:
            self._tape = None
            self.query_one(SymbolList).show(self._symbols, self._place)
            self._show_empty(f"{info.symbol} has {info.trades:,} trades and no books. < > goes on.")
            return

        def read(catalog: Catalog) -> tuple[Quality, int, int, list[int]]:
            ((first_us, last_us),) = catalog.sql(BOOK_SPAN, [info.symbol]).fetchall()
            starts = catalog.sql(SEGMENT_STARTS, [info.symbol, first_us]).fetchall()
            return catalog.quality(info.symbol), first_us, last_us, [ts_us for (ts_us,) in starts]

        self._quality, first_us, last_us, self._starts = await self.desk.market.ask(read)
        tape = BookTape(info.symbol, rows=info.rows, start_us=first_us, end_us=last_us)
        await self._load(tape, first_us if ts_us is None else ts_us)
        tape.seek(first_us if ts_us is None else ts_us)
        self._tape = tape
        self._show_symbol()

    async def _load(self, tape: BookTape, ts_us: int) -> None:
        start_us, end_us = chunk = tape.chunk_of(ts_us)

        def read(catalog: Catalog) -> None:
            books = catalog.snapshot_columns(tape.symbol, start_us=start_us, end_us=end_us)
            trades = catalog.trade_columns(tape.symbol, start_us=start_us, end_us=end_us)
            tape.load(books, trades, chunk)

        await self.desk.market.ask(read)

    @work(exclusive=True, group="books", exit_on_error=False)
    async def _go(self, ts_us: int, *, to_last: bool | None = None) -> None:
        """Load the part around an instant and go there, or to the part's first or last book."""
        tape = self._tape
        if tape is None:
            return
        await self._load(tape, ts_us)
        # A pause in the recording can leave whole parts empty: go on in the same direction.
        while not tape.row_count and to_last is not None:
            start_us, end_us = tape.chunk_of(ts_us)
            ts_us = start_us - 1 if to_last else end_us
            if not tape.start_us <= ts_us <= tape.end_us:
                break
            await self._load(tape, ts_us)
        if to_last is None:
            tape.seek(ts_us)
        else:
            tape.to_edge(is_last=to_last)
        self._show_chunk()

    # --- showing ---

    def _show_empty(self, text: str) -> None:
        self.query_one(Ladder).show_nothing(text)
        self.refresh_bindings()

    def _show_symbol(self) -> None:
        assert self._tape is not None  # noqa: S101 - only called after loading
        ladder = self.query_one(Ladder)
        ladder.show_nothing("")
        self.query_one(SymbolList).show(self._symbols, self._place)
        self.query_one("#mid").border_title = f"Mid {self._tape.symbol}"
        self.refresh_bindings()
        self._show_chunk()

    def _show_chunk(self) -> None:
        tape = self._tape
        if tape is None:
            return
        xs, ys = tape.mid_curve()
        digits = tape.ladder().price.digits
        self._mid = ChartView(
            curves=(Curve("mid", xs, ys, note=""),),
            x_text=lambda x: clock_text(tape.start_us + round(x * 1e6), digits=0),
            y_text=lambda y: f"{y:.{digits + 1}f}",
            empty_text="no book has two sides here",
        )
        self._marks = [Mark(ts_us, "✕", "warn") for ts_us in self._starts]
        self._show_now()

    def _show_now(self) -> None:
        """Show the book under the cursor; cheap, because views describe themselves when painted."""
        tape = self._tape
        if tape is None:
            return
        ladder = self.query_one(Ladder)
        ladder.view = tape.ladder()
        shown = ladder.shown_levels
        levels = "10 x 10 levels" if shown == 10 else f"{shown} of 10 levels (too low for more)"
        ladder.border_title = f"{tape.symbol}  {levels}"
        chart = self.query_one(LineChart)
        view = self._mid
        chart.view = ChartView(
            curves=view.curves, x_text=view.x_text, y_text=view.y_text,
            cursor_x=(tape.now_us - tape.start_us) / 1e6, empty_text=view.empty_text,
        )  # fmt: skip
        for tape_view in self.query(TapeView):
            tape_view.show(tape)
        self.query_one(ScrubBar).view = ScrubView(
            tape.start_us, tape.end_us, tape.now_us, self._marks
        )
        strip = self.query_one(QualityStrip)
        strip.facts = quality_facts(self._quality, tape)
        self.desk.refresh_header()

    # --- keys ---

    def action_step(self, events: int) -> None:
        """Move by single books."""
        if self._tape is not None:
            outside_us = self._tape.step(events)
            if outside_us is None:
                self._show_now()
            else:
                self._go(outside_us, to_last=events < 0)

    def action_skip(self, seconds: int) -> None:
        """Move by seconds of the recording."""
        if self._tape is not None:
            self._seek(self._tape.now_us + seconds * SECOND_US)

    def action_edge(self, is_end: bool) -> None:
        """Move to the first or last book."""
        if self._tape is not None:
            self._seek(self._tape.end_us if is_end else self._tape.start_us)

    def action_gap(self, direction: int) -> None:
        """Move to the first book after the next or previous gap."""
        if self._tape is None:
            return
        now_us = self._tape.now_us
        found = [ts for ts in self._starts if (ts > now_us if direction > 0 else ts < now_us)]
        if found:
            self._seek(found[0] if direction > 0 else found[-1])
        else:
            self.desk.tell("no gap or resync further on" if direction > 0 else "none before")

    def action_symbol(self, direction: int) -> None:
        """Show the next or previous symbol."""
        if len(self._symbols) > 1:
            self._change_symbol((self._place + direction) % len(self._symbols))

    @work(exclusive=True, group="dialog", exit_on_error=False)
    async def action_goto(self) -> None:
        """Ask for an instant and go there."""
        if self._tape is None:
            return
        now_us = self._tape.now_us

        def check(text: str) -> str:
            try:
                parse_instant(text, now_us)
            except ValueError as error:
                return str(error)
            return ""

        prompt = PromptScreen(
            "Go to time (UTC)", hint="12:00:03.5   +10s   -2m   2026-08-01T02:53:53Z", check=check
        )
        answer = await self.app.push_screen_wait(prompt)
        if answer is not None:
            self._seek(parse_instant(answer, now_us))

    def action_index(self) -> None:
        """Index the recordings as a job."""
        job = self.desk.jobs.start("index")
        self._index_job = job.id
        self.query_one(Ladder).show_nothing(f"{job.id} is indexing; progress is in Jobs (3).")
        self.desk.look_at_jobs()

    @on(SymbolList.Picked)
    def _take_picked(self, message: SymbolList.Picked) -> None:
        if 0 <= message.index < len(self._symbols):
            self._change_symbol(message.index)

    @on(ScrubBar.Sought)
    def _take_sought(self, message: ScrubBar.Sought) -> None:
        self._seek(message.ts_us)

    def on_resize(self) -> None:
        """Say how many levels fit now."""
        self.call_after_refresh(self._show_now)

    def _seek(self, ts_us: int) -> None:
        if self._tape is None:
            return
        outside_us = self._tape.seek(ts_us)
        if outside_us is None:
            self._show_now()
        else:
            self._go(outside_us)
