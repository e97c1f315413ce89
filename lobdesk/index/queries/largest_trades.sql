-- The largest trades of each symbol by quantity.
SELECT symbol, exch_ts, side, price, qty, ord_type, trade_id, source, seq
FROM trades
QUALIFY row_number() OVER (PARTITION BY symbol ORDER BY qty DESC, trade_id) <= 10
ORDER BY symbol, qty DESC
