"""What ends a run early."""

from __future__ import annotations

from dataclasses import dataclass

from lobdesk.backtest.errors import OptionError

STOPS = {
    "own_fill": 1,
    "order_event": 2,
    "drawdown": 4,
    "crossed_book": 8,
    "gap": 16,
    "paused": 32,
    "time_limit": 64,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakpoints:
    """Events right after which a run comes back; the next run goes on from there.

    Attributes:
        ts_us: All events up to this time; None for the end.
        own_fill: The report of an own fill arrived.
        order_event: Any report arrived.
        drawdown: At an equity sample, equity of all symbols is this much (quote units) below its
            highest sample, which is at least 0; None for never.
        crossed_book: A record at the exchange crosses the opposite side of its book.
        gap: A ``clear`` of both sides at the exchange empties a book that has levels, which is how
            records show a reconnect or a resync.
    """

    ts_us: int | None = None
    own_fill: bool = False
    order_event: bool = False
    drawdown: float | None = None
    crossed_book: bool = False
    gap: bool = False

    @property
    def bits(self) -> int:
        """The events as the engine takes them.

        Raises:
            OptionError: The drawdown is not above 0.
        """
        if self.drawdown is not None and not self.drawdown > 0:
            raise OptionError("drawdown", self.drawdown, "more than 0")
        names = ("own_fill", "order_event", "crossed_book", "gap")
        chosen = [name for name in names if getattr(self, name)]
        if self.drawdown is not None:
            chosen.append("drawdown")
        return sum(STOPS[name] for name in chosen)


def stop_reasons(bits: int) -> tuple[str, ...]:
    """Return the names of what ended a run, empty if it reached its end."""
    return tuple(name for name, bit in STOPS.items() if bits & bit)
