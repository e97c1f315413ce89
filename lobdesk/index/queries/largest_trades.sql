-- The largest trades of each symbol by quantity.
--
-- Each row is one match; an aggressor that met several orders has several (see largest_sweeps).
--
-- param top = 10: rows of each symbol
--
-- column symbol: pair
-- column exch_ts (UTC): exchange time
-- column side: aggressor
-- column price (quote currency): price
-- column qty (base currency): quantity
-- column ord_type: the aggressor's order
-- column trade_id: the exchange's number
-- column source: recorder or import
-- column seq: number of the raw event
SELECT symbol, exch_ts, side, price, qty, ord_type, trade_id, source, seq
FROM trades
WHERE in_scope(source, symbol, exch_ts_us)
QUALIFY row_number() OVER (PARTITION BY symbol ORDER BY qty DESC, trade_id, source, seq, "offset")
        <= coalesce(getvariable('top'), 10)
ORDER BY symbol, qty DESC, trade_id, source, seq, "offset"
