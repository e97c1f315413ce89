-- Mean quantity in the ten best levels of each side, base currency, and how many levels there were.
SELECT symbol,
       round(avg(list_sum(bid_lots::BIGINT[]) / pow(10, qty_precision)), 6) AS bid_qty,
       round(avg(list_sum(ask_lots::BIGINT[]) / pow(10, qty_precision)), 6) AS ask_qty,
       round(avg(best_bid_lots / pow(10, qty_precision)), 6) AS best_bid_qty,
       round(avg(best_ask_lots / pow(10, qty_precision)), 6) AS best_ask_qty,
       round(avg(len(list_filter(bid_lots::BIGINT[], lambda lots: lots > 0))), 2) AS bid_levels,
       round(avg(len(list_filter(ask_lots::BIGINT[], lambda lots: lots > 0))), 2) AS ask_levels
FROM snapshots
GROUP BY symbol
ORDER BY symbol
