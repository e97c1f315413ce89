"""Verification: whatever was changed in a stored journal is found and named."""

from __future__ import annotations

import json
import random
import shutil

import pytest

from lobdesk.cli import run_cli
from lobdesk.derive import Recording
from lobdesk.importers import import_file
from lobdesk.journal import EVENTS, SNAPSHOTS, list_segments, symbol_log_dir
from lobdesk.paths import DataPaths, JournalRoot
from lobdesk.verify import verify_data, verify_journal
from tests.book.captures import BTC, read_cbcap
from tests.book.test_verifier_cases import ASKS, BIDS, frame, snapshot

KEYS = [
    "events", "book_frames", "verified", "failed", "unverified", "without_checksum",
    "resyncs", "gaps", "chain_ok", "rederived_equal",
]  # fmt: skip


@pytest.fixture(scope="module")
def journal(tmp_path_factory, captures):
    """A journal with sealed and plain segments."""
    root = tmp_path_factory.mktemp("verify") / "l2"
    with Recording(
        root, sync_interval_s=None, clock=None, boot="b", segment_bytes=9_000
    ) as recording:
        for number, data in enumerate(read_cbcap(captures / BTC)[:90]):
            now_us = 1_785_552_833_000_000 + number
            event = recording.append("in", data, recv_ts_us=now_us, mono_us=now_us, conn=1)
            recording.derive(event)
    return root


def check(root):
    return verify_journal(JournalRoot("test", root))


def test_command_prints_the_documented_keys(tmp_path, captures, capsys) -> None:
    import_file(DataPaths(tmp_path), captures / BTC)

    code = run_cli(["verify", "--json", "--data-dir", str(tmp_path)])

    found = json.loads(capsys.readouterr().out)
    assert code == 0
    assert list(found) == ["total", "symbols"]
    assert list(found["total"]) == KEYS
    assert list(found["symbols"]["BTC/USD"]) == KEYS
    assert found["symbols"]["BTC/USD"]["verified"] == 301
    assert found["total"]["chain_ok"] is True


def test_command_prints_a_table_for_people(tmp_path, captures, capsys) -> None:
    import_file(DataPaths(tmp_path), captures / BTC)

    assert run_cli(["verify", "--data-dir", str(tmp_path)]) == 0

    head, row, total = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["symbol", "events", "book_frames"]
    assert row.split() == [
        "BTC/USD",
        *["301", "301", "301", "0", "0", "0", "4", "4", "ok", "equal"],
    ]
    assert total.split()[0] == "total"


def test_nothing_to_verify_is_an_error(tmp_path, capsys) -> None:
    assert run_cli(["verify", "--data-dir", str(tmp_path / "absent")]) == 1
    assert "holds no journal" in capsys.readouterr().err


def test_untouched_journal_is_good(journal) -> None:
    report = check(journal)

    assert report.is_good
    assert report.problems == []
    kinds = {segment.is_sealed for segment in list_segments(journal / EVENTS)}
    assert kinds == {True, False}


def test_failed_checksum_is_exit_code_4_and_the_rest_is_unverified(tmp_path, capsys) -> None:
    with Recording(tmp_path / "l2", sync_interval_s=None, clock=None) as recording:
        for number, data in enumerate(
            [snapshot(BIDS, ASKS), frame("update", BIDS, crc=1), frame("update", BIDS, crc=1)]
        ):
            event = recording.append("in", data, recv_ts_us=number, mono_us=0, conn=1)
            recording.derive(event)

    assert run_cli(["verify", "--json", "--data-dir", str(tmp_path)]) == 4

    total = json.loads(capsys.readouterr().out)["total"]
    assert [total[key] for key in KEYS] == [4, 3, 1, 1, 1, 0, 0, 0, True, True]


def test_any_flipped_bit_is_found_and_named(tmp_path, journal) -> None:
    """A sample; the script in benchmarks does ten thousand."""
    rng = random.Random(11)
    files = [
        path
        for path in sorted(journal.rglob("*"))
        if path.is_file() and path.name not in {".lock", "derived.json"}
    ]
    assert {path.suffix for path in files} == {".jsonl", ".zst", ".json"}
    for number in range(120):
        path = files[number % len(files)]
        original = path.read_bytes()
        flipped = bytearray(original)
        bit = rng.randrange(8 * len(original))
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)

        report = check(journal)

        path.write_bytes(original)
        assert not report.is_good, (path, bit)
        name = path.name.split(".")[0]
        assert any(name in problem for problem in report.problems), (path, report.problems)
    assert check(journal).is_good


def events_path(root, index: int):
    return list_segments(root / EVENTS)[index].path


def damage_cut(root) -> None:
    path = events_path(root, -1)
    path.write_bytes(path.read_bytes()[:-1])


def damage_line_dropped(root) -> None:
    path = events_path(root, -1)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))


def damage_segment_missing(root) -> None:
    events_path(root, 1).unlink()


def damage_first_segment_missing(root) -> None:
    events_path(root, 0).unlink()


def damage_segment_empty(root) -> None:
    events_path(root, -1).write_bytes(b"")


def damage_table_missing(root) -> None:
    list_segments(root / EVENTS)[0].seal_path.unlink()


@pytest.mark.parametrize(
    "damage",
    [
        damage_cut,
        damage_line_dropped,
        damage_segment_missing,
        damage_first_segment_missing,
        damage_segment_empty,
        damage_table_missing,
    ],
)
def test_damaged_raw_log_breaks_the_chain(tmp_path, journal, damage) -> None:
    root = shutil.copytree(journal, tmp_path / "l2")
    damage(root)

    report = check(root)

    assert report.total.chain_ok is False
    assert report.problems


def test_missing_newest_segment_shows_in_what_was_derived_from_it(tmp_path, journal) -> None:
    root = shutil.copytree(journal, tmp_path / "l2")
    events_path(root, -1).unlink()

    assert check(root).total.rederived_equal is False


@pytest.mark.parametrize("change", ["append", "drop_last", "drop_all", "edit", "foreign"])
def test_changed_derived_log_is_found(tmp_path, journal, change) -> None:
    root = shutil.copytree(journal, tmp_path / "l2")
    path = list_segments(symbol_log_dir(root, SNAPSHOTS, "BTC/USD"))[-1].path
    lines = path.read_bytes().splitlines(keepends=True)
    if change == "append":
        path.write_bytes(b"".join([*lines, lines[-1]]))
    elif change == "drop_last":
        path.write_bytes(b"".join(lines[:-1]))
    elif change == "drop_all":
        shutil.rmtree(root / SNAPSHOTS)
    elif change == "edit":
        path.write_bytes(path.read_bytes().replace(b'"verified":true', b'"verified":null', 1))
    else:
        folder = symbol_log_dir(root, SNAPSHOTS, "XYZ/USD") / "2026-08-01"
        folder.mkdir(parents=True)
        (folder / "000000000004.jsonl").write_bytes(lines[0])

    report = check(root)

    assert report.total.chain_ok is True
    assert report.total.rederived_equal is False
    assert report.problems


def test_journal_being_written_is_no_damage(tmp_path) -> None:
    with Recording(tmp_path / "l2", sync_interval_s=None, clock=None) as recording:
        event = recording.append("in", snapshot(BIDS, ASKS), recv_ts_us=1, mono_us=0, conn=1)
        recording.derive(event)
        # The next one is in the raw log, but nothing is derived from it yet.
        recording.append("in", snapshot(BIDS, ASKS), recv_ts_us=2, mono_us=0, conn=1)
        path = list_segments(tmp_path / "l2" / EVENTS)[-1].path
        whole = path.read_bytes()
        path.write_bytes(whole + b'{"v":1,"seq":4,"recv')

        report = verify_data(DataPaths(tmp_path))

        path.write_bytes(whole)
    assert report.is_good, report.problems
    assert report.total.verified == 2


def test_unreadable_line_does_not_hide_what_follows(tmp_path, journal) -> None:
    root = shutil.copytree(journal, tmp_path / "l2")
    path = events_path(root, -1)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b"not a record\n"
    path.write_bytes(b"".join(lines))

    report = check(root)

    assert report.total.events == check(journal).total.events - 1
    assert any(f"{path.name}:3:" in problem for problem in report.problems)


NOW_US = 1_785_552_833_000_000


def times():
    return NOW_US, NOW_US


@pytest.fixture
def killed(tmp_path):
    """What a recorder leaves that was killed with one frame derived and one not."""
    with Recording(tmp_path / "alive", sync_interval_s=None, clock=times) as recording:
        for number in (1, 2):
            now_us = NOW_US + number
            frame_of = snapshot(BIDS, ASKS)
            event = recording.append("in", frame_of, recv_ts_us=now_us, mono_us=now_us, conn=1)
            if number == 1:
                recording.derive(event)
        shutil.copytree(tmp_path / "alive", tmp_path / "l2")
    return tmp_path / "l2"


def test_what_a_killed_recorder_had_not_derived_is_left_to_its_next_start(killed) -> None:
    report = check(killed)

    assert report.is_good, report.problems
    assert report.total.verified == 2
    (behind,) = report.derived_up_to.values()

    Recording(killed, sync_interval_s=None, clock=times).close()
    assert check(killed).is_good
    assert check(killed).derived_up_to == {}
    assert behind < check(killed).total.events


def test_what_a_stopped_recorder_had_derived_must_be_there(killed) -> None:
    Recording(killed, sync_interval_s=None, clock=times).close()
    path = list_segments(symbol_log_dir(killed, SNAPSHOTS, "BTC/USD"))[-1].path
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])

    report = check(killed)

    assert report.problems == [f"{path.parents[1]}: lines are missing at its end"]
    assert report.total.rederived_equal is False
