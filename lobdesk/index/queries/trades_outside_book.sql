-- Each trade inside the spread or on the wrong side of the book that stood just before it.
--
-- The rows behind trades_against_book; see there.
--
-- param max_pause_s = 10: a book that stood longer counts as a hole, s
--
-- column source: recorder or import
-- column symbol: pair
-- column seq: number of the trade's raw event
-- column trade_id: the exchange's number
-- column exch_ts (UTC): exchange time of the trade
-- column side: aggressor
-- column price (quote currency): of the trade
-- column best_bid (quote currency): of the book
-- column best_ask (quote currency): of the book
-- column verdict: inside, or wrong side
-- column book_seq: number of the book's raw event
SELECT source, symbol, seq, trade_id, exch_ts, side, price, best_bid, best_ask, verdict, book_seq
FROM trades_and_books()
WHERE verdict IN ('inside', 'wrong side')
ORDER BY symbol, exch_ts, source, seq, trade_id, "offset"
