"""How complete a recording is: one row for each symbol and UTC day, and every gap.

Everything is one aggregation over the index; docs/index.md defines each number.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lobdesk.index.query import fetch, query_errors
from lobdesk.units import US_PER_DAY, parse_rfc3339_us

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lobdesk.index.catalog import Catalog

LOST_REACH_US = 10_000_000
"""A gap that begins this long after a loss at most, and before anything else ended, is its cost."""

DERIVE_LAG_US = 1_000_000
"""A running recorder verifies its newest frames within this time; until then they are no gap."""

US_PER_HOUR = 3_600_000_000
PLACE_SEQS = 256
UNFINISHED = "unfinished"
"""Cause of a stretch that the recording ends in: the book was not verified again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolDay:
    """One symbol of one source on one UTC day of receipt.

    Attributes:
        source: Journal.
        symbol: Exchange name of the pair.
        day: ``YYYY-MM-DD``.
        book_frames: Received book frames.
        verified: Those after which our book had the exchange's checksum.
        failed: Those after which it had not; None if the source's frames are not indexed as such.
        unverified: The others, during a resync for example; None likewise.
        without_checksum: Books of a source that sends no checksums.
        repeated: Frames outside of gaps that made no new book: a second connection's, or the newest
            ones of a running recorder.
        verified_pct: ``verified`` of the frames that are not repeated; None without frames.
        observed_us: From the symbol's first verified frame to its last book frame, within the day.
        unverifiable_us: What of it no verified book covers.
        clean_pct: The rest of it; None if nothing was observed.
        gaps: Stretches that begin on the day.
        resyncs: Frames that replaced the book, without the source's first.
        trades_missed: Trades that the numbering shows and nobody received.
        lost_records: Records of the whole source that we could not write.
        lost_cost_us: What of ``unverifiable_us`` followed from that.
        offset_min_us: Least estimate of the exchange's clock minus ours, None if not known.
        offset_max_us: Greatest.
        offset_method: ``ping``, or ``exch-recv``: the fastest frame of each hour, too low by its
            travel time; empty if not known.
    """

    source: str
    symbol: str
    day: str
    book_frames: int
    verified: int
    failed: int | None
    unverified: int | None
    without_checksum: int
    repeated: int
    verified_pct: float | None
    observed_us: int
    unverifiable_us: int
    clean_pct: float | None
    gaps: int
    resyncs: int
    trades_missed: int
    lost_records: int
    lost_cost_us: int
    offset_min_us: int | None
    offset_max_us: int | None
    offset_method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRow:
    """A stretch without a verified book.

    Attributes:
        source: Journal.
        symbol: Exchange name of the pair.
        cause: Why; ``unfinished`` if the recording ends in it.
        last_verified_seq: Last verified event before; None if there was none.
        first_verified_seq: First verified event after; None if there is none.
        from_us: Receipt of the former.
        to_us: Receipt of the latter, or of the last book frame.
        duration_us: Between the two.
        is_ours: It followed from records that we could not write.
    """

    source: str
    symbol: str
    cause: str
    last_verified_seq: int | None
    first_verified_seq: int | None
    from_us: int
    to_us: int
    duration_us: int
    is_ours: bool


@dataclass(frozen=True, slots=True)
class GapReport:
    """Days by source, symbol and day; gaps in order of time."""

    days: list[SymbolDay]
    gaps: list[GapRow]


def report_gaps(
    catalog: Catalog, symbols: Sequence[str] = (), *, day: str | None = None
) -> GapReport:
    """Return how complete the recordings are.

    Args:
        catalog: The index.
        symbols: Only these pairs; none means all.
        day: Only this UTC day of receipt, ``YYYY-MM-DD``.

    Raises:
        ValueError: ``day`` is no date.
        QueryError: The index cannot be read.
    """
    number = None if day is None else parse_rfc3339_us(f"{day}T00:00:00Z") // US_PER_DAY
    wanted = list(symbols) or None
    with contextlib.closing(catalog.cursor()) as con, query_errors():
        for name, text in _STEPS.items():
            con.execute(f"CREATE TEMP TABLE {name} AS {text}")
        days = fetch(con, _DAYS, [wanted, number])
        gaps = fetch(con, _GAPS, [wanted, number])
    return GapReport(
        [SymbolDay(**_named(days.columns, row)) for row in days.rows],
        [GapRow(**_named(gaps.columns, row)) for row in gaps.rows],
    )


def _named(names: list[str], row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(names, row, strict=True))


_IS_BOOK_FRAME = (
    "dir = 'in' AND channel = 'book' AND type IN ('snapshot', 'update') AND symbol IS NOT NULL"
)


def _fact(key: str, kind: str = "BIGINT") -> str:
    return f"TRY_CAST(json_extract_string(raw, '$.{key}') AS {kind})"


def _notes(kind: str) -> str:
    return f"FROM internal.raw_events WHERE dir = 'note' AND type = '{kind}' AND json_valid(raw)"


_STEPS = {
    # Frames while several connections had books; a repeat wrote no book down.
    "report_lines": """
SELECT v.*, s.seq IS NULL AS is_repeat FROM internal.line_verdicts v
LEFT JOIN internal.snapshots s ON s.source = v.source AND s.seq = v.seq""",
    # One pass over the books. An exchange time that equals the receipt is none.
    "report_hours": f"""
SELECT source, symbol, recv_ts_us // {US_PER_HOUR} AS hour,
       count(*) FILTER (verified) AS verified,
       count(*) FILTER (verified IS NULL) AS without_checksum,
       min(recv_ts_us) AS first_us, max(recv_ts_us) AS last_us, min(seq) AS first_seq,
       max(seq) AS last_seq,
       max(exch_ts_us - recv_ts_us) FILTER (recv_ts_us <> exch_ts_us) AS nearest
FROM internal.snapshots GROUP BY ALL""",
    "report_frames": f"""
SELECT source, symbol, recv_ts_us // {US_PER_DAY} AS day, count(*) AS frames,
       count(*) FILTER (replaces) AS replaced, min(seq) FILTER (replaces) AS first_replaced,
       min(recv_ts_us) AS first_us, max(recv_ts_us) AS last_us,
       max(seq) FILTER (NOT is_told) AS last_seq
FROM (
    SELECT f.source, f.symbol, f.seq, f.recv_ts_us, coalesce(l.ok, false) AS is_told,
           f.type = 'snapshot' AND l.seq IS NULL AS replaces
    FROM (FROM internal.raw_events WHERE {_IS_BOOK_FRAME}) f
    LEFT JOIN (FROM report_lines WHERE is_repeat) l ON l.source = f.source AND l.seq = f.seq
) GROUP BY ALL""",
    "report_line_days": f"""
SELECT source, symbol, recv_ts_us // {US_PER_DAY} AS day,
       count(*) FILTER (ok AND is_repeat) AS repeats, count(*) FILTER (NOT ok) AS failed,
       count(*) FILTER (ok IS NULL) AS unverified
FROM report_lines GROUP BY ALL""",
    "report_extents": """
SELECT source, symbol, first_verified_seq, verified_seq, verified_us, first_frame_us,
       last_frame_us, last_seq, first_replaced,
       coalesce(first_verified_us, first_frame_us) AS first_us,
       greatest(verified_us, last_frame_us) AS last_us
FROM (
    SELECT source, symbol, max(last_seq) AS verified_seq, max(last_us) AS verified_us,
           min(first_seq) AS first_verified_seq, min(first_us) AS first_verified_us
    FROM report_hours GROUP BY ALL
) FULL JOIN (
    SELECT source, symbol, min(first_us) AS first_frame_us, max(last_us) AS last_frame_us,
           max(last_seq) AS last_seq, min(first_replaced) AS first_replaced
    FROM report_frames GROUP BY ALL
) USING (source, symbol)""",
    "report_losses": f"""
SELECT source, {_fact("records")} AS records, {_fact("from_us")} AS from_us,
       {_fact("to_us")} AS to_us {_notes("lost")}""",
    "report_gaps": f"""
SELECT *, EXISTS (
    FROM report_losses l WHERE l.source = g.source AND g.to_us >= l.from_us
    AND g.from_us <= l.to_us + {LOST_REACH_US}
) AS is_ours FROM (
    SELECT source, symbol, cause, nullif(last_verified_seq, 0) AS last_verified_seq,
           first_verified_seq, coalesce(from_us, to_us, recv_ts_us) AS from_us,
           greatest(coalesce(to_us, recv_ts_us), from_us) AS to_us
    FROM internal.gaps
    UNION ALL
    SELECT source, symbol, '{UNFINISHED}', verified_seq, NULL,
           coalesce(verified_us, first_frame_us), greatest(last_frame_us, verified_us)
    FROM report_extents WHERE last_seq > coalesce(verified_seq, 0)
      AND last_frame_us - coalesce(verified_us, first_frame_us) > {DERIVE_LAG_US}
) g""",
    # A gap over midnight has a piece on each day.
    "report_pieces": f"""
SELECT source, symbol, day, is_ours, day = from_us // {US_PER_DAY} AS is_begin,
       least(to_us, (day + 1) * {US_PER_DAY}) - greatest(from_us, day * {US_PER_DAY}) AS us
FROM (
    SELECT *, unnest(range(from_us // {US_PER_DAY}, to_us // {US_PER_DAY} + 1)) AS day
    FROM report_gaps
)""",
    # Frames without a verdict of their own lie in a gap or before the first verified one.
    "report_spans": """
SELECT g.source, g.symbol, cause, coalesce(last_verified_seq, -1) AS last_seq,
       coalesce(g.first_verified_seq, e.last_seq + 1) AS end_seq
FROM report_gaps g JOIN report_extents e USING (source, symbol)
UNION ALL
SELECT source, symbol, 'start', -1, first_verified_seq
FROM report_extents WHERE first_verified_seq IS NOT NULL""",
    # Only a few frames do, so most of them are set aside before the costly join in order.
    "report_places": f"""
SELECT DISTINCT source, symbol,
       unnest(range(greatest(last_seq, 0) // {PLACE_SEQS}, end_seq // {PLACE_SEQS} + 1)) AS place
FROM report_spans""",
    # What failed follows as in the view raw_events: the frame that began a gap, and snapshots that
    # did not end it. Gaps of a symbol do not overlap, so each frame is in one at most.
    "report_missed": f"""
SELECT source, symbol, day, count(*) AS missed,
       count(*) FILTER (cause = 'checksum' AND (seq = first OR type = 'snapshot')) AS failed
FROM (
    SELECT e.source, e.symbol, e.recv_ts_us // {US_PER_DAY} AS day, e.type, e.seq, g.cause,
           min(e.seq) OVER (PARTITION BY g.source, g.symbol, g.last_seq) AS first
    FROM (
        SELECT source, symbol, seq, type, recv_ts_us
        FROM (FROM internal.raw_events WHERE {_IS_BOOK_FRAME}) f
        SEMI JOIN report_places p ON p.source = f.source AND p.symbol = f.symbol
              AND p.place = f.seq // {PLACE_SEQS}
        ANTI JOIN report_lines l ON l.source = f.source AND l.seq = f.seq
    ) e
    ASOF JOIN report_spans g
      ON g.source = e.source AND g.symbol = e.symbol AND e.seq > g.last_seq
    WHERE e.seq < g.end_seq
) GROUP BY ALL""",
    "report_trades": f"""
SELECT source, {_fact("symbol", "VARCHAR")} AS symbol, recv_ts_us // {US_PER_DAY} AS day,
       sum({_fact("first_trade_id")} - {_fact("last_trade_id")} - 1) AS missed
{_notes("trade_gap")} GROUP BY ALL""",
    "report_offsets": f"""
SELECT source, recv_ts_us // {US_PER_DAY} AS day, min({_fact("offset_min_us")}) AS least,
       max({_fact("offset_max_us")}) AS greatest
{_notes("offset")} GROUP BY ALL HAVING least IS NOT NULL""",
}

_DAYS = f"""
WITH books AS (
    SELECT source, symbol, hour // 24 AS day, sum(verified)::BIGINT AS verified,
           sum(without_checksum)::BIGINT AS without_checksum, min(nearest) AS least,
           max(nearest) AS greatest
    FROM report_hours GROUP BY ALL
), pieces AS (
    SELECT source, symbol, day, sum(us)::BIGINT AS us, count(*) FILTER (is_begin) AS gaps,
           coalesce(sum(us) FILTER (is_ours), 0)::BIGINT AS ours_us
    FROM report_pieces GROUP BY ALL
), losses AS (
    SELECT source, from_us // {US_PER_DAY} AS day, sum(records)::BIGINT AS records
    FROM report_losses GROUP BY ALL
), days AS (
    SELECT source, symbol, day FROM books UNION SELECT source, symbol, day FROM report_frames
    UNION SELECT source, symbol, day FROM pieces
), counted AS (
    SELECT d.source, d.symbol, d.day,
           coalesce(b.verified, 0) + coalesce(v.repeats, 0) AS verified,
           coalesce(b.without_checksum, 0) AS without_checksum, e.last_seq IS NULL AS is_foreign,
           coalesce(r.frames, 0) AS frames,
           coalesce(m.failed, 0) + coalesce(v.failed, 0) AS failed,
           coalesce(m.missed, 0) + coalesce(v.failed + v.unverified, 0) AS missed,
           greatest(least(e.last_us, (d.day + 1) * {US_PER_DAY})
                    - greatest(e.first_us, d.day * {US_PER_DAY}), 0) AS observed_us,
           coalesce(p.us, 0) AS unverifiable_us, coalesce(p.gaps, 0) AS gaps,
           coalesce(r.replaced, 0) - coalesce(r.first_replaced = e.first_replaced, false)::INT
               AS resyncs,
           coalesce(t.missed, 0)::BIGINT AS trades_missed, coalesce(l.records, 0) AS lost_records,
           coalesce(p.ours_us, 0) AS lost_cost_us, o.least AS ping_least,
           o.greatest AS ping_greatest, b.least, b.greatest
    FROM days d JOIN report_extents e USING (source, symbol)
    LEFT JOIN books b USING (source, symbol, day)
    LEFT JOIN report_frames r USING (source, symbol, day)
    LEFT JOIN report_missed m USING (source, symbol, day)
    LEFT JOIN report_line_days v USING (source, symbol, day)
    LEFT JOIN pieces p USING (source, symbol, day)
    LEFT JOIN report_trades t USING (source, symbol, day)
    LEFT JOIN losses l USING (source, day)
    LEFT JOIN report_offsets o USING (source, day)
)
SELECT source, symbol, strftime(make_timestamp(day * {US_PER_DAY}), '%Y-%m-%d') AS day,
       if(is_foreign, verified, frames) AS book_frames, verified,
       if(is_foreign, NULL, failed) AS failed,
       if(is_foreign, NULL, missed - failed) AS unverified, without_checksum,
       if(is_foreign, 0, greatest(frames - verified - missed, 0)) AS repeated,
       100.0::DOUBLE * verified / nullif(book_frames - repeated, 0) AS verified_pct,
       observed_us, unverifiable_us,
       100.0::DOUBLE * (observed_us - unverifiable_us) / nullif(observed_us, 0) AS clean_pct,
       gaps, resyncs, trades_missed, lost_records, lost_cost_us,
       coalesce(ping_least, least) AS offset_min_us,
       coalesce(ping_greatest, greatest) AS offset_max_us,
       CASE WHEN ping_least IS NOT NULL THEN 'ping' WHEN least IS NOT NULL THEN 'exch-recv'
            ELSE '' END AS offset_method
FROM counted
WHERE ($1::VARCHAR[] IS NULL OR list_contains($1::VARCHAR[], symbol))
  AND ($2::BIGINT IS NULL OR counted.day = $2::BIGINT)
ORDER BY source, symbol, day
"""

_GAPS = f"""
SELECT source, symbol, cause, last_verified_seq, first_verified_seq, from_us, to_us,
       to_us - from_us AS duration_us, is_ours
FROM report_gaps
WHERE ($1::VARCHAR[] IS NULL OR list_contains($1::VARCHAR[], symbol))
  AND ($2::BIGINT IS NULL
       OR $2::BIGINT BETWEEN from_us // {US_PER_DAY} AND to_us // {US_PER_DAY})
ORDER BY from_us, source, symbol, to_us
"""
