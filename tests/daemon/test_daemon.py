"""The recorder against the simulated exchange: every fault leaves a true journal behind."""

import asyncio
import json

import pytest

from lobdesk.daemon import Daemon
from lobdesk.errors import FeedError, JournalError
from lobdesk.feed import AllRefusedError, UnreachableError
from lobdesk.journal import list_symbols, read_events
from lobdesk.recorder import read_report
from lobdesk.settings import DaemonSettings
from lobdesk.simulator import Fault, RecordedMarket
from tests.daemon.conftest import exchange, notes, recording, until
from tests.daemon.proof import verified_counts


def verified(daemon: Daemon, symbol: str) -> int:
    return daemon.report().books[symbol].verified


async def test_synthetic_market_is_recorded_and_verifies(root) -> None:
    async with exchange() as server, recording(server.url, root) as daemon:
        await until(lambda: daemon.recorder.frames > 1000)

    counts = verified_counts(root)
    assert counts.failed == counts.unverified == counts.gaps == 0
    assert counts.verified > 500
    assert list_symbols(root, "snapshots") == list_symbols(root, "trades") == ["BTC/USD", "ETH/USD"]


@pytest.mark.parametrize(
    ("name", "symbol", "depth", "frames"),
    [
        ("v2_btcusd_d10_resync_20260801.cbcap", "BTC/USD", 10, 290),
        ("v2_ethusd_d25_20260802.cbcap", "ETH/USD", 25, 1000),
    ],
)
async def test_recording_is_recorded_again_and_verifies(
    root, captures, name, symbol, depth, frames
) -> None:
    market = RecordedMarket(captures / name)
    async with (
        exchange(market=market, speed=50.0) as server,
        recording(server.url, root, symbols=(symbol,), book_depth=depth) as daemon,
    ):
        await until(server.finished.is_set)
        await until(lambda: verified(daemon, symbol) >= frames)

    counts = verified_counts(root)
    assert counts.failed == counts.unverified == counts.gaps == 0


async def test_recorded_journal_can_be_served_again(root, tmp_path) -> None:
    async with exchange() as server, recording(server.url, root) as daemon:
        await until(lambda: daemon.recorder.frames > 500)
    first = verified_counts(root)
    market = RecordedMarket(root)

    again = tmp_path / "again" / "l2"
    async with exchange(market=market, speed=None) as server, recording(server.url, again):
        await until(server.finished.is_set)
        await until(lambda: len(market.instruments) == 2)

    counts = verified_counts(again)
    assert counts.failed == counts.unverified == 0
    assert 0 < counts.verified <= first.verified


async def test_corrupted_digit_resyncs_only_its_symbol_and_the_gap_is_named(root) -> None:
    faults = [Fault(do="corrupt", after_frames=100, symbol="ETH/USD")]
    async with exchange(faults=faults) as server, recording(server.url, root) as daemon:
        await until(lambda: daemon.session.resyncs)
        await until(lambda: notes(root, "gap"))
        seen = verified(daemon, "ETH/USD")
        await until(lambda: verified(daemon, "ETH/USD") > seen + 50)
        report = daemon.report()

    (gap,) = notes(root, "gap")
    assert (gap["symbol"], gap["cause"]) == ("ETH/USD", "checksum")
    assert gap["last_verified_seq"] < gap["first_verified_seq"]
    assert gap["from_us"] < gap["to_us"]
    assert report.resyncs == 1
    assert report.books["BTC/USD"].failed == report.books["BTC/USD"].unverified == 0
    sent = [json.loads(e.raw) for e in read_events(root) if e.dir == "out"]
    assert [s["params"]["symbol"] for s in sent if s["method"] == "unsubscribe"] == [["ETH/USD"]]
    assert verified_counts(root).gaps == 1


@pytest.mark.parametrize(("action", "count"), [("drop", 4), ("reorder", 1)])
async def test_lost_or_swapped_frames_are_detected_and_repaired(root, action, count) -> None:
    faults = [Fault(do=action, after_frames=100, symbol="BTC/USD", count=count)]
    async with exchange(faults=faults) as server, recording(server.url, root) as daemon:
        await until(lambda: server.plan.done[action])
        seen = verified(daemon, "BTC/USD")
        await until(lambda: verified(daemon, "BTC/USD") > seen + 100)
        states = daemon.session.states

    assert daemon.session.resyncs == len(notes(root, "gap")) == 1
    assert set(states.values()) == {"live"}
    verified_counts(root)


async def test_doubled_frames_change_nothing(root) -> None:
    faults = [Fault(do="duplicate", after_frames=50, count=20)]
    async with exchange(faults=faults) as server, recording(server.url, root) as daemon:
        await until(lambda: server.plan.done["duplicate"] == 20)
        await until(lambda: verified(daemon, "BTC/USD") > 200)

    assert daemon.session.resyncs == 0
    assert verified_counts(root).failed == 0


async def test_closed_connection_is_opened_again_and_books_are_rebuilt(root) -> None:
    faults = [Fault(do="close", after_frames=n) for n in (200, 400)]
    async with exchange(faults=faults) as server, recording(server.url, root) as daemon:
        await until(lambda: daemon.report().connects == 3)
        seen = verified(daemon, "BTC/USD")
        await until(lambda: verified(daemon, "BTC/USD") > seen + 50)

    gaps = notes(root, "gap")
    assert {(gap["symbol"], gap["cause"]) for gap in gaps} == {
        ("BTC/USD", "close"),
        ("ETH/USD", "close"),
    }
    assert len(notes(root, "open")) == len(notes(root, "close")) == 3
    assert notes(root, "close")[0]["reason"] == "closed by the exchange: 1012 fault script"
    assert not notes(root, "trade_gap")
    counts = verified_counts(root)
    assert counts.failed == 0


async def test_silent_line_is_cut_and_opened_again(root) -> None:
    faults = [Fault(do="silence", after_frames=100, for_s=1.5)]
    async with (
        exchange(faults=faults) as server,
        recording(server.url, root, silence_limit_s=0.5) as daemon,
    ):
        await until(lambda: daemon.report().connects >= 2)
        await until(lambda: set(daemon.session.states.values()) == {"live"})

    assert "no frame for" in notes(root, "close")[0]["reason"]
    verified_counts(root)


async def test_malformed_frames_are_recorded_and_counted(root) -> None:
    texts = ['{"channel":"book"', "\\u0000", '{"channel":"book","type":"update","data":7}', "[]"]
    faults = [Fault(do="malformed", after_frames=50, text=text) for text in texts]
    async with exchange(faults=faults) as server, recording(server.url, root) as daemon:
        await until(lambda: server.plan.done["malformed"] == 4)
        await until(lambda: daemon.report().malformed >= 3)
        seen = verified(daemon, "BTC/USD")
        await until(lambda: verified(daemon, "BTC/USD") > seen + 20)

    raw = [event.raw for event in read_events(root) if event.dir == "in"]
    assert set(texts) <= set(raw)
    assert verified_counts(root).failed == 0


async def test_refused_symbol_leaves_the_good_ones_alone(root) -> None:
    symbols = ("BTC/USD", "FOO/USD", "ETH/USD")
    async with exchange() as server, recording(server.url, root, symbols=symbols) as daemon:
        await until(lambda: "FOO/USD" in daemon.session.refusals)
        await until(lambda: verified(daemon, "BTC/USD") and verified(daemon, "ETH/USD"))
        report = daemon.report()

    assert report.books["FOO/USD"].state == "refused"
    assert report.books["FOO/USD"].reason == "Currency pair not supported FOO/USD"
    assert report.connects == 1


async def test_refused_once_by_a_fault_is_refused_for_this_connection_only(root) -> None:
    faults = [
        Fault(do="close", after_frames=50, symbol="BTC/USD"),
        Fault(do="refuse", after_frames=50, symbol="ETH/USD", count=2),
        Fault(do="close", after_frames=150, symbol="BTC/USD"),
    ]
    async with exchange(faults=faults) as server, recording(server.url, root) as daemon:
        await until(lambda: daemon.report().connects == 3)
        await until(lambda: set(daemon.session.states.values()) == {"live"})

    verified_counts(root)


async def test_price_that_gains_a_digit_is_recorded_at_its_new_precision(root) -> None:
    faults = [Fault(do="precision", after_frames=100, symbol="BTC/USD")]
    async with exchange(faults=faults) as server, recording(server.url, root) as daemon:
        await until(lambda: server.plan.done["precision"])
        seen = verified(daemon, "BTC/USD")
        await until(lambda: verified(daemon, "BTC/USD") > seen + 100)
        eth = daemon.report().books["ETH/USD"]

    lines = [
        json.loads(line)
        for path in sorted((root / "snapshots").rglob("*.jsonl"))
        if "BTC" in str(path)
        for line in path.read_text().splitlines()
    ]
    assert {line["price_precision"] for line in lines} == {1, 2}
    assert eth.failed == eth.unverified == 0
    verified_counts(root)


async def test_maintenance_is_noticed_and_its_end_as_well(root) -> None:
    faults = [Fault(do="maintenance", after_frames=20, for_s=0.3)]
    async with exchange(faults=faults) as server, recording(server.url, root) as daemon:
        await until(lambda: daemon.is_in_maintenance)
        await until(lambda: not daemon.is_in_maintenance)


async def test_all_symbols_refused_ends_with_a_clear_error(root) -> None:
    async with exchange() as server:
        daemon = Daemon(DaemonSettings(symbols=("FOO/USD",), ws_url=server.url), root)
        with pytest.raises(AllRefusedError, match=r"FOO/USD \(Currency pair not supported"):
            await asyncio.wait_for(daemon.run(), 20)

    assert read_report(root).ended.startswith("every symbol was refused")


async def test_unreachable_exchange_is_a_network_error(root, monkeypatch) -> None:
    monkeypatch.setattr("lobdesk.feed.reconnect.FIRST_DELAY_S", 0.01)
    async with exchange() as server:
        url = server.url
    daemon = Daemon(DaemonSettings(ws_url=url), root)

    with pytest.raises(UnreachableError, match="no connection after 5 attempts") as caught:
        await asyncio.wait_for(daemon.run(), 20)

    assert isinstance(caught.value, FeedError)
    assert caught.value.exit_code == 3


async def test_full_queue_is_caught_up_from_the_raw_log(root) -> None:
    async with (
        exchange(speed=None) as server,
        recording(server.url, root, snapshot_queue_size=8) as daemon,
    ):
        await until(lambda: daemon.recorder.queue_full > 2000)

    report = read_report(root)
    assert report.queue_full > 2000
    assert report.lost == 0
    # The daemon may end while it is behind; the next start derives the rest.
    async with exchange() as server, recording(server.url, root) as daemon:
        await until(lambda: verified(daemon, "BTC/USD"))
    counts = verified_counts(root)
    assert counts.failed == 0
    assert counts.verified > 1000


async def test_verify_only_keeps_nothing_but_its_report(root) -> None:
    async with (
        exchange(speed=None) as server,
        recording(server.url, root, persist_jsonl=False, snapshot_queue_size=16) as daemon,
    ):
        await until(lambda: verified(daemon, "BTC/USD") > 1000)

    report = read_report(root)
    assert not report.persists
    assert report.books["BTC/USD"].failed == report.books["BTC/USD"].unverified == 0
    assert {path.name for path in root.iterdir()} <= {"recorder.json", ".lock"}


async def test_second_recorder_on_the_same_directory_is_refused(root) -> None:
    async with exchange() as server, recording(server.url, root) as daemon:
        await until(lambda: daemon.recorder.frames)
        for persists in (True, False):
            settings = DaemonSettings(ws_url=server.url, persist_jsonl=persists)
            with pytest.raises(JournalError, match="is writing this journal"):
                Daemon(settings, root)


async def test_restart_continues_the_journal_and_names_the_gap(root) -> None:
    async with exchange() as server:
        for _ in range(2):
            async with recording(server.url, root) as daemon:
                await until(lambda: verified(daemon, "BTC/USD") > 50)

    seqs = [event.seq for event in read_events(root)]
    assert seqs == list(range(1, len(seqs) + 1))
    assert {gap["symbol"] for gap in notes(root, "gap")} == {"BTC/USD", "ETH/USD"}
    verified_counts(root)


async def test_number_of_frames_ends_the_daemon(root) -> None:
    async with exchange() as server:
        daemon = Daemon(DaemonSettings(ws_url=server.url), root, max_frames=300)
        await asyncio.wait_for(daemon.run(), 20)

    assert daemon.report().ended == "frames reached"
    assert sum(event.dir == "in" for event in read_events(root)) == 300


async def test_offset_of_the_exchanges_clock_is_noted_and_reported(root, monkeypatch) -> None:
    monkeypatch.setattr("lobdesk.feed.session.FIRST_PING_S", 0.1)
    async with exchange() as server, recording(server.url, root, ping_interval_s=0.1) as daemon:
        await until(
            lambda: daemon.report().lines[0].offset_us is not None and notes(root, "offset")
        )
        (line,) = daemon.report().lines

    (noted, *_) = notes(root, "offset")
    assert noted["round_trip_us"] >= 0
    assert line.round_trip_us >= 0
    assert noted["pings"] >= 1
    assert noted["offset_min_us"] <= noted["offset_us"] <= noted["offset_max_us"]
    verified_counts(root)
