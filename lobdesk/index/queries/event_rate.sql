-- Events a minute by source, channel and symbol.
SELECT date_trunc('minute', recv_ts) AS minute, source, channel, symbol, count(*) AS events,
       round(count(*) / 60, 2) AS per_second
FROM raw_events
WHERE dir = 'in'
GROUP BY ALL
ORDER BY minute, source, channel, symbol
