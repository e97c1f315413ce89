-- Time from exchange to receipt by symbol, ms; below zero our clock was behind the exchange's.
SELECT source, symbol, count(*) AS books,
       round(min(recv_ts_us - exch_ts_us) / 1e3, 3) AS least_ms,
       round(quantile_cont(recv_ts_us - exch_ts_us, 0.5) / 1e3, 3) AS p50_ms,
       round(quantile_cont(recv_ts_us - exch_ts_us, 0.99) / 1e3, 3) AS p99_ms,
       round(max(recv_ts_us - exch_ts_us) / 1e3, 3) AS most_ms
FROM snapshots
GROUP BY source, symbol
ORDER BY source, symbol
