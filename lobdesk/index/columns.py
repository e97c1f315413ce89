"""Rows of one symbol as NumPy columns, for windows and backtests."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk import engine
from lobdesk.index import duck
from lobdesk.index.errors import QueryError
from lobdesk.index.query import REPAIR
from lobdesk.index.schema import TABLES

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

BOOK_SELECT = (
    "seq, exch_ts_us, recv_ts_us, price_precision, qty_precision, "
    "coalesce(verified::TINYINT, -1)::TINYINT AS verified, is_snapshot::UTINYINT AS starts"
)
"""Columns of a book but its levels; ``starts`` is where a frame replaced the book."""

LEVELS = ("bid_ticks", "bid_lots", "ask_ticks", "ask_lots")
BOOK_LEVELS = 10
MANY_ROWS = 50_000
"""From here on a second query for the levels alone costs less than lists in Arrow do."""

KEYS = ("seq", "exch_ts_us", "recv_ts_us")
PRECISIONS = ("price_precision", "qty_precision")


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows of a symbol; None does not bound.

    Attributes:
        start_us: Least exchange time.
        end_us: Exchange time that is no longer included.
        source: Only this one.
        recv_from_us: Least receipt.
        recv_to_us: Receipt that is no longer included.
    """

    start_us: int | None
    end_us: int | None
    source: str | None
    recv_from_us: int | None
    recv_to_us: int | None

    @property
    def is_stretch(self) -> bool:
        """True if exchange time is bounded."""
        return self.start_us is not None or self.end_us is not None

    def of_rows(self) -> str:
        """Return conditions on rows, as SQL."""
        return self._sql(
            "exch_ts_us >= {}", "exch_ts_us < {}", "recv_ts_us >= {}", "recv_ts_us < {}"
        )

    def of_days(self) -> str:
        """Return conditions on ``internal.files`` that all files with such rows meet."""
        return self._sql(
            "coalesce(exch_to_us >= {}, true)",
            "coalesce(exch_from_us < {}, true)",
            "coalesce(recv_to_us >= {}, true)",
            "coalesce(recv_from_us < {}, true)",
        )

    def _sql(self, *times: str) -> str:
        bounds = (self.start_us, self.end_us, self.recv_from_us, self.recv_to_us)
        clauses = [f"source = {duck.quote(self.source)}"] if self.source is not None else []
        clauses += [
            clause.format(int(value))
            for clause, value in zip(times, bounds, strict=True)
            if value is not None
        ]
        return "".join(f" AND {clause}" for clause in clauses)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotColumns:
    """Book snapshots of one symbol, ordered by (source, seq).

    Attributes:
        symbol: Exchange name of the pair.
        seq: int64 ``[rows]``, number of the raw event within its source.
        exch_ts_us: int64 ``[rows]``, exchange time, µs.
        recv_ts_us: int64 ``[rows]``, receipt, µs.
        verified: int8 ``[rows]``, 1 verified by checksum, -1 the source has none.
        price_precision: int8 ``[rows]``, digits of ticks.
        qty_precision: int8 ``[rows]``, digits of lots.
        bid_ticks: int64 ``[rows, 10]``, best first; a missing level is 0 with 0 lots.
        bid_lots: int64 ``[rows, 10]``.
        ask_ticks: int64 ``[rows, 10]``.
        ask_lots: int64 ``[rows, 10]``.
        starts_segment: bool ``[rows]``, True where a row does not continue the one before: it comes
            from a frame that replaced the book, ends a noted gap, changes a precision, or begins
            another source.
        sources: One object for each source in row order: ``source`` and ``digest`` of its rows.
    """

    symbol: str
    seq: NDArray[np.int64]
    exch_ts_us: NDArray[np.int64]
    recv_ts_us: NDArray[np.int64]
    verified: NDArray[np.int8]
    price_precision: NDArray[np.int8]
    qty_precision: NDArray[np.int8]
    bid_ticks: NDArray[np.int64]
    bid_lots: NDArray[np.int64]
    ask_ticks: NDArray[np.int64]
    ask_lots: NDArray[np.int64]
    starts_segment: NDArray[np.bool_]
    sources: list[dict[str, str]]

    def __len__(self) -> int:
        return len(self.seq)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeColumns:
    """Trades of one symbol, ordered by (source, seq, place in the log).

    Attributes:
        symbol: Exchange name of the pair.
        seq: int64 ``[rows]``, number of the raw event within its source.
        exch_ts_us: int64 ``[rows]``, exchange time, µs.
        recv_ts_us: int64 ``[rows]``, receipt, µs.
        trade_id: int64 ``[rows]``, the exchange's number.
        side: uint8 ``[rows]``, aggressor: 0 buy, 1 sell.
        price_ticks: int64 ``[rows]``.
        qty_lots: int64 ``[rows]``.
        price_precision: int8 ``[rows]``.
        qty_precision: int8 ``[rows]``.
        sources: One object for each source in row order: ``source`` and ``digest`` of its rows.
    """

    symbol: str
    seq: NDArray[np.int64]
    exch_ts_us: NDArray[np.int64]
    recv_ts_us: NDArray[np.int64]
    trade_id: NDArray[np.int64]
    side: NDArray[np.uint8]
    price_ticks: NDArray[np.int64]
    qty_lots: NDArray[np.int64]
    price_precision: NDArray[np.int8]
    qty_precision: NDArray[np.int8]
    sources: list[dict[str, str]]

    def __len__(self) -> int:
        return len(self.seq)


def read_snapshots(
    con: duckdb.DuckDBPyConnection,
    symbol: str,
    *,
    start_us: int | None = None,
    end_us: int | None = None,
    source: str | None = None,
    recv_from_us: int | None = None,
    recv_to_us: int | None = None,
) -> SnapshotColumns:
    """Read book snapshots; see ``Catalog.snapshot_columns``."""
    scope = Scope(start_us, end_us, source, recv_from_us, recv_to_us)
    columns, codes, known = _take(con, BOOK_SELECT, "snapshots", symbol, scope, LEVELS)
    starts = columns.pop("starts").astype(bool)
    starts |= _changes(codes) | _changes(columns["price_precision"])
    starts |= _changes(columns["qty_precision"])
    starts |= _ends_gap(con, symbol, codes, known, columns["seq"])
    return SnapshotColumns(
        symbol=symbol,
        starts_segment=starts,
        sources=_digests(codes, known, columns),
        **columns,
    )


def read_part_rows(
    con: duckdb.DuckDBPyConnection, paths: list[Path], rows: int
) -> dict[str, NDArray[Any]]:
    """Return the books of some parts, which hold so many, in their order and with ``starts``."""
    columns = _arrow(con, BOOK_SELECT, duck.parquet_scan(paths), LEVELS, rows)
    columns["starts"] = columns["starts"].view(bool)
    return columns


def read_tail_rows(
    con: duckdb.DuckDBPyConnection, symbol: str
) -> dict[str, dict[str, NDArray[Any]]]:
    """Return a symbol's books that are in no part, with ``starts``, by source."""
    rows = _tail_rows(con, "snapshots", symbol)
    rest = f"tail.snapshots WHERE symbol = {duck.quote(symbol)}"
    columns, codes, known = _ordered(con, BOOK_SELECT, rest, rows, LEVELS)
    columns["starts"] = columns["starts"].view(bool)
    return {
        source: {name: values[codes == number] for name, values in columns.items()}
        for number, source in enumerate(known, start=1)
    }


def read_trades(
    con: duckdb.DuckDBPyConnection,
    symbol: str,
    *,
    start_us: int | None = None,
    end_us: int | None = None,
    source: str | None = None,
    recv_from_us: int | None = None,
    recv_to_us: int | None = None,
) -> TradeColumns:
    """Read trades; see ``Catalog.trade_columns``."""
    names = (*KEYS, "trade_id", "price_ticks", "qty_lots", *PRECISIONS)
    scope = Scope(start_us, end_us, source, recv_from_us, recv_to_us)
    select = f"{', '.join(names)}, (side = 'sell')::UTINYINT AS side"
    columns, codes, known = _take(con, select, "trades", symbol, scope)
    return TradeColumns(symbol=symbol, sources=_digests(codes, known, columns), **columns)


def _take(  # noqa: PLR0917 - private, two calls
    con: duckdb.DuckDBPyConnection,
    select: str,
    table: str,
    symbol: str,
    scope: Scope,
    levels: tuple[str, ...] = (),
) -> tuple[dict[str, NDArray[Any]], NDArray[np.int32], list[str]]:
    """Return columns of a table as ``_ordered`` does, from the parts of the days asked for."""
    found = con.execute(
        'SELECT file, source, "rows" FROM internal.files WHERE "table" = ? AND symbol = ?'
        f"{scope.of_days()}",
        [table, symbol],
    ).fetchall()
    rows = _tail_rows(con, table, symbol)
    for _, source, count in found:
        rows[source] = rows.get(source, 0) + count
    names = TABLES[table].column_list()
    selects = [f"SELECT {names} FROM tail.{table} WHERE symbol = {duck.quote(symbol)}"]
    if found:
        selects.insert(0, f"SELECT {names} FROM {duck.parquet_scan(Path(one[0]) for one in found)}")
    rest = f"({' UNION ALL '.join(selects)}) WHERE true{scope.of_rows()}"
    if scope.is_stretch:
        rows = dict.fromkeys(rows, 0)  # far fewer than its days hold
    return _ordered(con, select, rest, rows, levels)


def _tail_rows(con: duckdb.DuckDBPyConnection, table: str, symbol: str) -> dict[str, int]:
    rows = con.execute(
        f"SELECT source, count(*) FROM tail.{table} WHERE symbol = ? GROUP BY source", [symbol]
    ).fetchall()
    return dict(rows)


def _ordered(
    con: duckdb.DuckDBPyConnection,
    select: str,
    rest: str,
    rows: dict[str, int],
    levels: tuple[str, ...],
) -> tuple[dict[str, NDArray[Any]], NDArray[np.int32], list[str]]:
    """Return columns in the order (source, seq), each row's source as a number, and their names.

    Rows of equal number stay as they lie in the log. ``rows``: of each source about how many.
    """
    known = sorted(rows)
    names = ", ".join(duck.quote(name) for name in known) or "''"
    select = f"{select}, list_position([{names}], source)::INTEGER AS code"
    columns = _arrow(con, select, rest, levels, sum(rows.values()))
    codes, seqs = columns.pop("code"), columns["seq"]
    steps = (codes[1:] > codes[:-1]) | ((codes[1:] == codes[:-1]) & (seqs[1:] >= seqs[:-1]))
    if not steps.all():
        order = np.lexsort((seqs, codes))
        columns = {name: values[order] for name, values in columns.items()}
        codes = codes[order]
    return columns, codes, known


def _arrow(
    con: duckdb.DuckDBPyConnection, select: str, rest: str, levels: tuple[str, ...], rows: int
) -> dict[str, NDArray[Any]]:
    """Return columns of about so many rows, lists of levels as ``[rows, 10]``.

    No row passes through a Python object: Arrow hands over whole columns.
    """
    if not levels or rows < MANY_ROWS:
        return engine.take_arrow(
            con.sql(f"SELECT {', '.join((select, *levels))} FROM {rest}"), rows=rows
        )
    columns = engine.take_arrow(con.sql(f"SELECT {select} FROM {rest}"), rows=rows)
    lists = ", ".join(f"unnest({name}) AS {name}" for name in levels)
    values = engine.take_arrow(con.sql(f"SELECT {lists} FROM {rest}"), rows=rows * BOOK_LEVELS)
    count = len(next(iter(columns.values())))
    if any(len(values[name]) != count * BOOK_LEVELS for name in levels):
        raise QueryError(f"a part holds a list of another length than {BOOK_LEVELS}; {REPAIR}")
    return columns | {name: values[name].reshape(count, BOOK_LEVELS) for name in levels}


def _changes(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return True for the first row and for each whose value differs from the row before."""
    changes = np.ones(len(values), bool)
    changes[1:] = values[1:] != values[:-1]
    return changes


def _ends_gap(
    con: duckdb.DuckDBPyConnection,
    symbol: str,
    codes: NDArray[np.int32],
    known: list[str],
    seqs: NDArray[np.int64],
) -> NDArray[np.bool_]:
    ends = np.zeros(len(seqs), bool)
    rows = con.execute(
        "SELECT source, list(first_verified_seq) FROM internal.gaps "
        "WHERE symbol = ? AND first_verified_seq IS NOT NULL GROUP BY source",
        [symbol],
    ).fetchall()
    for source, firsts in rows:
        if source in known:
            is_there = codes == known.index(source) + 1
            ends |= is_there & np.isin(seqs, np.array(firsts, np.int64))
    return ends


def _digests(
    codes: NDArray[np.int32], known: list[str], columns: dict[str, NDArray[Any]]
) -> list[dict[str, str]]:
    """Digest each source's rows, so that a result can name exactly what it was made of."""
    starts = np.flatnonzero(_changes(codes)).tolist()
    digests = []
    for begin, end in itertools.pairwise([*starts, len(codes)]):
        rows = {name: values[begin:end] for name, values in columns.items()}
        digests.append({"source": known[codes[begin] - 1], "digest": digest_rows(rows)})
    return digests


def digest_rows(columns: dict[str, NDArray[Any]]) -> str:
    """Return a digest of rows; where they start anew may become known later and is not in it."""
    state = hashlib.blake2b(digest_size=16)
    for name in sorted(columns.keys() - {"starts"}):
        state.update(name.encode())
        state.update(np.ascontiguousarray(columns[name]).data)
    return state.hexdigest()
