-- What is indexed: rows and time span of each symbol and source.
SELECT symbol, source, count(*) AS books, count(*) FILTER (is_snapshot) AS replaced,
       count(*) FILTER (verified) AS verified, min(exch_ts) AS first, max(exch_ts) AS last
FROM snapshots
GROUP BY symbol, source
ORDER BY symbol, source
