"""Market data records: the engine's event stream, one file for each symbol, day and source."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk.index.catalog import open_catalog
from lobdesk.index.column_cache import rows_between
from lobdesk.index.columns import read_snapshots, read_trades
from lobdesk.index.errors import RecordsError, UnknownSymbolError
from lobdesk.index.order_records import write_order_records
from lobdesk.index.query import query_errors
from lobdesk.index.records_file import (
    describe_records,
    inputs_of,
    open_market_records,
    records_path,
    write_records,
)
from lobdesk.index.stream import (
    BASE_LATENCY_US,
    CLOCKS,
    STREAM_RULES,
    Grid,
    build_stream,
)
from lobdesk.paths import DataPaths
from lobdesk.units import US_PER_DAY, from_mantissa

if TYPE_CHECKING:
    import duckdb

    from lobdesk.index.columns import SnapshotColumns, TradeColumns


def write_market_records(
    data_dir: Path | str,
    symbol: str,
    *,
    source: str | None = None,
    clock: str = "auto",
    base_latency_us: int = BASE_LATENCY_US,
    by_order: bool = False,
) -> list[Path]:
    """Bring the record files of a symbol up to the index and return them in order of days.

    The recorder's clock is corrected explicitly, because real recordings often receive before the
    exchange sends: ``least_delay`` shifts all receipts of a file by one amount, so that the fastest
    message took ``base_latency_us``; ``raw`` leaves them and refuses a receipt before its exchange
    time; ``auto`` is ``least_delay`` where that is needed and ``raw`` elsewhere. The header says
    what was done. Book frames whose exchange times run backwards take the time before, trades are
    sorted by theirs (equal ones stay as they were told); the header counts both.

    Args:
        data_dir: Data directory.
        symbol: Exchange name of the pair.
        source: Which source; may be left out where only one has the symbol.
        clock: ``auto``, ``raw`` or ``least_delay``.
        base_latency_us: Assumed time from exchange to us of the fastest message.
        by_order: Write single orders instead of levels, from the source's order log; see
            ``order_stream``.

    Raises:
        UnknownSymbolError: The index has nothing of the symbol.
        RecordsError: Several sources have it; or a price is off the grid or does not fit; or
            ``by_order`` is set and the source tells of no single orders.
        IndexMissingError: There is no index.
    """
    if clock not in CLOCKS:
        raise ValueError(f"clock is {clock!r}, known are {', '.join(CLOCKS)}")
    paths = DataPaths(Path(data_dir))
    written: list[Path] = []
    with query_errors(), open_catalog(paths.root) as catalog, catalog.cursor() as con:
        chosen = _source(con, symbol, source)
        if by_order:
            step = partial(_step, con, symbol, chosen)
            written = write_order_records(paths, symbol, chosen, clock, base_latency_us, step)
            _refuse_without_fills(con, symbol, chosen, written)
            return written
        mapped = catalog.existing_columns(symbol, chosen)
        for day in _days(con, symbol, chosen):
            window = {"recv_from_us": day * US_PER_DAY, "recv_to_us": (day + 1) * US_PER_DAY}
            books = _mapped_day(mapped, day) if mapped is not None else None
            if books is None:
                books = read_snapshots(con, symbol, source=chosen, **window)
            trades = read_trades(con, symbol, source=chosen, **window)
            grid = _grid(con, symbol, chosen, books, trades)
            path = records_path(paths, symbol, day, chosen)
            inputs = _inputs(books, trades, clock, base_latency_us, grid)
            if inputs_of(path) != inputs:
                stream = build_stream(
                    books, trades, grid, clock=clock, base_latency_us=base_latency_us
                )
                header = describe_records(chosen, day, grid, stream.records, stream.facts)
                write_records(path, header | {"inputs": inputs}, stream.records)
            written.append(path)
    return written


def _mapped_day(columns: SnapshotColumns, day: int) -> SnapshotColumns | None:
    """Return the rows of a day; None if others lie between, because the clock was set back."""
    first = day * US_PER_DAY
    rows = np.flatnonzero((columns.recv_ts_us >= first) & (columns.recv_ts_us < first + US_PER_DAY))
    begin, end = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, 0)
    return rows_between(columns, begin, end) if end - begin == len(rows) else None


def _refuse_without_fills(
    con: duckdb.DuckDBPyConnection, symbol: str, source: str, files: list[Path]
) -> None:
    """Trades that no order log explains would leave every own order unfilled."""
    row = con.execute(
        "SELECT count(*) FROM internal.trades WHERE symbol = ? AND source = ?", [symbol, source]
    ).fetchone()
    has_trades = row is not None and row[0] > 0
    if has_trades and not any(open_market_records(path).header["executions"] for path in files):
        raise RecordsError(
            f"{symbol}: {source} has trades, but its order log does not say which orders they "
            "executed, so none of yours would fill; use another queue than l3_fifo"
        )


def _source(con: duckdb.DuckDBPyConnection, symbol: str, source: str | None) -> str:
    rows = con.execute(
        "SELECT DISTINCT source FROM internal.snapshots WHERE symbol = ? "
        "UNION SELECT DISTINCT source FROM internal.trades WHERE symbol = ? ORDER BY 1",
        [symbol, symbol],
    ).fetchall()
    found = [str(row[0]) for row in rows]
    if not found:
        known = con.execute("SELECT DISTINCT symbol FROM internal.snapshots ORDER BY 1").fetchall()
        raise UnknownSymbolError(symbol, [row[0] for row in known])
    if source is None and len(found) > 1:
        raise RecordsError(f"{symbol}: several sources have it, name one: {', '.join(found)}")
    if source is not None and source not in found:
        raise RecordsError(f"{symbol}: {source!r} does not have it, these do: {', '.join(found)}")
    return source if source is not None else found[0]


def _days(con: duckdb.DuckDBPyConnection, symbol: str, source: str) -> list[int]:
    query = " UNION ".join(
        f"SELECT DISTINCT recv_ts_us // {US_PER_DAY} FROM internal.{table} "
        "WHERE symbol = ? AND source = ?"
        for table in ("snapshots", "trades")
    )
    rows = con.execute(f"{query} ORDER BY 1", [symbol, source] * 2).fetchall()
    return [int(row[0]) for row in rows]


def _grid(
    con: duckdb.DuckDBPyConnection,
    symbol: str,
    source: str,
    books: SnapshotColumns,
    trades: TradeColumns,
) -> Grid:
    """Return what a day's prices and quantities are counted in: its finest precision."""
    price = max(int(one.price_precision.max(initial=0)) for one in (books, trades))
    qty = max(int(one.qty_precision.max(initial=0)) for one in (books, trades))
    step = _step(con, symbol, source, price)
    return Grid(symbol=symbol, price_precision=price, qty_precision=qty, step=step)


def _step(con: duckdb.DuckDBPyConnection, symbol: str, source: str, price: int) -> int:
    """Return the price increment in units of ``10**-price``."""
    row = con.execute(
        "SELECT arg_max(price_increment, seq) FROM internal.instruments "
        "WHERE symbol = ? AND source = ? AND price_increment <> ''",
        [symbol, source],
    ).fetchone()
    increment = str(row[0]) if row and row[0] else str(from_mantissa(1, price))
    try:
        step = Decimal(increment).scaleb(price)
    except InvalidOperation:
        step = Decimal(0)
    if step < 1 or step != step.to_integral_value():
        raise RecordsError(
            f"{symbol}: the price increment {increment} is not a multiple of the smallest digit of "
            f"its prices, {format(from_mantissa(1, price), 'f')}"
        )
    return int(step)


def _inputs(
    books: SnapshotColumns, trades: TradeColumns, clock: str, base_latency_us: int, grid: Grid
) -> dict[str, Any]:
    return {
        "snapshots": [one["digest"] for one in books.sources],
        "trades": [one["digest"] for one in trades.sources],
        "clock": clock,
        "base_latency_us": base_latency_us,
        "step": grid.step,
        "rules": STREAM_RULES,
    }
