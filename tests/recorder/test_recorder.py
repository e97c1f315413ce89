"""The two stages of recording, without a socket."""

import json

import pytest

from lobdesk.errors import JournalError
from lobdesk.journal import JournalWriteError, list_symbols, read_events
from lobdesk.paths import JournalRoot
from lobdesk.recorder import Recorder
from lobdesk.verify import verify_journal


def frames(captures, count: int = 400) -> list[bytes]:
    lines = (captures / "v2_ethusd_d25_20260802.cbcap").read_bytes().split(b"\n")
    return [line for line in lines if line.startswith(b"{")][:count]


def make(root, **options) -> Recorder:
    return Recorder(root, **{"depth": 25, "queue_size": 10_000, "segment_bytes": 2**20, **options})


def work_all(recorder: Recorder) -> int:
    done = 0
    while recorder.has_work:
        events = recorder.read_back(50) if recorder.is_behind else None
        done += len(recorder.derive(events) if events is not None else recorder.work(50))
    return done


def check(root) -> None:
    report = verify_journal(JournalRoot("recorder", root))
    assert report.problems == []
    assert report.is_good


def test_frame_is_in_the_raw_log_before_anything_looks_into_it(tmp_path) -> None:
    recorder = make(tmp_path)

    recorder.received(b"\x00 no sense at all", 1)

    assert [event.raw for event in read_events(tmp_path) if event.dir == "in"] == [
        "\x00 no sense at all"
    ]
    recorder.close()


@pytest.mark.parametrize("queue_size", [1, 50])
def test_bytes_that_are_no_text_are_kept_as_a_note_and_counted(tmp_path, queue_size) -> None:
    recorder = make(tmp_path, queue_size=queue_size)

    for frame in (b"\xff\xfe", b"{}", b"\xff"):
        recorder.received(frame, 1)
    work_all(recorder)
    recorder.close()

    assert recorder.no_text == 2

    kinds = [json.loads(e.raw)["kind"] for e in read_events(tmp_path) if e.dir == "note"]
    assert "binary" in kinds
    check(tmp_path)


@pytest.mark.parametrize("queue_size", [1, 3, 50])
def test_frames_that_find_the_queue_full_are_read_back_in_order(
    tmp_path, captures, queue_size
) -> None:
    recorder = make(tmp_path, queue_size=queue_size)
    recorder.opened(1)
    sent = frames(captures)

    handled = 0
    for number, frame in enumerate(sent):
        recorder.received(frame, 1)
        if number % 60 == 59:
            handled += work_all(recorder)
    assert recorder.queued <= queue_size
    handled += work_all(recorder)
    recorder.close()

    assert handled == len(sent)
    assert recorder.queue_full > 50
    assert recorder.lost == 0
    check(tmp_path)


def test_frames_received_while_reading_back_follow_the_ones_read_back(tmp_path, captures) -> None:
    recorder = make(tmp_path, queue_size=5)
    recorder.opened(1)
    sent = iter(frames(captures))
    for _ in range(100):
        recorder.received(next(sent), 1)
    recorder.work(5)

    seqs = []
    while recorder.has_work:
        for _ in range(3):
            if (frame := next(sent, None)) is not None:
                recorder.received(frame, 1)
        events = recorder.read_back(7) if recorder.is_behind else None
        outcomes = recorder.derive(events) if events is not None else recorder.work(7)
        seqs += [outcome.event.seq for outcome in outcomes]
    recorder.close()

    assert seqs == sorted(seqs)
    check(tmp_path)


def test_ending_while_behind_is_made_good_by_the_next_start(tmp_path, captures) -> None:
    recorder = make(tmp_path, queue_size=5)
    recorder.opened(1)
    for frame in frames(captures):
        recorder.received(frame, 1)
    recorder.close()

    make(tmp_path).close()

    assert list_symbols(tmp_path, "snapshots") == ["ETH/USD"]
    check(tmp_path)


def test_full_disk_is_counted_and_named_once_there_is_room(tmp_path, captures, monkeypatch) -> None:
    recorder = make(tmp_path)
    recorder.opened(1)
    sent = frames(captures, 60)
    for frame in sent[:20]:
        recorder.received(frame, 1)
    writer = recorder._recording.journal
    append = writer.append

    def refuse(*args, **kwargs):
        raise JournalWriteError(tmp_path / "x", OSError(28, "No space left on device"))

    monkeypatch.setattr(writer, "append", refuse)
    for frame in sent[20:40]:
        recorder.received(frame, 1)
    monkeypatch.setattr(writer, "append", append)
    for frame in sent[40:]:
        recorder.received(frame, 1)
    work_all(recorder)
    recorder.close()

    notes = [json.loads(event.raw) for event in read_events(tmp_path) if event.dir == "note"]
    (lost,) = [note for note in notes if note["kind"] == "lost"]
    assert (lost["records"], recorder.lost) == (20, 20)
    assert lost["from_us"] <= lost["to_us"]
    assert recorder.is_interrupted
    received = [event.raw.encode() for event in read_events(tmp_path) if event.dir == "in"]
    assert received == sent[:20] + sent[40:]


def test_clock_that_is_set_is_noted_once(tmp_path, monkeypatch) -> None:
    from lobdesk.recorder.clock import Stamp

    times = iter([(0, 0), (1_000, 1_000), (3_600_002_000, 2_000), (3_600_003_000, 3_000)])
    monkeypatch.setattr("lobdesk.recorder.recorder.now", lambda: Stamp(*next(times)))
    recorder = make(tmp_path)
    for _ in range(3):
        recorder.received(b"{}", 1)
    work_all(recorder)
    recorder.close()

    notes = [json.loads(event.raw) for event in read_events(tmp_path) if event.dir == "note"]
    assert [note["step_us"] for note in notes if note["kind"] == "clock"] == [3_600_000_000]


def test_clock_steps_of_an_hour_are_noted_and_slewing_is_not(tmp_path, monkeypatch) -> None:
    from lobdesk.recorder.clock import Stamp

    hour_us = 3_600_000_000
    walls, wall_us = [], 10**15
    for second in range(2000):
        wall_us += 1_000_500  # slewed: 500 ppm fast
        wall_us += {500: hour_us, 1000: -hour_us, 1500: 99_000}.get(second, 0)
        walls.append(wall_us)
    times = iter([Stamp(10**15, 0)] + [Stamp(w, (n + 1) * 10**6) for n, w in enumerate(walls)])
    monkeypatch.setattr("lobdesk.recorder.recorder.now", lambda: next(times))
    recorder = make(tmp_path)
    for _ in walls:
        recorder.received(b"{}", 1)
    work_all(recorder)
    recorder.close()

    events = list(read_events(tmp_path))
    notes = [json.loads(event.raw) for event in events if event.dir == "note"]
    steps = [note["step_us"] for note in notes if note["kind"] == "clock"]
    assert steps == [hour_us + 500, -hour_us + 500]
    monos = [event.mono_us for event in events if event.dir == "in"]
    assert monos == sorted(monos)
    assert len({event.raw for event in events if event.dir == "in"}) == 1
    assert len(list((tmp_path / "events").iterdir())) <= 2
    check(tmp_path)


@pytest.mark.parametrize("persists", [True, False])
def test_folder_belongs_to_one_recorder(tmp_path, persists) -> None:
    first = make(tmp_path)
    with pytest.raises(JournalError, match="is writing this journal"):
        make(tmp_path, persists=persists)
    first.close()

    make(tmp_path, persists=persists).close()


@pytest.mark.parametrize("persists", [True, False])
def test_folder_that_cannot_be_made_is_an_error_of_one_line(tmp_path, persists) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(JournalError, match="file/l2"):
        make(tmp_path / "file" / "l2", persists=persists)


def test_verify_only_writes_no_logs(tmp_path, captures) -> None:
    recorder = make(tmp_path, persists=False)
    recorder.opened(1)
    for frame in frames(captures):
        recorder.received(frame, 1)
    outcomes = recorder.work(10_000)
    recorder.close()

    assert sum(len(outcome.verdict.books) for outcome in outcomes) > 300
    assert not (tmp_path / "events").exists()
