"""Snapshots and trades of one symbol and day to the records that the engine replays. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk import engine
from lobdesk.index.errors import RecordsError
from lobdesk.units import from_mantissa

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lobdesk.index.columns import SnapshotColumns, TradeColumns

BASE_LATENCY_US = 1000
STREAM_RULES = 2
"""Raised when equal rows make other records, so that files of before are written again."""
CLOCKS = ("auto", "raw", "least_delay")
INT32_MAX = np.iinfo(np.int32).max
INT64_MAX = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What records count.

    Attributes:
        symbol: For messages.
        price_precision: Digits of the mantissas that prices are brought to.
        qty_precision: Digits that quantities are brought to; a lot is their smallest step.
        step: Price increment in units of ``10**-price_precision``.
    """

    symbol: str
    price_precision: int
    qty_precision: int
    step: int

    @property
    def tick(self) -> str:
        """Price increment, decimal text."""
        return format(from_mantissa(self.step, self.price_precision), "f")

    @property
    def lot(self) -> str:
        """Quantity increment, decimal text."""
        return format(from_mantissa(1, self.qty_precision), "f")


@dataclass(frozen=True, slots=True)
class Stream:
    """Records and what was done to make them.

    Attributes:
        records: Structured array in exchange order.
        facts: ``clock`` (with how many exchange times of books were raised, and how many trades
            were told after a later one), counts of messages, trades, clears and split messages.
    """

    records: NDArray[np.void]
    facts: dict[str, Any]


def build_stream(
    books: SnapshotColumns,
    trades: TradeColumns,
    grid: Grid,
    *,
    clock: str = "auto",
    base_latency_us: int = BASE_LATENCY_US,
) -> Stream:
    """Return the event stream of one source's rows.

    Raises:
        RecordsError: A price is off the grid, a number does not fit, or a receipt precedes its
            exchange time and ``clock`` is ``raw``.
    """
    exch = rising(books.exch_ts_us)
    # Books are differences and must stay in order. Trades need not: the records are sorted, and a
    # trade that was told late stands where it happened, before the depth that it caused.
    trade_exch = np.ascontiguousarray(trades.exch_ts_us)
    recv, trade_recv, stepped_back = _receipts(books, trades)
    offset_us, method = clock_offset(
        grid.symbol, [(exch, recv), (trade_exch, trade_recv)], clock, base_latency_us
    )
    records, counts = engine.build_market_records(
        seq=books.seq,
        exch_ts_us=exch,
        recv_ts_us=recv - offset_us,
        starts_segment=books.starts_segment.view(np.uint8),
        bid_ticks=to_ticks(books.bid_ticks, books.price_precision, grid, "bid"),
        bid_lots=to_lots(books.bid_lots, books.qty_precision, grid),
        ask_ticks=to_ticks(books.ask_ticks, books.price_precision, grid, "ask"),
        ask_lots=to_lots(books.ask_lots, books.qty_precision, grid),
        trade_seq=trades.seq,
        trade_exch_ts_us=trade_exch,
        trade_recv_ts_us=trade_recv - offset_us,
        trade_side=np.ascontiguousarray(trades.side, np.uint8),
        trade_price_ticks=to_ticks(trades.price_ticks, trades.price_precision, grid, "trade"),
        trade_qty_lots=to_lots(trades.qty_lots, trades.qty_precision, grid),
    )
    facts = {
        "clock": {
            "method": method,
            "offset_us": offset_us,
            "base_latency_us": base_latency_us if method == "least_delay" else None,
            "exchange_times_raised": int((exch != books.exch_ts_us).sum()),
            "trades_sorted": int((rising(trade_exch) != trade_exch).sum()),
            "receipts_raised": stepped_back,
        },
        **counts,
    }
    return Stream(records, facts)


def rising(times: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return exchange times in which one that runs backwards takes the value before it."""
    return np.maximum.accumulate(times) if len(times) else np.ascontiguousarray(times)


def _receipts(
    books: SnapshotColumns, trades: TradeColumns
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return receipts that never run backwards in the order of events, and how many were raised.

    The wall clock of a recorder may be set back; the order of its events is certain.
    """
    seqs = np.concatenate([books.seq, trades.seq])
    receipts = np.concatenate([books.recv_ts_us, trades.recv_ts_us])
    order = np.argsort(seqs, kind="stable")
    raised = np.empty_like(receipts)
    raised[order] = rising(receipts[order])
    split = len(books.seq)
    return raised[:split], raised[split:], int((raised != receipts).sum())


def clock_offset(
    symbol: str,
    pairs: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
    clock: str,
    base_latency_us: int,
) -> tuple[int, str]:
    """Return what is taken off the receipts, and the method's name."""
    delays = [int((recv - exch).min()) for exch, recv in pairs if len(exch)]
    least = min(delays, default=0)
    if clock == "raw" and least < 0:
        raise RecordsError(
            f"{symbol}: a message was received {-least} µs before its exchange time; "
            "use clock='least_delay'"
        )
    if clock == "raw" or (clock == "auto" and least >= 0):
        return 0, "raw"
    return least - base_latency_us, "least_delay"


def to_ticks(
    mantissas: NDArray[np.int64], precision: NDArray[np.int8], grid: Grid, what: str
) -> NDArray[np.int32]:
    """Return prices in multiples of the increment.

    Raises:
        RecordsError: One is none, or does not fit.
    """
    found = engine.to_ticks(
        np.ascontiguousarray(mantissas), np.ascontiguousarray(precision),
        digits=grid.price_precision, step=grid.step,
    )  # fmt: skip
    if found is not None:
        return found
    # Again, slowly, to say which and why.
    scaled = _rescaled(mantissas, precision, grid.price_precision, grid.symbol)
    ticks, rest = np.divmod(scaled, grid.step)
    _refuse(grid, rest != 0, mantissas, precision, f"{what} price is not a multiple of {grid.tick}")
    _refuse(
        grid, np.abs(ticks) > INT32_MAX, mantissas, precision, f"{what} price is beyond 32 bits"
    )
    return np.ascontiguousarray(ticks, np.int32)


def to_lots(
    mantissas: NDArray[np.int64], precision: NDArray[np.int8], grid: Grid
) -> NDArray[np.int64]:
    """Return quantities in lots.

    Raises:
        RecordsError: One does not fit.
    """
    return np.ascontiguousarray(
        _rescaled(mantissas, precision, grid.qty_precision, grid.symbol), np.int64
    )


def _rescaled(
    mantissas: NDArray[np.int64], precision: NDArray[np.int8], digits: int, symbol: str
) -> NDArray[np.int64]:
    """Return mantissas brought from each row's precision to ``digits``, exactly."""
    missing = digits - precision.astype(np.int64)
    if not missing.any():
        return mantissas
    factors = np.array([10**power for power in range(int(missing.max()) + 1)], np.int64)[missing]
    factors = factors.reshape((-1,) + (1,) * (mantissas.ndim - 1))
    if (np.abs(mantissas) > INT64_MAX // factors).any():
        raise RecordsError(f"{symbol}: a number does not fit with {digits} digits")
    return mantissas * factors


def _refuse(
    grid: Grid,
    is_wrong: NDArray[np.bool_],
    mantissas: NDArray[np.int64],
    precision: NDArray[np.int8],
    reason: str,
) -> None:
    if not is_wrong.any():
        return
    place = tuple(int(index) for index in np.argwhere(is_wrong)[0])
    price = from_mantissa(int(mantissas[place]), int(precision[place[0]]))
    raise RecordsError(f"{grid.symbol}: row {place[0]}: {format(price, 'f')}: {reason}")
