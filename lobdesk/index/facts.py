"""What the catalogue says about symbols and their recording."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolInfo:
    """What the index holds of one symbol.

    Attributes:
        symbol: Exchange name of the pair.
        rows: Book snapshots.
        trades: Trades.
        first_ts_us: Least exchange time of a snapshot or trade.
        last_ts_us: Greatest exchange time.
        price_precision: Digits of ticks in the newest row.
        qty_precision: Digits of lots in the newest row.
        price_increment: Smallest price step as decimal text; empty if the source does not say.
        sources: Sources that have the symbol.
    """

    symbol: str
    rows: int
    trades: int
    first_ts_us: int
    last_ts_us: int
    price_precision: int
    qty_precision: int
    price_increment: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch of one symbol without a verified book.

    Attributes:
        source: Journal.
        symbol: Exchange name of the pair.
        cause: Why.
        last_verified_seq: Last verified event before; None if there was none.
        first_verified_seq: First verified event after; None if not known.
        from_us: Receipt of the former.
        to_us: Receipt of the latter.
    """

    source: str
    symbol: str
    cause: str
    last_verified_seq: int | None
    first_verified_seq: int | None
    from_us: int | None
    to_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How good the recording of one symbol is.

    Attributes:
        book_frames: Received book frames; 0 if the source has no frames.
        verified: Frames whose checksum was right, also those that only repeated a second line's.
        without_checksum: Snapshot rows of sources without checksums.
        failed: Book frames whose checksum was wrong.
        unverified: Book frames that were not compared (during a resync, precision unknown).
        resyncs: Frames that replaced the book, without the first of each source.
        gaps: Noted gaps.
        gap_us: Their total length.
        crossed: Rows whose best bid is not below the best ask.
    """

    book_frames: int
    verified: int
    without_checksum: int
    failed: int
    unverified: int
    resyncs: int
    gaps: int
    gap_us: int
    crossed: int
