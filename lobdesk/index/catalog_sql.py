"""What a catalogue asks of the index, as SQL."""

from __future__ import annotations

SYMBOLS_SQL = """
WITH s AS (
    SELECT symbol, count(*) AS snapshots, 0 AS trades, min(exch_ts_us) AS first,
           max(exch_ts_us) AS last, arg_max(price_precision, recv_ts_us) AS price,
           arg_max(qty_precision, recv_ts_us) AS qty, max(recv_ts_us) AS newest,
           list(DISTINCT source) AS sources
    FROM internal.snapshots GROUP BY symbol
    UNION ALL
    SELECT symbol, 0, count(*), min(exch_ts_us), max(exch_ts_us),
           arg_max(price_precision, recv_ts_us), arg_max(qty_precision, recv_ts_us),
           max(recv_ts_us), list(DISTINCT source)
    FROM internal.trades GROUP BY symbol
), i AS (
    SELECT symbol, arg_max(price_increment, recv_ts_us) AS increment
    FROM internal.instruments WHERE price_increment <> '' GROUP BY symbol
)
SELECT s.symbol, sum(snapshots)::BIGINT, sum(trades)::BIGINT, min(first), max(last),
       arg_max(price, newest), arg_max(qty, newest), any_value(increment),
       list_sort(list_distinct(flatten(list(sources))))
FROM s LEFT JOIN i USING (symbol) GROUP BY s.symbol ORDER BY s.symbol
"""

QUALITY_SQL = """
SELECT frames, verified + repeats, without_checksum, failed,
       greatest(frames - verified - repeats - failed, 0),
       greatest(replaced - firsts, 0), gaps, gap_us, crossed
FROM (
    SELECT count(*) AS frames, count(*) FILTER (checksum_ok = false) AS failed
    FROM raw_events WHERE symbol = ? AND dir = 'in' AND channel = 'book'
      AND type IN ('snapshot', 'update')
), (
    SELECT count(*) FILTER (verified) AS verified,
           count(*) FILTER (verified IS NULL) AS without_checksum,
           count(*) FILTER (crossed) AS crossed
    FROM internal.snapshots WHERE symbol = ?
), (
    SELECT count(*) AS repeats FROM internal.line_verdicts v
    ANTI JOIN internal.snapshots s ON s.source = v.source AND s.seq = v.seq
    WHERE v.ok AND v.symbol = ?
), (
    SELECT count(*) AS replaced, count(DISTINCT source) AS firsts
    FROM internal.snapshots WHERE symbol = ? AND is_snapshot
), (
    SELECT count(*) AS gaps, coalesce(sum(to_us - from_us), 0)::BIGINT AS gap_us
    FROM internal.gaps WHERE symbol = ?
)
"""

SOURCES_SQL = """
SELECT source FROM internal.snapshots WHERE symbol = $1 UNION
SELECT source FROM internal.trades WHERE symbol = $1 ORDER BY source
"""

ALL_SOURCES_SQL = """
SELECT source FROM internal.segments UNION SELECT source FROM tail.raw_events UNION
SELECT source FROM tail.snapshots UNION SELECT source FROM tail.trades ORDER BY source
"""

BOOK_AT_SQL = """
SELECT seq, exch_ts_us, recv_ts_us, price_precision, qty_precision,
       bid_ticks, bid_lots, ask_ticks, ask_lots, checksum, verified
FROM internal.snapshots
WHERE symbol = ? AND exch_ts_us <= ? AND (?::VARCHAR IS NULL OR source = ?::VARCHAR)
ORDER BY exch_ts_us DESC, seq DESC LIMIT 1
"""
