-- Open, high, low and close of the volume-weighted mid in bars of equal time.
--
-- A bar holds the books that came in it; `mean` weights each by the time it stood within the bar.
-- `known_s` is that time: where it is short of the bar, part of the bar is a hole, a pause, or lies
-- before its first book. Crossed and one-sided books are left out.
--
-- param bar_s = 60: length of a bar, s
-- param max_pause_s = 10: a book that stood longer counts as a hole, s
--
-- column begin (UTC): begin of the bar, exchange time
-- column symbol: pair
-- column source: recorder or import
-- column open (quote currency): of the first book
-- column high (quote currency): highest
-- column low (quote currency): lowest
-- column close (quote currency): of the last book
-- column mean (quote currency): mean over the known time; empty if none is
-- column books (rows): books
-- column known_s (s): time that their books stood within the bar
WITH books AS (
    SELECT symbol, source, seq, vwm, exch_ts_us,
           (exch_ts_us // (coalesce(getvariable('bar_s'), 60) * 1000000)::BIGINT)::BIGINT AS bar,
           coalesce(span_us, 0) AS span_us
    FROM book_spans()
    WHERE NOT crossed AND best_bid_ticks IS NOT NULL AND best_ask_ticks IS NOT NULL
), cut AS (
    SELECT *, least(span_us, (bar + 1) * (coalesce(getvariable('bar_s'), 60) * 1000000)::BIGINT
                             - exch_ts_us) AS known_us
    FROM books
)
SELECT make_timestamp(bar * (coalesce(getvariable('bar_s'), 60) * 1000000)::BIGINT) AS begin,
       symbol, source, arg_min(vwm, seq) AS open, max(vwm) AS high, min(vwm) AS low,
       arg_max(vwm, seq) AS close,
       significant(sum(vwm * known_us) / nullif(sum(known_us), 0), 12) AS mean, count(*) AS books,
       round(sum(known_us) / 1e6, 6) AS known_s
FROM cut
GROUP BY bar, symbol, source
ORDER BY begin, symbol, source
