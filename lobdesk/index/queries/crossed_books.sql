-- Verified books whose best bid is not below the best ask: crossed or locked.
--
-- The exchange's own checksum covers them, so they are what it showed. Windows and bars leave them
-- out.
--
-- column source: recorder or import
-- column symbol: pair
-- column seq: number of the raw event
-- column exch_ts (UTC): exchange time
-- column state: crossed (bid above ask) or locked (equal)
-- column best_bid (quote currency): best bid
-- column best_ask (quote currency): best ask
-- column lasted_us (µs): until the next book; empty where that is not known
-- column segment: journal segment
-- column offset (bytes): where the line begins in it
SELECT source, symbol, seq, exch_ts,
       CASE WHEN best_bid_ticks > best_ask_ticks THEN 'crossed' ELSE 'locked' END AS state,
       best_bid, best_ask, span_us AS lasted_us, segment, "offset"
FROM book_spans()
WHERE crossed
ORDER BY symbol, exch_ts_us, source, seq
