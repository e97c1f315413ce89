"""Changes of single orders to the records that the engine replays, day by day. No I/O.

A day's records can be replayed alone: they open with all orders that rest from the days before.
Such an opening is marked, so that days in a row can leave it out. Orders get numbers in the order
in which they appear in the log, and keep them over a whole book that has them still, so that own
orders stay behind those that were ahead of them before a gap.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lobdesk.engine_records import RECORD_DTYPE
from lobdesk.index.stream import Grid, clock_offset, rising, to_lots, to_ticks

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lobdesk.records import OrderChange, OrderChanges

CLEAR, ADD, CANCEL, MODIFY, FILL = 3, 10, 11, 12, 13
SIDES = {"bid": 0, "ask": 1}
BOTH = 255
LAST, SNAPSHOT = 1, 2
SNAPSHOT_LINE = "snapshot"
COLUMNS = (
    "exch_ts_us",
    "recv_ts_us",
    "price",
    "price_precision",
    "qty",
    "qty_precision",
    "kind",
    "side",
    "flags",
    "number",
)


class _Live(NamedTuple):
    number: int
    side: int
    price: int
    qty: int
    digits: tuple[int, int]


NOTHING = _Live(0, BOTH, 0, 0, (0, 0))


@dataclass(frozen=True, slots=True)
class OrderDay:
    """The records of one day.

    Attributes:
        grid: What they count.
        records: Structured array in exchange order.
        order_ids: int64 ``[rows]``, number of each record's order, 0 of a clear.
        facts: For the header: ``clock``, ``opening`` (records that repeat what rests from the days
            before), ``executions`` and ``unknown`` (changes of orders that the log did not begin).
    """

    grid: Grid
    records: NDArray[np.void]
    order_ids: NDArray[np.int64]
    facts: dict[str, Any]


class OrderStream:
    """Follows the orders of one source and symbol over its days."""

    def __init__(self, symbol: str, *, clock: str, base_latency_us: int) -> None:
        self._symbol = symbol
        self._clock = clock
        self._base_latency_us = base_latency_us
        self._live: dict[str, _Live] = {}
        self._numbers: dict[str, int] = {}  # of what rested before the present whole book
        self._next_number = 1
        self._begin()

    def _begin(self) -> None:
        self._columns = {name: array("q") for name in COLUMNS}
        self._opening = self._executions = self._unknown = 0

    def add(self, line: OrderChanges) -> None:
        """Take the next line of the day."""
        if line.type == SNAPSHOT_LINE:
            self._numbers = {name: order.number for name, order in self._live.items()}
            self._live.clear()
        elif self._live and not self._columns["kind"]:
            self._open_day(line)
        rows = len(self._columns["kind"])
        digits = (line.price_precision, line.qty_precision)
        if line.type == SNAPSHOT_LINE:
            self._row(CLEAR, NOTHING, 0, SNAPSHOT)
        for change in line.events:
            self._apply(change, digits)
        self._numbers = {}
        added = len(self._columns["kind"]) - rows
        self._columns["exch_ts_us"].extend([line.exch_ts_us] * added)
        self._columns["recv_ts_us"].extend([line.recv_ts_us] * added)
        if added:
            self._columns["flags"][-1] |= LAST

    def end_day(self, step: Callable[[int], int]) -> OrderDay:
        """Return the records since the last call.

        Args:
            step: Gives the price increment in units of ``10**-n`` for ``n`` digits.

        Raises:
            RecordsError: A price is off the grid or does not fit, or a receipt precedes its
                exchange time and the clock is ``raw``.
        """
        columns = {name: np.array(column, np.int64) for name, column in self._columns.items()}
        price_digits = int(columns["price_precision"].max(initial=0))
        qty_digits = int(columns["qty_precision"].max(initial=0))
        grid = Grid(
            symbol=self._symbol,
            price_precision=price_digits,
            qty_precision=qty_digits,
            step=step(price_digits),
        )
        exch, recv = rising(columns["exch_ts_us"]), rising(columns["recv_ts_us"])
        offset_us, method = clock_offset(
            self._symbol, [(exch, recv)], self._clock, self._base_latency_us
        )
        records = np.empty(len(exch), RECORD_DTYPE)
        records["exch_ts_us"], records["recv_ts_us"] = exch, recv - offset_us
        price_precision = columns["price_precision"].astype(np.int8)
        records["price_ticks"] = to_ticks(columns["price"], price_precision, grid, "order")
        records["qty_lots"] = to_lots(
            columns["qty"], columns["qty_precision"].astype(np.int8), grid
        )
        for name in ("kind", "side", "flags"):
            records[name] = columns[name]
        facts = {
            "clock": {
                "method": method,
                "offset_us": offset_us,
                "base_latency_us": self._base_latency_us if method == "least_delay" else None,
                "exchange_times_raised": int((exch != columns["exch_ts_us"]).sum()),
                "receipts_raised": int((recv != columns["recv_ts_us"]).sum()),
            },
            "opening": self._opening,
            "executions": self._executions,
            "unknown": self._unknown,
        }
        self._begin()
        return OrderDay(grid, records, columns["number"], facts)

    def _open_day(self, line: OrderChanges) -> None:
        self._row(CLEAR, NOTHING, 0, SNAPSHOT)
        for order in self._live.values():
            self._row(ADD, order, order.qty, SNAPSHOT)
        self._opening = len(self._columns["kind"])
        self._columns["flags"][-1] |= LAST
        self._columns["exch_ts_us"].extend([line.exch_ts_us] * self._opening)
        self._columns["recv_ts_us"].extend([line.recv_ts_us] * self._opening)

    def _apply(self, change: OrderChange, digits: tuple[int, int]) -> None:
        known = self._live.get(change.order_id)
        if change.event in {"add", "modify"}:
            self._place(change, known, digits)
        elif known is None:
            self._unknown += 1
        elif change.event in {"delete", "evict"}:
            # Of what is beyond the depth nothing is told any more, so it counts as cancelled.
            del self._live[change.order_id]
            self._row(CANCEL, known, 0)
        else:
            self._executions += 1
            price = known._replace(price=change.price_ticks, digits=digits)
            self._row(FILL, price, change.qty_lots)

    def _place(self, change: OrderChange, known: _Live | None, digits: tuple[int, int]) -> None:
        number = known.number if known is not None else self._number(change.order_id)
        order = _Live(number, SIDES[change.side], change.price_ticks, change.qty_lots, digits)
        if known is not None and not _keeps_place(known, order):
            del self._live[change.order_id]
        self._live[change.order_id] = order
        self._row(ADD if known is None else MODIFY, order, order.qty)

    def _number(self, order_id: str) -> int:
        number = self._numbers.get(order_id, self._next_number)
        self._next_number += number == self._next_number
        return number

    def _row(self, kind: int, order: _Live, qty: int, flags: int = 0) -> None:
        columns = self._columns
        columns["kind"].append(kind)
        columns["side"].append(order.side)
        columns["flags"].append(flags)
        columns["number"].append(order.number)
        columns["price"].append(order.price)
        columns["qty"].append(qty)
        columns["price_precision"].append(order.digits[0])
        columns["qty_precision"].append(order.digits[1])


def _keeps_place(before: _Live, after: _Live) -> bool:
    return (before.side, before.price, before.digits) == (
        after.side,
        after.price,
        after.digits,
    ) and after.qty <= before.qty
