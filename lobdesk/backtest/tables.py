"""A ledger as Parquet files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk.backtest.model import ORDER_TYPES, REASONS, SIDES, STATUSES, TIMES_IN_FORCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from lobdesk.backtest.run import Result

    Columns = dict[str, NDArray[np.generic]]

CODES: dict[str, tuple[str | None, ...]] = {
    "side": SIDES,
    "type": ORDER_TYPES,
    "tif": TIMES_IN_FORCE,
    "status": STATUSES,
    "reason": REASONS,
    "last_reject": REASONS,
}
FLAGS = ("is_maker", "is_certain")


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
