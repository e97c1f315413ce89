"""Health is judged from a report and two clocks."""

from lobdesk.recorder import BookReport, RecorderReport, judge, read_report, write_report
from lobdesk.recorder.clock import Stamp

WALL_US, MONO_US = 1_700_000_000_000_000, 5_000_000_000


def report(**changes) -> RecorderReport:
    fields = {
        "pid": 1,
        "boot": "b",
        "written_us": WALL_US,
        "mono_us": MONO_US,
        "started_us": WALL_US - 60_000_000,
        "url": "ws://x",
        "persists": True,
        "is_connected": True,
        "last_frame_us": WALL_US - 500_000,
        "books": {"BTC/USD": BookReport(state="live", since_us=WALL_US - 50_000_000)},
    }
    return RecorderReport(**{**fields, **changes})


def reason(report_: RecorderReport | None, *, later_s: float = 1.0, boot: str = "b") -> str:
    later_us = int(later_s * 1e6)
    return judge(report_, Stamp(WALL_US + later_us, MONO_US + later_us), boot).reason


def test_running_receiving_and_verified_is_healthy() -> None:
    assert reason(report()) == ""


def test_nothing_there_ended_or_gone_is_not_running() -> None:
    assert reason(None) == "no recorder has run here"
    assert reason(report(ended="SIGTERM")) == "the recorder ended: SIGTERM"
    assert "stopped without saying so" in reason(report(), later_s=11.0)
    assert "stopped without saying so" in reason(report(), boot="another")


def test_setting_the_wall_clock_changes_nothing() -> None:
    moved = Stamp(WALL_US + 3_600_000_000, MONO_US + 1_000_000)

    assert judge(report(books={}), moved, "b").reason == ""


def test_silence_and_no_connection_are_named() -> None:
    assert "no frame for 12 s" in reason(report(last_frame_us=WALL_US - 11_000_000))
    assert "not connected" in reason(report(is_connected=False))
    assert "no frame yet" in reason(report(last_frame_us=0))


def test_book_may_be_rebuilt_for_half_a_minute() -> None:
    def book(state: str, for_s: float) -> RecorderReport:
        since_us = WALL_US - int(for_s * 1e6)
        return report(books={"A/B": BookReport(state=state, since_us=since_us)})

    assert reason(book("suspect", 10.0)) == ""
    assert reason(book("suspect", 40.0)) == "no verified book: A/B (suspect)"
    assert reason(book("refused", 1.0)) == "no verified book: A/B (refused)"


def test_stopped_second_stage_is_named() -> None:
    assert reason(report(error="KeyError: 'x'")) == "only raw frames are recorded: KeyError: 'x'"


def test_report_survives_the_file(tmp_path) -> None:
    write_report(tmp_path, report())

    assert read_report(tmp_path) == report()


def test_foreign_file_is_no_report(tmp_path) -> None:
    (tmp_path / "recorder.json").write_text('{"pid":')

    assert read_report(tmp_path) is None
