-- What the shipped queries share; every session has these, so SQL of one's own may use them.
-- The limits are variables that `lobdesk sql` sets from --source, --symbol, --from and --to; one
-- that is not set limits nothing.
CREATE MACRO in_scope(row_source, row_symbol, row_ts_us) AS
    (getvariable('source') IS NULL OR row_source = getvariable('source'))
    AND (getvariable('symbol') IS NULL OR row_symbol = getvariable('symbol'))
    AND row_ts_us >= coalesce(getvariable('from_us'), -9223372036854775807)
    AND row_ts_us < coalesce(getvariable('to_us'), 9223372036854775807);

-- A number with so many digits from its first one on. What is behind the twelfth of a mean depends
-- on the order of its sum; a fixed number of digits behind the point would cut small prices.
CREATE MACRO significant(x, digits) AS
    CASE WHEN x = 0 THEN 0.0 ELSE round(x, (digits - 1 - floor(log10(abs(x))))::INTEGER) END;

-- The snapshots in scope, with span_us: how long the book stood until the next one. It is null
-- where that is not known: before a gap, a replaced book, another precision, a time that runs
-- backwards, or a pause of more than max_pause_s. What weights by it never runs over a hole.
--
-- Parts and tail lie in the order of events, so the next row is the next book of a symbol: a window
-- without ORDER BY streams, where one with it would sort everything. Behind a symbol's last row in
-- parts comes its first in the tail; where a row does not follow, the time is not known.
CREATE MACRO book_spans() AS TABLE
WITH ends AS (
    SELECT DISTINCT source, symbol, first_verified_seq FROM gaps
    WHERE first_verified_seq IS NOT NULL
), tails AS (
    SELECT source, symbol, arg_min({s: source, y: symbol, n: seq, t: exch_ts_us, p: price_precision,
                                    q: qty_precision, r: is_snapshot}, seq) AS head
    FROM tail.snapshots WHERE in_scope(source, symbol, exch_ts_us) GROUP BY source, symbol
), lined AS (
    SELECT *, {s: lead(source) OVER (), y: lead(symbol) OVER (), n: lead(seq) OVER (),
               t: lead(exch_ts_us) OVER (), p: lead(price_precision) OVER (),
               q: lead(qty_precision) OVER (), r: lead(is_snapshot) OVER ()} AS follower
    FROM snapshots WHERE in_scope(source, symbol, exch_ts_us)
), paired AS (
    SELECT l.*, CASE WHEN follower.s = l.source AND follower.y = l.symbol THEN follower
                     WHEN tails.head.n > l.seq THEN tails.head END AS next_book
    FROM lined l LEFT JOIN tails ON tails.source = l.source AND tails.symbol = l.symbol
)
SELECT p.* EXCLUDE (follower, next_book),
       CASE WHEN next_book.n > p.seq AND next_book.p = p.price_precision
             AND next_book.q = p.qty_precision AND NOT coalesce(next_book.r, false)
             AND ends.source IS NULL AND next_book.t >= p.exch_ts_us
             AND next_book.t - p.exch_ts_us <= coalesce(getvariable('max_pause_s'), 10) * 1000000
            THEN next_book.t - p.exch_ts_us END AS span_us
FROM paired p
LEFT JOIN ends ON ends.source = p.source AND ends.symbol = p.symbol
              AND ends.first_verified_seq = p.next_book.n;

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
