"""A disk that is full, or fails: the recorder lives on, its books stay right, losses are told."""

from __future__ import annotations

import errno
import os
import time

import msgspec
import pytest

from lobdesk.journal import read_events
from lobdesk.recorder import RecorderReport, judge, now, read_report, write_report
from tests.daemon.conftest import exchange, notes, recording, until
from tests.daemon.proof import verified_counts


class Disk:
    """Stands in for the system's calls on segments of a journal.

    Attributes:
        room: Bytes that it still takes; None for any.
        sync_errors: Syncs that fail with EIO from now on.
    """

    def __init__(self) -> None:
        self.room: int | None = None
        self.sync_errors = 0
        self.refused = 0
        self.short_writes = 0

    def write(self, fd: int, data: bytes) -> int:
        if self.room is None:
            return os.write(fd, data)
        if self.room == 0:
            self.refused += 1
            raise OSError(errno.ENOSPC, "No space left on device")
        length = min(self.room, len(data))
        self.short_writes += length < len(data)
        self.room -= length
        return os.write(fd, data[:length])

    def fdatasync(self, fd: int) -> None:
        if self.sync_errors:
            self.sync_errors -= 1
            raise OSError(errno.EIO, "Input/output error")
        os.fdatasync(fd)

    def __getattr__(self, name: str):
        return getattr(os, name)


@pytest.fixture
def disk(monkeypatch) -> Disk:
    made = Disk()
    monkeypatch.setattr("lobdesk.journal.segment_file.os", made)
    return made


def verified(daemon) -> int:
    return daemon.report().books["BTC/USD"].verified


@pytest.mark.parametrize("redundant", [False, True])
async def test_full_disk_stops_the_writing_only_and_the_loss_is_counted_exactly(
    root, disk, redundant
) -> None:
    async with exchange() as server, recording(server.url, root, redundant=redundant) as daemon:
        await until(lambda: verified(daemon) > 100)
        connects = daemon.report().connects
        disk.room = 1000  # the disk is full in the middle of a line
        await until(lambda: daemon.recorder.lost_frames > 100)
        seen = verified(daemon)
        await until(lambda: verified(daemon) > seen + 100)
        full = daemon.report()
        await until(lambda: "No space left" in getattr(read_report(root), "write_error", ""))
        health = judge(read_report(root), now(), full.boot)
        disk.room = None
        freed_us = now().recv_ts_us
        await until(lambda: notes(root, "gap"))
        seen = verified(daemon)
        await until(lambda: verified(daemon) > seen + 100 and not daemon.report().write_error)
        report = daemon.report()

    assert disk.short_writes == 1
    assert {book.state for book in full.books.values()} == {"live"}
    assert all(book.failed == book.unverified == 0 for book in full.books.values())
    assert health.is_running
    assert not health.is_healthy
    (lost,) = notes(root, "lost")
    assert lost["frames"] == report.lost_frames
    assert lost["records"] == report.lost
    events = list(read_events(root))
    kept = sum(event.dir == "in" for event in events)
    assert kept == daemon.recorder.frames - report.lost_frames
    first_us = min(event.recv_ts_us for event in events if event.recv_ts_us >= freed_us)
    assert first_us - freed_us < 1_000_000
    assert {gap["cause"] for gap in notes(root, "gap")} == {"lost"}
    assert report.connects == connects
    assert verified_counts(root).failed == 0


async def test_restart_while_the_disk_is_full_says_what_is_missing(root, disk) -> None:
    async with exchange() as server:
        async with recording(server.url, root) as daemon:
            await until(lambda: verified(daemon) > 50)
            disk.room = 0
            await until(lambda: daemon.recorder.lost_frames > 50)
            disk.room = None
            daemon.stop("test")
        async with recording(server.url, root) as daemon:
            await until(lambda: verified(daemon) > 50)

    assert sum(note["frames"] for note in notes(root, "lost")) > 50
    verified_counts(root)


async def test_segment_that_the_disk_does_not_confirm_is_left_and_health_says_so(
    root, disk
) -> None:
    async with exchange() as server, recording(server.url, root) as daemon:
        await until(lambda: verified(daemon) > 50)
        disk.sync_errors = 1
        await until(lambda: notes(root, "suspect"))
        seen = verified(daemon)
        await until(lambda: verified(daemon) > seen + 50)
        await until(lambda: getattr(read_report(root), "suspects", []))
        health = judge(read_report(root), now(), daemon.report().boot)

    (suspect,) = notes(root, "suspect")
    assert suspect["reason"] == "Input/output error"
    assert health.is_running
    assert suspect["segment"] in health.reason
    segments = sorted((root / "events").rglob("*.jsonl"))
    assert str(segments[0].relative_to(root)) == suspect["segment"]
    assert len(segments) == 2
    assert not list((root / "events").rglob("*.zst"))
    assert not notes(root, "gap")
    verified_counts(root)


async def test_large_frames_are_bounded_by_their_bytes(root, monkeypatch) -> None:
    monkeypatch.setattr("lobdesk.recorder.recorder.QUEUE_BYTES", 1_000_000)
    monkeypatch.setattr("lobdesk.recorder.recorder.READ_BACK_BYTES", 300_000)
    from tests.recorder.test_recorder import make

    recorder = make(root, segment_bytes=2**26)
    frame = b'{"channel":"x","data":"' + b"a" * 100_000 + b'"}'
    for _ in range(200):
        recorder.received(frame, 1)
    assert 10 <= recorder.queued <= 11
    assert recorder.queue_full + recorder.queued == 200
    done, started_s = 0, time.monotonic()
    while recorder.has_work and time.monotonic() < started_s + 20:
        if recorder.is_behind:
            events = recorder.read_back(2000)
            assert len(events) <= 4
            done += len(recorder.derive(events))
        else:
            done += len(recorder.work(50))
    recorder.close()
    assert done == 200


def test_report_on_a_full_disk_uses_the_room_of_the_last_one(root, monkeypatch) -> None:
    root.mkdir(parents=True)
    report = RecorderReport(
        pid=1, boot="b", written_us=1, mono_us=1, started_us=1, url="u", persists=True
    )
    write_report(root, report)

    def refuse(*_) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", refuse)
    full = msgspec.structs.replace(report, write_error="No space left", lost_frames=7)
    write_report(root, full)

    assert read_report(root) == full
    assert [path.name for path in root.iterdir()] == ["recorder.json"]
