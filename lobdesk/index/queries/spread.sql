-- Distribution of the spread by symbol, in basis points and in ticks.
SELECT symbol, count(*) AS books,
       round(quantile_cont(spread_bps, 0.5), 4) AS p50_bps,
       round(quantile_cont(spread_bps, 0.9), 4) AS p90_bps,
       round(quantile_cont(spread_bps, 0.99), 4) AS p99_bps,
       round(max(spread_bps), 4) AS widest_bps,
       round(avg(spread_ticks), 3) AS mean_ticks
FROM snapshots
WHERE best_bid_ticks IS NOT NULL AND best_ask_ticks IS NOT NULL
GROUP BY symbol
ORDER BY symbol
