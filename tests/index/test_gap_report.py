"""The gap report against a journal worked out by hand, and against ``verify``."""

import json
import re
from pathlib import Path

import pytest

from lobdesk.cli import run_cli
from lobdesk.derive import Recording
from lobdesk.index import open_catalog, update_index
from lobdesk.index.gap_report import GapReport, report_gaps
from lobdesk.paths import DataPaths
from lobdesk.verify import verify_data
from tests.index.journals import JournalWriter, plain_snapshot, read_cbcap

MIDNIGHT_US = 1_785_542_400_000_000  # 2026-08-01T00:00:00Z
SECOND_US = 1_000_000
PAIR = "A/B"


class Market(JournalWriter):
    """Writes frames whose verdicts the test decides; times are seconds from midnight."""

    def book(self, at_s: float, *, kind: str = "update", is_verified: bool = True) -> int:
        us = MIDNIGHT_US + int(at_s * SECOND_US)
        raw = f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{PAIR}"}}]}}'
        seq = self.frame(raw, us, derive=False)
        if is_verified:
            fields = plain_snapshot(seq, us) | {"recv_ts_us": us, "checksum": 1, "verified": True}
            self.snapshot(PAIR, fields | {"exch_ts_us": us + 300_000 - 100 * seq}, us)
        return seq

    def tell(self, kind: str, at_s: float, **facts: object) -> int:
        return self.note({"kind": kind, **facts}, MIDNIGHT_US + int(at_s * SECOND_US))

    def gap(self, at_s: float, cause: str, last: int, first: int, from_s: float) -> None:
        span = {"from_us": us(from_s), "to_us": us(at_s)}
        facts = {"last_verified_seq": last, "first_verified_seq": first}
        self.tell("gap", at_s, symbol=PAIR, cause=cause, **facts, **span)


def us(at_s: float) -> int:
    return MIDNIGHT_US + int(at_s * SECOND_US)


def report(data: Path, *symbols: str, day: str | None = None) -> GapReport:
    with open_catalog(data) as catalog:
        return report_gaps(catalog, symbols, day=day)


@pytest.fixture(scope="module")
def worked(tmp_path_factory) -> Path:
    """A minute before and a minute after midnight."""
    data = tmp_path_factory.mktemp("worked")
    market = Market(data / "l2")
    market.book(-60, kind="snapshot")
    last = market.book(-50)
    market.book(-40, is_verified=False)  # its checksum fails
    market.book(-35, is_verified=False)
    first = market.book(-30, kind="snapshot")
    market.gap(-30, "checksum", last, first, -50)
    last = market.book(-20)
    market.tell("lost", -8, records=7, from_us=us(-15), to_us=us(-8))
    market.tell("close", -8, reason="books must be built anew")
    market.tell("open", 1)
    market.tell("offset", 2, offset_us=-2000)
    market.tell("offset", 3, offset_us=500)
    first = market.book(10, kind="snapshot")
    market.gap(10, "close", last, first, -20)
    market.tell("trade_gap", 11, symbol=PAIR, last_trade_id=5, first_trade_id=9)
    market.book(40)
    market.book(50, is_verified=False)  # and no frame was verified after it
    update_index(data)
    return data


def test_day_before_midnight_as_worked_by_hand(worked) -> None:
    day = report(worked).days[0]

    assert (day.source, day.symbol, day.day) == ("recorder", PAIR, "2026-07-31")
    assert (day.book_frames, day.verified, day.failed, day.unverified) == (6, 4, 1, 1)
    assert day.verified_pct == pytest.approx(400 / 6)
    # Observed from -60 s to midnight; without a book from -50 to -30 and from -20 to midnight.
    assert (day.observed_us, day.unverifiable_us) == (60 * SECOND_US, 40 * SECOND_US)
    assert day.clean_pct == pytest.approx(100 / 3)
    assert (day.gaps, day.resyncs, day.trades_missed) == (2, 1, 0)
    assert (day.lost_records, day.lost_cost_us) == (7, 20 * SECOND_US)
    # recv - exch = 100 seq - 300,000 µs, least for the first frame; only one hour.
    assert (day.offset_min_us, day.offset_max_us) == (-299_900, -299_900)
    assert day.offset_method == "recv-exch"


def test_day_after_midnight_as_worked_by_hand(worked) -> None:
    day = report(worked).days[1]

    assert day.day == "2026-08-01"
    assert (day.book_frames, day.verified, day.failed, day.unverified) == (3, 2, 0, 1)
    # Observed from midnight to 50 s; without a book until 10 s, and from 40 s on.
    assert (day.observed_us, day.unverifiable_us) == (50 * SECOND_US, 20 * SECOND_US)
    assert day.clean_pct == pytest.approx(60.0)
    assert (day.gaps, day.resyncs, day.trades_missed) == (1, 1, 3)
    assert (day.lost_records, day.lost_cost_us) == (0, 10 * SECOND_US)
    assert (day.offset_min_us, day.offset_max_us, day.offset_method) == (-2000, 500, "ping")


def test_gaps_have_cause_both_events_and_both_times(worked) -> None:
    gaps = [
        (g.cause, g.last_verified_seq, g.first_verified_seq, g.from_us, g.to_us, g.is_ours)
        for g in report(worked).gaps
    ]

    assert gaps == [
        ("checksum", 2, 5, us(-50), us(-30), False),
        ("close", 7, 13, us(-20), us(10), True),
        ("unfinished", 16, None, us(40), us(50), False),
    ]


def test_filters_by_day_and_symbol(worked) -> None:
    first = report(worked, PAIR, day="2026-07-31")
    second = report(worked, PAIR, day="2026-08-01")
    other = report(worked, "X/Y")

    assert [day.day for day in first.days] == ["2026-07-31"]
    assert [gap.cause for gap in first.gaps] == ["checksum", "close"]
    assert [gap.cause for gap in second.gaps] == ["close", "unfinished"]
    assert (other.days, other.gaps) == ([], [])


def test_days_without_the_recorder_are_unverifiable_as_a_whole(tmp_path) -> None:
    market = Market(tmp_path / "l2")
    market.book(0, kind="snapshot")
    last = market.book(10)
    first = market.book(3 * 86_400, kind="snapshot")
    market.gap(3 * 86_400, "restart", last, first, 10)
    update_index(tmp_path)

    days = report(tmp_path).days

    assert [day.day for day in days] == ["2026-08-01", "2026-08-02", "2026-08-03", "2026-08-04"]
    spans_s = [86_390, 86_400, 86_400, 0]
    assert [day.unverifiable_us for day in days] == [span_s * SECOND_US for span_s in spans_s]
    assert [day.clean_pct for day in days] == [pytest.approx(100 / 8640), 0.0, 0.0, None]
    assert [day.gaps for day in days] == [1, 0, 0, 0]


def test_symbol_that_was_never_verified_is_one_unfinished_gap(tmp_path) -> None:
    market = Market(tmp_path / "l2")
    market.book(0, kind="snapshot", is_verified=False)
    market.book(5, is_verified=False)
    update_index(tmp_path)

    found = report(tmp_path)

    (day,) = found.days
    assert (day.verified, day.unverified, day.clean_pct) == (0, 2, 0.0)
    assert [(gap.cause, gap.last_verified_seq) for gap in found.gaps] == [("unfinished", None)]


def test_source_without_checksums_counts_its_books(tmp_path) -> None:
    market = Market(tmp_path / "l2")
    for at_s in (0, 1):
        seq = market.frame('{"rows":1}', us(at_s), derive=False)
        market.snapshot(PAIR, plain_snapshot(seq, us(at_s)), us(at_s))
    update_index(tmp_path)

    (day,) = report(tmp_path).days

    assert (day.without_checksum, day.book_frames, day.failed) == (2, 0, None)
    assert (day.verified_pct, day.clean_pct) == (None, 100.0)


def test_counts_agree_with_verify_on_a_recording_with_failures(tmp_path, captures) -> None:
    frames = read_cbcap(captures / "v2_btcusd_d10_resync_20260801.cbcap")
    books = [i for i, (_, frame) in enumerate(frames) if frame.startswith('{"channel":"book"')]
    resyncs = [n for n, i in enumerate(books) if n > 3 and '"type":"snapshot"' in frames[i][1]]
    damaged = {books[n - back] for n in resyncs for back in (1, 2, 3)}
    with Recording(tmp_path / "l2", clock=None, boot="b") as recording:
        recording.append("note", '{"kind":"open"}', recv_ts_us=frames[0][0], mono_us=0, conn=1)
        for index, (recv_us, frame) in enumerate(frames):
            text = re.sub(r'"checksum":\d+', '"checksum":1', frame) if index in damaged else frame
            event = recording.append("in", text, recv_ts_us=recv_us, mono_us=0, conn=1)
            recording.derive(event)
    update_index(tmp_path)

    found = report(tmp_path)
    counts = verify_data(DataPaths(tmp_path)).symbols["BTC/USD"]

    (day,) = found.days
    assert (counts.failed, counts.unverified, counts.gaps) == (4, 8, 4)
    for name in ("book_frames", "verified", "failed", "unverified", "resyncs", "gaps"):
        assert getattr(day, name) == getattr(counts, name), name
    assert day.unverifiable_us == sum(gap.duration_us for gap in found.gaps)


def test_frames_that_a_second_connection_repeats_are_neither_verified_nor_unverified(
    tmp_path,
) -> None:
    market = Market(tmp_path / "l2")
    for at_s in range(4):
        market.book(at_s, kind="update" if at_s else "snapshot")
        market.book(at_s + 0.1, is_verified=False)  # the same by another connection
    market.book(5)
    update_index(tmp_path)

    (day,) = report(tmp_path).days

    assert (day.book_frames, day.verified, day.repeated) == (9, 5, 4)
    assert (day.unverified, day.verified_pct, day.clean_pct) == (0, 100.0, 100.0)


def test_command_prints_days_then_gaps(worked, capsys) -> None:
    code = run_cli(["gaps", "--data-dir", str(worked)])
    out, err = capsys.readouterr()

    assert (code, err) == (0, "3 gaps\n")
    lines = out.splitlines()
    assert lines[1].split()[:6] == ["2026-07-31", "A/B", "66.666", "%", "33.333", "%"]
    assert lines[2].endswith("-2.0 … +0.5 ms (ping)  recorder")
    assert lines[3] == ""
    assert lines[5].startswith("2026-07-31T23:59:40.000000Z  2026-08-01T00:00:10.000000Z")
    assert lines[5].endswith("events 7 to 13  recorder  by us")
    assert "events 16 to -" in lines[6]


def test_command_prints_the_documented_keys(worked, capsys) -> None:
    run_cli(["gaps", "a/b", "--day", "2026-08-01", "--data-dir", str(worked), "--json"])
    found = json.loads(capsys.readouterr().out)

    text = (Path(__file__).parents[2] / "docs" / "index.md").read_text(encoding="utf-8")
    section = text.partition("## The gap report")[2].partition("\n## ")[0]
    assert set(found) == {"days", "gaps"}
    for key in (*found["days"][0], *found["gaps"][0]):
        assert f"`{key}`" in section, key


def test_wrong_day_is_one_line(worked, capsys) -> None:
    code = run_cli(["gaps", "--day", "yesterday", "--data-dir", str(worked)])

    assert code == 2
    assert "expected a date like 2026-08-01" in capsys.readouterr().err
