"""From a row to the journal line behind it, and to the book at that event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lobdesk.index.errors import BookMissingError, LineMissingError, SourceNeededError
from lobdesk.index.segments import Segment, list_segments, read_range
from lobdesk.journal import read_seal
from lobdesk.paths import DataPaths
from lobdesk.records import L2Snapshot
from lobdesk.units import format_rfc3339_us

if TYPE_CHECKING:
    from pathlib import Path

    from lobdesk.index.catalog import Catalog


@dataclass(frozen=True, slots=True, kw_only=True)
class BookAt:
    """A book and where it comes from.

    Attributes:
        source: Recorder or import.
        book: The book.
    """

    source: str
    book: L2Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class RawLine:
    """One line of a raw event log.

    Attributes:
        source: Recorder or import.
        seq: Number of the event.
        file: The segment as it lies there now, plain or sealed.
        line: Number of the line in it, from 1.
        offset: Where the line begins, in uncompressed bytes.
        length: Bytes with the newline.
        text: The line without the newline.
    """

    source: str
    seq: int
    file: Path
    line: int
    offset: int
    length: int
    text: str


def find_book(
    catalog: Catalog,
    symbol: str,
    *,
    ts_us: int | None = None,
    seq: int | None = None,
    source: str | None = None,
) -> BookAt:
    """Return the last book at an exchange time, or after an event of a source.

    Args:
        catalog: The index.
        symbol: Exchange name of the pair.
        ts_us: Exchange time; or
        seq: Number of an event.
        source: Only this source; needed with ``seq`` if several have the symbol.

    Raises:
        SourceNeededError: An event's number needs its source.
        BookMissingError: There is no book yet.
    """
    if seq is not None:
        source = source or only_source(catalog, symbol)
    key, value = ("exch_ts_us", ts_us) if seq is None else ("seq", seq)
    rows = catalog.sql(_BOOK.format(key=key), [symbol, value, source, source]).rows
    if not rows:
        when = f"event {seq}" if ts_us is None else format_rfc3339_us(ts_us)
        raise BookMissingError(symbol, when)
    found_source, number, exch, recv, price, qty, *sides, crc, verified = rows[0]
    book = L2Snapshot(
        v=1, symbol=symbol, seq=number, exch_ts_us=exch, recv_ts_us=recv, price_precision=price,
        qty_precision=qty, bids=_levels(*sides[:2]), asks=_levels(*sides[2:]), checksum=crc,
        verified=verified,
    )  # fmt: skip
    return BookAt(source=found_source, book=book)


def only_source(catalog: Catalog, symbol: str) -> str:
    """Return the source that has a symbol.

    Raises:
        SourceNeededError: There are several.
    """
    rows = catalog.sql(
        "SELECT DISTINCT source FROM snapshots WHERE symbol = ? ORDER BY source", [symbol]
    ).rows
    sources = [source for (source,) in rows]
    if len(sources) != 1:
        raise SourceNeededError(symbol, sources)
    return str(sources[0])


def find_line(catalog: Catalog, source: str, seq: int) -> RawLine:
    """Return the raw log's line of one event, read from the journal itself.

    Raises:
        LineMissingError: The index has no such event, or its segment is gone.
        JournalReadError: The segment cannot be read.
    """
    rows = catalog.sql(
        'SELECT segment, "offset", length FROM raw_events WHERE source = ? AND seq = ?',
        [source, seq],
    ).rows
    if not rows:
        raise LineMissingError(source, seq, "the index has no such event")
    name, offset, length = rows[0]
    paths = DataPaths(catalog.data_dir)
    segment = next((one for one in list_segments(paths) if one.key == (source, name)), None)
    if segment is None:
        raise LineMissingError(source, seq, f"its segment {name} is gone")
    data = read_range(segment, offset, length)
    return RawLine(
        source=source, seq=seq, file=segment.file.path, line=_lines_before(segment, offset) + 1,
        offset=offset, length=length, text=data.decode("utf-8", "replace").rstrip("\n"),
    )  # fmt: skip


def _lines_before(segment: Segment, offset: int) -> int:
    """Count the lines before an offset; of a sealed segment the table knows most of them."""
    begin = lines = 0
    if segment.is_sealed:
        for frame in read_seal(segment.file).frames:
            if frame.offset + frame.length > offset:
                break
            begin, lines = frame.offset + frame.length, lines + frame.lines
    return lines + read_range(segment, begin, offset - begin).count(b"\n")


def _levels(ticks: list[int], lots: list[int]) -> tuple[tuple[int, int], ...]:
    return tuple((price, qty) for price, qty in zip(ticks, lots, strict=True) if qty > 0)


_BOOK = """
SELECT source, seq, exch_ts_us, recv_ts_us, price_precision, qty_precision,
       bid_ticks, bid_lots, ask_ticks, ask_lots, checksum, verified
FROM snapshots
WHERE symbol = ? AND {key} <= ? AND (?::VARCHAR IS NULL OR source = ?::VARCHAR)
ORDER BY {key} DESC, seq DESC LIMIT 1
"""
