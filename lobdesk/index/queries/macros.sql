-- What the shipped queries share; every session has these, so SQL of one's own may use them.
-- The limits are variables that `lobdesk sql` sets from --source, --symbol, --from and --to; one
-- that is not set limits nothing.
CREATE MACRO in_scope(row_source, row_symbol, row_ts_us) AS
    (getvariable('source') IS NULL OR row_source = getvariable('source'))
    AND (getvariable('symbol') IS NULL OR row_symbol = getvariable('symbol'))
    AND row_ts_us >= coalesce(getvariable('from_us'), -9223372036854775807)
    AND row_ts_us < coalesce(getvariable('to_us'), 9223372036854775807);

-- The snapshots in scope, with span_us: how long the book stood until the next one. It is null
-- where that is not known: before a gap, a replaced book, another precision, a time that runs
-- backwards, or a pause of more than max_pause_s. What weights by it never runs over a hole.
CREATE MACRO book_spans() AS TABLE
WITH ends AS (
    SELECT DISTINCT source, symbol, first_verified_seq FROM gaps
    WHERE first_verified_seq IS NOT NULL
), marked AS (
    SELECT s.*, coalesce(s.is_snapshot, false) OR ends.source IS NOT NULL AS is_start
    FROM snapshots s
    LEFT JOIN ends ON ends.source = s.source AND ends.symbol = s.symbol
                  AND ends.first_verified_seq = s.seq
    WHERE in_scope(s.source, s.symbol, s.exch_ts_us)
), paired AS (
    SELECT *, lead(exch_ts_us) OVER following - exch_ts_us AS until_next_us,
           lead(is_start) OVER following AS is_next_start,
           lead(price_precision) OVER following = price_precision
           AND lead(qty_precision) OVER following = qty_precision AS is_next_alike
    FROM marked
    WINDOW following AS (PARTITION BY source, symbol ORDER BY seq)
)
SELECT * EXCLUDE (until_next_us, is_next_start, is_next_alike),
       CASE WHEN is_next_alike AND NOT is_next_start AND until_next_us >= 0
             AND until_next_us <= coalesce(getvariable('max_pause_s'), 10) * 1000000
            THEN until_next_us END AS span_us
FROM paired;

-- The trades in scope beside the book that stood just before each, by exchange time within one
-- source. verdict: best (at the best price), deeper (behind it: a sweep), inside (between bid and
-- ask), wrong side (a buy at the bid or below, a sell at the ask or above), no book (none is known
-- for that moment: before the first one, or in a hole).
CREATE MACRO trades_and_books() AS TABLE
WITH books AS (
    SELECT source, symbol, exch_ts_us, seq AS book_seq, best_bid, best_ask, span_us
    FROM book_spans()
    WHERE span_us IS DISTINCT FROM 0 AND best_bid_ticks IS NOT NULL AND best_ask_ticks IS NOT NULL
)
SELECT t.*, b.book_seq, b.best_bid, b.best_ask,
       CASE WHEN b.span_us IS NULL OR t.exch_ts_us > b.exch_ts_us + b.span_us THEN 'no book'
            WHEN t.side = 'buy' AND t.price = b.best_ask THEN 'best'
            WHEN t.side = 'sell' AND t.price = b.best_bid THEN 'best'
            WHEN t.side = 'buy' AND t.price > b.best_ask THEN 'deeper'
            WHEN t.side = 'sell' AND t.price < b.best_bid THEN 'deeper'
            WHEN t.price > b.best_bid AND t.price < b.best_ask THEN 'inside'
            ELSE 'wrong side' END AS verdict
FROM (FROM trades WHERE in_scope(source, symbol, exch_ts_us)) t
ASOF LEFT JOIN books b
    ON b.source = t.source AND b.symbol = t.symbol AND b.exch_ts_us < t.exch_ts_us;
