"""A disk that fails once is not trusted again with the same file."""

from __future__ import annotations

import errno
import os
import threading

import pytest

from lobdesk.derive import Recording
from lobdesk.derive.checkpoint import CHECKPOINT_NAME
from lobdesk.journal import EVENTS, JournalSyncError, list_segments, read_events
from tests.book.test_verifier_cases import ASKS, BIDS, snapshot
from tests.derive.test_recording import is_sound, take
from tests.journal.events import DAY_US, START_US, append, open_writer, texts


def fail(*_args) -> None:
    raise OSError(errno.EIO, "Input/output error")


def test_segment_that_fails_when_it_is_left_is_named_and_not_sealed(tmp_path, monkeypatch) -> None:
    writer = open_writer(tmp_path)
    append(writer, "doubtful")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        append(writer, "midnight", at_us=START_US + DAY_US)
        writer._sealer.submit(lambda: None).result()
    append(writer, "after", at_us=START_US + DAY_US)
    writer.close()

    assert any("suspect" in text and "000000000001" in text for text in texts(tmp_path))
    assert "events/2026-08-01/000000000001.jsonl" in writer.suspects
    first = list_segments(tmp_path / EVENTS)[0]
    assert not first.is_sealed
    # The next start reads what the disk really has, and seals that.
    open_writer(tmp_path).close()
    assert list_segments(tmp_path / EVENTS)[0].is_sealed
    assert [event.seq for event in read_events(tmp_path)] == list(
        range(1, len(texts(tmp_path)) + 1)
    )


def test_suspect_segment_is_synced_once_only(tmp_path, monkeypatch) -> None:
    writer = open_writer(tmp_path)
    append(writer, "doubtful")
    inode = list_segments(tmp_path / EVENTS)[0].path.stat().st_ino
    asked: list[int] = []

    def watch(fd: int) -> None:
        asked.append(os.fstat(fd).st_ino)
        if asked.count(inode) == 1 and asked[-1] == inode:
            fail()

    monkeypatch.setattr(os, "fdatasync", watch)
    with pytest.raises(JournalSyncError):
        writer.sync()
    append(writer, "after")
    writer.sync()
    writer.close()

    assert asked.count(inode) == 1


def test_record_on_its_way_while_the_disk_fails_does_not_make_its_segment_trusted(
    tmp_path, monkeypatch
) -> None:
    writer = open_writer(tmp_path)
    append(writer, "doubtful")
    write = writer._raw.append

    def fail_meanwhile(line: bytes, seq: int, recv_ts_us: int) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", fail)
            with pytest.raises(JournalSyncError):
                writer.sync()
        write(line, seq, recv_ts_us)

    with monkeypatch.context() as patch:
        patch.setattr(writer._raw, "append", fail_meanwhile)
        append(writer, "on its way")

    with pytest.raises(JournalSyncError):
        writer.sync()

    append(writer, "after")
    writer.sync()
    writer.close()
    assert len(list_segments(tmp_path / EVENTS)) == 2


def test_file_that_is_just_being_sealed_is_not_taken_for_the_rest_of_a_crash(tmp_path) -> None:
    with open_writer(tmp_path) as writer:
        writer.write_derived("snapshots", "A/B", b"{}\n", recv_ts_us=START_US, seq=1)
        writer.sync_derived()
        (day,) = (tmp_path / "snapshots").glob("*/*")
        hidden = day / ".000000000001.jsonl.zst.tmp"
        turn = threading.Event()
        writer._sealer.submit(turn.wait)
        hidden.touch()
        writer.seal_derived()
        assert hidden.exists()
        turn.set()

    assert not hidden.exists()


def test_full_disk_while_sealing_leaves_the_original_and_no_rest(tmp_path, monkeypatch) -> None:
    def refuse(*_args) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("lobdesk.journal.seal.write_durable", refuse)
        writer = open_writer(tmp_path)
        append(writer, "first day")
        append(writer, "second day", at_us=START_US + DAY_US)
        writer.close()

    assert not list_segments(tmp_path / EVENTS)[0].is_sealed
    assert not list(tmp_path.rglob("*.tmp"))
    open_writer(tmp_path).close()
    assert list_segments(tmp_path / EVENTS)[0].is_sealed


def test_derived_log_that_is_not_confirmed_leaves_no_checkpoint_behind(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("lobdesk.derive.recording.CHECKPOINT_EVENTS", 3)
    monkeypatch.setattr("lobdesk.derive.recording.CHECKPOINT_INTERVAL_S", 0.0)
    monkeypatch.setattr("lobdesk.derive.checkpoint.sync_file", fail)
    recording = Recording(tmp_path, sync_interval_s=None)
    take(recording, [snapshot(BIDS, ASKS)] * 9)
    recording.journal._sealer.submit(lambda: None).result()
    monkeypatch.undo()
    recording.close()

    assert recording._is_distrusted
    assert not (tmp_path / CHECKPOINT_NAME).exists()
    Recording(tmp_path, sync_interval_s=None).close()
    is_sound(tmp_path)


def test_book_goes_on_over_a_frame_that_is_not_in_the_log_but_not_its_checkpoint(tmp_path) -> None:
    from lobdesk.records import RawEvent

    with Recording(tmp_path, sync_interval_s=None) as recording:
        take(recording, [snapshot(BIDS, ASKS)])
        missing = RawEvent(
            v=1, seq=0, recv_ts_us=1, mono_us=1, boot="b", conn=1, dir="in",
            raw=snapshot(BIDS, ASKS).decode(), crc=0,
        )  # fmt: skip
        derived = recording.watch(missing)
        assert [book.state for book in derived.verdict.books] == ["verified"]
        assert derived.lines == []
    assert not (tmp_path / CHECKPOINT_NAME).exists()
    is_sound(tmp_path)
