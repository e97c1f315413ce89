-- Snapshots whose best bid is not below the best ask.
SELECT source, symbol, seq, exch_ts, best_bid, best_ask, segment, "offset"
FROM snapshots
WHERE crossed
ORDER BY symbol, exch_ts_us
