"""The index as a Python object: trusted SQL, columns, books at an instant."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lobdesk.index.catalog_sql import (
    ALL_SOURCES_SQL,
    BOOK_AT_SQL,
    QUALITY_SQL,
    SOURCES_SQL,
    SYMBOLS_SQL,
)
from lobdesk.index.column_cache import map_existing, read_mapped
from lobdesk.index.columns import read_snapshots, read_trades
from lobdesk.index.digests import table_digest
from lobdesk.index.errors import UnknownSourceError, UnknownSymbolError
from lobdesk.index.facts import Gap, Quality, SymbolInfo
from lobdesk.index.query import fetch, query_errors
from lobdesk.index.schema import TABLES
from lobdesk.index.session import open_session
from lobdesk.index.symbols import match_symbol
from lobdesk.paths import DataPaths
from lobdesk.records import L2Snapshot

if TYPE_CHECKING:
    from types import TracebackType

    import duckdb

    from lobdesk.index.columns import SnapshotColumns, TradeColumns
    from lobdesk.index.result import SqlResult
    from lobdesk.index.session import Session


class Catalog:
    """A consistent view of everything that was in the journal when it was opened.

    Any number of threads may call it. What arrives later is seen after ``refresh``.
    """

    def __init__(self, data_dir: Path, *, threads: int = 2, has_tail: bool = True) -> None:
        self._paths = DataPaths(data_dir)
        self._threads = threads
        self._has_tail = has_tail
        self._temp = tempfile.TemporaryDirectory(prefix="lobdesk-index-")
        self._lock = threading.Lock()
        try:
            self._session = self._open()
        except BaseException:
            self._temp.cleanup()
            raise

    def __enter__(self) -> Catalog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def data_dir(self) -> Path:
        """Data directory."""
        return self._paths.root

    @property
    def left_out_bytes(self) -> int:
        """Journal bytes that no query sees, because the index is too far behind the journal."""
        return self._session.left_out_bytes

    def refresh(self) -> None:
        """Take in what was written since; running queries finish on what they began with."""
        session = self._open()
        with self._lock:
            old, self._session = self._session, session
        old.con.close()

    def close(self) -> None:
        """Let go of everything."""
        self._session.con.close()
        self._temp.cleanup()

    def sql(
        self, text: str, values: list[Any] | None = None, *, limit: int | None = None
    ) -> SqlResult:
        """Run one query that we wrote ourselves.

        SQL from people goes through ``run_user_sql``: this one has no fence.

        Args:
            text: One statement.
            values: For its ``?`` parameters.
            limit: Most rows to return.

        Raises:
            QueryError: It is wrong or failed.
        """
        with self.cursor() as con:
            return fetch(con, text, values, limit=limit)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection of the caller's own; close it."""
        return self._session_cursor()[1]

    def _session_cursor(self) -> tuple[Session, duckdb.DuckDBPyConnection]:
        with self._lock:
            return self._session, self._session.con.cursor()

    def symbols(self) -> list[SymbolInfo]:
        """Return what is there, by name."""
        rows = self._rows(SYMBOLS_SQL)
        return [
            SymbolInfo(
                symbol=symbol, rows=count, trades=trades, first_ts_us=first, last_ts_us=last,
                price_precision=price, qty_precision=qty, price_increment=increment or "",
                sources=tuple(sources),
            )
            for symbol, count, trades, first, last, price, qty, increment, sources in rows
        ]  # fmt: skip

    def find_symbol(self, name: str) -> str:
        """Return the indexed pair that a name means; ``BTC`` means ``BTC/USD``.

        Raises:
            UnknownSymbolError: There is none.
        """
        known = [info.symbol for info in self.symbols()]
        found = match_symbol(name, known)
        if found is None:
            raise UnknownSymbolError(name, known)
        return found

    def snapshot_columns(
        self,
        symbol: str,
        *,
        start_us: int | None = None,
        end_us: int | None = None,
        source: str | None = None,
    ) -> SnapshotColumns:
        """Return a symbol's book snapshots as arrays.

        Args:
            symbol: Exchange name of the pair.
            start_us: Least exchange time.
            end_us: Exchange time that is no longer included.
            source: Only this source; None takes all, one after the other.

        Raises:
            UnknownSymbolError: The index has nothing of the symbol.
        """
        with query_errors(), self.cursor() as con:
            found = read_snapshots(con, symbol, start_us=start_us, end_us=end_us, source=source)
        if not len(found):
            self._require(symbol)
        return found

    def mapped_columns(self, symbol: str) -> SnapshotColumns:
        """Return what ``snapshot_columns`` does for all rows, as read-only maps of files.

        The first call writes the files (350 bytes a row, in the lake's ``records``), later ones
        append what is new.

        Raises:
            UnknownSymbolError: The index has nothing of the symbol.
        """
        session, cursor = self._session_cursor()
        with query_errors(), cursor as con:
            found = read_mapped(session, con, self._paths, symbol)
        if not len(found):
            self._require(symbol)
        return found

    def existing_columns(self, symbol: str, source: str) -> SnapshotColumns | None:
        """Return what ``mapped_columns`` does for one source, None if it was never called."""
        session, cursor = self._session_cursor()
        with query_errors(), cursor as con:
            return map_existing(session, con, self._paths, symbol, source)

    def trade_columns(
        self,
        symbol: str,
        *,
        start_us: int | None = None,
        end_us: int | None = None,
        source: str | None = None,
    ) -> TradeColumns:
        """Return a symbol's trades as arrays; arguments as in ``snapshot_columns``."""
        with query_errors(), self.cursor() as con:
            found = read_trades(con, symbol, start_us=start_us, end_us=end_us, source=source)
        if not len(found):
            self._require(symbol)
        return found

    def gaps(self, symbol: str | None = None) -> list[Gap]:
        """Return the noted gaps of one symbol or all, in order of time.

        Raises:
            UnknownSymbolError: The index has nothing of the symbol.
        """
        rows = self._rows(
            "SELECT source, symbol, cause, last_verified_seq, first_verified_seq, from_us, to_us "
            "FROM gaps WHERE ?::VARCHAR IS NULL OR symbol = ?::VARCHAR "
            "ORDER BY from_us, source, seq",
            [symbol, symbol],
        )
        if symbol is not None and not rows:
            self._require(symbol)
        names = Gap.__dataclass_fields__
        return [Gap(**dict(zip(names, row, strict=True))) for row in rows]

    def quality(self, symbol: str) -> Quality:
        """Return how good the recording of a symbol is.

        Raises:
            UnknownSymbolError: The index has nothing of the symbol.
        """
        self._require(symbol)
        (row,) = self._rows(QUALITY_SQL, [symbol] * 5)
        return Quality(**dict(zip(Quality.__dataclass_fields__, row, strict=True)))

    def digests(self) -> dict[str, str]:
        """Return for each stored table a digest of its rows.

        It depends on the journal alone: an index that was deleted, or was built in other steps or
        on another machine, has the same.
        """
        with query_errors(), self.cursor() as con:
            return {name: table_digest(con, table) for name, table in TABLES.items()}

    def book_at(self, symbol: str, ts_us: int, *, source: str | None = None) -> L2Snapshot | None:
        """Return the last book whose exchange time is not after an instant, None if there is none.

        Raises:
            UnknownSymbolError: The index has nothing of the symbol.
            UnknownSourceError: It has, but not from this source.
        """
        rows = self._rows(BOOK_AT_SQL, [symbol, ts_us, source, source])
        if not rows:
            self._require(symbol, source)
            return None
        seq, exch, recv, price, qty, bid_ticks, bid_lots, ask_ticks, ask_lots, crc, verified = rows[
            0
        ]
        return L2Snapshot(
            v=1, symbol=symbol, seq=seq, exch_ts_us=exch, recv_ts_us=recv, price_precision=price,
            qty_precision=qty, bids=_levels(bid_ticks, bid_lots), asks=_levels(ask_ticks, ask_lots),
            checksum=crc, verified=verified,
        )  # fmt: skip

    def require_source(self, symbol: str | None, source: str) -> None:
        """Make sure that a source has a symbol, or that it is there.

        Raises:
            UnknownSymbolError: The index has nothing of the symbol.
            UnknownSourceError: It has, but not from this source.
        """
        if symbol is not None:
            self._require(symbol, source)
            return
        sources = [name for (name,) in self._rows(ALL_SOURCES_SQL)]
        if source not in sources:
            raise UnknownSourceError(None, source, sources)

    def _open(self) -> Session:
        return open_session(
            self._paths,
            temp_dir=Path(self._temp.name),
            threads=self._threads,
            has_tail=self._has_tail,
        )

    def _rows(self, text: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        with query_errors(), self.cursor() as con:
            return con.execute(text, values).fetchall()

    def _require(self, symbol: str, source: str | None = None) -> None:
        known = [info.symbol for info in self.symbols()]
        if symbol not in known:
            raise UnknownSymbolError(symbol, known)
        if source is not None:
            found = self._rows(SOURCES_SQL, [symbol])
            if source not in (sources := [name for (name,) in found]):
                raise UnknownSourceError(symbol, source, sources)


def open_catalog(data_dir: Path | str, *, threads: int = 2, has_tail: bool = True) -> Catalog:
    """Open the index of a data directory.

    Nothing is locked and nobody waits: the reader copies the catalogue, reads the journal's lines
    that are in no part yet, and queries both in a database of its own.

    Args:
        data_dir: Data directory.
        threads: DuckDB's workers.
        has_tail: False leaves out lines that are in no part yet.

    Raises:
        IndexMissingError: ``lobdesk index`` never ran here.
        IndexUnreadableError: The catalogue is damaged, foreign or of another version.
    """
    return Catalog(Path(data_dir), threads=threads, has_tail=has_tail)


def _levels(ticks: list[int], lots: list[int]) -> tuple[tuple[int, int], ...]:
    return tuple((price, qty) for price, qty in zip(ticks, lots, strict=True) if qty > 0)
