-- Received frames by time, source, channel and symbol.
--
-- The rate counts only the seconds in which the source received anything at all (a live connection
-- has a heartbeat each second), so it does not sink where recording began, ended or was cut off.
--
-- param bucket_s = 60: length of a row, s
--
-- column begin (UTC): begin of the bucket, our clock
-- column source: recorder or import
-- column channel: of the frames
-- column symbol: pair, empty for frames of none
-- column frames (count): frames
-- column live_s (s): seconds in which the source received anything
-- column per_s (1/s): frames in one such second
-- column peak_per_s (1/s): most frames in one second
WITH seconds AS (
    SELECT source, channel, symbol, recv_ts_us // 1000000 AS second, count(*) AS frames
    FROM raw_events
    WHERE dir = 'in' AND in_scope(source, getvariable('symbol'), recv_ts_us)
    GROUP BY ALL
), live AS (
    SELECT source, second // coalesce(getvariable('bucket_s'), 60) AS bucket,
           count(DISTINCT second) AS live_s
    FROM seconds GROUP BY ALL
), counted AS (
    SELECT source, channel, symbol, second // coalesce(getvariable('bucket_s'), 60) AS bucket,
           sum(frames)::BIGINT AS frames, max(frames) AS peak
    FROM seconds
    WHERE getvariable('symbol') IS NULL OR symbol = getvariable('symbol')
    GROUP BY ALL
)
SELECT make_timestamp((bucket * coalesce(getvariable('bucket_s'), 60) * 1000000)::BIGINT) AS begin,
       source, channel, symbol, frames, live_s, round(frames / live_s, 3) AS per_s,
       peak AS peak_per_s
FROM counted JOIN live USING (source, bucket)
ORDER BY begin, source, channel, symbol
