-- Stretches without a verified book: how many and how long, by hour, symbol and cause.
SELECT date_trunc('hour', from_ts) AS hour, symbol, cause, count(*) AS gaps,
       round(sum(duration_us) / 1e6, 3) AS seconds, round(max(duration_us) / 1e6, 3) AS longest_s
FROM gaps
GROUP BY ALL
ORDER BY hour, symbol, cause
