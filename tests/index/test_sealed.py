from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

from lobdesk.index import open_catalog, update_index
from lobdesk.journal import list_segments
from lobdesk.journal.seal import seal_segment
from tests.index.test_update import append_snapshots, digest, plain_journal, seqs


def seal(path: Path) -> None:
    (segment,) = list_segments(path.parents[1])
    seal_segment(segment)


def ranges(data: Path) -> list[str]:
    return sorted(path.name.split(".")[-2] for path in (data / "lake").rglob("*.parquet"))


def test_sealed_segment_is_indexed(tmp_path: Path) -> None:
    seal(plain_journal(tmp_path, 500))

    update_index(tmp_path, block_bytes=10_000)

    assert seqs(tmp_path, has_tail=False) == list(range(1, 501))
    before = digest(tmp_path)
    assert update_index(tmp_path, block_bytes=10_000).rows == {}
    assert digest(tmp_path) == before


def test_rest_of_a_segment_is_read_from_its_sealed_form(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 5)
    update_index(tmp_path)
    append_snapshots(path, 6, 4)
    seal(path)

    with open_catalog(tmp_path) as catalog:
        assert catalog.sql("SELECT count(*) FROM snapshots").fetchall() == [(9,)]
    assert update_index(tmp_path).rows == {"snapshots": 4}
    assert seqs(tmp_path, has_tail=False) == list(range(1, 10))


def test_parts_of_a_sealed_segment_are_merged_and_replaced_after_a_while(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 3)
    for first in (4, 7, 10):
        update_index(tmp_path)
        append_snapshots(path, first, 3)
    size = path.stat().st_size
    seal(path)

    report = update_index(tmp_path)

    assert report.merged == 1
    assert f"0-{size}" in ranges(tmp_path)
    assert len(ranges(tmp_path)) == 5, "readers may still use the pieces"
    assert seqs(tmp_path, has_tail=False) == list(range(1, 13))
    report = update_index(tmp_path, grace_s=0)
    assert report.removed > 0
    assert ranges(tmp_path) == [f"0-{size}"]
    assert seqs(tmp_path, has_tail=False) == list(range(1, 13))
    before = digest(tmp_path)
    assert update_index(tmp_path, grace_s=0).removed == 0
    assert digest(tmp_path) == before


def test_merged_part_equals_one_written_at_once(tmp_path: Path) -> None:
    one, many = tmp_path / "one", tmp_path / "many"
    seal(plain_journal(one, 12))
    path = plain_journal(many, 4)
    update_index(many)
    append_snapshots(path, 5, 8)
    seal(path)

    update_index(one)
    update_index(many)
    update_index(many, grace_s=0)

    def rows(data: Path) -> list[dict[str, object]]:
        (path,) = (data / "lake" / "v1" / "snapshots").rglob("*.parquet")
        found: list[dict[str, object]] = pq.ParquetFile(path).read().to_pylist()
        return found

    def commits(data: Path) -> list[dict[str, object]]:
        """Return the commits without what the file's metadata change: it lists its sources."""
        found = []
        for path in (data / "lake" / "v1" / "commits").rglob("*.json"):
            commit = json.loads(path.read_text())
            commit["parts"] = {name: part["rows"] for name, part in commit["parts"].items()}
            found.append(commit)
        return found

    assert rows(one) == rows(many)
    assert commits(one) == commits(many)
