-- Numbers that are missing in the raw event log of a source.
--
-- The log counts +1 from line to line, over restarts too: a hole is lines that were lost or refused
-- (see rejects). `lobdesk verify` also proves the chain of checksums.
--
-- column source: recorder or import
-- column first_missing: first number of the hole
-- column last_missing: last one
-- column missing (count): numbers in it
-- column next_recv_ts (UTC): receipt of the event behind it
-- column segment: journal segment of that event
-- column offset (bytes): where its line begins
WITH ordered AS (
    SELECT source, seq, recv_ts, segment, "offset",
           lag(seq) OVER (PARTITION BY source ORDER BY seq) AS previous
    FROM raw_events
    WHERE in_scope(source, getvariable('symbol'), recv_ts_us)
)
SELECT source, previous + 1 AS first_missing, seq - 1 AS last_missing,
       seq - previous - 1 AS missing, recv_ts AS next_recv_ts, segment, "offset"
FROM ordered
WHERE seq > previous + 1
ORDER BY source, first_missing
