"""Readers see the old state or the new one while the index is made anew."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from lobdesk.index import open_catalog, update_index
from lobdesk.journal import list_segments
from lobdesk.journal.seal import seal_segment
from tests.index import kills
from tests.index.journals import JournalWriter
from tests.index.test_repair import parts, three_days
from tests.index.test_update import append_snapshots, plain_journal

if TYPE_CHECKING:
    from pathlib import Path

COUNT = "SELECT count(*), count(DISTINCT seq), min(recv_ts_us), max(recv_ts_us) FROM snapshots"


def test_rebuild_is_not_noticed_by_readers(tmp_path: Path) -> None:
    writer = three_days(tmp_path)
    update_index(tmp_path)
    faults: list[BaseException] = []
    rounds = 0
    stop = threading.Event()

    def read() -> None:
        nonlocal rounds
        try:
            while not stop.is_set():
                kills.check(tmp_path, writer.seq)
                rounds += 1
                stop.wait(0.2)
        except BaseException as error:  # noqa: BLE001 - shown by the test itself
            faults.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    with open_catalog(tmp_path) as opened_before:
        before = opened_before.digests()
        for block_bytes in (4_000, 1_000_000):
            update_index(tmp_path, rebuild=True, block_bytes=block_bytes)
            assert opened_before.digests() == before, "its parts stay for the grace period"
    stop.set()
    reader.join()

    assert not faults
    assert rounds
    with open_catalog(tmp_path, has_tail=False) as catalog:
        assert catalog.digests() == before
    update_index(tmp_path, grace_s=0)
    with open_catalog(tmp_path, has_tail=False) as catalog:
        assert catalog.digests() == before
        named = catalog.sql("SELECT count(*) FROM internal.parts").rows[0][0]
    assert len(list((tmp_path / "lake").rglob("*.parquet"))) == named, "old parts are gone"


def test_readers_never_see_half_of_a_replaced_segment(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 3)
    update_index(tmp_path)
    append_snapshots(path, 4, 3)
    update_index(tmp_path)
    with open_catalog(tmp_path, has_tail=False) as old:
        text = path.read_text()
        path.write_text(text.replace('"recv_ts_us":', '"recv_ts_us":9'))
        report = update_index(tmp_path)
        (before,) = old.sql(COUNT).fetchall()
    with open_catalog(tmp_path, has_tail=False) as new:
        (after,) = new.sql(COUNT).fetchall()

    assert len(report.replaced) == 1
    assert before[:2] == after[:2] == (6, 6)
    assert after[2] > before[3], "every line is the new one, and none was for the old reader"


def test_killed_rebuild_leaves_readers_the_old_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = plain_journal(tmp_path, 3)
    update_index(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr("lobdesk.index.publish.publish_catalog", None)
        with pytest.raises(TypeError):
            update_index(tmp_path, rebuild=True)
    with open_catalog(tmp_path, has_tail=False) as catalog:
        assert catalog.sql(COUNT).rows[0][0] == 3
    append_snapshots(path, 4, 1)
    update_index(tmp_path)

    with open_catalog(tmp_path, has_tail=False) as catalog:
        assert catalog.sql(COUNT).rows[0][0] == 4
    update_index(tmp_path, grace_s=0)
    assert len(parts(tmp_path)) == 2


@pytest.mark.parametrize("is_sealed", [False, True])
def test_check_finds_an_indexed_line_that_changed(tmp_path: Path, is_sealed: bool) -> None:
    writer = JournalWriter(tmp_path / "l2")
    for number in range(200):
        writer.note({"kind": "test", "text": f"aaa{number}"}, kills.DAY_US)
    (path,) = (tmp_path / "l2" / "events").rglob("*.jsonl")
    whole = path.read_bytes()
    update_index(tmp_path)
    path.write_bytes(whole.replace(b"aaa100", b"aaA100"))
    if is_sealed:
        for segment in list_segments(tmp_path / "l2" / "events"):
            seal_segment(segment)

    assert update_index(tmp_path).rejects == 0, "the row is still the right one"
    report = update_index(tmp_path, check=True)

    assert len(report.replaced) == report.rejects == 1
    assert not report.is_sound
    with open_catalog(tmp_path) as catalog:
        assert catalog.sql("SELECT count(*) FROM raw_events").rows == [(199,)]
    assert update_index(tmp_path, check=True).replaced == []
