"""Rows of one symbol as NumPy columns, for windows and backtests."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk.index.schema import BOOK_LEVELS

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

KEYS = ("seq", "exch_ts_us", "recv_ts_us")
PRECISIONS = ("price_precision", "qty_precision")
LEVELS = ("bid_ticks", "bid_lots", "ask_ticks", "ask_lots")


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
    levels = ", ".join(
        f"{name}[{level + 1}] AS {name}_{level}" for name in LEVELS for level in range(BOOK_LEVELS)
    )
    texts = ", ".join((*KEYS, *PRECISIONS))
    where, values = _where(
        symbol,
        ("exch_ts_us >= ?", start_us),
        ("exch_ts_us < ?", end_us),
        ("source = ?", source),
        ("recv_ts_us >= ?", recv_from_us),
        ("recv_ts_us < ?", recv_to_us),
    )
    found = con.execute(
        f"SELECT source, {texts}, coalesce(verified::TINYINT, -1)::TINYINT AS verified, "
        f"is_snapshot, {levels} FROM internal.snapshots t {where}",
        values,
    ).fetchnumpy()
    order, sources = _order(found)
    columns: dict[str, Any] = {
        name: found[name][order] for name in (*KEYS, *PRECISIONS, "verified")
    }
    for name in LEVELS:
        block = np.empty((len(order), BOOK_LEVELS), np.int64)
        for level in range(BOOK_LEVELS):
            block[:, level] = found.pop(f"{name}_{level}")[order]
        columns[name] = block
    starts = np.asarray(found["is_snapshot"][order], bool)
    starts |= _changes(sources) | _changes(columns["price_precision"])
    starts |= _changes(columns["qty_precision"])
    starts |= _ends_gap(con, symbol, sources, columns["seq"])
    return SnapshotColumns(
        symbol=symbol,
        starts_segment=starts,
        sources=_digests(sources, columns),
        **columns,
    )


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
    where, values = _where(
        symbol,
        ("exch_ts_us >= ?", start_us),
        ("exch_ts_us < ?", end_us),
        ("source = ?", source),
        ("recv_ts_us >= ?", recv_from_us),
        ("recv_ts_us < ?", recv_to_us),
    )
    found = con.execute(
        f"SELECT source, {', '.join(names)}, (side = 'sell')::UTINYINT AS side "
        f"FROM internal.trades t {where}",
        values,
    ).fetchnumpy()
    order, sources = _order(found)
    columns: dict[str, Any] = {name: found[name][order] for name in (*names, "side")}
    return TradeColumns(symbol=symbol, sources=_digests(sources, columns), **columns)


def _where(symbol: str, *limits: tuple[str, Any]) -> tuple[str, list[Any]]:
    clauses, values = ["symbol = ?"], [symbol]
    for clause, value in limits:
        if value is not None:
            clauses.append(clause)
            values.append(value)
    return "WHERE " + " AND ".join(clauses), values


def _order(found: dict[str, Any]) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Return the rows' order by (source, seq), and each row's source in that order.

    Rows of equal number stay as they lie in the log.
    """
    names = np.asarray(found["source"], dtype=object)
    known = sorted(set(names.tolist()))
    codes = np.zeros(len(names), np.int32)
    for code, name in enumerate(known):
        codes[names == name] = code
    seqs = np.asarray(found["seq"])
    steps = (codes[1:] > codes[:-1]) | ((codes[1:] == codes[:-1]) & (seqs[1:] >= seqs[:-1]))
    order = np.arange(len(names)) if steps.all() else np.lexsort((seqs, codes))
    return order, names[order]


def _changes(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return True for the first row and for each whose value differs from the row before."""
    changes = np.ones(len(values), bool)
    changes[1:] = values[1:] != values[:-1]
    return changes


def _ends_gap(
    con: duckdb.DuckDBPyConnection,
    symbol: str,
    sources: NDArray[np.object_],
    seqs: NDArray[np.int64],
) -> NDArray[np.bool_]:
    ends = np.zeros(len(seqs), bool)
    rows = con.execute(
        "SELECT source, list(first_verified_seq) FROM internal.gaps "
        "WHERE symbol = ? AND first_verified_seq IS NOT NULL GROUP BY source",
        [symbol],
    ).fetchall()
    for source, firsts in rows:
        ends |= (sources == source) & np.isin(seqs, np.array(firsts, np.int64))
    return ends


def _digests(sources: NDArray[np.object_], columns: dict[str, Any]) -> list[dict[str, str]]:
    """Digest each source's rows, so that a result can name exactly what it was made of."""
    starts = np.flatnonzero(_changes(sources)).tolist()
    digests = []
    for begin, end in itertools.pairwise([*starts, len(sources)]):
        state = hashlib.blake2b(digest_size=16)
        for name in sorted(columns):
            state.update(name.encode())
            state.update(np.ascontiguousarray(columns[name][begin:end]).data)
        digests.append({"source": str(sources[begin]), "digest": state.hexdigest()})
    return digests
