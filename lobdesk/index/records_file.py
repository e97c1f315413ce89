"""The ``.lobr`` file: records of one symbol, day and source as the engine maps them.

Eight bytes of magic, the header's length (4 bytes, little-endian), a JSON header padded with blanks
so that the records begin at a multiple of 64, the records, and, where the header says
``order_ids``, one int64 for each record: the number of its order.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import glob
import hashlib
import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk.engine_records import RECORD_DTYPE
from lobdesk.index.durable import TEMPORARY, publishing
from lobdesk.index.errors import RecordsError
from lobdesk.paths import encode_symbol
from lobdesk.units import EPOCH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lobdesk.index.stream import Grid
    from lobdesk.paths import DataPaths

MAGIC = b"LOBREC1\n"
ALIGNMENT = 64
VERSION = 1
ORDER_ID_BYTES = 8

ABANDONED_S = 3600.0


@dataclass(frozen=True, slots=True)
class MarketRecords:
    """A mapped records file.

    Attributes:
        path: The file.
        header: All facts that its writer noted.
        records: Structured array of ``RECORD_DTYPE``, read-only, backed by the file.
        order_ids: int64 ``[rows]``, the number of each record's order; None in a file of levels.
    """

    path: Path
    header: dict[str, Any]
    records: NDArray[np.void]
    order_ids: NDArray[np.int64] | None = None

    @property
    def symbol(self) -> str:
        """Exchange name of the pair."""
        return str(self.header["symbol"])

    @property
    def tick(self) -> str:
        """Price increment that ``price_ticks`` counts, decimal text."""
        return str(self.header["tick"])

    @property
    def lot(self) -> str:
        """Quantity increment that ``qty_lots`` counts, decimal text."""
        return str(self.header["lot"])

    @property
    def digest(self) -> str:
        """SHA-256 of the records' bytes and order numbers, as noted by the writer."""
        return str(self.header["sha256"])


def open_market_records(path: Path | str, *, verify: bool = False) -> MarketRecords:
    """Map a records file.

    Args:
        path: A ``.lobr`` file.
        verify: Also compute the digest, which reads the whole file.

    Raises:
        RecordsError: It is no such file, is cut, or its records are not those of the digest.
    """
    path = Path(path)
    header, begin = _read_header(path)
    count = int(header.get("records", -1))
    has_ids = bool(header.get("order_ids"))
    ids_begin = begin + count * RECORD_DTYPE.itemsize
    size = path.stat().st_size
    if count < 0 or size != ids_begin + has_ids * count * ORDER_ID_BYTES:
        raise RecordsError(f"{path}: is cut or damaged; delete it, it is written again when needed")
    records: NDArray[np.void] = np.empty(0, RECORD_DTYPE)
    ids: NDArray[np.int64] | None = np.empty(0, np.int64) if has_ids else None
    if count:
        records = np.memmap(path, RECORD_DTYPE, mode="r", offset=begin, shape=(count,))
    if count and has_ids:
        ids = np.memmap(path, np.int64, mode="r", offset=ids_begin, shape=(count,))
    if verify and _digest(records, ids) != header.get("sha256"):
        raise RecordsError(f"{path}: its records are not those that were written; delete it")
    return MarketRecords(path, header, records, ids)


def records_path(
    paths: DataPaths, symbol: str, day: int, source: str, *, by_order: bool = False
) -> Path:
    """Return where the records of one symbol, UTC day (since the epoch) and source lie."""
    folder = paths.lake / "records" / f"pair={encode_symbol(symbol)}"
    kind = ".orders" if by_order else ""
    return folder / f"date={_date(day)}.{encode_symbol(source)}{kind}.lobr"


def describe_records(  # noqa: PLR0917 - two call sites
    source: str,
    day: int,
    grid: Grid,
    records: NDArray[np.void],
    facts: dict[str, Any],
    order_ids: NDArray[np.int64] | None = None,
) -> dict[str, Any]:
    """Return a file's header but for its ``inputs``."""
    return {
        "format": "lobr",
        "version": VERSION,
        "symbol": grid.symbol,
        "source": source,
        "date": _date(day),
        "tick": grid.tick,
        "lot": grid.lot,
        "price_precision": grid.price_precision,
        "qty_precision": grid.qty_precision,
        "records": len(records),
        "order_ids": order_ids is not None,
        "first_exch_ts_us": int(records["exch_ts_us"].min()) if len(records) else None,
        "last_exch_ts_us": int(records["exch_ts_us"].max()) if len(records) else None,
        **facts,
        "sha256": _digest(records, order_ids),
    }


def inputs_of(path: Path) -> dict[str, Any] | None:
    """Return what a file was made from; None if there is none, or it is not as written."""
    try:
        found: dict[str, Any] = open_market_records(path, verify=True).header["inputs"]
    except (RecordsError, KeyError):
        return None
    return found


def write_records(
    path: Path,
    header: dict[str, Any],
    records: NDArray[np.void],
    order_ids: NDArray[np.int64] | None = None,
) -> None:
    """Write a file durably, in place of an older one."""
    text = json.dumps(header).encode()
    begin = len(MAGIC) + 4
    padded = text + b" " * (-(begin + len(text)) % ALIGNMENT)
    length = len(padded).to_bytes(4, "little")
    # Every backtest may find the file stale, so several processes may write it at once.
    _forget_abandoned(path)
    name = f".{os.getpid()}-{threading.get_ident()}"
    with publishing(path, name) as temporary, temporary.open("wb") as stream:
        stream.write(MAGIC + length + padded)
        stream.write(_bytes(records))
        if order_ids is not None:
            stream.write(_bytes(order_ids))


def _forget_abandoned(path: Path) -> None:
    """Delete what writers of this file left that were killed."""
    for left in path.parent.glob(f"{glob.escape(path.name)}.*{TEMPORARY}"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > ABANDONED_S:
                left.unlink()


def _date(day: int) -> str:
    return (EPOCH + dt.timedelta(days=day)).date().isoformat()


def _digest(records: NDArray[np.void], order_ids: NDArray[np.int64] | None) -> str:
    digest = hashlib.sha256(_bytes(records))
    if order_ids is not None:
        digest.update(_bytes(order_ids))
    return digest.hexdigest()


def _bytes(values: NDArray[Any]) -> memoryview:
    """Return the memory of an array, without a copy of one that lies in order."""
    return np.ascontiguousarray(values).view(np.uint8).data


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    begin = len(MAGIC) + 4
    try:
        with path.open("rb") as stream:
            start = stream.read(begin)
            length = int.from_bytes(start[len(MAGIC) :], "little")
            if not start.startswith(MAGIC) or len(start) != begin or length > 1 << 24:
                raise RecordsError(f"{path}: is not a market data records file")
            header = json.loads(stream.read(length))
    except OSError as error:
        raise RecordsError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RecordsError(f"{path}: its header is damaged: {error}") from error
    if not isinstance(header, dict) or header.get("version") != VERSION:
        raise RecordsError(f"{path}: is of another version; delete it, it is written again")
    return header, begin + length
