-- Journal lines that could not be indexed, and why.
SELECT source, segment, "offset", length, reason
FROM rejects
ORDER BY source, segment, "offset"
