from __future__ import annotations

import fcntl
import hashlib
import json
import os
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from lobdesk.index import open_catalog, update_index
from lobdesk.index.errors import IndexBusyError, IndexMissingError, IndexUnreadableError
from tests.index.journals import JournalWriter, plain_snapshot, plain_trade

DAY_US = 86_400_000_000


def digest(data: Path) -> dict[str, str]:
    """Return what the index consists of."""
    files = [data / "catalog.duckdb", *(data / "lake").rglob("*"), *(data / "rejects").rglob("*")]
    return {
        str(path.relative_to(data)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file()
    }


def seqs(data: Path, table: str = "snapshots", *, has_tail: bool = True) -> list[int]:
    with open_catalog(data, has_tail=has_tail) as catalog:
        rows = catalog.sql(f"SELECT seq FROM {table} ORDER BY source, seq").fetchall()
    return [row[0] for row in rows]


def plain_journal(data: Path, count: int, *, first: int = 1, start_us: int = DAY_US) -> Path:
    """Append snapshots of a source without frames; return the segment."""
    writer = JournalWriter(data / "l2")
    for seq in range(first, first + count):
        writer.snapshot("X/Y", plain_snapshot(seq, start_us + seq), start_us + seq)
    return next((data / "l2" / "snapshots").rglob("*.jsonl"))


def append_snapshots(path: Path, first: int, count: int) -> None:
    with path.open("a") as stream:
        for seq in range(first, first + count):
            fields = plain_snapshot(seq, DAY_US + seq)
            line = json.dumps({"v": 1, "symbol": "X/Y", **fields}, separators=(",", ":"))
            stream.write(line + "\n")


def test_both_captures_are_indexed_completely(recorded: Path) -> None:
    report = update_index(recorded)

    assert report.rows == {"raw_events": 377 + 1170, "snapshots": 301 + 1129}
    assert report.rejects == 0
    with open_catalog(recorded) as catalog:
        assert [(info.symbol, info.rows) for info in catalog.symbols()] == [
            ("BTC/USD", 301),
            ("ETH/USD", 1129),
        ]


def test_indexing_twice_changes_nothing(recorded: Path) -> None:
    update_index(recorded)
    before = digest(recorded)

    report = update_index(recorded)

    assert digest(recorded) == before
    assert report.rows == {}
    assert not report.is_published


def test_rebuild_writes_the_same_bytes(recorded: Path) -> None:
    update_index(recorded)
    parts = {name: hash_ for name, hash_ in digest(recorded).items() if name.endswith(".parquet")}

    report = update_index(recorded, rebuild=True)
    update_index(recorded, grace_s=0)

    after = {name: hash_ for name, hash_ in digest(recorded).items() if name.endswith(".parquet")}
    assert sorted(after.values()) == sorted(parts.values())
    assert not after.keys() & parts.keys(), "the old ones stood until the new ones were published"
    assert report.rows == {"raw_events": 1547, "snapshots": 1430}


def test_another_library_reads_the_parts(recorded: Path) -> None:
    update_index(recorded)

    paths = sorted((recorded / "lake" / "v1" / "snapshots").rglob("*.parquet"))
    rows = {pq.ParquetFile(path).read()["symbol"][0].as_py(): path for path in paths}

    assert rows.keys() == {"BTC/USD", "ETH/USD"}
    assert "pair=ETH%2FUSD/date=2026-08-02" in str(rows["ETH/USD"])


def test_new_lines_become_a_second_part(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 5)
    update_index(tmp_path)
    first = digest(tmp_path)
    append_snapshots(path, 6, 3)

    report = update_index(tmp_path)

    assert report.rows == {"snapshots": 3}
    assert seqs(tmp_path, has_tail=False) == list(range(1, 9))
    after = digest(tmp_path)
    assert {n: after[n] for n in first if n.endswith("parquet")}.items() <= first.items()


def test_torn_tail_waits_until_it_is_complete(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 5)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])

    assert update_index(tmp_path).rows == {"snapshots": 4}
    assert seqs(tmp_path) == [1, 2, 3, 4]
    path.write_bytes(whole)
    assert seqs(tmp_path) == [1, 2, 3, 4, 5]
    assert update_index(tmp_path).rows == {"snapshots": 1}
    assert seqs(tmp_path, has_tail=False) == [1, 2, 3, 4, 5]


def test_bad_line_goes_to_the_rejects_and_nothing_else_is_lost(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 2)
    offset = path.stat().st_size
    with path.open("ab") as stream:
        stream.write(b'{"v":1,"symbol":"X/Y",\x1b[2J broken\n')
    append_snapshots(path, 3, 2)

    report = update_index(tmp_path)

    assert report.rejects == 1
    assert seqs(tmp_path) == [1, 2, 3, 4]
    (file,) = (tmp_path / "rejects").rglob("*.jsonl")
    (fact,) = [json.loads(line) for line in file.read_text().splitlines()]
    assert fact["file"] == str(path)
    assert fact["offset"] == offset
    assert "expected" in fact["reason"]
    with open_catalog(tmp_path) as catalog:
        rows = catalog.sql('SELECT segment, "offset", reason FROM rejects').fetchall()
    assert rows == [("snapshots/X%2FY/1970-01-02/000000000001", offset, fact["reason"])]


def test_range_of_rejects_only_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "l2" / "snapshots" / "X%2FY" / "1970-01-02" / "000000000001.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("nonsense\n")

    assert update_index(tmp_path).rejects == 1
    assert update_index(tmp_path).rejects == 0


def test_replaced_segment_is_indexed_anew(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 5)
    update_index(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"seq":5', b'"seq":9'))

    report = update_index(tmp_path)

    assert report.replaced == ["recorder:snapshots/X%2FY/1970-01-02/000000000001"]
    assert seqs(tmp_path) == [1, 2, 3, 4, 9]


def test_lines_that_recovery_took_back_leave_the_index(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 5)
    update_index(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:3]))

    report = update_index(tmp_path)

    assert len(report.replaced) == 1
    assert seqs(tmp_path) == [1, 2, 3]


def test_rows_of_a_vanished_segment_stay(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 5)
    update_index(tmp_path)
    path.unlink()

    report = update_index(tmp_path, rebuild=True)

    assert report.missing == ["recorder:snapshots/X%2FY/1970-01-02/000000000001"]
    assert seqs(tmp_path) == [1, 2, 3, 4, 5]


def test_part_that_somebody_deleted_is_written_again(recorded: Path) -> None:
    update_index(recorded)
    part = next((recorded / "lake" / "v1" / "snapshots").rglob("*.parquet"))
    part.unlink()

    update_index(recorded)

    assert part.is_file()
    assert len(seqs(recorded, has_tail=False)) == 1430


def test_what_a_crash_left_is_removed(recorded: Path) -> None:
    update_index(recorded)
    before = digest(recorded)
    part = next((recorded / "lake" / "v1" / "snapshots").rglob("*.parquet"))
    part.with_name("recorder.000000000009.0-77.parquet").write_bytes(b"no commit")
    part.with_name(part.name + ".tmp").write_bytes(b"half")

    report = update_index(recorded)

    assert report.removed == 2
    assert digest(recorded) == before


@pytest.mark.parametrize("damage", ["garbage", "empty", "truncated", "foreign", "version"])
def test_damaged_or_foreign_catalog_is_named_and_rebuilt(recorded: Path, damage: str) -> None:
    update_index(recorded)
    path = recorded / "catalog.duckdb"
    if damage == "garbage":
        path.write_bytes(b"this is no database" * 1000)
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:9000])
    else:
        path.unlink()
        value = "other program" if damage == "foreign" else "lobdesk index"
        con = duckdb.connect(str(path))
        con.execute("CREATE TABLE meta (key VARCHAR, value VARCHAR)")
        con.execute("INSERT INTO meta VALUES ('application', ?), ('schema_version', '0')", [value])
        con.close()

    with pytest.raises(IndexUnreadableError, match="lobdesk index"):
        open_catalog(recorded)
    assert update_index(recorded).is_published
    assert len(seqs(recorded)) == 1430


def test_missing_index_says_what_to_do(recorded: Path) -> None:
    with pytest.raises(IndexMissingError, match="run: lobdesk index"):
        open_catalog(recorded)


def test_empty_data_directory_has_empty_tables(tmp_path: Path) -> None:
    update_index(tmp_path)

    with open_catalog(tmp_path) as catalog:
        assert catalog.symbols() == []
        for table in ("raw_events", "snapshots", "trades", "gaps", "instruments", "rejects",
                      "segments", "runs", "fills", "orders", "equity"):  # fmt: skip
            assert catalog.sql(f"SELECT * FROM {table}").fetchall() == []


def test_second_indexer_is_refused(recorded: Path) -> None:
    descriptor = os.open(recorded / "indexer.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with pytest.raises(IndexBusyError, match="another indexer"):
            update_index(recorded)
    finally:
        os.close(descriptor)
    assert update_index(recorded).is_published


def test_path_with_pattern_characters_is_no_pattern(tmp_path: Path) -> None:
    data = tmp_path / "a[1]* 'quoted'"
    data.mkdir()
    plain_journal(data, 3)

    update_index(data)

    assert seqs(data) == [1, 2, 3]


def test_trades_and_several_sources_join(tmp_path: Path) -> None:
    for source in ("one", "two"):
        writer = JournalWriter(tmp_path / "sources" / source / "l2")
        for seq in (1, 2):
            writer.snapshot("X/Y", plain_snapshot(seq, DAY_US + seq), DAY_US)
            writer.trade("X/Y", plain_trade(seq, DAY_US + seq, seq + 10), DAY_US)

    update_index(tmp_path)

    with open_catalog(tmp_path) as catalog:
        found = catalog.snapshot_columns("X/Y")
        assert [one["source"] for one in found.sources] == ["one", "two"]
        assert found.starts_segment.tolist() == [True, False, True, False]
        trades = catalog.trade_columns("X/Y", source="two")
        assert trades.trade_id.tolist() == [11, 12]
        assert catalog.symbols()[0].sources == ("one", "two")
