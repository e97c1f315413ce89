"""Recording and deriving together: gaps, trades, restarts, and repair after a crash."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from lobdesk.derive import Deriver, Recording
from lobdesk.journal import (
    SNAPSHOTS,
    TRADES,
    list_segments,
    list_symbols,
    read_all,
    read_events,
    symbol_log_dir,
)
from lobdesk.paths import JournalRoot
from lobdesk.verify import verify_journal
from tests.book.captures import BTC, read_cbcap
from tests.book.test_verifier_cases import ASKS, BIDS, TIME, frame, snapshot

SYMBOL = "BTC/USD"
LOGS = (SNAPSHOTS, TRADES)


class Clock:
    """Microseconds that go on by one each time."""

    def __init__(self, now_us: int = 1_785_552_833_000_000) -> None:
        self.now_us = now_us

    def __call__(self) -> tuple[int, int]:
        self.now_us += 1
        return self.now_us, self.now_us // 2


CLOCK = Clock()


def record(root: Path, frames, *, conn: int = 1, clean: bool = True, **options) -> Recording:
    """Record frames in one run of a recorder."""
    recording = Recording(root, sync_interval_s=None, boot="b", clock=CLOCK, **options)
    take(recording, frames, conn=conn)
    if clean:
        recording.close()
    else:
        recording.journal.close()  # no `stop`, and no word that everything is derived
    return recording


def take(recording: Recording, frames, conn: int = 1) -> list:
    derived = []
    for data in frames:
        recv_ts_us, mono_us = CLOCK()
        event = recording.append("in", data, recv_ts_us=recv_ts_us, mono_us=mono_us, conn=conn)
        derived.append(recording.derive(event))
    return derived


def notes(root: Path, kind: str) -> list[dict]:
    found = [json.loads(event.raw) for event in read_events(root) if event.dir == "note"]
    return [note for note in found if note["kind"] == kind]


def logs(root: Path) -> dict[tuple[str, str], bytes]:
    return {
        (log, symbol): b"".join(read_all(symbol_log_dir(root, log, symbol)))
        for log in LOGS
        for symbol in list_symbols(root, log)
    }


def is_sound(root: Path) -> bool:
    report = verify_journal(JournalRoot("test", root))
    assert report.is_good, report.problems
    return report.total.rederived_equal


def sure_length(root: Path, data: bytes) -> int:
    """Return the length of the derived lines that were synced before the last run began."""
    start = [e.seq for e in read_events(root) if '"kind":"start"' in e.raw][-1]
    lines = data.splitlines(keepends=True)
    return sum(len(line) for line in lines if json.loads(line)["seq"] < start)


def trades(*ids: int, symbol: str = SYMBOL, kind: str = "update") -> bytes:
    entries = ",".join(
        f'{{"symbol":"{symbol}","side":"buy","price":100.1,"qty":1.00,"ord_type":"limit",'
        f'"trade_id":{number},"timestamp":"{TIME}"}}'
        for number in ids
    )
    return f'{{"channel":"trade","type":"{kind}","data":[{entries}]}}'.encode()


def test_one_line_for_each_verified_book_frame_also_without_change(tmp_path) -> None:
    same = frame("update", "1.0@0.00", crc=json.loads(snapshot(BIDS, ASKS))["data"][0]["checksum"])

    record(tmp_path, [snapshot(BIDS, ASKS), same, same, b'{"channel":"heartbeat"}'])

    lines = list(read_all(symbol_log_dir(tmp_path, SNAPSHOTS, SYMBOL)))
    assert [json.loads(line)["seq"] for line in lines] == [2, 4, 5]  # 1 is start, 3 the precision
    assert is_sound(tmp_path)


def test_gap_names_cause_and_both_ends(tmp_path) -> None:
    record(
        tmp_path,
        [
            snapshot(BIDS, ASKS),
            frame("update", "100.0@5.00", crc=1),
            frame("update", "100.0@6.00", crc=1),
            snapshot(BIDS, ASKS),
        ],
    )

    (gap,) = notes(tmp_path, "gap")
    events = {event.seq: event for event in read_events(tmp_path)}
    assert gap["symbol"] == SYMBOL
    assert gap["cause"] == "checksum"
    assert (gap["last_verified_seq"], gap["first_verified_seq"]) == (2, 6)
    assert gap["from_us"] == events[2].recv_ts_us
    assert gap["to_us"] == events[6].recv_ts_us
    assert len(list(read_all(symbol_log_dir(tmp_path, SNAPSHOTS, SYMBOL)))) == 2


def test_closed_connection_ends_its_books_only(tmp_path) -> None:
    recording = Recording(tmp_path, sync_interval_s=None, clock=CLOCK)
    take(recording, [snapshot(BIDS, ASKS)], conn=1)
    take(recording, [snapshot(BIDS, ASKS, symbol="ETH/USD")], conn=2)
    recording.note("close", recv_ts_us=1, mono_us=1, conn=1)
    take(recording, [snapshot(BIDS, ASKS), snapshot(BIDS, ASKS, symbol="ETH/USD")], conn=2)
    recording.close()

    assert [(gap["symbol"], gap["cause"]) for gap in notes(tmp_path, "gap")] == [(SYMBOL, "close")]


def test_restart_is_a_gap_from_the_last_verified_frame(tmp_path) -> None:
    record(tmp_path, [snapshot(BIDS, ASKS)])
    record(tmp_path, [frame("update", BIDS, crc=1), snapshot(BIDS, ASKS)])

    (gap,) = notes(tmp_path, "gap")
    assert (gap["cause"], gap["last_verified_seq"]) == ("restart", 2)
    assert is_sound(tmp_path)


def test_trades_come_once_and_in_order_over_reconnects_and_restarts(tmp_path) -> None:
    record(tmp_path, [snapshot(BIDS, ASKS), trades(7, 6, kind="snapshot"), trades(8)])
    record(tmp_path, [snapshot(BIDS, ASKS), trades(6, 7, 8, 9, kind="snapshot"), trades(9, 12)])

    lines = list(read_all(symbol_log_dir(tmp_path, TRADES, SYMBOL)))
    assert [json.loads(line)["trade_id"] for line in lines] == [6, 7, 8, 9, 12]
    (gap,) = notes(tmp_path, "trade_gap")
    assert (gap["last_trade_id"], gap["first_trade_id"]) == (9, 12)
    assert is_sound(tmp_path)


def test_trade_without_a_known_precision_is_told(tmp_path) -> None:
    record(tmp_path, [trades(1)])

    assert notes(tmp_path, "refused_trade") == [
        {"kind": "refused_trade", "symbol": SYMBOL, "reason": "precision"}
    ]
    assert list_symbols(tmp_path, TRADES) == []


def test_clean_restart_derives_nothing_again(tmp_path) -> None:
    record(tmp_path, [snapshot(BIDS, ASKS)])

    with Recording(tmp_path, clock=None) as recording:
        assert (recording.repair.lines, recording.repair.cuts) == (0, [])


@pytest.fixture(scope="module")
def crashed(tmp_path_factory, captures):
    """A journal of two runs, the last one killed, and its derived logs as they should be."""
    root = tmp_path_factory.mktemp("crashed") / "l2"
    frames = list(read_cbcap(captures / BTC)[:60])
    record(root, [*frames, trades(1, 2, 3)], segment_bytes=20_000)
    record(root, [*frames, trades(2, 3, 4, 5, 6)], clean=False, segment_bytes=20_000)
    return root, logs(root)


def test_crash_before_any_line_was_derived_is_repaired(tmp_path, crashed) -> None:
    root, expected = crashed
    copy = shutil.copytree(root, tmp_path / "l2")
    for log in LOGS:
        path = list_segments(symbol_log_dir(copy, log, SYMBOL))[-1].path
        data = path.read_bytes()
        path.write_bytes(data[: sure_length(root, data)])

    with Recording(copy, clock=None) as recording:
        assert recording.repair.lines > 0

    assert logs(copy) == expected
    assert is_sound(copy)


@pytest.mark.parametrize("seed", range(25))
def test_derived_logs_torn_anywhere_are_made_whole_from_the_raw_log(
    tmp_path, crashed, seed
) -> None:
    root, expected = crashed
    rng = random.Random(seed)
    copy = shutil.copytree(root, tmp_path / "l2")
    for log in LOGS:
        path = list_segments(symbol_log_dir(copy, log, SYMBOL))[-1].path
        data = path.read_bytes()
        tail = rng.choice([b"", bytes(50), rng.randbytes(70)])
        path.write_bytes(data[: rng.randrange(sure_length(root, data), len(data))] + tail)

    record(copy, [], clean=rng.random() < 0.5)

    assert logs(copy) == expected
    assert is_sound(copy)


def test_derived_lines_of_lost_raw_events_are_taken_back(tmp_path, crashed) -> None:
    root, expected = crashed
    copy = shutil.copytree(root, tmp_path / "l2")
    newest = list_segments(copy / "events")[-1].path
    newest.write_bytes(b"".join(newest.read_bytes().splitlines(keepends=True)[:-3]))

    record(copy, [])

    assert logs(copy) != expected
    assert is_sound(copy)


def test_live_and_rederived_lines_are_the_same_bytes(tmp_path, crashed) -> None:
    root, expected = crashed
    deriver, again = Deriver(), {}
    for event in read_events(root):
        for log, symbol, line in deriver.feed(event).lines:
            again[log, symbol] = again.get((log, symbol), b"") + line

    assert again == expected
