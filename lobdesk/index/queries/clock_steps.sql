-- Where our wall clock was set: it moved otherwise than the monotonic clock between two events.
--
-- Only events of one boot are compared; sources without a monotonic clock cannot tell. Slow slewing
-- stays below the limit and does not show.
--
-- param step_ms = 10: least step, ms
--
-- column source: recorder or import
-- column seq: number of the first event behind the step
-- column recv_ts (UTC): its receipt
-- column step_ms (ms): how far the clock went forward; below zero backward
-- column elapsed_ms (ms): true time since the event before
-- column segment: journal segment
-- column offset (bytes): where the line begins in it
WITH steps AS (
    SELECT source, seq, recv_ts, segment, "offset",
           mono_us - lag(mono_us) OVER same AS elapsed_us,
           recv_ts_us - lag(recv_ts_us) OVER same AS shown_us
    FROM raw_events
    WHERE boot IS NOT NULL AND in_scope(source, getvariable('symbol'), recv_ts_us)
    WINDOW same AS (PARTITION BY source, boot ORDER BY seq)
)
SELECT source, seq, recv_ts, round((shown_us - elapsed_us) / 1e3, 3) AS step_ms,
       round(elapsed_us / 1e3, 3) AS elapsed_ms, segment, "offset"
FROM steps
WHERE abs(shown_us - elapsed_us) >= coalesce(getvariable('step_ms'), 10) * 1000
ORDER BY source, seq
