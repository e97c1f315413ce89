-- Time from the exchange to our receipt, by source and symbol.
--
-- It mixes the way of the message with the difference of two clocks: below zero ours was behind.
-- Frames that replaced a book are left out: their time is that of the book's last change.
--
-- column source: recorder or import
-- column symbol: pair
-- column books (rows): books that count
-- column least_ms (ms): least
-- column p50_ms (ms): median
-- column p99_ms (ms): 99 of 100 are not above
-- column most_ms (ms): greatest
SELECT source, symbol, count(*) AS books,
       round(min(recv_ts_us - exch_ts_us) / 1e3, 3) AS least_ms,
       round(quantile_cont(recv_ts_us - exch_ts_us, 0.5) / 1e3, 3) AS p50_ms,
       round(quantile_cont(recv_ts_us - exch_ts_us, 0.99) / 1e3, 3) AS p99_ms,
       round(max(recv_ts_us - exch_ts_us) / 1e3, 3) AS most_ms
FROM snapshots
WHERE NOT is_snapshot AND in_scope(source, symbol, exch_ts_us)
GROUP BY source, symbol
ORDER BY source, symbol
