"""A ledger as Parquet files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lobdesk.backtest.model import ORDER_TYPES, REASONS, SIDES, STATUSES, TIMES_IN_FORCE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from lobdesk.backtest.run import Result

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
    import duckdb  # noqa: PLC0415 - only needed to write

    names = []
    connection = duckdb.connect()
    try:
        for name in ("fills", "orders", "equity"):
            columns = to_columns(getattr(result, name), result.symbols)
            file = folder / f"{name}.parquet"
            connection.register("rows", columns)
            target = str(file).replace("'", "''")
            connection.execute(f"COPY rows TO '{target}' (FORMAT parquet, CODEC zstd)")
            connection.unregister("rows")
            names.append(file.name)
    finally:
        connection.close()
    return names


def to_columns(rows: NDArray[np.void], symbols: Sequence[str]) -> dict[str, NDArray[np.generic]]:
    """Return a structured array as columns that people can read."""
    columns: dict[str, NDArray[np.generic]] = {}
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
