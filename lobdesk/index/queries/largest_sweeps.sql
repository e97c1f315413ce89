-- The largest sweeps: one aggressor taking several price levels at once.
--
-- Trades of one side at one exchange time that follow each other by number are one aggressor; where
-- a source has no numbers, all of one side at one exchange time.
--
-- param top = 20: rows of each symbol
-- param levels = 2: fewest price levels
--
-- column symbol: pair
-- column exch_ts (UTC): exchange time
-- column side: aggressor
-- column levels (count): prices that it took
-- column trades (count): trades
-- column qty (base currency): quantity
-- column notional (quote currency): value
-- column first_price (quote currency): of the first trade
-- column last_price (quote currency): of the last trade
-- column reach_bps (bps): from the first price to the last
-- column first_trade_id: number of the first trade
-- column source: recorder or import
-- column seq: number of the first raw event
WITH linked AS (
    SELECT *, row_number() OVER (PARTITION BY source, symbol, exch_ts_us, side
                                 ORDER BY trade_id, seq, "offset") AS place
    FROM trades
    WHERE in_scope(source, symbol, exch_ts_us)
), sweeps AS (
    SELECT symbol, exch_ts, side, count(DISTINCT price) AS levels, count(*) AS trades,
           sum(qty) AS qty, sum(price::DOUBLE * qty::DOUBLE) AS notional,
           arg_min(price, place) AS first_price, arg_max(price, place) AS last_price,
           min(trade_id) AS first_trade_id, source, min(seq) AS seq
    FROM linked
    GROUP BY source, symbol, exch_ts, side, CASE WHEN trade_id > 0 THEN trade_id - place END
)
SELECT symbol, exch_ts, side, levels, trades, qty, significant(notional, 12) AS notional,
       first_price, last_price,
       round(abs(last_price::DOUBLE - first_price::DOUBLE) / first_price::DOUBLE * 1e4, 4)
       AS reach_bps,
       first_trade_id, source, seq
FROM sweeps
WHERE levels >= coalesce(getvariable('levels'), 2)
QUALIFY row_number() OVER (PARTITION BY symbol ORDER BY notional DESC, first_trade_id, source, seq)
        <= coalesce(getvariable('top'), 20)
ORDER BY symbol, notional DESC, first_trade_id, source, seq
