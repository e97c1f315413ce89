"""Writing, continuing, rotating, sealing and refusing."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
import zlib

import pytest

from lobdesk.journal import (
    EVENTS,
    SNAPSHOTS,
    JournalLockedError,
    JournalReadError,
    JournalSyncError,
    JournalWriteError,
    JournalWriter,
    list_segments,
    list_symbols,
    read_all,
    read_events,
    read_seal,
    symbol_log_dir,
)
from lobdesk.journal.seal import FRAME_BYTES
from tests.journal.events import DAY_US, START_US, append, last_segment, open_writer, texts, write


def test_line_has_the_documented_bytes(tmp_path) -> None:
    write(tmp_path, ['{"channel":"heartbeat"}'])

    body = (
        b'{"v":1,"seq":1,"recv_ts_us":%d,"mono_us":1,"boot":"b","conn":1,"dir":"in",'
        b'"raw":"{\\"channel\\":\\"heartbeat\\"}",' % START_US
    )
    crc = zlib.crc32(b"0\n" + body)
    path = tmp_path / "events" / "2026-08-01" / "000000000001.jsonl"
    assert path.read_bytes() == body + b'"crc":%d}\n' % crc


def test_record_is_in_the_file_when_append_returns(tmp_path) -> None:
    writer = open_writer(tmp_path)

    append(writer, "x")

    assert b'"raw":"x"' in last_segment(tmp_path).read_bytes()
    writer.close()


@pytest.mark.parametrize(
    "text", ["", "\x00", "\n\r\t", '"\\', "é\u2028\U0001f600", "\x7f", "a" * 9999]
)
def test_any_text_comes_back_as_it_was(tmp_path, text) -> None:
    write(tmp_path, [text])

    assert texts(tmp_path) == [text]


def test_bytes_that_are_no_text_are_kept_in_a_note(tmp_path) -> None:
    with open_writer(tmp_path) as writer:
        event = writer.append("in", b"\xff\x00", recv_ts_us=START_US, mono_us=1, conn=1)

    assert event.dir == "note"
    assert texts(tmp_path) == ['{"kind":"binary","dir":"in","base64":"/wA="}']


def test_sequence_and_chain_go_on_over_restarts(tmp_path) -> None:
    for number in range(5):
        write(tmp_path, [f"{number}"])

    events = list(read_events(tmp_path))

    assert [event.seq for event in events] == [1, 2, 3, 4, 5]
    assert len(list_segments(tmp_path / EVENTS)) == 1


def test_midnight_starts_a_new_date_and_loses_and_doubles_nothing(tmp_path) -> None:
    midnight_us = START_US - 3_600_000_000 + DAY_US
    with open_writer(tmp_path) as writer:
        for offset_us in (-2, -1, 0, 1, -5, 2):
            append(writer, str(offset_us), at_us=midnight_us + offset_us)

    segments = list_segments(tmp_path / EVENTS)

    # The clock that went back does not reopen the day that is over.
    assert [(s.date, s.first_seq, s.is_sealed) for s in segments] == [
        ("2026-08-01", 1, True),
        ("2026-08-02", 3, False),
    ]
    assert texts(tmp_path) == ["-2", "-1", "0", "1", "-5", "2"]


def test_size_limit_rotates_and_seals(tmp_path) -> None:
    write(tmp_path, [f"{n:0100d}" for n in range(50)], segment_bytes=1000)

    segments = list_segments(tmp_path / EVENTS)

    assert len(segments) > 5
    assert [s.is_sealed for s in segments] == [True] * (len(segments) - 1) + [False]
    assert all(s.path.stat().st_size <= 1000 for s in segments[-1:])
    assert texts(tmp_path) == [f"{n:0100d}" for n in range(50)]


def test_sealed_frames_are_independent_and_hold_at_most_one_mebibyte(tmp_path) -> None:
    write(tmp_path, ["x" * 300_000] * 13, segment_bytes=3_700_000)
    segment = list_segments(tmp_path / EVENTS)[0]

    seal = read_seal(segment)

    assert seal.lines == 12
    assert len(seal.frames) == 4
    assert all(frame.length <= FRAME_BYTES for frame in seal.frames)
    data = segment.path.read_bytes()
    assert sum(frame.stored_length for frame in seal.frames) == len(data)
    assert seal.frames[1].offset == seal.frames[0].length
    assert len(texts(tmp_path)) == 13


def test_unsealed_segment_of_a_crash_is_sealed_at_the_next_start(tmp_path) -> None:
    write(tmp_path, ["a"])
    with open_writer(tmp_path) as writer:
        append(writer, "b", at_us=START_US + DAY_US)
        writer._sealer.shutdown(wait=True)
    sealed = list_segments(tmp_path / EVENTS)[0]
    plain = b"".join(line for line in read_all(tmp_path / EVENTS))[: read_seal(sealed).length]
    sealed.path.unlink()
    sealed.seal_path.unlink()
    sealed.plain_path.write_bytes(plain)

    write(tmp_path, [])

    assert list_segments(tmp_path / EVENTS)[0].is_sealed
    assert texts(tmp_path) == ["a", "b"]


def test_second_writer_is_refused_and_named(tmp_path) -> None:
    with open_writer(tmp_path), pytest.raises(JournalLockedError) as raised:
        open_writer(tmp_path)

    assert raised.value.pid == str(os.getpid())
    assert f"process {os.getpid()} is writing" in str(raised.value)
    open_writer(tmp_path).close()


def test_lock_of_a_killed_process_does_not_block(tmp_path) -> None:
    code = (
        "import sys, os, signal; from pathlib import Path; "
        "from lobdesk.journal import JournalWriter; "
        "w = JournalWriter(Path(sys.argv[1])); "
        "w.append('in', 'x', recv_ts_us=1, mono_us=1, conn=1); "
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)

    assert done.returncode == -9
    with open_writer(tmp_path) as writer:
        assert writer.next_seq == 2
    assert texts(tmp_path) == ["x"]


def test_folder_that_is_a_file_is_an_error(tmp_path) -> None:
    (tmp_path / "l2").write_text("no folder")

    with pytest.raises(JournalReadError, match="cannot be made"):
        open_writer(tmp_path / "l2")


def test_symbols_that_look_alike_have_their_own_files(tmp_path) -> None:
    symbols = ["A/B", "A_B", "A%2FB", "a/b", "..", "A.B"]
    with open_writer(tmp_path) as writer:
        for symbol in symbols:
            line = f"{symbol}\n".encode()
            writer.write_derived(SNAPSHOTS, symbol, line, recv_ts_us=START_US, seq=1)

    assert list_symbols(tmp_path, SNAPSHOTS) == sorted(symbols)
    for symbol in symbols:
        lines = list(read_all(symbol_log_dir(tmp_path, SNAPSHOTS, symbol)))
        assert lines == [f"{symbol}\n".encode()]


class FullDisk:
    """Stands in for ``os.write``: takes so many bytes, then none."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._write = os.write

    def __call__(self, fd: int, data: bytes) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = data[: self.room]
        self.room -= len(part)
        return self._write(fd, part)


@pytest.mark.parametrize("room", [0, 1, 50, 100, 110])
def test_full_disk_leaves_no_torn_line_and_recording_goes_on(tmp_path, monkeypatch, room) -> None:
    writer = open_writer(tmp_path)
    append(writer, "before")
    size = last_segment(tmp_path).stat().st_size
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", FullDisk(room))
        for _ in range(3):
            with pytest.raises(JournalWriteError, match="No space left") as raised:
                append(writer, "lost")
    assert raised.value.errno == errno.ENOSPC
    assert last_segment(tmp_path).stat().st_size == size

    append(writer, "after")
    writer.close()

    assert texts(tmp_path) == ["before", "after"]


def test_full_disk_when_rotating_keeps_the_old_segment(tmp_path, monkeypatch) -> None:
    writer = open_writer(tmp_path)
    append(writer, "before")

    def refuse(*_args, **_keys):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(JournalWriteError, match="No space left"):
            append(writer, "lost", at_us=START_US + DAY_US)
    append(writer, "after", at_us=START_US + DAY_US)
    writer.close()

    assert texts(tmp_path) == ["before", "after"]


def test_full_disk_makes_derived_lines_wait(tmp_path, monkeypatch) -> None:
    writer = open_writer(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", FullDisk(3))
        writer.write_derived(SNAPSHOTS, "A/B", b"first\n", recv_ts_us=START_US, seq=1)
        assert writer.waiting_derived_bytes == 6
    writer.write_derived(SNAPSHOTS, "A/B", b"second\n", recv_ts_us=START_US, seq=2)
    writer.close()

    lines = list(read_all(symbol_log_dir(tmp_path, SNAPSHOTS, "A/B")))
    assert lines == [b"first\n", b"second\n"]
    assert writer.is_derived_complete


def fail(*_args) -> None:
    raise OSError(errno.EIO, "Input/output error")


def test_failed_sync_leaves_the_segment_and_says_so_in_the_log(tmp_path, monkeypatch) -> None:
    writer = open_writer(tmp_path)
    append(writer, "doubtful")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail)
        with pytest.raises(JournalSyncError, match="Input/output error"):
            writer.sync()

    append(writer, "after")
    writer.close()

    segments = list_segments(tmp_path / EVENTS)
    assert [s.first_seq for s in segments] == [1, 2]
    raws = texts(tmp_path)
    assert raws[0] == "doubtful"
    assert raws[1] == (
        '{"kind":"suspect","segment":"events/2026-08-01/000000000001.jsonl",'
        '"reason":"Input/output error"}'
    )
    assert raws[2] == "after"


def test_failed_sync_without_a_later_record_is_told_at_close(tmp_path, monkeypatch) -> None:
    writer = open_writer(tmp_path)
    append(writer, "doubtful")
    monkeypatch.setattr(os, "fdatasync", fail)

    with pytest.raises(JournalSyncError):
        writer.close()

    monkeypatch.undo()
    open_writer(tmp_path).close()  # the lock was given back


def test_disk_is_asked_to_confirm_within_the_interval(tmp_path, monkeypatch) -> None:
    confirmed = threading.Event()
    real = os.fdatasync

    def watch(fd: int) -> None:
        real(fd)
        confirmed.set()

    monkeypatch.setattr(os, "fdatasync", watch)
    writer = JournalWriter(tmp_path, sync_interval_s=0.01)
    append(writer, "x")

    assert confirmed.wait(10)
    writer.close()


def test_append_does_not_wait_for_a_slow_disk(tmp_path, monkeypatch) -> None:
    is_syncing, may_go_on = threading.Event(), threading.Event()

    def hang(_fd: int) -> None:
        is_syncing.set()
        may_go_on.wait(10)

    writer = open_writer(tmp_path)
    append(writer, "first")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", hang)
        thread = threading.Thread(target=writer.sync)
        thread.start()
        assert is_syncing.wait(10)
        started = time.monotonic()
        for _ in range(100):
            append(writer, "meanwhile")
        assert time.monotonic() - started < 5
        assert thread.is_alive()
        may_go_on.set()
        thread.join()
    writer.close()
    assert len(texts(tmp_path)) == 101
