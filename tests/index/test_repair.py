"""What is wrong is named and made again; all else stays as it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest

from lobdesk.index import open_catalog, update_index
from lobdesk.index.errors import IndexUnreadableError
from lobdesk.index.indexer import Indexer
from lobdesk.journal import list_segments
from lobdesk.journal.seal import read_seal, seal_segment
from tests.index import kills
from tests.index.journals import JournalWriter
from tests.index.test_sealed import seal
from tests.index.test_update import append_snapshots, plain_journal, seqs

DAY_US = 86_400_000_000


def parts(data: Path, table: str = "snapshots") -> list[Path]:
    return sorted((data / "lake" / "v1" / table).rglob("*.parquet"))


def three_days(data: Path) -> JournalWriter:
    """Two symbols over three days, the finished segments sealed."""
    writer = JournalWriter(data / "l2", segment_lines=50)
    kills.append(writer, 2 * kills.LINES_PER_DAY + 40)
    kills.seal_finished(data)
    return writer


def seal_events(data: Path) -> None:
    for segment in list_segments(data / "l2" / "events"):
        seal_segment(segment)


def test_index_that_was_deleted_gets_the_same_digests(recorded: Path) -> None:
    update_index(recorded, block_bytes=50_000)
    with open_catalog(recorded) as catalog:
        before = catalog.digests()
    for name in ("lake", "rejects"):
        shutil.rmtree(recorded / name, ignore_errors=True)
    (recorded / "catalog.duckdb").unlink()

    with open_catalog_of_tail_only(recorded) as catalog:
        assert catalog.digests() == before, "lines that are in no part count as well"
    update_index(recorded)
    with open_catalog(recorded) as catalog:
        assert catalog.digests() == before
    assert before["snapshots"].startswith("1430:")


def open_catalog_of_tail_only(data: Path):  # type: ignore[no-untyped-def]
    """Open an index that holds nothing yet."""
    hidden = data.with_name("hidden")
    for name in ("l2", "sources"):
        (data / name).rename(hidden.with_name(f"hidden-{name}"))
    update_index(data)
    for name in ("l2", "sources"):
        hidden.with_name(f"hidden-{name}").rename(data / name)
    return open_catalog(data)


def test_digest_notices_a_changed_and_a_doubled_row(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 3)
    found = []
    text = path.read_text()
    for content in (text, text.replace('"seq":3', '"seq":4'), text + text.splitlines()[-1] + "\n"):
        path.write_text(content)
        update_index(tmp_path)
        with open_catalog(tmp_path) as catalog:
            found.append(catalog.digests()["snapshots"])

    assert len(set(found)) == 3


def test_damage_in_the_middle_of_a_part_is_found_and_only_that_is_read_again(
    recorded: Path,
) -> None:
    update_index(recorded)
    with open_catalog(recorded) as catalog:
        before = catalog.digests()
    part = parts(recorded)[0]
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)

    report = update_index(recorded, check=True)

    assert len(report.repaired) == 1
    assert list(report.rows) == ["snapshots"]
    assert update_index(recorded, check=True).repaired == []
    with open_catalog(recorded) as catalog:
        assert catalog.digests() == before


def test_lost_range_in_the_middle_of_a_segment_is_filled(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 3)
    for first in (4, 7):
        update_index(tmp_path)
        append_snapshots(path, first, 3)
    update_index(tmp_path)
    parts(tmp_path)[1].unlink()

    report = update_index(tmp_path)

    assert report.rows == {"snapshots": 3}
    assert seqs(tmp_path, has_tail=False) == list(range(1, 10))


def test_part_whose_journal_is_gone_too_is_said_to_be_lost(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 3)
    update_index(tmp_path)
    path.unlink()
    parts(tmp_path)[0].unlink()

    report = update_index(tmp_path)

    assert report.lost == ["recorder:snapshots/X%2FY/1970-01-02/000000000001"]
    assert not report.is_sound
    assert update_index(tmp_path).lost == report.lost, "each run says it again"


def test_day_that_is_over_becomes_one_part_a_symbol(tmp_path: Path) -> None:
    writer = three_days(tmp_path)

    report = update_index(tmp_path)

    assert report.merged == 8, "two days, two symbols, two tables"
    kills.check(tmp_path, writer.seq)
    update_index(tmp_path, grace_s=0)
    names = [path.name for path in parts(tmp_path) if "date=1970-01-02" in str(path)]
    assert [name.split(".")[1] for name in names] == ["day", "day"]
    kills.check(tmp_path, writer.seq)
    assert update_index(tmp_path, grace_s=0).removed == 0
    rows = duckdb.execute(
        "SELECT decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = 'lobdesk_sources'",
        [str(next(path for path in parts(tmp_path) if ".day." in path.name))],
    ).fetchall()
    assert len(json.loads(rows[0][0])) == 3


def test_readers_of_the_old_list_still_find_its_parts(tmp_path: Path) -> None:
    writer = three_days(tmp_path)
    update_index(tmp_path)
    with Indexer(tmp_path) as indexer:
        indexer.update()
        with open_catalog(tmp_path) as catalog:
            kills.append(writer, 2 * kills.LINES_PER_DAY)
            kills.seal_finished(tmp_path)
            assert indexer.update().merged > 0
            indexer.forget()
            indexer.update()
            (found,) = catalog.sql("SELECT count(*) FROM snapshots").fetchall()
    assert found == (2 * kills.LINES_PER_DAY + 40,)


def test_replaced_segment_of_a_merged_day_is_indexed_anew_with_its_day(tmp_path: Path) -> None:
    writer = three_days(tmp_path)
    update_index(tmp_path)
    update_index(tmp_path, grace_s=0)
    folder = tmp_path / "l2" / "snapshots" / "X%2FY" / "1970-01-02"
    (first, *_) = list_segments(folder.parent)
    plain = subprocess.run(["zstd", "-dc", first.path], capture_output=True, check=True).stdout
    first.path.unlink()
    first.seal_path.unlink()
    first.plain_path.write_bytes(plain.replace(b'"qty_precision":3', b'"qty_precision":4', 1))
    os.utime(first.plain_path, (1, 1))

    report = update_index(tmp_path)

    assert len(report.replaced) == 1
    kills.check(tmp_path, writer.seq)


def test_growing_segment_keeps_few_parts(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 1)
    with Indexer(tmp_path, grace_s=0) as indexer:
        for first in range(2, 20):
            indexer.update()
            append_snapshots(path, first, 1)
        indexer.update()

    with open_catalog(tmp_path) as catalog:
        assert catalog.sql("SELECT count(*) FROM internal.parts").rows[0][0] < 12
    assert seqs(tmp_path, has_tail=False) == list(range(1, 20))


def test_damaged_frame_of_a_sealed_segment_is_named_and_the_rest_is_indexed(
    tmp_path: Path,
) -> None:
    path = plain_journal(tmp_path, 8000)
    seal(path)
    (segment,) = list_segments(path.parents[1])
    frames = read_seal(segment).frames
    whole = segment.path.read_bytes()
    data = bytearray(whole)
    data[frames[1].stored_offset + 2000] ^= 0xFF
    segment.path.write_bytes(data)

    report = update_index(tmp_path)

    assert "1 stretches cannot be read" in report.damaged[0]
    assert str(segment.path) in report.damaged[0]
    assert report.rejects == 1
    assert not report.is_sound
    with open_catalog(tmp_path) as catalog:
        query = 'SELECT "offset", length, reason FROM rejects'
        ((offset, length, reason),) = catalog.sql(query).fetchall()
    assert (offset, length) == (frames[1].offset, frames[1].length)
    assert "damaged" in reason
    assert len(seqs(tmp_path)) == 8000 - frames[1].lines
    assert len(update_index(tmp_path).damaged) == 1, "each run says it again"
    segment.path.write_bytes(whole)
    os.utime(segment.path, (1, 1))
    assert update_index(tmp_path).damaged == []
    assert len(seqs(tmp_path)) == 8000


def test_segment_without_its_table_is_named_and_the_rest_is_indexed(tmp_path: Path) -> None:
    three_days(tmp_path)
    (first, *_) = list_segments(tmp_path / "l2" / "events")
    first.seal_path.unlink()

    report = update_index(tmp_path)

    assert len(report.damaged) == 1
    assert "seal.json" in report.damaged[0]
    assert len(seqs(tmp_path, "trades")) == 2 * kills.LINES_PER_DAY + 40


@pytest.mark.parametrize("part", ["text", "checksum", "number"])
def test_line_whose_checksum_is_wrong_is_rejected_and_only_that_line(
    tmp_path: Path, part: str
) -> None:
    writer = JournalWriter(tmp_path / "l2")
    for number in range(6):
        writer.note({"kind": "test", "text": f"aaa{number}"}, DAY_US)
    (path,) = (tmp_path / "l2" / "events").rglob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    if part == "text":
        lines[2] = lines[2].replace(b"aaa2", b"aaA2")
    elif part == "checksum":
        digit = lines[2][-3:-2]
        lines[2] = lines[2][:-3] + (b"1" if digit != b"1" else b"2") + lines[2][-2:]
    else:
        lines[2] = lines[2].replace(b'"seq":3', b'"seq":7')
    path.write_bytes(b"".join(lines))

    report = update_index(tmp_path)

    assert report.rejects == 1
    assert seqs(tmp_path, "raw_events") == [1, 2, 4, 5, 6]
    with open_catalog(tmp_path) as catalog:
        rows = catalog.sql('SELECT "offset", length, reason FROM rejects').fetchall()
    assert rows[0][:2] == (len(lines[0] + lines[1]), len(lines[2]))
    assert "checksum does not follow" in rows[0][2]
    (file,) = (tmp_path / "rejects").rglob("*.jsonl")
    assert json.loads(file.read_text())["file"] == str(path)


def test_checksums_are_compared_across_segments_and_runs(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2", segment_lines=3)
    for _ in range(4):
        writer.note({"kind": "test"}, DAY_US)
    update_index(tmp_path)
    writer.crc ^= 1
    writer.note({"kind": "test"}, DAY_US)
    report = update_index(tmp_path)
    assert report.rejects == 1, "the line before is in a part already"
    writer.note({"kind": "test"}, DAY_US)
    writer.crc ^= 1
    writer.note({"kind": "test"}, DAY_US)

    assert update_index(tmp_path).rejects == 1, "the line before is in another segment"


def test_missing_line_condemns_no_other(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "l2")
    for _ in range(5):
        writer.note({"kind": "test"}, DAY_US)
    (path,) = (tmp_path / "l2" / "events").rglob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2] + lines[3:]))

    assert update_index(tmp_path).rejects == 0
    assert seqs(tmp_path, "raw_events") == [1, 2, 4, 5]


@pytest.mark.parametrize("log", ["events", "snapshots"])
def test_journal_of_a_newer_version_is_refused_and_the_rest_is_indexed(
    tmp_path: Path, log: str
) -> None:
    writer = three_days(tmp_path)
    path = max((tmp_path / "l2" / log).rglob("*.jsonl"))
    content = path.read_bytes().replace(b'{"v":1,', b'{"v":2,')
    path.write_bytes(content)

    report = update_index(tmp_path)

    assert len(report.damaged) == 1
    assert "has version 2, this lobdesk reads version 1: update lobdesk" in report.damaged[0]
    assert report.rejects == 0
    assert path.read_bytes() == content
    assert len(seqs(tmp_path, "trades")) == writer.seq
    with open_catalog(tmp_path) as catalog:
        assert catalog.left_out_bytes == len(content)


def test_index_of_another_version_is_refused_and_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = plain_journal(tmp_path, 3)
    gone = tmp_path / "sources" / "gone"
    vanished = plain_journal(gone, 2)
    with monkeypatch.context() as older:
        for module in ("parts", "chain", "publish", "session"):
            older.setattr(f"lobdesk.index.{module}.SCHEMA_VERSION", 1)
        older.setattr("lobdesk.index.publish._IDENTITY", ("lobdesk index", "1"))
        update_index(tmp_path)
    vanished.unlink()
    journal = kept.read_bytes()

    with pytest.raises(IndexUnreadableError, match=r"has version 1, this is 2.*lobdesk index"):
        open_catalog(tmp_path)
    report = update_index(tmp_path)

    assert report.rows == {"snapshots": 3}
    assert seqs(tmp_path, has_tail=False) == [1, 2, 3]
    assert kept.read_bytes() == journal
    assert len(parts(tmp_path)) == 2, "the rows of a vanished segment are nowhere else"


@pytest.mark.parametrize("foreign", ["database", "newer", "sqlite"])
def test_file_of_another_program_is_named(tmp_path: Path, foreign: str) -> None:
    plain_journal(tmp_path, 3)
    path = tmp_path / "catalog.duckdb"
    if foreign == "sqlite":
        path.write_bytes(b"SQLite format 3\0" + bytes(5000))
    else:
        con = duckdb.connect()
        con.execute(f"ATTACH '{path}' AS other")
        con.execute("CREATE TABLE other.meta (nothing INTEGER)")
        con.execute("DETACH other")
    if foreign == "newer":
        data = bytearray(path.read_bytes())
        data[12] = 0xF0  # the storage version that a reader compares
        path.write_bytes(data)

    with pytest.raises(IndexUnreadableError, match=r"catalog\.duckdb.*lobdesk index"):
        open_catalog(tmp_path)
    update_index(tmp_path)
    assert seqs(tmp_path) == [1, 2, 3]
