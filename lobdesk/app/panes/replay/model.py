"""Playing a finished backtest: the transport, and the engine's state as the views need it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

import numpy as np

from lobdesk.app.text import Scale, clock_text
from lobdesk.app.widgets.ladder import LadderView, OwnMark
from lobdesk.app.widgets.scrub import Mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lobdesk.backtest import OwnOrder, Replay, ReplayView

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 100.0, 300.0, 1000.0)
NORMAL_SPEED = SPEEDS.index(1.0)
BUY = 0


class Player:
    """A replay with a transport: play, pause, speed, step, jump.

    Attributes:
        replay: The engine's state; every move goes through it.
        is_playing: Whether time passes by itself.
        view: State at the current instant.
        marks: All fills of the run, for the bar.
    """

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        self.is_playing = False
        self._prices = [Scale.from_step(tick) for tick in replay.ticks]
        self._qtys = [Scale.from_step(lot) for lot in replay.lots]
        self._speed = NORMAL_SPEED
        self._rest_us = 0.0
        fills = replay.fill_times()
        self.fill_times: list[int] = [int(ts) for ts in fills]
        self.marks = self._marks_of_run()
        self.view: ReplayView = replay.view()

    @property
    def price(self) -> Scale:
        """How prices of the shown symbol are written."""
        return self._prices[self.replay.shown]

    @property
    def qty(self) -> Scale:
        """How quantities of the shown symbol are written."""
        return self._qtys[self.replay.shown]

    def move_symbol(self, steps: int) -> bool:
        """Show another symbol's book; False if there is only one."""
        self.replay.shown = (self.replay.shown + steps) % len(self.replay.symbols)
        self._look()
        return len(self.replay.symbols) > 1

    # --- transport ---

    @property
    def speed(self) -> float:
        """Recorded seconds in one second of ours."""
        return SPEEDS[self._speed]

    def faster(self, steps: int) -> None:
        """Change the speed by steps of the scale."""
        self._speed = min(len(SPEEDS) - 1, max(0, self._speed + steps))

    def normal_speed(self) -> None:
        """Go back to one second a second."""
        self._speed = NORMAL_SPEED

    def toggle(self) -> None:
        """Play or pause; at the end, play from the start."""
        if not self.is_playing and self.is_at_end:
            self.seek(self.replay.start_us)
        self.is_playing = not self.is_playing
        self._rest_us = 0.0

    @property
    def is_at_end(self) -> bool:
        """Whether everything has been played."""
        return self.replay.event_index >= self.replay.event_count

    def advance(self, elapsed_s: float) -> bool:
        """Let our time pass; True if the state changed."""
        if not self.is_playing:
            return False
        # Slow speeds move less than a microsecond a frame: the rest is kept for the next one.
        span_us = elapsed_s * 1e6 * self.speed + self._rest_us
        whole_us = int(span_us)
        self._rest_us = span_us - whole_us
        before = self.replay.event_index
        self.replay.advance_to(min(self.replay.end_us, self.replay.now_us + whole_us))
        if self.is_at_end or self.replay.now_us >= self.replay.end_us:
            self.is_playing = False
        return self._look() or before != self.replay.event_index

    def step(self, events: int) -> None:
        """Pause and move by events, backwards too."""
        self.is_playing = False
        self.replay.step(events)
        self._look()

    def seek(self, ts_us: int) -> None:
        """Go to an instant of the recording."""
        self.replay.seek(min(max(ts_us, self.replay.start_us), self.replay.end_us))
        self._rest_us = 0.0
        self._look()

    def to_fill(self, direction: int) -> bool:
        """Go to the next or previous own fill; False if there is none."""
        now_us = self.replay.now_us
        if direction > 0:
            place = bisect_right(self.fill_times, now_us)
        else:
            place = bisect_left(self.fill_times, now_us) - 1
        if not 0 <= place < len(self.fill_times):
            return False
        self.seek(self.fill_times[place])
        return True

    def _look(self) -> bool:
        before, self.view = self.view, self.replay.view()
        return before.now_us != self.view.now_us

    # --- what is shown ---

    def ladder(self) -> LadderView:
        """Return the book as the strategy sees it, with own orders."""
        view = self.view
        return LadderView(
            bids=view.bids,
            asks=view.asks,
            price=self.price,
            qty=self.qty,
            own_bids=_marks([order for order in view.orders if order.side == BUY]),
            own_asks=_marks([order for order in view.orders if order.side != BUY]),
            has_own=True,
        )

    def equity_curve(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return seconds since the start and equity in quote currency, up to now."""
        ts_us, equity = self.replay.equity()
        seconds = (np.asarray(ts_us, dtype=np.int64) - self.replay.start_us) / 1e6
        values = np.asarray(equity, dtype=np.float64)
        if not seconds.size or seconds[-1] < (self.view.now_us - self.replay.start_us) / 1e6:
            seconds = np.append(seconds, (self.view.now_us - self.replay.start_us) / 1e6)
            values = np.append(values, self.view.equity)
        is_finite = np.isfinite(values)
        return seconds[is_finite], values[is_finite]

    def ledger(self) -> FillTable:
        """Return the fills up to now, newest first."""
        return FillTable(self.replay.fills(), self.replay.symbols, self._prices, self._qtys)

    def _marks_of_run(self) -> list[Mark]:
        """Return the fills of the whole run for the bar: side by glyph and by colour."""
        sides = self.replay.result.fills["side"]
        return [
            Mark(ts_us, "▲", "bid") if side == BUY else Mark(ts_us, "▼", "ask")
            for ts_us, side in zip(self.fill_times, sides, strict=True)
        ]


class FillTable:
    """The ledger, newest first; a fill becomes text when it is looked at."""

    def __init__(
        self,
        fills: NDArray[np.void],
        symbols: Sequence[str],
        prices: Sequence[Scale],
        qtys: Sequence[Scale],
    ) -> None:
        self._fills, self._symbols, self._prices, self._qtys = fills, symbols, prices, qtys
        names = ("time", "side", "qty", "price", "real.", "fee", "slip", "ahead", "wait", "")
        self.columns = names if len(symbols) == 1 else ("time", "symbol", *names[1:])

    def __len__(self) -> int:
        return len(self._fills)

    def row(self, index: int) -> tuple[str, ...]:
        """Return one fill as text, 0 being the newest."""
        fill = self._fills[len(self._fills) - 1 - index]
        ahead = float(fill["ahead_at_arrival"])
        symbol = int(fill["symbol"])
        price, qty = self._prices[symbol], self._qtys[symbol]
        return (
            clock_text(int(fill["local_ts_us"]), digits=3),
            *(() if len(self._symbols) == 1 else (self._symbols[symbol],)),
            "BUY" if int(fill["side"]) == BUY else "SELL",
            qty.text(int(fill["qty_lots"])).rstrip("0").rstrip("."),
            price.text(int(fill["price_ticks"])),
            f"{float(fill['realized']):+.4f}",
            f"{-float(fill['fee']):+.4f}",
            _money(float(fill["slip_arrival"])),
            "--" if np.isnan(ahead) else qty.text(round(ahead)),
            f"{int(fill['wait_us']) / 1e6:.3f}s",
            ("maker" if fill["is_maker"] else "taker") + ("" if fill["is_certain"] else " ?"),
        )


def order_rows(player: Player) -> list[tuple[str, ...]]:
    """Return the live orders as text: id, side, price, quantity, ahead, status."""
    return [
        (
            str(order.id),
            "BUY" if order.side == BUY else "SELL",
            player.price.text(order.price_ticks),
            player.qty.text(order.leaves_lots),
            "--" if order.ahead_lots is None else player.qty.text(order.ahead_lots),
            str(order.status),
        )
        for order in player.view.orders
    ]


def _marks(orders: Sequence[OwnOrder]) -> dict[int, OwnMark]:
    marks: dict[int, OwnMark] = {}
    for order in orders:
        before = marks.get(order.price_ticks)
        if before is None:
            marks[order.price_ticks] = OwnMark(order.leaves_lots, order.ahead_lots)
        else:
            marks[order.price_ticks] = OwnMark(
                before.qty_lots + order.leaves_lots, before.ahead_lots
            )
    return marks


def _money(value: float) -> str:
    return "--" if np.isnan(value) else f"{value:+.4f}"
