-- Trade numbers that are missing between two trades of a symbol within one source.
--
-- The exchange numbers the trades of a pair without holes, so each hole is trades that were not
-- received. `noted` tells whether the recorder said so itself.
--
-- column source: recorder or import
-- column symbol: pair
-- column first_missing: first number of the hole
-- column last_missing: last one
-- column missing (count): numbers in it
-- column noted: true if a note trade_gap names it
-- column next_trade (UTC): exchange time of the trade behind it
-- column seq: number of that trade's raw event
WITH ordered AS (
    SELECT source, symbol, trade_id, exch_ts, seq,
           lag(trade_id) OVER (PARTITION BY source, symbol ORDER BY trade_id) AS previous
    FROM trades
    WHERE in_scope(source, symbol, exch_ts_us)
), notes AS (
    SELECT DISTINCT source, symbol, (raw->>'$.last_trade_id')::BIGINT AS previous
    FROM raw_events WHERE dir = 'note' AND type = 'trade_gap'
)
SELECT o.source, o.symbol, o.previous + 1 AS first_missing, o.trade_id - 1 AS last_missing,
       o.trade_id - o.previous - 1 AS missing, notes.source IS NOT NULL AS noted,
       o.exch_ts AS next_trade, o.seq
FROM ordered o
LEFT JOIN notes ON notes.source = o.source AND notes.symbol = o.symbol
               AND notes.previous = o.previous
WHERE o.trade_id > o.previous + 1
ORDER BY o.source, o.symbol, first_missing
