-- Derived rows that do not follow from the raw log, and frames that lack theirs.
--
-- What SQL can compare: that each snapshot and trade has a received frame of its symbol, with the
-- same receipt, checksum and trade number, and that each book frame outside the noted gaps gave a
-- row. `lobdesk verify` derives everything anew and compares every byte. Sources whose frames are
-- not of this exchange's dialect (imports of other formats) are left out, and where a source had
-- several connections what another one said as well.
--
-- column source: recorder or import
-- column symbol: pair
-- column seq: number of the raw event
-- column difference: what is wrong
-- column segment: journal segment of the row
-- column offset (bytes): where its line begins
WITH frames AS (
    SELECT source, seq, symbol, channel, type, conn, recv_ts_us, raw, segment, "offset"
    FROM raw_events
    WHERE dir = 'in' AND channel IN ('book', 'trade') AND type IN ('snapshot', 'update')
      AND in_scope(source, getvariable('symbol'), recv_ts_us)
), framed AS (
    SELECT DISTINCT source FROM frames
), books AS (
    SELECT s.source, s.symbol, s.seq, s.segment, s."offset",
           CASE WHEN f.seq IS NULL THEN 'snapshot without a book frame'
                WHEN f.recv_ts_us <> s.recv_ts_us THEN 'receipt differs from the frame''s'
                WHEN NOT contains(f.raw, s.symbol) THEN 'frame is of another symbol'
                WHEN s.checksum IS NOT NULL AND NOT contains(f.raw, s.checksum::VARCHAR)
                THEN 'checksum is not the frame''s' END AS difference
    FROM snapshots s SEMI JOIN framed USING (source)
    LEFT JOIN frames f ON f.source = s.source AND f.seq = s.seq AND f.channel = 'book'
    WHERE in_scope(s.source, s.symbol, s.recv_ts_us)
), deals AS (
    SELECT t.source, t.symbol, t.seq, t.segment, t."offset",
           CASE WHEN f.seq IS NULL THEN 'trade without a trade frame'
                WHEN f.recv_ts_us <> t.recv_ts_us THEN 'receipt differs from the frame''s'
                WHEN NOT contains(f.raw, t.symbol) THEN 'frame is of another symbol'
                WHEN NOT contains(f.raw, t.trade_id::VARCHAR)
                THEN 'trade number is not in the frame' END AS difference
    FROM trades t SEMI JOIN framed USING (source)
    LEFT JOIN frames f ON f.source = t.source AND f.seq = t.seq AND f.channel = 'trade'
    WHERE in_scope(t.source, t.symbol, t.recv_ts_us)
), single AS (
    SELECT source FROM frames GROUP BY source HAVING count(DISTINCT conn) = 1
), newest AS (
    SELECT source, symbol, max(seq) AS seq FROM snapshots GROUP BY ALL
), lacking AS (
    SELECT f.source, f.symbol, f.seq, f.segment, f."offset",
           'book frame without a snapshot' AS difference
    FROM frames f
    ANTI JOIN snapshots s ON s.source = f.source AND s.seq = f.seq
    ANTI JOIN gaps g ON g.source = f.source AND g.symbol = f.symbol
                    AND f.seq > coalesce(g.last_verified_seq, 0)
                    AND f.seq < coalesce(g.first_verified_seq, 9223372036854775807)
    -- Behind the last book a gap may still be open, and is not noted before it ends.
    JOIN newest ON newest.source = f.source AND newest.symbol = f.symbol AND f.seq < newest.seq
    WHERE f.channel = 'book' AND (f.source IN (FROM single) OR (f.type = 'update' AND NOT EXISTS (
        FROM frames o JOIN snapshots s ON s.source = o.source AND s.seq = o.seq
        WHERE o.source = f.source AND o.raw = f.raw AND o.conn <> f.conn)))
)
SELECT source, symbol, seq, difference, segment, "offset"
FROM (FROM books UNION ALL FROM deals UNION ALL FROM lacking)
WHERE difference IS NOT NULL AND (getvariable('symbol') IS NULL OR symbol = getvariable('symbol'))
ORDER BY source, seq, symbol
