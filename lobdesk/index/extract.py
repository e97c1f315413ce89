"""Complete journal lines to the rows of all tables that they hold. No I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from lobdesk import engine
from lobdesk.index.hand_over import Codes, Texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from lobdesk.index.segments import Block, Segment

DIRECTIONS = ("in", "out", "note")
SIDES = ("buy", "sell")
STAT_COLUMNS = ("seq", "exch_ts_us", "recv_ts_us")

Columns = dict[str, Any]
"""Column name → values, as ``HandOver`` takes them."""


class GapNote(msgspec.Struct, kw_only=True):
    """What a note of kind ``gap`` says."""

    symbol: str
    cause: str
    first_verified_seq: int | None = None
    last_verified_seq: int | None = None
    from_us: int | None = None
    to_us: int | None = None


class PairFacts(msgspec.Struct, kw_only=True):
    """What an ``instrument`` frame says about a pair; increments stay text."""

    symbol: str
    price_precision: int
    qty_precision: int
    price_increment: str | int = ""
    qty_increment: str | int = ""
    qty_min: str | int = ""
    status: str = ""


class InstrumentData(msgspec.Struct):
    """The part of an ``instrument`` frame that we read."""

    pairs: list[PairFacts] = []


class InstrumentFrame(msgspec.Struct):
    """An ``instrument`` frame."""

    data: InstrumentData


class SnapshotFrames:
    """Numbers of the frames that replaced a book, for each source."""

    def __init__(self) -> None:
        self._found: dict[str, list[NDArray[np.int64]]] = {}
        self._sorted: dict[str, NDArray[np.int64]] = {}

    def add(self, source: str, seqs: Iterable[int]) -> None:
        """Remember the numbers of such frames."""
        self._found.setdefault(source, []).append(np.fromiter(seqs, np.int64))
        self._sorted.pop(source, None)

    def contains(self, source: str, seqs: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell for each number whether it is one of them."""
        if source not in self._sorted:
            parts = self._found.get(source, [])
            joined = np.concatenate(parts) if parts else np.empty(0, np.int64)
            self._sorted[source] = np.unique(joined)
        return np.isin(seqs, self._sorted[source])

    def of(self, source: str) -> NDArray[np.int64]:
        """Return all numbers of a source, ascending."""
        self.contains(source, np.empty(0, np.int64))
        return self._sorted[source]


@dataclass(slots=True)
class Extract:
    """What one block of lines holds.

    Attributes:
        tables: Table name → columns; a table without rows is absent.
        frames: Numbers of events that replaced a book.
        stats: ``rows``, ``rejects``, ``crossed``, ``unverified`` and the least and greatest
            ``seq``, ``exch_ts_us`` and ``recv_ts_us``.
    """

    tables: dict[str, Columns] = field(default_factory=dict)
    frames: list[int] = field(default_factory=list)
    stats: dict[str, int] = field(default_factory=dict)


def extract(block: Block, frames: SnapshotFrames) -> Extract:
    """Return the rows of a block of complete lines.

    Args:
        block: Lines of one segment.
        frames: Must hold the numbers of all events that the lines of a snapshot segment name;
            those of an event segment are in the result.
    """
    segment = block.segment
    if segment.kind == "events":
        return _events(block)
    if segment.kind == "snapshots":
        return _snapshots(block, frames)
    return _trades(block)


def _snapshots(block: Block, frames: SnapshotFrames) -> Extract:
    segment = block.segment
    scanned = engine.scan_snapshots(block.data, symbol=segment.symbol, base_offset=block.begin)
    rejects = scanned.pop("rejects")
    columns: Columns = {"symbol": segment.symbol, **scanned}
    for side in ("bid", "ask"):
        is_empty = columns[f"{side}_lots"][:, 0] == 0
        for what in ("ticks", "lots"):
            best = np.ascontiguousarray(columns[f"{side}_{what}"][:, 0])
            columns[f"best_{side}_{what}"] = np.ma.masked_array(best, mask=is_empty)
    is_full = (columns["bid_lots"][:, 0] > 0) & (columns["ask_lots"][:, 0] > 0)
    columns["crossed"] = is_full & (columns["bid_ticks"][:, 0] >= columns["ask_ticks"][:, 0])
    columns["is_snapshot"] = frames.contains(segment.source, columns["seq"])
    columns["checksum"] = np.ma.masked_less(columns["checksum"], 0)
    columns["verified"] = np.ma.masked_less(columns["verified"], 0)
    result = _result("snapshots", segment, columns, rejects)
    result.stats["crossed"] = int(columns["crossed"].sum())
    result.stats["unverified"] = int(np.ma.getmaskarray(columns["verified"]).sum())
    return result


def _trades(block: Block) -> Extract:
    segment = block.segment
    scanned = engine.scan_trades(block.data, symbol=segment.symbol, base_offset=block.begin)
    rejects = scanned.pop("rejects")
    columns: Columns = {"symbol": segment.symbol, **scanned}
    columns["side"] = Codes(scanned["side"].astype(np.int32), SIDES)
    columns["ord_type"] = Codes(scanned["ord_type"], columns.pop("ord_types"))
    return _result("trades", segment, columns, rejects)


def _events(block: Block) -> Extract:
    segment = block.segment
    columns: Columns = engine.scan_events(block.data, base_offset=block.begin)
    rejects = columns.pop("rejects")
    names = columns.pop("names")
    columns["raw"] = Texts(columns["raw"], columns.pop("raw_begin"))
    for key in ("boot", "channel", "type", "symbol"):
        columns[key] = Codes(columns[key], names)
    columns["dir"] = Codes(columns["dir"].astype(np.int32), DIRECTIONS)
    is_frame = columns["dir"].are("in") & columns["type"].are("snapshot")
    frames = columns["seq"][is_frame & columns["channel"].are("book")].tolist()
    gaps, instruments = _notes(columns, rejects), _instruments(columns, rejects)
    result = _result("raw_events", segment, columns, rejects)
    result.frames = frames
    if gaps:
        result.tables["gaps"] = gaps | _where(segment)
    if instruments:
        result.tables["instruments"] = instruments | {"source": segment.source}
    return result


def _result(
    table: str, segment: Segment, columns: Columns, rejects: list[tuple[int, int, str]]
) -> Extract:
    rows = len(columns["seq"])
    result = Extract(stats={"rows": rows, "rejects": len(rejects)})
    if rows:
        result.tables[table] = columns | _where(segment)
        for name in STAT_COLUMNS:
            if name in columns:
                result.stats[f"{name}_min"] = int(columns[name].min())
                result.stats[f"{name}_max"] = int(columns[name].max())
    if rejects:
        offsets, lengths, reasons = zip(*rejects, strict=True)
        result.tables["rejects"] = {
            "offset": np.array(offsets, np.int64),
            "length": np.array(lengths, np.int64),
            "reason": np.array(reasons, dtype=object),
        } | _where(segment)
    return result


def _notes(columns: Columns, rejects: list[tuple[int, int, str]]) -> Columns:
    rows, notes = [], []
    for row in np.flatnonzero(columns["dir"].are("note") & columns["type"].are("gap")).tolist():
        try:
            notes.append(msgspec.json.decode(columns["raw"].text(row), type=GapNote))
            rows.append(row)
        except msgspec.DecodeError as error:
            rejects.append(_reject(columns, row, f"gap note: {error}"))
    if not rows:
        return {}
    kept = {name: columns[name][rows] for name in ("seq", "recv_ts_us", "offset", "length")}
    for name in ("symbol", "cause"):
        kept[name] = np.array([getattr(note, name) for note in notes], dtype=object)
    for name in ("last_verified_seq", "first_verified_seq", "from_us", "to_us"):
        kept[name] = _integers([getattr(note, name) for note in notes])
    return kept


def _instruments(columns: Columns, rejects: list[tuple[int, int, str]]) -> Columns:
    pairs: list[tuple[int, PairFacts, bool]] = []
    # The acknowledgement of the subscription names the same channel.
    is_data = columns["type"].are("snapshot") | columns["type"].are("update")
    is_said = columns["dir"].are("in") & columns["channel"].are("instrument") & is_data
    is_inferred = columns["dir"].are("note") & columns["type"].are("precision")
    for row in np.flatnonzero(is_said | is_inferred).tolist():
        try:
            frame = json.loads(columns["raw"].text(row), parse_float=_plain)
            if is_inferred[row]:
                pairs.append((row, msgspec.convert(frame, PairFacts), True))
            else:
                found = msgspec.convert(frame, InstrumentFrame).data.pairs
                pairs += [(row, pair, False) for pair in found]
        except (ValueError, InvalidOperation, msgspec.ValidationError) as error:
            rejects.append(_reject(columns, row, f"instrument: {error}"))
    if not pairs:
        return {}
    rows = [row for row, _, _ in pairs]
    kept: Columns = {name: columns[name][rows] for name in ("seq", "recv_ts_us")}
    for name in ("price_precision", "qty_precision"):
        kept[name] = np.array([getattr(pair, name) for _, pair, _ in pairs], np.int64)
    for name in ("symbol", "price_increment", "qty_increment", "qty_min", "status"):
        kept[name] = np.array([str(getattr(pair, name)) for _, pair, _ in pairs], dtype=object)
    kept["is_inferred"] = np.array([inferred for _, _, inferred in pairs], dtype=bool)
    return kept


def _reject(columns: Columns, row: int, reason: str) -> tuple[int, int, str]:
    return int(columns["offset"][row]), int(columns["length"][row]), reason


def _plain(number: str) -> str:
    """Return a JSON number as decimal text without an exponent."""
    return format(Decimal(number), "f")


def _integers(values: list[int | None]) -> np.ma.MaskedArray[Any, Any]:
    filled = np.array([0 if value is None else value for value in values], np.int64)
    return np.ma.masked_array(filled, mask=[value is None for value in values])


def _where(segment: Segment) -> Columns:
    return {"source": segment.source, "segment": segment.name}
