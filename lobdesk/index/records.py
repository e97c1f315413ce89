"""Market data records: the engine's event stream, one file for each symbol, day and source.

A ``.lobr`` file is eight bytes of magic, the header's length (4 bytes, little-endian), a JSON
header padded with blanks so that the records begin at a multiple of 64, and the records.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk.index.catalog import open_catalog
from lobdesk.index.columns import read_snapshots, read_trades
from lobdesk.index.durable import write_durably
from lobdesk.index.errors import RecordsError, UnknownSymbolError
from lobdesk.index.query import query_errors
from lobdesk.index.stream import BASE_LATENCY_US, CLOCKS, Grid, build_stream
from lobdesk.paths import DataPaths, encode_symbol
from lobdesk.units import EPOCH, US_PER_DAY, from_mantissa

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    from lobdesk.index.columns import SnapshotColumns, TradeColumns
    from lobdesk.index.stream import Stream

MAGIC = b"LOBREC1\n"
ALIGNMENT = 64
VERSION = 1

RECORD_DTYPE = np.dtype(
    [
        ("exch_ts_us", "<i8"),
        ("recv_ts_us", "<i8"),
        ("price_ticks", "<i4"),
        ("kind", "u1"),
        ("side", "u1"),
        ("flags", "<u2"),
        ("qty_lots", "<i8"),
    ]
)
"""One record, 32 bytes: kind 1 depth, 2 trade, 3 clear; flags 1 last of message, 2 snapshot,
4 evicted, 8 exchange only, 16 local only."""


@dataclass(frozen=True, slots=True)
class MarketRecords:
    """A mapped records file.

    Attributes:
        path: The file.
        header: All facts that its writer noted.
        records: Structured array of ``RECORD_DTYPE``, read-only, backed by the file.
    """

    path: Path
    header: dict[str, Any]
    records: NDArray[np.void]

    @property
    def symbol(self) -> str:
        """Exchange name of the pair."""
        return str(self.header["symbol"])

    @property
    def tick(self) -> str:
        """Price increment that ``price_ticks`` counts, decimal text."""
        return str(self.header["tick"])

    @property
    def lot(self) -> str:
        """Quantity increment that ``qty_lots`` counts, decimal text."""
        return str(self.header["lot"])

    @property
    def digest(self) -> str:
        """SHA-256 of the records' bytes, as noted by the writer."""
        return str(self.header["sha256"])


def write_market_records(
    data_dir: Path | str,
    symbol: str,
    *,
    source: str | None = None,
    clock: str = "auto",
    base_latency_us: int = BASE_LATENCY_US,
) -> list[Path]:
    """Bring the record files of a symbol up to the index and return them in order of days.

    The recorder's clock is corrected explicitly, because real recordings often receive before the
    exchange sends: ``least_delay`` shifts all receipts of a file by one amount, so that the fastest
    message took ``base_latency_us``; ``raw`` leaves them and refuses a receipt before its exchange
    time; ``auto`` is ``least_delay`` where that is needed and ``raw`` elsewhere. The header says
    what was done. Exchange times that run backwards within the book or the trades take the value
    before, and are counted in the header.

    Args:
        data_dir: Data directory.
        symbol: Exchange name of the pair.
        source: Which source; may be left out where only one has the symbol.
        clock: ``auto``, ``raw`` or ``least_delay``.
        base_latency_us: Assumed time from exchange to us of the fastest message.

    Raises:
        UnknownSymbolError: The index has nothing of the symbol.
        RecordsError: Several sources have it; or a price is off the grid or does not fit.
        IndexMissingError: There is no index.
    """
    if clock not in CLOCKS:
        raise ValueError(f"clock is {clock!r}, known are {', '.join(CLOCKS)}")
    paths = DataPaths(Path(data_dir))
    written = []
    with query_errors(), open_catalog(paths.root) as catalog, catalog.cursor() as con:
        chosen = _source(con, symbol, source)
        for day in _days(con, symbol, chosen):
            window = {"recv_from_us": day * US_PER_DAY, "recv_to_us": (day + 1) * US_PER_DAY}
            books = read_snapshots(con, symbol, source=chosen, **window)
            trades = read_trades(con, symbol, source=chosen, **window)
            grid = _grid(con, symbol, chosen, books, trades)
            path = records_path(paths, symbol, day, chosen)
            inputs = _inputs(books, trades, clock, base_latency_us, grid)
            if _inputs_of(path) != inputs:
                stream = build_stream(
                    books, trades, grid, clock=clock, base_latency_us=base_latency_us
                )
                _write(path, _header(chosen, day, grid, stream, inputs), stream.records)
            written.append(path)
    return written


def open_market_records(path: Path | str, *, verify: bool = False) -> MarketRecords:
    """Map a records file.

    Args:
        path: A ``.lobr`` file.
        verify: Also compute the digest, which reads the whole file.

    Raises:
        RecordsError: It is no such file, is cut, or its records are not those of the digest.
    """
    path = Path(path)
    header, begin = _read_header(path)
    count = int(header.get("records", -1))
    size = path.stat().st_size
    if count < 0 or size != begin + count * RECORD_DTYPE.itemsize:
        raise RecordsError(f"{path}: is cut or damaged; delete it, it is written again when needed")
    records: NDArray[np.void]
    if count:
        records = np.memmap(path, RECORD_DTYPE, mode="r", offset=begin, shape=(count,))
    else:
        records = np.empty(0, RECORD_DTYPE)
    if verify and hashlib.sha256(records.tobytes()).hexdigest() != header.get("sha256"):
        raise RecordsError(f"{path}: its records are not those that were written; delete it")
    return MarketRecords(path, header, records)


def records_path(paths: DataPaths, symbol: str, day: int, source: str) -> Path:
    """Return where the records of one symbol, UTC day (since the epoch) and source lie."""
    date = (EPOCH + dt.timedelta(days=day)).date().isoformat()
    folder = paths.lake / "records" / f"pair={encode_symbol(symbol)}"
    return folder / f"date={date}.{encode_symbol(source)}.lobr"


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
    return Grid(symbol=symbol, price_precision=price, qty_precision=qty, step=int(step))


def _inputs(
    books: SnapshotColumns, trades: TradeColumns, clock: str, base_latency_us: int, grid: Grid
) -> dict[str, Any]:
    return {
        "snapshots": [one["digest"] for one in books.sources],
        "trades": [one["digest"] for one in trades.sources],
        "clock": clock,
        "base_latency_us": base_latency_us,
        "step": grid.step,
    }


def _inputs_of(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = open_market_records(path, verify=True).header["inputs"]
    except (RecordsError, KeyError):
        return None
    return found


def _header(
    source: str, day: int, grid: Grid, stream: Stream, inputs: dict[str, Any]
) -> dict[str, Any]:
    records = stream.records
    return {
        "format": "lobr",
        "version": VERSION,
        "symbol": grid.symbol,
        "source": source,
        "date": (EPOCH + dt.timedelta(days=day)).date().isoformat(),
        "tick": grid.tick,
        "lot": grid.lot,
        "price_precision": grid.price_precision,
        "qty_precision": grid.qty_precision,
        "records": len(records),
        "first_exch_ts_us": int(records["exch_ts_us"].min()) if len(records) else None,
        "last_exch_ts_us": int(records["exch_ts_us"].max()) if len(records) else None,
        **stream.facts,
        "sha256": hashlib.sha256(records.tobytes()).hexdigest(),
        "inputs": inputs,
    }


def _write(path: Path, header: dict[str, Any], records: NDArray[np.void]) -> None:
    text = json.dumps(header).encode()
    begin = len(MAGIC) + 4
    padded = text + b" " * (-(begin + len(text)) % ALIGNMENT)
    length = len(padded).to_bytes(4, "little")
    write_durably(path, MAGIC + length + padded + records.tobytes())


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    begin = len(MAGIC) + 4
    try:
        with path.open("rb") as stream:
            start = stream.read(begin)
            length = int.from_bytes(start[len(MAGIC) :], "little")
            if not start.startswith(MAGIC) or len(start) != begin or length > 1 << 24:
                raise RecordsError(f"{path}: is not a market data records file")
            header = json.loads(stream.read(length))
    except OSError as error:
        raise RecordsError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RecordsError(f"{path}: its header is damaged: {error}") from error
    if not isinstance(header, dict) or header.get("version") != VERSION:
        raise RecordsError(f"{path}: is of another version; delete it, it is written again")
    return header, begin + length
