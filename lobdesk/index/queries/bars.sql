-- Open, high, low and close of the trades in bars of equal time.
--
-- Trades of one source count once; a bar without trades has no row. Their order is that of their
-- numbers, where a source has none that of time and log. `is_whole` is false where trade numbers
-- are missing in the bar or just before it, so that its volume is a lower bound.
--
-- param bar_s = 60: length of a bar, s
--
-- column begin (UTC): begin of the bar, exchange time
-- column symbol: pair
-- column source: recorder or import
-- column open (quote currency): price of the first trade
-- column high (quote currency): highest price
-- column low (quote currency): lowest price
-- column close (quote currency): price of the last trade
-- column vwap (quote currency): mean price by volume
-- column volume (base currency): quantity
-- column buy_volume (base currency): quantity that buyers took
-- column trades (count): trades
-- column is_whole: no trade number is missing; empty if the source has none
WITH numbered AS (
    SELECT *, (exch_ts_us // (coalesce(getvariable('bar_s'), 60) * 1000000)::BIGINT)::BIGINT AS bar,
           trade_id - lag(trade_id) OVER ordered AS step, row_number() OVER ordered AS place
    FROM trades
    WHERE in_scope(source, symbol, exch_ts_us)
    WINDOW ordered AS (
        PARTITION BY source, symbol ORDER BY trade_id, exch_ts_us, seq, "offset")
)
SELECT make_timestamp(bar * (coalesce(getvariable('bar_s'), 60) * 1000000)::BIGINT) AS begin,
       symbol, source, arg_min(price, place) AS open, max(price) AS high, min(price) AS low,
       arg_max(price, place) AS close,
       significant(sum(price::DOUBLE * qty::DOUBLE) / sum(qty::DOUBLE), 12) AS vwap,
       sum(qty) AS volume,
       coalesce(sum(qty) FILTER (side = 'buy'), 0) AS buy_volume, count(*) AS trades,
       bool_and(CASE WHEN trade_id > 0 THEN coalesce(step, 1) <= 1 END) AS is_whole
FROM numbered
GROUP BY bar, symbol, source
ORDER BY begin, symbol, source
