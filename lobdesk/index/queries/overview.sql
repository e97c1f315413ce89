-- What is indexed: rows and time span of each symbol and source.
--
-- Where to begin: which pairs there are, how many books and trades, how often a book was replaced.
--
-- column symbol: pair
-- column source: recorder or import
-- column books (rows): verified book frames
-- column replaced (rows): frames among them that replaced the book
-- column without_checksum (rows): books of sources that send no checksum
-- column trades (rows): trades
-- column gaps (count): noted stretches without a verified book
-- column gap_s (s): their total length
-- column first (UTC): exchange time of the first book or trade, whole seconds
-- column last (UTC): exchange time of the last one
WITH books AS (
    SELECT symbol, source, count(*) AS books, count(*) FILTER (is_snapshot) AS replaced,
           count(*) FILTER (verified IS NULL) AS without_checksum,
           min(exch_ts_us) AS first_us, max(exch_ts_us) AS last_us
    FROM snapshots WHERE in_scope(source, symbol, exch_ts_us) GROUP BY ALL
), deals AS (
    SELECT symbol, source, count(*) AS trades,
           min(exch_ts_us) AS first_deal_us, max(exch_ts_us) AS last_deal_us
    FROM trades WHERE in_scope(source, symbol, exch_ts_us) GROUP BY ALL
), holes AS (
    SELECT symbol, source, count(*) AS gaps, sum(greatest(duration_us, 0)) / 1e6 AS gap_s
    FROM gaps WHERE in_scope(source, symbol, coalesce(from_us, to_us)) GROUP BY ALL
)
SELECT symbol, source, coalesce(books, 0) AS books, coalesce(replaced, 0) AS replaced,
       coalesce(without_checksum, 0) AS without_checksum, coalesce(trades, 0) AS trades,
       coalesce(gaps, 0) AS gaps, round(coalesce(gap_s, 0), 3) AS gap_s,
       date_trunc('second', make_timestamp(least(first_us, first_deal_us))) AS first,
       date_trunc('second', make_timestamp(greatest(last_us, last_deal_us))) AS last
FROM books FULL JOIN deals USING (symbol, source) FULL JOIN holes USING (symbol, source)
ORDER BY symbol, source
