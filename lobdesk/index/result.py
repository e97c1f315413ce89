"""The answer to a query, detached from the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DTYPES = {
    "BOOLEAN": np.bool_, "TINYINT": np.int8, "SMALLINT": np.int16, "INTEGER": np.int32,
    "BIGINT": np.int64, "UTINYINT": np.uint8, "USMALLINT": np.uint16, "UINTEGER": np.uint32,
    "UBIGINT": np.uint64, "FLOAT": np.float32, "DOUBLE": np.float64,
}  # fmt: skip


def left_out_note(left_out_bytes: int) -> str:
    """Say that an answer lacks the newest part of the journal; nothing if it does not."""
    if not left_out_bytes:
        return ""
    size = f"{left_out_bytes:,} bytes"
    if left_out_bytes >= 1_000_000:
        size = f"{left_out_bytes / 1e6:,.1f} MB"
    return f"{size} of the journal are not in the index yet; run: lobdesk index"


@dataclass(frozen=True, slots=True)
class SqlResult:
    """Columns and rows of a query.

    Attributes:
        columns: Names in order.
        types: DuckDB's name of each column's type.
        rows: Tuples of Python values: integers and decimals exact, times without a zone are UTC.
        is_cut: True if the limit left rows out.
        notes: What the reader should know, for example that part of the journal is not indexed.
    """

    columns: list[str]
    types: list[str]
    rows: list[tuple[Any, ...]]
    is_cut: bool = False
    notes: tuple[str, ...] = ()

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows."""
        return self.rows

    def to_numpy(self) -> dict[str, NDArray[Any]]:
        """Return one array a column, numeric where the type is and no value is null.

        A number column with nulls is a masked array; decimals, texts and nested values are objects.
        """
        values = list(zip(*self.rows, strict=True)) if self.rows else [()] * len(self.columns)
        return {
            name: _array(kind, column)
            for name, kind, column in zip(self.columns, self.types, values, strict=True)
        }


def _array(kind: str, values: tuple[Any, ...]) -> NDArray[Any]:
    if kind == "TIMESTAMP":
        return np.array(values, dtype="datetime64[us]")
    dtype = _DTYPES.get(kind)
    if dtype is None:
        found = np.empty(len(values), dtype=object)
        found[:] = values
        return found
    mask = [value is None for value in values]
    if not any(mask):
        return np.array(values, dtype)
    filled: NDArray[Any] = np.array([0 if value is None else value for value in values], dtype)
    return np.ma.masked_array(filled, mask=mask)
