-- Time without a verified book, by hour, symbol and cause.
--
-- A gap that lasts over the hour counts in each hour with its part of it. A gap whose begin or end
-- is not known (there was no verified book before or after), or within which our clock was set back
-- by more than it lasted, has no length.
--
-- column hour (UTC): hour of our clock
-- column source: recorder or import
-- column symbol: pair
-- column cause: why there was no book
-- column gaps (count): gaps that began in the hour, or before it and go on
-- column missing_s (s): time of the hour without a verified book for this cause
-- column share_pct (%): of the hour
-- column longest_s (s): longest of these gaps, whole
WITH known AS (
    SELECT source, symbol, cause, coalesce(from_us, to_us) AS begin_us,
           greatest(coalesce(to_us, from_us), coalesce(from_us, to_us)) AS end_us
    FROM gaps WHERE coalesce(from_us, to_us) IS NOT NULL
), split AS (
    SELECT source, symbol, cause, begin_us, end_us,
           unnest(range(begin_us // 3600000000,
                        greatest(begin_us, end_us - 1) // 3600000000 + 1)) AS hour
    FROM known
)
SELECT make_timestamp(hour * 3600000000) AS hour, source, symbol, cause, count(*) AS gaps,
       round(sum(least(end_us, (hour + 1) * 3600000000) - greatest(begin_us, hour * 3600000000))
             / 1e6, 6) AS missing_s,
       round(sum(least(end_us, (hour + 1) * 3600000000) - greatest(begin_us, hour * 3600000000))
             / 3.6e7, 3) AS share_pct,
       round(max(end_us - begin_us) / 1e6, 6) AS longest_s
FROM split
WHERE in_scope(source, symbol, greatest(begin_us, hour * 3600000000))
GROUP BY split.hour, source, symbol, cause
ORDER BY hour, source, symbol, cause
