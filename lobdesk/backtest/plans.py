"""Built-in strategies that work by plan: a grid of quotes, a sliced order."""

from __future__ import annotations

from dataclasses import dataclass

from lobdesk import engine
from lobdesk.backtest.checks import require, require_side
from lobdesk.backtest.model import SIDES


@dataclass(frozen=True, slots=True)
class Grid:
    """Keep post-only orders on the lines of a price grid, on both sides of the market.

    Lines are the multiples of ``spacing_ticks``. On each wake-up (the first one interval after the
    first exchange time), for each symbol whose book has both sides, bids first: the wanted lines
    are the ``levels`` ones nearest to the touch that do not cross it, from the highest at or below
    the best bid down, or the lowest at or above the best ask up. Own acknowledged orders outside
    them are cancelled. Then, nearest first, an order goes to each wanted line without a live one,
    while position + live quantity of that side + ``qty_lots`` stay within ``max_position_lots``:
    whatever fills, the limit holds.

    Attributes:
        interval_us: Distance of wake-ups.
        qty_lots: Size of each order.
        max_position_lots: Largest position, either way.
        levels: Orders a side.
        spacing_ticks: Distance of lines.
    """

    interval_us: int
    qty_lots: int
    max_position_lots: int
    levels: int = 5
    spacing_ticks: int = 1

    def spec(self) -> engine.StrategySpec:
        """Return the engine's form.

        Raises:
            OptionError: A parameter is out of range.
        """
        for name in ("interval_us", "qty_lots", "max_position_lots", "spacing_ticks"):
            require(name, getattr(self, name), 1)
        require("levels", self.levels, 1, 1000)
        return engine.grid(
            interval_us=self.interval_us,
            qty_lots=self.qty_lots,
            max_position_lots=self.max_position_lots,
            levels=self.levels,
            spacing_ticks=self.spacing_ticks,
        )


@dataclass(frozen=True, slots=True)
class Twap:
    """Buy or sell a quantity in equal slices over a time, as a taker; the first symbol only.

    Slice i of n starts at start + i x duration / n, where start is ``start_after_us`` after the
    first exchange time. Its target is the whole part of quantity x (i + 1) / n. What is missing to
    it, not counting orders still under way, goes as one IOC order at the opposite best price; while
    that side is empty nothing goes, and the next slice makes up for it. At the end comes one more
    wake-up for what is still missing.

    Attributes:
        side: ``buy`` or ``sell``.
        qty_lots: The whole quantity.
        duration_us: From the first slice to the last wake-up.
        slices: Number of slices.
        start_after_us: From the first exchange time to the first slice.
    """

    side: str
    qty_lots: int
    duration_us: int
    slices: int = 10
    start_after_us: int = 0

    def spec(self) -> engine.StrategySpec:
        """Return the engine's form.

        Raises:
            OptionError: A parameter is out of range.
        """
        require_side(self.side)
        require("qty_lots", self.qty_lots, 1)
        require("slices", self.slices, 1)
        require("duration_us", self.duration_us, int(self.slices))
        require("start_after_us", self.start_after_us, 0)
        return engine.twap(
            side=SIDES.index(self.side),
            qty_lots=self.qty_lots,
            slices=self.slices,
            start_after_us=self.start_after_us,
            duration_us=self.duration_us,
        )
