-- Trade numbers that are missing between two trades of a symbol within one source.
WITH ordered AS (
    SELECT DISTINCT source, symbol, trade_id, exch_ts,
           lag(trade_id) OVER (PARTITION BY source, symbol ORDER BY trade_id) AS previous
    FROM trades
)
SELECT source, symbol, previous + 1 AS first_missing, trade_id - 1 AS last_missing,
       trade_id - previous - 1 AS missing, exch_ts AS next_trade
FROM ordered
WHERE trade_id > previous + 1
ORDER BY source, symbol, first_missing
