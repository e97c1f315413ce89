"""A symbol's book snapshots as a file that is mapped: decoded once, then read at memory speed.

The file is disposable. It lies beside the market data records, names the parts that it was made of,
and is written again when these change. While lines of the symbol are in no part yet it is not used.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk.index.columns import SnapshotColumns, read_snapshots
from lobdesk.index.durable import publishing
from lobdesk.index.errors import IndexWriteError
from lobdesk.index.schema import SCHEMA_VERSION
from lobdesk.paths import encode_symbol

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from lobdesk.paths import DataPaths

MAGIC = b"LOBCOLS1"
ALIGNMENT = 64
LENGTH_BYTES = 8
ARRAYS = tuple(
    name for name in SnapshotColumns.__dataclass_fields__ if name not in {"symbol", "sources"}
)


def read_mapped(con: duckdb.DuckDBPyConnection, paths: DataPaths, symbol: str) -> SnapshotColumns:
    """Return all snapshots of a symbol, mapped and read-only where their file can be had.

    Without the right to write there, or on a full disk, they are read from the parts.
    """
    inputs = _inputs(con, symbol)
    if inputs is None:
        return read_snapshots(con, symbol)
    path = columns_path(paths, symbol)
    found = _map(path, symbol, inputs)
    if found is not None:
        return found
    columns = read_snapshots(con, symbol)
    try:
        _write(path, columns, inputs)
    except IndexWriteError:
        return columns
    return columns


def columns_path(paths: DataPaths, symbol: str) -> Path:
    """Return where a symbol's columns lie."""
    return paths.lake / "records" / f"pair={encode_symbol(symbol)}" / "snapshots.lobc"


def _inputs(con: duckdb.DuckDBPyConnection, symbol: str) -> str | None:
    """Return a digest of what the columns are made of; None while the journal is ahead."""
    ((tail,),) = con.execute(
        "SELECT count(*) FROM tail.snapshots WHERE symbol = ?", [symbol]
    ).fetchall()
    parts = con.execute(
        "SELECT digest FROM internal.parts WHERE \"table\" = 'snapshots' AND symbol = ? "
        'ORDER BY source, segment, "from"',
        [symbol],
    ).fetchall()
    if tail or not parts:
        return None
    gaps = con.execute(
        "SELECT source, first_verified_seq FROM internal.gaps WHERE symbol = ? ORDER BY ALL",
        [symbol],
    ).fetchall()
    facts = json.dumps([SCHEMA_VERSION, symbol, parts, gaps])
    return hashlib.blake2b(facts.encode(), digest_size=16).hexdigest()


def _map(path: Path, symbol: str, inputs: str) -> SnapshotColumns | None:
    """Return the columns of a file; None if it is absent, cut, or made of something else."""
    try:
        data = np.memmap(path, np.uint8, mode="r").view(np.ndarray)
        begin = len(MAGIC) + LENGTH_BYTES
        if data[: len(MAGIC)].tobytes() != MAGIC:
            return None
        length = int.from_bytes(data[len(MAGIC) : begin].tobytes(), "little")
        header = json.loads(data[begin : begin + length].tobytes())
        data = data[_aligned(begin + length) :]
        if (header["inputs"], header["bytes"]) != (inputs, len(data)):
            return None
        arrays = {
            name: data[offset : offset + size].view(dtype).reshape(shape)
            for name, (dtype, shape, offset, size) in header["arrays"].items()
        }
        return SnapshotColumns(symbol=symbol, sources=header["sources"], **arrays)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, columns: SnapshotColumns, inputs: str) -> None:
    arrays = {name: np.ascontiguousarray(getattr(columns, name)) for name in ARRAYS}
    places: dict[str, Any] = {}
    header: dict[str, Any] = {"inputs": inputs, "sources": columns.sources, "arrays": places}
    offset = 0
    for name, values in arrays.items():
        places[name] = (values.dtype.str, values.shape, offset, values.nbytes)
        offset += _aligned(values.nbytes)
    text = json.dumps(header | {"bytes": offset}).encode()
    begin = _aligned(len(MAGIC) + LENGTH_BYTES + len(text))
    with (
        publishing(path, f".{os.getpid()}-{threading.get_ident()}") as temporary,
        temporary.open("wb") as stream,
    ):
        stream.write(MAGIC + len(text).to_bytes(LENGTH_BYTES, "little") + text)
        for name, values in arrays.items():
            stream.seek(begin + places[name][2])
            stream.write(values.data)
        stream.truncate(begin + offset)


def _aligned(size: int) -> int:
    return size + -size % ALIGNMENT
