"""A ledger as columns: for Arrow, and as Parquet files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk import engine
from lobdesk.backtest.model import ORDER_TYPES, REASONS, SIDES, STATUSES, TIMES_IN_FORCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from lobdesk.backtest.run import Result

    Columns = dict[str, NDArray[np.generic]]

ArrowColumn = tuple[str, str, "NDArray[Any]", "NDArray[np.uint8] | None", "Sequence[str] | None"]

CODES: dict[str, tuple[str | None, ...]] = {
    "side": SIDES,
    "type": ORDER_TYPES,
    "tif": TIMES_IN_FORCE,
    "status": STATUSES,
    "reason": REASONS,
    "last_reject": REASONS,
}
FLAGS = ("is_maker", "is_certain")


ARROW_FORMATS = {"i8": "l", "i4": "i", "u1": "C", "f8": "g", "f4": "f"}


class LedgerTable:
    """Rows of a ledger as Arrow columns; pyarrow, DuckDB and polars take it as it is.

    The rows of the engine are transposed once; consumers read that memory without a copy. Codes
    are dictionary columns of their names, None a null, flags booleans.

    Attributes:
        columns: Names and contiguous NumPy arrays, codes as numbers.
    """

    def __init__(self, rows: NDArray[np.void], symbols: Sequence[str]) -> None:
        self._rows = len(rows)
        self._symbols = tuple(symbols)
        names = [name for name in rows.dtype.names or () if name != "reserved"]
        self.columns = {name: np.ascontiguousarray(rows[name]) for name in names}
        self._arrow = [self._column(name, values) for name, values in self.columns.items()]

    def __len__(self) -> int:
        return self._rows

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return an ``arrow_array_stream`` capsule of one batch; other schemas are not offered."""
        return engine.arrow_stream(self._arrow, self._rows)

    def _column(self, name: str, values: NDArray[np.generic]) -> ArrowColumn:
        if name in FLAGS:
            return name, "b", np.packbits(values.astype(bool), bitorder="little"), None, None
        words = self._symbols if name == "symbol" else CODES.get(name)
        validity = None
        if words is not None and words[0] is None:
            validity = np.packbits(values.astype(bool), bitorder="little")
        known = None if words is None else [word or "" for word in words]
        return name, ARROW_FORMATS[values.dtype.str[1:]], values, validity, known


def write_ledger(folder: Path, result: Result) -> list[str]:
    """Write ``fills.parquet``, ``orders.parquet`` and ``equity.parquet``; return the names.

    Codes become their names, flags booleans, NaN stays NaN.
    """
    tables = {
        name: to_columns(getattr(result, name), result.symbols)
        for name in ("fills", "orders", "equity")
    }
    return _write(folder, tables, {"parquet": "FORMAT parquet, CODEC zstd"})


def write_rows(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write a table of plain values as ``<name>.parquet`` and ``<name>.csv``; return the names.

    A column holds numbers where all its values are numbers (NaN: none), text elsewhere.
    """
    keys = list(dict.fromkeys(key for row in rows for key in row))
    columns = {key: _column([row.get(key) for row in rows]) for key in keys}
    forms = {"parquet": "FORMAT parquet, CODEC zstd", "csv": "FORMAT csv, HEADER"}
    return _write(folder, {name: columns}, forms)


def _write(folder: Path, tables: Mapping[str, Columns], forms: Mapping[str, str]) -> list[str]:
    import duckdb  # noqa: PLC0415 - only needed to write

    names = []
    with duckdb.connect() as connection:
        for name, columns in tables.items():
            connection.register("rows", columns)
            for suffix, form in forms.items():
                file = folder / f"{name}.{suffix}"
                target = str(file).replace("'", "''")
                connection.execute(f"COPY rows TO '{target}' ({form})")
                names.append(file.name)
            connection.unregister("rows")
    return names


def _column(values: Sequence[Any]) -> NDArray[np.generic]:
    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {bool} and None not in values:
        return np.array(values, dtype=np.bool_)
    if kinds == {int} and None not in values:
        return np.array(values, dtype=np.int64)
    if kinds and kinds <= {int, float}:
        return np.array([np.nan if value is None else value for value in values])
    return np.array([None if value is None else str(value) for value in values], dtype=object)


def to_columns(rows: NDArray[np.void], symbols: Sequence[str]) -> Columns:
    """Return a structured array as columns that people can read."""
    columns: Columns = {}
    for name in rows.dtype.names or ():
        if name == "reserved":
            continue
        values = np.ascontiguousarray(rows[name])
        if name == "symbol":
            columns[name] = np.asarray(symbols, dtype=object)[values]
        elif name in CODES:
            columns[name] = np.asarray(CODES[name], dtype=object)[values]
        elif name in FLAGS:
            columns[name] = values.astype(np.bool_)
        else:
            columns[name] = values
    return columns
