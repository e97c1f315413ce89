"""Reading columns opens and decodes no more than it must, and never other rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from lobdesk.index import columns, open_catalog, update_index
from lobdesk.index.errors import QueryError
from tests.index.journals import JournalWriter, plain_snapshot

if TYPE_CHECKING:
    from pathlib import Path

DAY_US = 86_400_000_000


@pytest.mark.parametrize("symbol", ["ETH/USD", "BTC/USD"])
def test_many_rows_come_by_two_queries_and_are_the_same(
    indexed: Path, symbol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_catalog(indexed) as catalog:
        few = catalog.snapshot_columns(symbol)
        monkeypatch.setattr(columns, "MANY_ROWS", 1)
        many = catalog.snapshot_columns(symbol)

    assert few.sources == many.sources
    assert few.bid_lots.shape == many.bid_lots.shape == (len(few), 10)
    np.testing.assert_array_equal(few.starts_segment, many.starts_segment)


def test_a_stretch_of_time_opens_only_parts_of_its_days(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    for seq, day in ((1, 1), (2, 1), (3, 2), (4, 3)):
        writer.snapshot("X/Y", plain_snapshot(seq, day * DAY_US + seq), day * DAY_US + seq)
    update_index(tmp_path)

    with open_catalog(tmp_path) as catalog:
        gone = list((tmp_path / "lake").rglob("snapshots/**/date=1970-01-0[24]/*.parquet"))
        assert len(gone) == 2
        for part in gone:
            part.unlink()
        stretch = catalog.snapshot_columns("X/Y", start_us=2 * DAY_US, end_us=3 * DAY_US)
        assert stretch.seq.tolist() == [3]
        with pytest.raises(QueryError):
            catalog.snapshot_columns("X/Y", start_us=2 * DAY_US)
        with pytest.raises(QueryError):
            catalog.snapshot_columns("X/Y")
