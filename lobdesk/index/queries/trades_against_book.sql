-- Trades against the book that stood just before each: how many were at, behind or outside it.
--
-- A buyer can only take the ask or more, a seller the bid or less; what lies inside or on the wrong
-- side means that book and trades do not belong together in time, or that orders were hidden.
-- Trades in a hole of the book are not judged.
--
-- param max_pause_s = 10: a book that stood longer counts as a hole, s
--
-- column symbol: pair
-- column source: recorder or import
-- column trades (count): trades
-- column at_best (count): at the best price of the other side
-- column deeper (count): behind it, as in a sweep
-- column inside (count): between best bid and best ask
-- column wrong_side (count): a buy at or below the bid, a sell at or above the ask
-- column no_book (count): no book is known for that moment
-- column outside_pct (%): inside and wrong side, of the trades that have a book
WITH judged AS (
    SELECT symbol, source, verdict, count(*) AS trades FROM trades_and_books() GROUP BY ALL
)
SELECT symbol, source, sum(trades)::BIGINT AS trades,
       coalesce(sum(trades) FILTER (verdict = 'best'), 0)::BIGINT AS at_best,
       coalesce(sum(trades) FILTER (verdict = 'deeper'), 0)::BIGINT AS deeper,
       coalesce(sum(trades) FILTER (verdict = 'inside'), 0)::BIGINT AS inside,
       coalesce(sum(trades) FILTER (verdict = 'wrong side'), 0)::BIGINT AS wrong_side,
       coalesce(sum(trades) FILTER (verdict = 'no book'), 0)::BIGINT AS no_book,
       round(100 * coalesce(sum(trades) FILTER (verdict IN ('inside', 'wrong side')), 0)
             / nullif(sum(trades) FILTER (verdict <> 'no book'), 0), 3) AS outside_pct
FROM judged
GROUP BY symbol, source
ORDER BY symbol, source
