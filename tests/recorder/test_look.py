"""What can be said about a recorder by someone who has only its files."""

import json
import shutil
from pathlib import Path

import pytest

from lobdesk.journal import JournalWriter, note_text
from lobdesk.journal.line import compose_line
from lobdesk.recorder import BookReport, RecorderReport, look, write_report
from lobdesk.recorder.clock import Stamp
from lobdesk.recorder.journal_view import TAIL_BYTES

WALL_US, MONO_US = 1_785_552_833_000_000, 5_000_000_000
BOOK = '{"channel":"book","type":"update","data":[{"symbol":"%s","bids":[],"asks":[]}]}'
HEARTBEAT = '{"channel":"heartbeat"}'


class Journal:
    """A journal whose lines have the times that a test gives."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.writer = JournalWriter(root, sync_interval_s=None, boot="far")

    def add(self, direction: str, text: str, at_s: float, conn: int = 1) -> int:
        us = WALL_US + int(at_s * 1e6)
        event = self.writer.append(direction, text, recv_ts_us=us, mono_us=us, conn=conn)
        return event.seq

    def note(self, kind: str, at_s: float, **facts: object) -> None:
        self.add("note", note_text(kind, **facts), at_s)

    def book(self, symbol: str, at_s: float, *, is_verified: bool = True) -> None:
        seq = self.add("in", BOOK % symbol, at_s)
        us = WALL_US + int(at_s * 1e6)
        line = json.dumps({"v": 1, "symbol": symbol, "seq": seq, "recv_ts_us": us}).encode() + b"\n"
        if is_verified:
            self.writer.write_derived("snapshots", symbol, line, recv_ts_us=us, seq=seq)


@pytest.fixture
def journal(tmp_path):
    written = Journal(tmp_path / "l2")
    written.note("start", 0.0)
    written.note("open", 0.0, url="ws://x")
    written.book("BTC/USD", 1.0)
    yield written
    written.writer.close()


def seen(journal: Journal, at_s: float, *, boot: str = "here"):
    journal.writer.sync_derived()
    return look(journal.root, Stamp(WALL_US + int(at_s * 1e6), MONO_US), boot)


def report(**changes) -> RecorderReport:
    fields = {
        "pid": 1, "boot": "far", "written_us": WALL_US, "mono_us": MONO_US, "started_us": WALL_US,
        "url": "ws://x", "persists": True, "is_connected": True, "last_frame_us": WALL_US,
        "books": {"BTC/USD": BookReport(state="live", since_us=WALL_US)},
    }  # fmt: skip
    return RecorderReport(**{**fields, **changes})


def test_no_report_and_a_fresh_journal_is_healthy(journal) -> None:
    found = seen(journal, 2.0)

    assert found.health.is_healthy
    assert found.doubt == "there is no readable report"
    assert found.journal.last_frame_us == WALL_US + 1_000_000
    assert found.journal.books["BTC/USD"].verified_us == WALL_US + 1_000_000


def test_torn_report_is_no_report(journal) -> None:
    (journal.root / "recorder.json").write_text('{"pid": 1, "boot": "he')

    assert seen(journal, 2.0).doubt == "there is no readable report"
    assert seen(journal, 2.0).health.is_healthy


def test_report_of_another_host_gives_way_to_the_journal(journal) -> None:
    write_report(journal.root, report(boot="far"))

    found = seen(journal, 2.0, boot="here")

    assert found.doubt == "the report is of another host or an earlier boot"
    assert found.health.is_healthy


def test_fresh_report_of_this_boot_is_enough(journal) -> None:
    write_report(journal.root, report(boot="here"))

    found = seen(journal, 1.0, boot="here")

    assert found.journal is None
    assert found.health.is_healthy


def test_report_that_is_no_longer_replaced_gives_way_to_the_journal(journal) -> None:
    write_report(journal.root, report(boot="here", mono_us=MONO_US - 60_000_000))

    found = seen(journal, 2.0, boot="here")

    assert found.doubt == "the report is 60 s old"
    assert found.health.is_healthy


def test_old_journal_says_for_how_long_nothing_came(journal) -> None:
    health = seen(journal, 61.0).health

    assert (health.is_running, health.is_healthy) == (False, False)
    assert health.reason == "the recorder has stopped or hangs: no record for 60 s"


def test_end_in_order_is_told_with_its_reason(journal) -> None:
    journal.note("close", 2.0, reason="SIGTERM")
    journal.note("stop", 2.0)

    assert seen(journal, 2.5).health.reason == "the recorder ended: SIGTERM"


def test_report_of_an_ended_recorder_stands_unless_another_one_followed(journal) -> None:
    write_report(journal.root, report(ended="SIGTERM", written_us=WALL_US + 1_000_000))
    ended = seen(journal, 2.0)
    journal.book("BTC/USD", 30.0)
    followed = seen(journal, 31.0)

    assert (ended.health.reason, ended.journal) == ("the recorder ended: SIGTERM", None)
    assert followed.health.is_healthy
    assert followed.doubt == "the report is of a recorder that ended before"


def test_closed_connection_is_named(journal) -> None:
    journal.note("close", 2.0, reason="silence")

    assert seen(journal, 3.0).health.reason == "no frame for 2 s; not connected"
    assert "connection closed (silence)" in seen(journal, 70.0).health.reason


def test_frames_of_another_connection_after_a_close_count(journal) -> None:
    journal.note("close", 2.0, reason="silence")
    journal.add("in", HEARTBEAT, 2.5, conn=2)

    assert seen(journal, 3.0).health.is_healthy


def test_silent_line_is_named(journal) -> None:
    journal.add("out", '{"method":"ping"}', 19.0)

    assert seen(journal, 20.0).health.reason == "no frame for 19 s; connected"


def test_book_whose_frames_come_but_are_not_verified_is_named(journal) -> None:
    journal.book("ETH/USD", 1.0)
    for at_s in range(2, 41):
        journal.book("BTC/USD", float(at_s), is_verified=False)
    health = seen(journal, 41.0).health

    assert health.unverified == {"BTC/USD": "not for 39 s"}
    assert health.is_receiving
    assert health.reason == "no verified book: BTC/USD (not for 39 s)"


def test_book_that_was_never_verified_is_named(journal) -> None:
    for at_s in range(2, 41):
        journal.book("A/B", float(at_s), is_verified=False)
        journal.book("BTC/USD", float(at_s))

    assert seen(journal, 41.0).health.unverified == {"A/B": "never"}


def test_quiet_book_is_healthy(journal) -> None:
    journal.add("in", HEARTBEAT, 300.0)

    assert seen(journal, 301.0).health.is_healthy


def test_clock_that_disagrees_is_named(journal) -> None:
    assert "60 s ahead of this clock" in seen(journal, -59.0).health.reason


def test_torn_last_line_is_told_and_does_no_harm(journal, tmp_path) -> None:
    journal.writer.sync_derived()
    copy = shutil.copytree(journal.root, tmp_path / "copy")
    with next(copy.glob("events/*/*.jsonl")).open("ab") as file:
        file.write(b'{"v":1,"seq":4,"recv_ts')

    found = look(copy, Stamp(WALL_US + 2_000_000, MONO_US), "here")

    assert found.journal.is_torn
    assert found.journal.last_seq == 3
    assert found.health.is_healthy


def test_sealed_and_fresh_segments_are_read_together(journal) -> None:
    journal.note("close", 86_400.0 * 3, reason="midnight")

    found = seen(journal, 86_400.0 * 3 + 1)

    assert len(list(journal.root.glob("events/*/*"))) >= 2
    assert found.journal.last_frame_us == WALL_US + 1_000_000


def test_only_the_end_of_a_long_segment_is_read(tmp_path) -> None:
    folder = tmp_path / "l2" / "events" / "2026-08-01"
    folder.mkdir(parents=True)
    template = Journal(tmp_path / "other")
    text = BOOK % "BTC/USD"
    first = template.writer.append("in", text, recv_ts_us=WALL_US, mono_us=0, conn=1)
    template.writer.close()
    line, _ = compose_line(first, 0)
    count = 3 * TAIL_BYTES // len(line)
    (folder / "000000000001.jsonl").write_bytes(line * count)

    found = look(tmp_path / "l2", Stamp(WALL_US + 1_000_000, MONO_US), "here")

    assert found.health.is_healthy


def test_nothing_there_is_told(tmp_path) -> None:
    found = look(tmp_path, Stamp(WALL_US, MONO_US), "here")

    assert (found.report, found.journal) == (None, None)
    assert found.health.reason == "no recorder has run here"
