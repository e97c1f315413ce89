-- Book frames whose checksum our book did not have, newest first.
--
-- Each is the frame at which a book became suspect. None is what a healthy recording has.
--
-- column source: recorder or import
-- column symbol: pair
-- column seq: number of the raw event
-- column recv_ts (UTC): receipt
-- column conn: connection number
-- column type: snapshot or update
-- column segment: journal segment
-- column offset (bytes): where the line begins in it
-- column raw: the frame
SELECT source, symbol, seq, recv_ts, conn, type, segment, "offset", raw
FROM raw_events
WHERE checksum_ok = false AND in_scope(source, symbol, recv_ts_us)
ORDER BY recv_ts_us DESC, source, seq DESC
