-- The longest silences between two frames of a connection, and between two books of a symbol.
WITH waits AS (
    SELECT source, 'connection ' || conn AS what, recv_ts,
           recv_ts_us - lag(recv_ts_us) OVER (PARTITION BY source, boot, conn ORDER BY seq) AS wait_us
    FROM raw_events WHERE dir = 'in'
    UNION ALL
    SELECT source, symbol, recv_ts,
           recv_ts_us - lag(recv_ts_us) OVER (PARTITION BY source, symbol ORDER BY seq)
    FROM snapshots
)
SELECT source, what, recv_ts AS ended, round(wait_us / 1e6, 3) AS silent_s
FROM waits
WHERE wait_us > 2000000
ORDER BY silent_s DESC
LIMIT 200
