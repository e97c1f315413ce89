-- Book frames whose checksum our book did not have, newest first.
SELECT source, symbol, seq, recv_ts, conn, type, segment, "offset", raw
FROM raw_events
WHERE checksum_ok = false
ORDER BY recv_ts_us DESC
