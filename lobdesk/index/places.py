"""From a row to the journal line behind it, and to the book at that event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lobdesk.index.catalog_sql import ALL_SOURCES_SQL, SOURCES_SQL
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
        note: Why it is not the one that stood there, for example because of a gap; else empty.
    """

    source: str
    book: L2Snapshot
    note: str


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
        LineMissingError: The source has no event of that number yet.
    """
    if seq is not None:
        source = source or only_source(catalog, symbol, has_books=True)
        _require_event(catalog, source, seq)
    key, value = ("exch_ts_us", ts_us) if seq is None else ("seq", seq)
    rows = catalog.sql(_BOOK.format(key=key), [symbol, value, source, source]).rows
    if not rows:
        when = f"event {seq}" if ts_us is None else format_rfc3339_us(ts_us)
        has_books = catalog.sql(_HAS_BOOKS, [symbol, source, source]).rows
        raise BookMissingError(symbol, when if has_books else "")
    found_source, number, exch, recv, price, qty, *sides, crc, verified = rows[0]
    book = L2Snapshot(
        v=1, symbol=symbol, seq=number, exch_ts_us=exch, recv_ts_us=recv, price_precision=price,
        qty_precision=qty, bids=_levels(*sides[:2]), asks=_levels(*sides[2:]), checksum=crc,
        verified=verified,
    )  # fmt: skip
    note = _note(catalog, found_source, book, ts_us, seq)
    return BookAt(source=found_source, book=book, note=note)


def _note(
    catalog: Catalog, source: str, book: L2Snapshot, ts_us: int | None, seq: int | None
) -> str:
    """Say why the last book is not the one that stood at an instant or event."""
    if book.exch_ts_us == ts_us or book.seq == seq:
        return ""
    place = [source, book.symbol, book.seq]
    gaps = catalog.sql(_GAP_BEHIND, place).rows
    if gaps and (seq is None or gaps[0][1] is None or seq < gaps[0][1]):
        cause, _, until_us = gaps[0]
        until = "" if until_us is None else f" until {format_rfc3339_us(until_us)}"
        return f"no verified book is known there ({cause}{until}); this is the last one before"
    if ts_us is None:
        return ""
    age = f"{(ts_us - book.exch_ts_us) / 1e6:,.3f} s"
    if not catalog.sql(_LATER, place).rows:
        return f"this is the last book of {source}, {age} before that time"
    return f"this book is {age} old at that time" if ts_us - book.exch_ts_us > PAUSE_US else ""


def _require_event(catalog: Catalog, source: str, seq: int) -> None:
    ((last,),) = catalog.sql("SELECT max(seq) FROM raw_events WHERE source = ?", [source]).rows
    if last is not None and seq > last:
        raise LineMissingError(source, seq, f"the index has no such event; the last is {last}")


def only_source(catalog: Catalog, symbol: str | None, *, has_books: bool = False) -> str:
    """Return the source that has a symbol, or anything if the symbol is None.

    Args:
        catalog: The index.
        symbol: Exchange name of the pair.
        has_books: True leaves out sources that have trades of it alone, if another has books.

    Raises:
        SourceNeededError: There are several.
    """
    text, values = (ALL_SOURCES_SQL, []) if symbol is None else (SOURCES_SQL, [symbol])
    sources = [source for (source,) in catalog.sql(text, values).rows]
    if has_books and len(sources) > 1:
        sources = [one for one in sources if catalog.sql(_HAS_BOOKS, [symbol, one, one]).rows]
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
    if f'"seq":{seq},'.encode() not in data[:SEQ_BYTES]:
        raise LineMissingError(
            source, seq, f"{segment.file.path} has another line there now; run: lobdesk index"
        )
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


SEQ_BYTES = 48
"""A line has its number within so many bytes from its begin."""

PAUSE_US = 10_000_000
"""A book that stands longer is said to be old, as audits leave it out."""

_HAS_BOOKS = """
SELECT 1 FROM snapshots WHERE symbol = ? AND (?::VARCHAR IS NULL OR source = ?::VARCHAR) LIMIT 1
"""
_GAP_BEHIND = """
SELECT cause, first_verified_seq, to_us FROM gaps
WHERE source = ? AND symbol = ? AND last_verified_seq = ? ORDER BY seq LIMIT 1
"""
_LATER = "SELECT 1 FROM snapshots WHERE source = ? AND symbol = ? AND seq > ? LIMIT 1"
_BOOK = """
SELECT source, seq, exch_ts_us, recv_ts_us, price_precision, qty_precision,
       bid_ticks, bid_lots, ask_ticks, ask_lots, checksum, verified
FROM snapshots
WHERE symbol = ? AND {key} <= ? AND (?::VARCHAR IS NULL OR source = ?::VARCHAR)
ORDER BY {key} DESC, seq DESC LIMIT 1
"""
