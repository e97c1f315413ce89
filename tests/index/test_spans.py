"""The time that each book stood is the same wherever its rows lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.index import open_catalog, update_index

if TYPE_CHECKING:
    from pathlib import Path

SPANS = "SELECT source, symbol, seq, span_us FROM book_spans() ORDER BY ALL"
# The definition, with a sort of everything.
REFERENCE = """
WITH marked AS (
    SELECT s.*, coalesce(is_snapshot, false) OR EXISTS (
        SELECT 1 FROM gaps g WHERE g.source = s.source AND g.symbol = s.symbol
                               AND g.first_verified_seq = s.seq) AS is_start
    FROM snapshots s
), paired AS (
    SELECT *, lead(exch_ts_us) OVER w - exch_ts_us AS us, lead(is_start) OVER w AS is_next_start,
           lead(price_precision) OVER w = price_precision
           AND lead(qty_precision) OVER w = qty_precision AS is_alike
    FROM marked WINDOW w AS (PARTITION BY source, symbol ORDER BY seq)
)
SELECT source, symbol, seq, CASE WHEN is_alike AND NOT is_next_start AND us >= 0
                                  AND us <= 10000000 THEN us END AS span_us
FROM paired ORDER BY ALL
"""


def spans(data: Path) -> list[tuple[object, ...]]:
    with open_catalog(data) as catalog:
        found = catalog.sql(SPANS).fetchall()
        assert found == catalog.sql(REFERENCE).fetchall()
    return found


def test_spans_are_those_of_the_definition_in_tail_parts_and_both(recorded: Path) -> None:
    log = recorded / "l2" / "snapshots"
    (path,) = log.rglob("*.jsonl")
    whole = path.read_bytes()
    cut = whole.index(b"\n", len(whole) // 2) + 1

    path.write_bytes(whole[:cut])
    update_index(recorded, block_bytes=50_000)
    path.write_bytes(whole)
    both = spans(recorded)
    update_index(recorded)
    (recorded / "sources").rename(recorded / "hidden")
    update_index(recorded)
    (recorded / "hidden").rename(recorded / "sources")

    assert spans(recorded) == both
    known = [us for *_, us in both if us is not None]
    assert len(both) == 1430
    assert len(known) > 1400
