"""Columns for DuckDB, which reads the scanner's memory as Arrow: no object for any row. No I/O."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk import engine
from lobdesk.index.duck import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from lobdesk.index.schema import Table

    ArrowColumn = tuple[str, str, NDArray[Any], NDArray[np.uint8] | None, Sequence[str] | None]

FORMATS = {"i8": "l", "i4": "i", "i1": "c", "u1": "C"}
"""Kind of an array → Arrow's letter for it."""


@dataclass(frozen=True, slots=True)
class Codes:
    """Texts of few kinds.

    Attributes:
        values: int32 ``[rows]``, index into ``names``; -1 where there is none.
        names: The texts; none is empty where some row has none.
    """

    values: NDArray[np.int32]
    names: Sequence[str]

    def are(self, name: str) -> NDArray[np.bool_]:
        """Tell for each row whether it is this text."""
        code = self.names.index(name) if name in self.names else len(self.names)
        return np.equal(self.values, code)

    def text(self, row: int) -> str | None:
        """Return a row's text."""
        code = int(self.values[row])
        return self.names[code] if code >= 0 else None


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts one behind the other.

    Attributes:
        data: uint8, UTF-8.
        begins: int64 ``[rows + 1]``, where each begins.
    """

    data: NDArray[np.uint8]
    begins: NDArray[np.int64]

    def text(self, row: int) -> str:
        """Return a row's text."""
        return self.data[self.begins[row] : self.begins[row + 1]].tobytes().decode()


class HandOver:
    """Columns of a table as a stream of Arrow arrays, and the SQL that makes stored ones of them.

    Register it with a connection and select ``select`` from it. Texts are ``Codes``, ``Texts``,
    arrays of str or None, or a str for all rows; masked arrays have nulls; levels are
    ``[rows, 10]``.
    """

    def __init__(self, table: Table, columns: Mapping[str, Any]) -> None:
        self.rows = len(columns["offset"] if "offset" in columns else columns["seq"])
        self._columns: list[ArrowColumn] = []
        self._begins: dict[str, NDArray[np.int64]] = {}
        parts = []
        for column in table.columns:
            name, value = column.name, columns[column.name]
            if isinstance(value, str):
                parts.append(f'{quote(value)} AS "{name}"')
                continue
            cast = f'"{name}"' if column.type.endswith("]") else f'"{name}"::{column.type}'
            if self._add(name, value):
                cast = f"nullif({cast}, '')"
            parts.append(f'{cast} AS "{name}"')
        self.select = ", ".join(parts)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return an ``arrow_array_stream`` capsule of one batch; other schemas are not offered."""
        return engine.arrow_stream(self._columns, self.rows, text_begins=self._begins)

    def _add(self, name: str, value: Codes | Texts | NDArray[Any]) -> bool:
        """Add a column; True if its empty texts stand for none."""
        if isinstance(value, Codes):
            has_none = bool((value.values < 0).any())
            names = ["", *value.names] if has_none else list(value.names)
            codes = value.values + np.int32(1) if has_none else value.values
            self._columns.append((name, "i", np.ascontiguousarray(codes), None, names))
            return has_none
        if isinstance(value, Texts):
            self._begins[name] = value.begins
            self._columns.append((name, "U", value.data, None, None))
            return False
        if value.dtype == object:
            texts = [("" if text is None else text).encode() for text in value]
            ends = list(itertools.accumulate(map(len, texts), initial=0))
            self._begins[name] = np.array(ends, np.int64)
            data = np.frombuffer(b"".join(texts) or b" ", np.uint8)
            nulls = np.array([text is None for text in value], bool)
            self._columns.append((name, "U", data, _bits(~nulls), None))
            return False
        validity = _bits(~np.ma.getmaskarray(value)) if np.ma.isMaskedArray(value) else None
        values = np.ascontiguousarray(np.ma.getdata(value))
        is_flag = values.dtype == bool
        kind = "b" if is_flag else FORMATS[values.dtype.str[1:]]
        self._columns.append((name, kind, _bits(values) if is_flag else values, validity, None))
        return False


def _bits(flags: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.packbits(flags, bitorder="little")
