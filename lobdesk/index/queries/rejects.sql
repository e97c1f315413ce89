-- Journal lines that could not be indexed, and why.
--
-- They are in no other table; a copy of each lies under rejects/ in the data directory.
--
-- column source: recorder or import
-- column segment: journal segment
-- column offset (bytes): where the line begins in it
-- column length (bytes): of the line
-- column reason: what did not fit
SELECT source, segment, "offset", length, reason
FROM rejects
WHERE getvariable('source') IS NULL OR source = getvariable('source')
ORDER BY source, segment, "offset"
