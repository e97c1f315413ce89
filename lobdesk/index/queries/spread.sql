-- Distribution of the spread over time, by symbol and source.
--
-- Each book counts as long as it stood; nothing is counted over a gap, a replaced book, a pause or
-- a crossed book. Quantiles are those of time: half of it the spread was at most p50. They have
-- five significant digits.
--
-- param max_pause_s = 10: a book that stood longer counts as a hole, s
--
-- column symbol: pair
-- column source: recorder or import
-- column books (rows): books that count
-- column known_s (s): time that they stood
-- column mean_bps (bps): mean over time
-- column p50_bps (bps): quantile over time
-- column p90_bps (bps): quantile over time
-- column p99_bps (bps): quantile over time
-- column widest_bps (bps): widest that stood at all
-- column mean_spread (quote currency): mean over time
WITH books AS (
    SELECT symbol, source, span_us, significant(spread_bps, 5) AS bps,
           span_us * (best_ask_ticks - best_bid_ticks) / pow(10, price_precision) AS weighted,
           span_us * spread_bps AS weighted_bps
    FROM book_spans()
    WHERE span_us > 0 AND NOT crossed AND best_bid_ticks IS NOT NULL AND best_ask_ticks IS NOT NULL
), values AS (
    SELECT symbol, source, bps, sum(span_us) AS us, count(*) AS books, sum(weighted) AS weighted,
           sum(weighted_bps) AS weighted_bps
    FROM books GROUP BY symbol, source, bps
), ranked AS (
    SELECT *, sum(us) OVER (PARTITION BY symbol, source ORDER BY bps) AS up_to,
           sum(us) OVER (PARTITION BY symbol, source) AS total
    FROM values
)
SELECT symbol, source, sum(books)::BIGINT AS books, round(sum(us) / 1e6, 6) AS known_s,
       significant(sum(weighted_bps) / sum(us), 6) AS mean_bps,
       min(bps) FILTER (up_to >= 0.5 * total) AS p50_bps,
       min(bps) FILTER (up_to >= 0.9 * total) AS p90_bps,
       min(bps) FILTER (up_to >= 0.99 * total) AS p99_bps,
       max(bps) AS widest_bps, significant(sum(weighted) / sum(us), 12) AS mean_spread
FROM ranked
GROUP BY symbol, source
ORDER BY symbol, source
