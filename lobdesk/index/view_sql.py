"""The views that readers see, as SQL over the stored tables of ``internal``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.index.schema import TABLES

if TYPE_CHECKING:
    from lobdesk.index.schema import Column, Table

_POWERS = " ".join(
    f"WHEN {digits} THEN {'1' if digits == 0 else '0.' + '0' * (digits - 1) + '1'}::DECIMAL(19,18)"
    for digits in range(19)
)

EXACT_DECIMAL = f"""
CREATE MACRO exact_decimal(mantissa, digits) AS
    mantissa::DECIMAL(19,0) * CASE digits {_POWERS} END
"""

# Where several connections had books at once: from the note `lines` to the next note that ends all
# books, at most as far as the recorder has looked.
LINE_SPANS = """
WITH ends AS (
    SELECT source, seq FROM internal.raw_events
    WHERE dir = 'note' AND type IN ('start', 'stop', 'lost')
), looked AS (
    SELECT source, max(seq) AS seq
    FROM (SELECT source, seq FROM internal.snapshots UNION ALL FROM ends) GROUP BY source
), begins AS (
    SELECT source, TRY_CAST(json_extract_string(raw, '$.first_seq') AS BIGINT) AS first_seq
    FROM internal.raw_events WHERE dir = 'note' AND type = 'lines' AND json_valid(raw)
)
SELECT b.source, b.first_seq, least(min(e.seq) - 1, any_value(l.seq)) AS last_seq
FROM begins b
LEFT JOIN ends e ON e.source = b.source AND e.seq > b.first_seq
LEFT JOIN looked l ON l.source = b.source
WHERE b.first_seq IS NOT NULL GROUP BY b.source, b.first_seq
"""

# There, each frame that its connection could not verify has a note of its own; `ok` is null where
# it had no book. All others were verified, whether written down or told before.
LINE_VERDICTS = """
SELECT f.source, f.seq, f.symbol, f.recv_ts_us, f.type,
       CASE WHEN n.state IS NULL THEN true WHEN n.state = 'failed' THEN false END AS ok
FROM internal.raw_events f
JOIN internal.line_spans s
  ON s.source = f.source AND f.seq >= s.first_seq AND f.seq <= s.last_seq
LEFT JOIN (
    SELECT source, TRY_CAST(json_extract_string(raw, '$.seq') AS BIGINT) AS seq,
           max(json_extract_string(raw, '$.state')) AS state
    FROM internal.raw_events WHERE dir = 'note' AND type = 'line' AND json_valid(raw) GROUP BY ALL
) n ON n.source = f.source AND n.seq = f.seq
WHERE f.dir = 'in' AND f.channel = 'book' AND f.type IN ('snapshot', 'update')
  AND f.symbol IS NOT NULL
"""

# What failed on a single connection follows from the gaps: the frame that began one, and snapshots
# that did not end it.
# A LEFT JOIN whose right side is grouped by its key costs nothing where the column is not used.
VERDICTS = """
SELECT source, seq, bool_and(checksum_ok) AS checksum_ok FROM (
    SELECT source, seq, verified AS checksum_ok FROM internal.snapshots
    UNION ALL
    SELECT source, seq, ok FROM internal.line_verdicts
    UNION ALL
    SELECT source, seq, false FROM (
        SELECT g.source, e.seq, e.type, min(e.seq) OVER (PARTITION BY g.source, g.seq) AS first
        FROM internal.gaps g
        JOIN internal.raw_events e
          ON e.source = g.source AND e.seq > g.last_verified_seq AND e.seq < g.first_verified_seq
        ANTI JOIN internal.line_verdicts v ON v.source = e.source AND v.seq = e.seq
        WHERE g.cause = 'checksum' AND e.dir = 'in' AND e.channel = 'book' AND e.symbol = g.symbol
    ) WHERE seq = first OR type = 'snapshot'
) GROUP BY source, seq
"""

_SEGMENTS = """
SELECT source, kind, symbol, date, segment, indexed_bytes, is_sealed, is_missing, "rows", rejects,
       crossed, unverified, seq_min, seq_max, exch_ts_us_min, exch_ts_us_max, recv_ts_us_min,
       recv_ts_us_max, make_timestamp(exch_ts_us_min) AS first_exch_ts,
       make_timestamp(exch_ts_us_max) AS last_exch_ts,
       make_timestamp(recv_ts_us_min) AS first_recv_ts,
       make_timestamp(recv_ts_us_max) AS last_recv_ts
FROM internal.segments
"""

_RUNS = """
SELECT *, make_timestamp(created_ts_us) AS created_ts, make_timestamp(ended_ts_us) AS ended_ts
FROM internal.runs
"""


def _view(table: Table) -> str:
    stored = [_stored(column) for column in table.columns]
    added = [f'({column.expression}) AS "{column.name}"' for column in table.view_columns]
    return (
        f"SELECT {', '.join([*stored, *added])} FROM internal.{table.name} t {table.joins}".strip()
    )


def _stored(column: Column) -> str:
    if column.type == column.stored_type:
        return f't."{column.name}"'
    return f't."{column.name}"::{column.type} AS "{column.name}"'


VIEWS = {name: _view(table) for name, table in TABLES.items()} | {
    "segments": _SEGMENTS.strip(),
    "runs": _RUNS.strip(),
}
"""View → SQL. ``internal.…`` are a table's parts and the journal's tail, in this order."""
