"""A symbol's book snapshots as files that are mapped: decoded once, then read at memory speed.

The files are disposable. They lie beside the market data records, one folder for each source, and
grow with the parts: only rows of parts that are new are decoded. Where merged parts took the place
of others, their rows are compared with those in the files.
"""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk.index import column_files
from lobdesk.index.column_files import TYPES, Statement
from lobdesk.index.columns import (
    PRECISIONS,
    SnapshotColumns,
    digest_rows,
    read_part_rows,
    read_snapshots,
    read_tail_rows,
)
from lobdesk.index.errors import IndexWriteError
from lobdesk.paths import encode_symbol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb
    from numpy.typing import NDArray

    from lobdesk.index.session import PartFile, Session
    from lobdesk.paths import DataPaths

    Arrays = dict[str, NDArray[Any]]

BATCH_ROWS = 1_000_000
"""About as many rows are decoded at a time: 350 MB."""


def read_mapped(
    session: Session, con: duckdb.DuckDBPyConnection, paths: DataPaths, symbol: str
) -> SnapshotColumns:
    """Return all snapshots of a symbol; read-only and mapped where one source has it all in parts.

    Rows that are in no part yet, and those of further sources, cost one copy. Without the right to
    write, on a full disk, or while another process writes, all are read from the parts.
    """
    by_source = _parts_of(session, symbol)
    tails = read_tail_rows(con, symbol) if symbol in session.tail_symbols else {}
    found: dict[str, tuple[Arrays, str]] = {}
    for source in sorted(by_source.keys() | tails.keys()):
        parts = by_source.get(source)
        rows = _bring_up(con, columns_folder(paths, symbol, source), parts) if parts else None
        if parts and rows is None:
            return read_snapshots(con, symbol)
        if source in tails:
            rows = _with_tail(rows, tails[source])
        if rows is None:
            return read_snapshots(con, symbol)
        found[source] = rows
    return _columns(session, con, symbol, found) if found else read_snapshots(con, symbol)


def map_existing(
    session: Session, con: duckdb.DuckDBPyConnection, paths: DataPaths, symbol: str, source: str
) -> SnapshotColumns | None:
    """Return a source's snapshots, mapped; None where no files of them were ever asked for."""
    parts = _parts_of(session, symbol).get(source)
    folder = columns_folder(paths, symbol, source)
    if not parts or symbol in session.tail_symbols or column_files.read_statement(folder) is None:
        return None
    rows = _bring_up(con, folder, parts)
    return _columns(session, con, symbol, {source: rows}) if rows is not None else None


def rows_between(columns: SnapshotColumns, begin: int, end: int) -> SnapshotColumns:
    """Return consecutive rows of one source, as if there were no others."""
    kept = {name: getattr(columns, name)[begin:end] for name in TYPES if name != "starts"}
    starts = columns.starts_segment[begin:end].copy()
    starts[:1] = True
    (one,) = columns.sources
    sources = [{"source": one["source"], "digest": digest_rows(kept)}] if begin < end else []
    return SnapshotColumns(symbol=columns.symbol, starts_segment=starts, sources=sources, **kept)


def _parts_of(session: Session, symbol: str) -> dict[str, list[PartFile]]:
    by_source: dict[str, list[PartFile]] = {}
    for part in session.parts.get("snapshots", ()):
        if part.symbol == symbol:
            by_source.setdefault(part.source, []).append(part)
    return by_source


def columns_folder(paths: DataPaths, symbol: str, source: str) -> Path:
    """Return where a symbol's columns of one source lie."""
    pair = f"pair={encode_symbol(symbol)}"
    return paths.lake / "records" / pair / f"columns.{encode_symbol(source)}"


def drop_columns(paths: DataPaths) -> None:
    """Delete the columns of all symbols; the next reader writes them anew."""
    for folder in (paths.lake / "records").glob("pair=*/columns.*"):
        shutil.rmtree(folder, ignore_errors=True)


def is_rising(seqs: NDArray[np.int64]) -> bool:
    """Tell whether no number is less than the one before."""
    return bool((seqs[1:] >= seqs[:-1]).all())


def _columns(
    session: Session,
    con: duckdb.DuckDBPyConnection,
    symbol: str,
    found: dict[str, tuple[Arrays, str]],
) -> SnapshotColumns:
    starts = []
    for source, (rows, _) in found.items():
        starts.append(_starts(rows, session.gap_ends(con, source, symbol)))
    joined = _joined([rows for rows, _ in found.values()])
    return SnapshotColumns(
        symbol=symbol,
        starts_segment=np.concatenate(starts),
        sources=[{"source": source, "digest": digest} for source, (_, digest) in found.items()],
        **{name: values for name, values in joined.items() if name != "starts"},
    )


def _starts(rows: Arrays, gap_ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return where rows do not continue those before: gaps may be noted after the rows behind."""
    starts: NDArray[np.bool_] = rows["starts"].copy()
    lows = np.searchsorted(rows["seq"], gap_ends, "left")
    highs = np.searchsorted(rows["seq"], gap_ends, "right")
    for low, high in zip(lows.tolist(), highs.tolist(), strict=True):
        starts[low:high] = True
    return starts


def _with_tail(known: tuple[Arrays, str] | None, tail: Arrays) -> tuple[Arrays, str] | None:
    """Return rows with those of the tail behind them; None if they are not in order."""
    rows = known[0] if known is not None else None
    _mark_changes(tail, _row(rows, -1) if rows is not None else None)
    joined = _joined([tail] if rows is None else [rows, tail])
    return (joined, digest_rows(joined)) if is_rising(joined["seq"]) else None


def _joined(pieces: list[Arrays]) -> Arrays:
    """Return rows one behind the other; a single piece as it is."""
    if len(pieces) == 1:
        return pieces[0]
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in TYPES}


def _bring_up(
    con: duckdb.DuckDBPyConnection, folder: Path, files: list[PartFile]
) -> tuple[Arrays, str] | None:
    """Return the rows of parts, mapped, and their digest; None where that cannot be."""
    known, rows = _read(folder)
    if known is None or rows is None or known.parts != _identity(files):
        try:
            with column_files.writing(folder) as is_alone:
                if not is_alone or not _write(con, folder, files):
                    return None
        except IndexWriteError:
            return None
        known, rows = _read(folder)
    if known is None or rows is None or known.parts != _identity(files):
        return None
    return rows, known.digest


def _read(folder: Path) -> tuple[Statement | None, Arrays | None]:
    known = column_files.read_statement(folder)
    return known, column_files.map_columns(folder, known) if known is not None else None


def _identity(files: list[PartFile]) -> list[tuple[str, int]]:
    return [(file.digest, file.rows) for file in files]


def _write(con: duckdb.DuckDBPyConnection, folder: Path, files: list[PartFile]) -> bool:
    """Bring a folder up to its parts; False if it holds more, for a newer catalogue than ours."""
    known, rows = _read(folder)
    if known is None or rows is None:
        known, rows = Statement(), None
    elif known.rows > sum(file.rows for file in files):
        return False
    grown = None if known.is_sorted else _grow(con, folder, files, known, rows)
    if grown is None and rows is not None:
        grown = _grow(con, folder, files, Statement(), None)
    if grown is None:
        grown = _write_sorted(con, folder, files)
    column_files.publish(folder, grown)
    return True


def _grow(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    files: list[PartFile],
    known: Statement,
    rows: Arrays | None,
) -> Statement | None:
    """Append what is new; None if rows are not those that count, or not in the order of events."""
    pairs = zip(_identity(files), known.parts, strict=False)
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    at = sum(file.rows for file in files[:same])
    before = _row(rows, at - 1) if rows is not None and at else None
    grown = known
    for batch in _batches(files[same:]):
        fresh = _rows_of(con, batch)
        _mark_changes(fresh, before)
        if not is_rising(fresh["seq"]) or (before and before["seq"][0] > fresh["seq"][0]):
            return None
        before = _row(fresh, -1)
        again = min(max(known.rows - at, 0), len(fresh["seq"]))
        if rows is not None and any(
            not np.array_equal(fresh[name][:again], rows[name][at : at + again]) for name in TYPES
        ):
            return None
        new = {name: values[again:] for name, values in fresh.items()}
        column_files.append_rows(folder, grown, new)
        grown = replace(grown, rows=grown.rows + len(new["seq"]))
        at += len(fresh["seq"])
    return _stated(folder, grown, files)


def _write_sorted(con: duckdb.DuckDBPyConnection, folder: Path, files: list[PartFile]) -> Statement:
    """Write all rows anew, where their order is not that of the parts."""
    rows = _rows_of(con, files)
    order = np.argsort(rows["seq"], kind="stable")
    rows = {name: values[order] for name, values in rows.items()}
    _mark_changes(rows, None)
    fresh = Statement(is_sorted=True)
    column_files.append_rows(folder, fresh, rows)
    return _stated(folder, replace(fresh, rows=len(order)), files)


def _rows_of(con: duckdb.DuckDBPyConnection, files: list[PartFile]) -> Arrays:
    return read_part_rows(con, [file.path for file in files], sum(file.rows for file in files))


def _stated(folder: Path, written: Statement, files: list[PartFile]) -> Statement:
    digest = written.digest
    if written.rows != sum(rows for _, rows in written.parts):
        rows = column_files.map_columns(folder, written)
        if rows is None:
            raise IndexWriteError(folder, OSError("files that were just written are gone"))
        digest = digest_rows(rows)
    return replace(written, parts=_identity(files), digest=digest)


def _mark_changes(rows: Arrays, before: Arrays | None) -> None:
    """Add to ``starts`` where a precision changes, and the first row of all."""
    for name in PRECISIONS:
        rows["starts"][1:] |= rows[name][1:] != rows[name][:-1]
        rows["starts"][0] |= before is None or before[name][0] != rows[name][0]


def _row(rows: Arrays, index: int) -> Arrays:
    return {name: values[[index]] for name, values in rows.items()}


def _batches(files: list[PartFile]) -> Iterator[list[PartFile]]:
    batch: list[PartFile] = []
    for file in files:
        batch.append(file)
        if sum(one.rows for one in batch) >= BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch
