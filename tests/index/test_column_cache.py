"""Mapped columns are those of the parts, or are written again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from lobdesk.index import SnapshotColumns, open_catalog, update_index
from lobdesk.index.column_cache import ARRAYS, columns_path
from lobdesk.paths import DataPaths
from tests.index.test_update import append_snapshots, plain_journal

if TYPE_CHECKING:
    from pathlib import Path


def assert_same(one: SnapshotColumns, two: SnapshotColumns) -> None:
    assert one.sources == two.sources
    for name in ARRAYS:
        a, b = getattr(one, name), getattr(two, name)
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("symbol", ["ETH/USD", "BTC/USD"])
def test_mapped_columns_are_those_of_the_parts(recorded: Path, symbol: str) -> None:
    update_index(recorded, block_bytes=100_000)
    with open_catalog(recorded) as catalog:
        read = catalog.snapshot_columns(symbol)
        assert_same(catalog.mapped_columns(symbol), read)
        mapped = catalog.mapped_columns(symbol)

    assert_same(mapped, read)
    assert not mapped.bid_ticks.flags.writeable
    update_index(recorded, rebuild=True)
    with open_catalog(recorded) as catalog:
        assert_same(catalog.mapped_columns(symbol), read)


def test_columns_are_written_again_when_rows_came(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 3)
    update_index(tmp_path)
    found = []
    for index_first in (False, False, True):
        if found:
            append_snapshots(path, len(found) * 2 + 2, 2)
        if index_first:
            update_index(tmp_path)
        with open_catalog(tmp_path) as catalog:
            found.append(catalog.mapped_columns("X/Y").seq.tolist())

    assert found == [[1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6, 7]]


@pytest.mark.parametrize("content", [b"", b"LOBCOLS1", b"something else", None])
def test_damaged_file_is_written_again(tmp_path: Path, content: bytes | None) -> None:
    plain_journal(tmp_path, 3)
    update_index(tmp_path)
    file = columns_path(DataPaths(tmp_path), "X/Y")
    with open_catalog(tmp_path) as catalog:
        catalog.mapped_columns("X/Y")
        whole = file.read_bytes()
        file.unlink()
        file.write_bytes(whole[:-1] if content is None else content)
        assert catalog.mapped_columns("X/Y").seq.tolist() == [1, 2, 3]
        assert file.read_bytes() == whole


def test_folder_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    plain_journal(tmp_path, 3)
    update_index(tmp_path)
    (tmp_path / "lake" / "v1" / "records").write_text("in the way")

    with open_catalog(tmp_path) as catalog:
        assert catalog.mapped_columns("X/Y").seq.tolist() == [1, 2, 3]
