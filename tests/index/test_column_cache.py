"""Mapped columns are those of the parts, and grow with them."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from lobdesk.index import (
    SnapshotColumns,
    open_catalog,
    records,
    update_index,
    write_market_records,
)
from lobdesk.index import column_cache as cache
from lobdesk.index.column_cache import columns_folder
from lobdesk.index.column_files import STATEMENT, read_statement, writing
from lobdesk.journal import list_segments
from lobdesk.journal.seal import seal_segment
from lobdesk.paths import RECORDER_SOURCE, DataPaths
from tests.index.journals import JournalWriter, plain_snapshot
from tests.index.test_update import DAY_US, append_snapshots, plain_journal

if TYPE_CHECKING:
    from pathlib import Path

ARRAYS = sorted(set(SnapshotColumns.__dataclass_fields__) - {"symbol", "sources"})


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


def folder_of(data: Path, source: str = RECORDER_SOURCE) -> Path:
    return columns_folder(DataPaths(data), "X/Y", source)


def mapped(data: Path) -> SnapshotColumns:
    """Return the mapped columns after a comparison with those of the parts."""
    with open_catalog(data) as catalog:
        found = catalog.mapped_columns("X/Y")
        assert_same(found, catalog.snapshot_columns("X/Y"))
    return found


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of parts that were decoded for the files."""
    counts: list[int] = []
    read = cache.read_part_rows

    def count(con: object, paths: list[Path], rows: int) -> dict[str, np.ndarray]:
        counts.append(rows)
        return read(con, paths, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(cache, "read_part_rows", count)
    return counts


def test_only_new_rows_are_decoded(tmp_path: Path, decoded: list[int]) -> None:
    path = plain_journal(tmp_path, 30)
    update_index(tmp_path)
    first = mapped(tmp_path)
    generation = read_statement(folder_of(tmp_path))
    append_snapshots(path, 31, 5)
    update_index(tmp_path)
    second = mapped(tmp_path)

    assert decoded == [30, 5]
    assert second.seq.tolist() == list(range(1, 36))
    assert first.seq.tolist() == list(range(1, 31)), "what is mapped stays"
    known = read_statement(folder_of(tmp_path))
    assert known is not None
    assert generation is not None
    assert known.generation == generation.generation


def test_rows_that_are_in_no_part_yet_are_behind_the_mapped_ones(
    tmp_path: Path, decoded: list[int]
) -> None:
    path = plain_journal(tmp_path, 30)
    update_index(tmp_path)
    mapped(tmp_path)
    append_snapshots(path, 31, 5)

    assert mapped(tmp_path).seq.tolist() == list(range(1, 36))
    assert decoded == [30]


def test_merged_parts_are_compared_and_not_written_again(
    tmp_path: Path, decoded: list[int]
) -> None:
    path = plain_journal(tmp_path, 30)
    for first in range(31, 91, 10):
        update_index(tmp_path)
        mapped(tmp_path)
        append_snapshots(path, first, 10)
    update_index(tmp_path)
    mapped(tmp_path)
    before = read_statement(folder_of(tmp_path))
    seal_segment(list_segments(path.parent.parent)[0])
    update_index(tmp_path)
    mapped(tmp_path)

    after = read_statement(folder_of(tmp_path))
    assert before is not None
    assert after is not None
    assert before.generation == after.generation
    assert len(before.parts) > len(after.parts) == 1
    assert before.digest == after.digest
    assert decoded[-1] == 90


def test_replaced_rows_go_into_other_files(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 30)
    update_index(tmp_path)
    old = mapped(tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[2:]))
    append_snapshots(path, 31, 5)
    update_index(tmp_path)

    assert mapped(tmp_path).seq.tolist() == list(range(3, 36))
    assert old.seq.tolist() == list(range(1, 31))
    names = {name.name.partition(".")[0] for name in folder_of(tmp_path).iterdir()}
    assert len(names) == 2, "one generation, and the statement and its lock"


def test_catalogue_that_is_older_than_the_files_reads_the_parts(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 30)
    update_index(tmp_path)
    with open_catalog(tmp_path) as older:
        append_snapshots(path, 31, 5)
        update_index(tmp_path)
        mapped(tmp_path)
        statement = (folder_of(tmp_path) / STATEMENT).read_bytes()

        assert older.mapped_columns("X/Y").seq.tolist() == list(range(1, 31))
        assert (folder_of(tmp_path) / STATEMENT).read_bytes() == statement


def test_rows_that_are_not_in_the_order_of_parts_are_sorted(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 5, first=11)
    update_index(tmp_path)
    append_snapshots(path, 1, 5)
    update_index(tmp_path)
    wanted = [*range(1, 6), *range(11, 16)]
    for _ in "12":
        assert mapped(tmp_path).seq.tolist() == wanted
    append_snapshots(path, 6, 2)
    update_index(tmp_path)

    assert mapped(tmp_path).seq.tolist() == sorted([*wanted, 6, 7])


def test_sources_are_joined(tmp_path: Path) -> None:
    plain_journal(tmp_path, 5)
    shutil.copytree(tmp_path / "l2", tmp_path / "sources" / "other" / "l2")
    update_index(tmp_path)

    for _ in "12":
        found = mapped(tmp_path)
        assert found.seq.tolist() == [1, 2, 3, 4, 5] * 2
        assert np.flatnonzero(found.starts_segment).tolist() == [0, 5]


@pytest.mark.parametrize("damage", ["statement", "cut", "gone", "other version", "empty"])
def test_damaged_files_are_written_again(tmp_path: Path, damage: str, decoded: list[int]) -> None:
    plain_journal(tmp_path, 30)
    update_index(tmp_path)
    mapped(tmp_path)
    folder = folder_of(tmp_path)
    column = next(folder.glob("*.bid_lots"))
    if damage == "statement":
        (folder / STATEMENT).write_bytes(b"{")
    elif damage == "other version":
        text = (folder / STATEMENT).read_text()
        (folder / STATEMENT).write_text(text.replace('"version": 1', '"version": 0'))
    elif damage == "empty":
        (folder / STATEMENT).write_bytes(b"")
    elif damage == "gone":
        column.unlink()
    else:
        os.truncate(column, column.stat().st_size - 1)
    for _ in "12":
        assert mapped(tmp_path).seq.tolist() == list(range(1, 31))

    assert decoded == [30, 30]


def test_a_check_drops_columns_whose_bytes_may_have_changed(tmp_path: Path) -> None:
    plain_journal(tmp_path, 50)
    update_index(tmp_path)
    mapped(tmp_path)
    (path,) = folder_of(tmp_path).glob("*.bid_lots")
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[4] ^= 1
    path.write_bytes(content)
    with open_catalog(tmp_path) as catalog:
        rows = catalog.snapshot_columns("X/Y")
        assert (catalog.mapped_columns("X/Y").bid_lots != rows.bid_lots).sum() == 1

    update_index(tmp_path, check=True)

    assert_same(mapped(tmp_path), rows)


def test_what_a_killed_writer_left_does_not_count(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 30)
    update_index(tmp_path)
    mapped(tmp_path)
    for column in folder_of(tmp_path).glob("*.*_*"):
        with column.open("ab") as stream:
            stream.write(b"x" * 999)
    assert mapped(tmp_path).seq.tolist() == list(range(1, 31))
    append_snapshots(path, 31, 5)
    update_index(tmp_path)

    assert mapped(tmp_path).seq.tolist() == list(range(1, 36))


@pytest.mark.parametrize("symbol", ["ETH/USD", "BTC/USD"])
def test_records_are_the_same_from_columns_and_from_parts(
    recorded: Path, symbol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    update_index(recorded)
    (path,) = write_market_records(recorded, symbol)
    from_parts = path.read_bytes()
    path.unlink()
    with open_catalog(recorded) as catalog:
        (source,) = next(one.sources for one in catalog.symbols() if one.symbol == symbol)
        assert catalog.existing_columns(symbol, source) is None
        catalog.mapped_columns(symbol)
    monkeypatch.delattr(records, "read_snapshots")
    write_market_records(recorded, symbol)

    assert path.read_bytes() == from_parts


def test_days_that_the_clock_mixed_up_are_read_from_the_parts(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    for seq, day in ((1, 1), (2, 2), (3, 1), (4, 2)):
        writer.snapshot("X/Y", plain_snapshot(seq, day * DAY_US + seq), day * DAY_US + seq)
    update_index(tmp_path)
    paths = write_market_records(tmp_path, "X/Y")
    from_parts = [path.read_bytes() for path in paths]
    for path in paths:
        path.unlink()
    mapped(tmp_path)

    assert [path.read_bytes() for path in write_market_records(tmp_path, "X/Y")] == from_parts


def test_nobody_waits_for_a_writer(tmp_path: Path) -> None:
    plain_journal(tmp_path, 30)
    update_index(tmp_path)
    with writing(folder_of(tmp_path)) as is_alone:
        assert is_alone
        assert mapped(tmp_path).seq.tolist() == list(range(1, 31))
        assert not (folder_of(tmp_path) / STATEMENT).exists()


def test_folder_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    plain_journal(tmp_path, 3)
    update_index(tmp_path)
    (tmp_path / "lake" / "v1" / "records").write_text("in the way")

    assert mapped(tmp_path).seq.tolist() == [1, 2, 3]
