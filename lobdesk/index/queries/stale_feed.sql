-- The longest silences: between two frames of a connection, and between two books of a symbol.
--
-- A live connection hears a heartbeat each second, so its silence is a stall; a quiet book is no
-- fault. Waits of a connection are measured by the monotonic clock where the source has one, those
-- of a book by our wall clock (see clock_steps). A silence of a book that a noted gap explains is
-- not listed.
--
-- param silent_s = 2: least length, s
-- param top = 200: most rows
--
-- column source: recorder or import
-- column what: the connection, or the symbol
-- column ended (UTC): receipt of what ended it
-- column seq: number of the event that ended it
-- column silent_s (s): how long
WITH frames AS (
    SELECT source, 'connection ' || conn AS what, recv_ts, seq,
           CASE WHEN boot IS NULL THEN recv_ts_us ELSE mono_us END
           - lag(CASE WHEN boot IS NULL THEN recv_ts_us ELSE mono_us END)
             OVER (PARTITION BY source, boot, conn ORDER BY seq) AS wait_us
    FROM raw_events
    WHERE dir = 'in' AND in_scope(source, getvariable('symbol'), recv_ts_us)
), starts AS (
    SELECT DISTINCT source, symbol, first_verified_seq FROM gaps
), books AS (
    SELECT s.source, s.symbol AS what, s.recv_ts, s.seq,
           CASE WHEN s.is_snapshot OR starts.source IS NOT NULL THEN NULL ELSE
           s.recv_ts_us - lag(s.recv_ts_us) OVER (PARTITION BY s.source, s.symbol ORDER BY s.seq)
           END AS wait_us
    FROM snapshots s
    LEFT JOIN starts ON starts.source = s.source AND starts.symbol = s.symbol
                    AND starts.first_verified_seq = s.seq
    WHERE in_scope(s.source, s.symbol, s.recv_ts_us)
), waits AS (FROM frames UNION ALL FROM books)
SELECT source, what, recv_ts AS ended, seq, round(wait_us / 1e6, 6) AS silent_s
FROM waits
WHERE wait_us >= coalesce(getvariable('silent_s'), 2) * 1000000
ORDER BY silent_s DESC, source, what, seq
LIMIT coalesce(getvariable('top'), 200)
