"""A finished backtest, run again so that one can stop anywhere in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lobdesk.backtest.breakpoints import Breakpoints, stop_reasons
from lobdesk.backtest.errors import ReplayError
from lobdesk.backtest.jobs import repeat_run
from lobdesk.backtest.model import ALL_EVENTS, STATUSES
from lobdesk.backtest.run import Account
from lobdesk.backtest.statistics import equity_curve
from lobdesk.paths import DataPaths

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from lobdesk import engine
    from lobdesk.backtest.run import Backtest, Result

CHECKPOINT_EVENTS = 16_384
VIEW_LEVELS = 10

Levels = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """One order that is not known to be over.

    Attributes:
        id: Identifier.
        side: 0 buy, 1 sell.
        price_ticks: Limit, 0 of a market order.
        leaves_lots: Open quantity as the strategy knows it.
        ahead_lots: Lots ahead at the exchange, rounded; None while it does not rest there or its
            level is beyond the recorded window.
        status: ``PENDING``, ``NEW`` or ``PARTIALLY_FILLED``, as the strategy knows it.
        ahead_interval: Lots ahead if all cancels had been ahead of it, and if all had been behind;
            None while it does not rest there or its level is beyond the recorded window.
    """

    id: int
    side: int
    price_ticks: int
    leaves_lots: int
    ahead_lots: int | None
    status: str
    ahead_interval: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ReplayView:
    """State at one instant: book, orders and position of the shown symbol, money over all.

    Money is in quote units.

    Attributes:
        now_us: The instant.
        event_index: Events processed so far.
        bids: Up to ten levels of the strategy's book, best first.
        asks: The same of the other side.
        exchange_bids: Up to ten levels of the exchange's book.
        exchange_asks: The same of the other side.
        orders: Live orders in order of submission.
        position_lots: Signed position.
        cash: Without fees.
        fee: Paid so far.
        realized: Without fees.
        equity: Cash + position x last valid mid - fees.
        fills: Number of fills known so far.
    """

    now_us: int
    event_index: int
    bids: Levels
    asks: Levels
    exchange_bids: Levels
    exchange_asks: Levels
    orders: list[OwnOrder]
    position_lots: int
    cash: float
    fee: float
    realized: float
    equity: float
    fills: int


class Replay:
    """A finished run that can be stepped and searched in both directions.

    An event is one step of the total order: a record reaching the exchange, the same record
    reaching us, a request, a report, a wake-up or an equity sample.

    Attributes:
        symbols: Names of the pairs.
        ticks: Price increment of each as decimal text.
        lots: Quantity increment of each as decimal text.
        shown: Number of the symbol that ``view`` shows.
        start_us: First exchange time.
        end_us: Time of the last event.
        event_count: Events of the whole run.
        result: The finished run.
    """

    def __init__(self, backtest: Backtest, strategy: engine.StrategySpec) -> None:
        """Run to the end, keeping checkpoints, and go back to the start."""
        self.symbols = tuple(each.symbol for each in backtest.data)
        self.ticks = tuple(f"{each.tick:f}" for each in backtest.data)
        self.lots = tuple(f"{each.lot:f}" for each in backtest.data)
        self.shown = 0
        self.start_us = min(each.start_us for each in backtest.data)
        self.end_us = backtest.end_us
        self._engine = backtest.start(strategy, checkpoint_events=CHECKPOINT_EVENTS)
        self._engine.run(self.end_us, ALL_EVENTS)
        self.event_count = self._engine.events
        self.result: Result = backtest.finish(self._engine)
        self._now_us = self.start_us
        self._engine.seek_event(0)

    @property
    def symbol(self) -> str:
        """Name of the shown pair."""
        return self.symbols[self.shown]

    @property
    def tick(self) -> str:
        """Price increment of the shown pair as decimal text."""
        return self.ticks[self.shown]

    @property
    def lot(self) -> str:
        """Quantity increment of the shown pair as decimal text."""
        return self.lots[self.shown]

    @property
    def now_us(self) -> int:
        """The instant that is shown; between events too."""
        return self._now_us

    @property
    def event_index(self) -> int:
        """Events processed so far."""
        return self._engine.events

    def step(self, events: int = 1) -> None:
        """Move by events; backwards if negative. Stops at either end."""
        target = min(max(self.event_index + events, 0), self.event_count)
        self._engine.seek_event(target)
        self._now_us = max(self.start_us, self._engine.now_us)

    def advance_to(self, ts_us: int) -> None:
        """Process all events up to an instant; an earlier one changes nothing."""
        if ts_us > self._now_us:
            self.seek(ts_us)

    def seek(self, ts_us: int) -> None:
        """Go to the state after all events up to an instant."""
        ts_us = min(max(ts_us, self.start_us), self.end_us)
        self._engine.seek_time(ts_us)
        self._now_us = ts_us

    def seek_event(self, index: int) -> None:
        """Go to the state after so many events."""
        self.step(index - self.event_index)

    def run(self, until: int | Breakpoints) -> tuple[str, ...]:
        """Go on to a time or a breakpoint, or to the end; return what stopped it.

        Returns:
            Names of ``STOPS``; empty if the time or the end came first.
        """
        breakpoints = Breakpoints(ts_us=until) if isinstance(until, int) else until
        ts_us = self.end_us if breakpoints.ts_us is None else breakpoints.ts_us
        ts_us = min(max(ts_us, self._now_us), self.end_us)
        self._engine.run(
            ts_us, ALL_EVENTS, stop_on=breakpoints.bits, drawdown=breakpoints.drawdown or 0.0
        )
        stopped = stop_reasons(self._engine.stopped)
        self._now_us = max(self._now_us, self._engine.now_us) if stopped else ts_us
        return stopped

    def pause(self) -> None:
        """End a ``run`` that another thread is in."""
        self._engine.pause()

    def view(self) -> ReplayView:
        """Return the state at this instant."""
        shown = self.shown
        bids, asks = self._engine.levels(shown, local=True, count=VIEW_LEVELS)
        exchange_bids, exchange_asks = self._engine.levels(shown, local=False, count=VIEW_LEVELS)
        accounts = [Account(*self._engine.account(i)) for i in range(len(self.symbols))]
        return ReplayView(
            now_us=self._now_us,
            event_index=self.event_index,
            bids=bids,
            asks=asks,
            exchange_bids=exchange_bids,
            exchange_asks=exchange_asks,
            orders=[
                OwnOrder(
                    order_id,
                    side,
                    price_ticks,
                    leaves,
                    None if ahead is None else round(ahead),
                    STATUSES[status],
                    self._interval(order_id),
                )
                for order_id, side, price_ticks, leaves, ahead, status in self._engine.live_orders(
                    shown
                )
            ],
            position_lots=accounts[shown].position_lots,
            cash=sum(account.cash for account in accounts),
            fee=sum(account.fee for account in accounts),
            realized=sum(account.realized for account in accounts),
            equity=sum(account.equity for account in accounts),
            fills=sum(account.fills for account in accounts),
        )

    def _interval(self, order_id: int) -> tuple[int, int] | None:
        known = self._engine.queue_interval(order_id)
        return None if known is None else known[:2]

    def fills(self) -> NDArray[np.void]:
        """Return the fills known so far; columns as in ``Result.fills``."""
        return self._engine.fills()

    def equity(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return times and equity of the samples so far."""
        return equity_curve(self._engine.equity())

    def fill_times(self) -> NDArray[np.int64]:
        """Return when each fill of the whole run became known, rising."""
        times: NDArray[np.int64] = self.result.fills["local_ts_us"]
        return times

    def digest(self) -> str:
        """Return the digest of the finished run's ledger."""
        return self.result.digest

    def state_hash(self) -> int:
        """Return the digest of the engine's state at this instant."""
        return self._engine.state_hash()


def open_replay(data_dir: Path, run_id: str) -> Replay:
    """Repeat a finished backtest from its folder.

    Args:
        data_dir: The data directory that holds the run and its records.
        run_id: For example ``k0007``.

    Raises:
        RunError: There is no such run.
        ReplayError: It is no finished backtest, or repeating it gives another ledger.
        RefusedDataError: Its records are gone or have changed.
    """
    backtest, strategy, run = repeat_run(DataPaths(data_dir), run_id)
    replay = Replay(backtest, strategy)
    expected = run.manifest.outputs.get("digest")
    if replay.digest() != expected:
        raise ReplayError(
            run_id,
            f"repeating it gives the ledger {replay.digest()}, the manifest has {expected}; it was "
            f"made by lobdesk {run.manifest.version}",
        )
    return replay
