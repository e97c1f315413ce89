"""Damage in the middle of the raw log does not keep a recorder from recording."""

from __future__ import annotations

import json
from itertools import islice

import pytest

from lobdesk.derive import Recording
from lobdesk.importers.cbcap import open_cbcap
from lobdesk.journal import note_text, now_us, read_readable_events
from lobdesk.paths import JournalRoot
from lobdesk.shipped import shipped
from lobdesk.verify import verify_journal

CAPTURE = "kraken/v2_btcusd_d10_resync_20260801.cbcap"


def record(recording: Recording, count: int) -> None:
    for frame in islice(open_cbcap(shipped(CAPTURE)).frames(), count):
        recv_ts_us, mono_us = now_us()
        event = recording.append("in", frame.raw, recv_ts_us=recv_ts_us, mono_us=mono_us, conn=1)
        recording.derive(event)


def crash(recording: Recording) -> None:
    """End as a killed process does: no closing record, no checkpoint."""
    recording.journal._sealer.shutdown()
    recording.journal._raw.close()
    recording.journal._lock.release()


@pytest.mark.parametrize("has_checkpoint", [True, False])
@pytest.mark.parametrize("lines_from_the_end", [3, 4, 21])
def test_hole_in_unconfirmed_records_is_survived_and_named(
    tmp_path, has_checkpoint, lines_from_the_end
) -> None:
    root = tmp_path / "l2"
    if has_checkpoint:
        with Recording(root) as recording:
            record(recording, 10)
    recording = Recording(root, sync_interval_s=None)
    record(recording, 40)
    crash(recording)
    (segment,) = (root / "events").glob("*/*.jsonl")
    lines = segment.read_bytes().splitlines(keepends=True)
    at = len(lines) - lines_from_the_end
    lines[at] = bytes(len(lines[at]) - 1) + b"\n"
    segment.write_bytes(b"".join(lines))

    with Recording(root) as recording:
        record(recording, 40)

    report = verify_journal(JournalRoot("recorder", root))
    assert not report.total.chain_ok
    assert report.total.rederived_equal
    assert f"{segment}:{at + 1}: " in report.problems[0]
    seqs = [event.seq for event in read_readable_events(root)]
    assert len(seqs) == len(set(seqs)) == seqs[-1] - 1


def test_event_whose_checksum_does_not_follow_is_derived_from_as_verify_does(tmp_path) -> None:
    root = tmp_path / "l2"
    recording = Recording(root, sync_interval_s=None)
    record(recording, 40)
    recording.append("note", note_text("test", word="aaaa"), recv_ts_us=1, mono_us=1, conn=1)
    record(recording, 5)
    crash(recording)
    (segment,) = (root / "events").glob("*/*.jsonl")
    segment.write_bytes(segment.read_bytes().replace(b"aaaa", b"aaab"))

    with Recording(root) as recording:
        record(recording, 5)

    report = verify_journal(JournalRoot("recorder", root))
    assert len(report.problems) == 1
    assert report.total.rederived_equal


def gaps(root) -> list[tuple[int, int]]:
    found = [
        json.loads(event.raw) for event in read_readable_events(root) if '"kind":"gap"' in event.raw
    ]
    return [(gap["last_verified_seq"], gap["first_verified_seq"]) for gap in found]


def test_gap_that_a_crash_kept_from_being_told_is_told_by_the_next_start(tmp_path) -> None:
    root = tmp_path / "l2"
    with Recording(root) as recording:
        record(recording, 10)
    last = recording.deriver.symbols["BTC/USD"].last_verified_seq
    recording = Recording(root, sync_interval_s=None)
    for frame in islice(open_cbcap(shipped(CAPTURE)).frames(), 10):
        event = recording.append("in", frame.raw, recv_ts_us=now_us()[0], mono_us=1, conn=1)
    crash(recording)  # written down, and nothing derived from it
    assert gaps(root) == []

    with Recording(root):
        pass
    once = gaps(root)
    with Recording(root):
        pass

    assert len(once) == 1
    assert once[0][0] == last
    assert last < once[0][1] <= event.seq
    assert gaps(root) == once
    assert verify_journal(JournalRoot("recorder", root)).is_good


def test_wrong_length_in_a_seal_is_found_although_the_segment_can_be_read(tmp_path) -> None:
    root = tmp_path / "l2"
    with Recording(root, segment_bytes=8000) as recording:
        record(recording, 60)
    seals = sorted((root / "events").rglob("*.seal.json"))
    assert seals
    for seal in seals:
        facts = seal.read_bytes()
        length = json.loads(facts)["frames"][-1][3]
        seal.write_bytes(facts.replace(b",%d," % length, b",%d," % (length - 1)))

        report = verify_journal(JournalRoot("recorder", root))

        assert seal.name.split(".")[0] in " ".join(report.problems)
        seal.write_bytes(facts)
    assert verify_journal(JournalRoot("recorder", root)).is_good
