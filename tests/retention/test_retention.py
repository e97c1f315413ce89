"""Retention deletes only what the index holds, and what is left still proves and derives."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import pytest

from lobdesk.cli import index as index_command_module
from lobdesk.cli import run_cli
from lobdesk.derive import Recording
from lobdesk.derive.checkpoint import CHECKPOINT_NAME
from lobdesk.errors import JournalError
from lobdesk.index import open_catalog, update_index
from lobdesk.index.errors import IndexBusyError
from lobdesk.index.follow import follow_index
from lobdesk.journal import (
    EVENTS,
    ORDERS,
    BrokenChainError,
    list_segments,
    read_events,
    symbol_log_dir,
)
from lobdesk.journal.retention import RETENTION_NAME
from lobdesk.paths import JournalRoot
from lobdesk.retention import apply_retention
from lobdesk.simulator import SyntheticMarket
from lobdesk.simulator.exchange import Exchange, Subscriber
from lobdesk.verify import verify_journal

DAY_US = 86_400_000_000
START_US = 20_666 * DAY_US
DAYS = 4
SYMBOLS = ("BTC/USD", "ETH/USD")


class Source:
    """A market's frames, one connection for as long as one likes."""

    def __init__(self) -> None:
        market = SyntheticMarket(SYMBOLS, seed=3, start_us=START_US)
        self.exchange = Exchange(market, lambda: START_US)
        self.events = iter(market.events())
        self.subscriber = Subscriber()
        self.at_us = START_US
        self.exchange.subscribe_instruments(self.subscriber, with_snapshot=True)
        for symbol in SYMBOLS:
            self.exchange.subscribe_book(self.subscriber, symbol, 10, with_snapshot=True)
            self.exchange.subscribe_trades(self.subscriber, symbol, with_snapshot=True)

    def clock(self) -> tuple[int, int]:
        self.at_us += 1000
        return self.at_us, self.at_us

    def record(self, recording: Recording, count: int) -> None:
        for _ in range(count):
            while not self.subscriber.outbox:
                self.exchange.apply(next(self.events))
            frame = self.subscriber.outbox.popleft()
            recv_ts_us, mono_us = self.clock()
            event = recording.append(
                "in", frame.text, recv_ts_us=recv_ts_us, mono_us=mono_us, conn=1
            )
            recording.derive(event)


def open_recording(root: Path, source: Source) -> Recording:
    return Recording(root, segment_bytes=30_000, sync_interval_s=None, boot="b", clock=source.clock)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, Source]:
    """Four days of one connection, indexed: only the first day has a snapshot frame."""
    data, source = tmp_path_factory.mktemp("made") / "data", Source()
    with open_recording(data / "l2", source) as recording:
        for day in range(DAYS):
            source.at_us = max(source.at_us, START_US + day * DAY_US)
            source.record(recording, 500)
    update_index(data)
    return data, source


@pytest.fixture
def data(made, tmp_path) -> Path:
    return Path(shutil.copytree(made[0], tmp_path / "data"))


def good(data: Path):
    report = verify_journal(JournalRoot("recorder", data / "l2"))
    assert report.problems == []
    assert report.is_good
    assert report.total.failed == report.total.unverified == 0
    return report


def names(data: Path) -> list[str]:
    return sorted(str(p.relative_to(data)) for p in (data / "l2").rglob("*.zst"))


def rows(data: Path) -> list[tuple]:
    with_catalog = open_catalog(data)
    try:
        return [
            with_catalog.sql(f"SELECT count(*), sum(seq) FROM {table}").fetchall()
            for table in ("raw_events", "snapshots", "trades")
        ]
    finally:
        with_catalog.close()


def retain(data: Path, **limits):
    return apply_retention(data, now_us=START_US + DAYS * DAY_US, **limits)


def test_nothing_goes_without_a_limit(data) -> None:
    before = names(data)

    report = retain(data)

    assert (report.segments, report.reason) == (0, "")
    assert names(data) == before
    assert not (data / "l2" / RETENTION_NAME).exists()


def test_old_days_go_the_rest_verifies_and_the_index_keeps_its_rows(data) -> None:
    before, indexed = good(data).total.events, rows(data)

    report = retain(data, max_days=2)

    dates = {segment.date for segment in list_segments(data / "l2" / EVENTS)}
    assert dates == {"2026-08-03", "2026-08-04"}
    after = good(data)
    assert after.deleted_up_to == {"recorder": report.deleted_up_to}
    assert after.total.events == before - report.deleted_up_to
    assert next(iter(read_events(data / "l2"))).seq == report.deleted_up_to + 1
    assert not (data / "l2" / EVENTS / "2026-08-01").exists()
    assert update_index(data).missing == []
    assert rows(data) == indexed
    update_index(data, rebuild=True)
    assert rows(data) == indexed


def test_orders_of_level_3_go_with_their_frames_and_the_rest_derives_to_the_byte(tmp_path) -> None:
    data, source = tmp_path / "data", Source()
    orders = Subscriber()
    with open_recording(data / "l2", source) as recording:
        for day in range(DAYS):
            source.at_us = max(source.at_us, START_US + day * DAY_US)
            source.record(recording, 120)
            if day == 0:
                recv_us, mono_us = source.clock()
                recording.note(
                    "open", recv_ts_us=recv_us, mono_us=mono_us, conn=2, channel="level3", depth=10
                )
                source.exchange.subscribe_level3(orders, "BTC/USD", 10, with_snapshot=True)
            source.record(recording, 120)
            while orders.outbox:
                recv_us, mono_us = source.clock()
                text = orders.outbox.popleft().text
                recording.derive(
                    recording.append("in", text, recv_ts_us=recv_us, mono_us=mono_us, conn=2)
                )
    update_index(data)
    log = symbol_log_dir(data / "l2", ORDERS, "BTC/USD")
    before = good(data).orders["BTC/USD"]
    assert len({segment.date for segment in list_segments(log)}) == DAYS

    report = retain(data, max_days=2)

    assert report.segments
    # A derived segment goes once the one after it proves where it ends.
    left = list_segments(log)
    assert left[0].date > "2026-08-01"
    assert left[1].date > "2026-08-02"
    after = good(data).orders["BTC/USD"]
    assert 0 < after.verified == after.frames < before.frames


def test_size_is_kept_and_a_dry_run_tells_the_same(data) -> None:
    total = sum(p.stat().st_size for p in (data / "l2").rglob("*/*") if p.is_file())
    told = retain(data, max_bytes=total // 2, dry_run=True)
    assert len(names(data)) > 0
    assert not (data / "l2" / RETENTION_NAME).exists()

    report = retain(data, max_bytes=total // 2)

    assert report == told
    assert 0 < report.kept_bytes <= total // 2
    good(data)
    again = retain(data, max_bytes=total // 2)
    assert (again.segments, again.deleted_up_to) == (0, report.deleted_up_to)


def test_limit_of_one_byte_leaves_the_newest_segment(data) -> None:
    report = retain(data, max_bytes=1)

    assert "is the newest segment" in report.reason
    assert list_segments(data / "l2" / EVENTS)
    good(data)


def test_what_is_not_indexed_stays(made, tmp_path) -> None:
    data = tmp_path / "data"
    shutil.copytree(made[0] / "l2", data / "l2")

    report = retain(data, max_days=1)

    assert report.segments == 0
    assert "is not wholly indexed; run: lobdesk index" in report.reason
    assert good(data).deleted_up_to == {}


def test_damaged_segment_is_not_deleted(data) -> None:
    first = list_segments(data / "l2" / EVENTS)[0]
    text = first.path.read_bytes()
    first.path.write_bytes(text[:-9] + bytes([text[-9] ^ 1]) + text[-8:])

    with pytest.raises((JournalError, BrokenChainError)):
        retain(data, max_days=2)

    assert first.path.exists()
    assert not (data / "l2" / RETENTION_NAME).exists()


@pytest.mark.parametrize("has_checkpoint", [True, False])
def test_recording_goes_on_after_retention(made, data, has_checkpoint) -> None:
    _, source = made
    retain(data, max_days=2)
    events = good(data).total.events
    if not has_checkpoint:
        (data / "l2" / CHECKPOINT_NAME).unlink()

    with open_recording(data / "l2", source) as recording:
        assert recording.repair.lines == 0 or not has_checkpoint
        source.record(recording, 50)

    assert good_with_gaps(data).total.events > events + 50


def good_with_gaps(data: Path):
    report = verify_journal(JournalRoot("recorder", data / "l2"))
    assert report.problems == []
    assert report.total.rederived_equal
    return report


class KilledError(BaseException):
    """Stands in for the end of the process."""


def test_kill_between_any_two_steps_leaves_a_journal_that_verifies(
    data, tmp_path, monkeypatch
) -> None:
    straight = Path(shutil.copytree(data, tmp_path / "straight"))
    retain(straight, max_days=2)
    unlink, replace = Path.unlink, Path.replace
    at, killed = 0, True
    while killed:
        trial = Path(shutil.copytree(data, tmp_path / "trial"))
        left, killed = [at], False

        def step(real):
            def call(*args, **kwargs):
                left[0] -= 1  # noqa: B023 - called in this turn
                if left[0] < 0:  # noqa: B023
                    raise KilledError
                return real(*args, **kwargs)

            return call

        with monkeypatch.context() as patched:
            patched.setattr(Path, "unlink", step(unlink))
            patched.setattr(Path, "replace", step(replace))
            try:
                retain(trial, max_days=2)
            except KilledError:
                killed = True
        good(trial)
        retain(trial, max_days=2)
        assert names(trial) == names(straight)
        assert sorted(p.name for p in (trial / "l2").rglob("*.seal.json")) == sorted(
            p.name for p in (straight / "l2").rglob("*.seal.json")
        )
        good(trial)
        shutil.rmtree(trial)
        at += 1 if at < 3 else 30
    assert at > 60


def test_damaged_record_of_a_deletion_is_named(data) -> None:
    retain(data, max_days=2)
    path = data / "l2" / RETENTION_NAME
    path.write_bytes(path.read_bytes().replace(b'"seq":', b'"seQ":', 1))

    with pytest.raises(JournalError, match=r"retention.json: is damaged"):
        list(read_events(data / "l2"))


def test_directory_without_a_recorders_journal_is_an_error_of_one_line(tmp_path) -> None:
    with pytest.raises(JournalError, match="no recorder has recorded here"):
        retain(tmp_path / "nowhere", max_days=1)

    assert not (tmp_path / "nowhere").exists()


def test_command_tells_what_went(data) -> None:
    from click.testing import CliRunner

    from lobdesk.cli import cli

    result = CliRunner().invoke(cli, ["retain", "--data-dir", str(data), "--days", "0.5", "--json"])

    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["segments"] > 0
    good(data)


def test_command_without_a_limit_says_so(data, capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    code = run_cli(["retain", "--data-dir", str(data)])
    out, err = capsys.readouterr()

    assert (code, out.split(",")[0]) == (0, "0 segments deleted")
    assert err == "no limit is set, so everything stays: give --days or --bytes\n"


def test_an_indexer_that_stays_deletes_as_well(data, monkeypatch, capsys) -> None:
    monkeypatch.chdir(data)
    monkeypatch.setenv("L2_RETENTION_DAYS", "2")
    indexed, stop = rows(data), threading.Event()
    now_us = START_US + DAYS * DAY_US
    hourly = index_command_module._retaining(data, lambda: now_us)

    def once() -> None:
        with pytest.raises(IndexBusyError):
            retain(data, max_days=2)
        hourly()
        stop.set()

    follow_index(data, stop=stop, every_s=0.1, hourly=once)

    assert "segments," in capsys.readouterr().err
    assert good(data).deleted_up_to["recorder"] > 0
    assert rows(data) == indexed


def test_retaining_needs_a_limit_and_an_indexer_that_stays(data, monkeypatch, capsys) -> None:
    monkeypatch.chdir(data)
    assert run_cli(["index", "--retain", "--data-dir", str(data)]) == 2
    assert "--retain goes with --follow" in capsys.readouterr().err
    assert run_cli(["index", "--retain", "--follow", "--data-dir", str(data)]) == 2
    assert "L2_RETENTION_DAYS" in capsys.readouterr().err
