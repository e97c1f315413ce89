-- Distribution over time of the quantity in the ten best levels, by symbol, source and side.
--
-- Each book counts as long as it stood, nothing over holes, as in spread. Quantiles have four
-- significant digits: quantities that agree in them are one value.
--
-- param max_pause_s = 10: a book that stood longer counts as a hole, s
--
-- column symbol: pair
-- column source: recorder or import
-- column side: bid or ask
-- column known_s (s): time that counts
-- column best_qty (base currency): mean quantity of the best level
-- column mean_qty (base currency): mean quantity of all ten levels together
-- column p10_qty (base currency): quantile of that over time
-- column p50_qty (base currency): quantile of that over time
-- column p90_qty (base currency): quantile of that over time
-- column levels (count): mean number of levels
WITH books AS (
    SELECT symbol, source, span_us, pow(10, qty_precision) AS unit, bid_lots, ask_lots
    FROM book_spans() WHERE span_us > 0 AND NOT crossed
), sides AS (
    SELECT symbol, source, 'bid' AS side, span_us, bid_lots[1] / unit AS best,
           list_sum(bid_lots::DOUBLE[]) / unit AS qty,
           len(list_filter(bid_lots::BIGINT[], lambda lots: lots > 0)) AS levels FROM books
    UNION ALL
    SELECT symbol, source, 'ask', span_us, ask_lots[1] / unit, list_sum(ask_lots::DOUBLE[]) / unit,
           len(list_filter(ask_lots::BIGINT[], lambda lots: lots > 0)) FROM books
), bands AS (
    SELECT symbol, source, side,
           significant(qty, 4) AS qty,
           sum(span_us)::DOUBLE AS us, sum(best * span_us) AS best, sum(qty * span_us) AS mean,
           sum(levels * span_us) AS levels
    FROM sides GROUP BY ALL
), ranked AS (
    SELECT *, sum(us) OVER (PARTITION BY symbol, source, side ORDER BY qty) AS up_to,
           sum(us) OVER (PARTITION BY symbol, source, side) AS total
    FROM bands
)
SELECT symbol, source, side, round(sum(us) / 1e6, 6) AS known_s,
       significant(sum(best) / sum(us), 12) AS best_qty,
       significant(sum(mean) / sum(us), 12) AS mean_qty,
       min(qty) FILTER (up_to >= 0.1 * total) AS p10_qty,
       min(qty) FILTER (up_to >= 0.5 * total) AS p50_qty,
       min(qty) FILTER (up_to >= 0.9 * total) AS p90_qty,
       round(sum(levels) / sum(us), 3) AS levels
FROM ranked
GROUP BY symbol, source, side
ORDER BY symbol, source, side DESC
