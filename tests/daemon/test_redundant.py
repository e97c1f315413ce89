"""Two connections: closes leave no gap, and the journal still follows from its raw log."""

import asyncio
import json

import pytest

from lobdesk.journal import read_events
from lobdesk.simulator import Fault, SyntheticMarket
from tests.daemon.conftest import START_US, SYMBOLS, exchange, notes, recording, until
from tests.daemon.proof import verified_counts

CLOSES = 20


def lines(root, log: str, symbol_part: str) -> list[dict]:
    paths = sorted((root / log).rglob("*.jsonl"))
    return [
        json.loads(line)
        for path in paths
        if symbol_part in str(path)
        for line in path.read_text().splitlines()
    ]


def states(root, symbol_part: str) -> list[tuple]:
    return [
        (line["exch_ts_us"], line["checksum"], line["bids"], line["asks"])
        for line in lines(root, "snapshots", symbol_part)
    ]


async def level(daemon) -> None:
    """Wait until both lines have every book live, and both have told the same."""
    await until(
        lambda: all(
            set(link.session.states.values()) == {"live"} and link.is_connected
            for link in daemon.links
        )
    )
    seen = daemon.recorder.frames
    await until(lambda: daemon.recorder.frames > seen + 60)


async def test_twenty_closes_of_either_line_leave_what_one_calm_line_has(
    root, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("lobdesk.feed.reconnect.STABLE_S", 0.0)
    calm_root = tmp_path / "calm" / "l2"
    async with (
        exchange(market=SyntheticMarket(SYMBOLS, seed=5, start_us=START_US, activity=10)) as server,
        recording(server.url, calm_root) as calm,
        recording(server.url, root, redundant=True) as daemon,
    ):
        await level(daemon)
        for number in range(CLOSES):
            # The calm recorder came first; of ours, the one that is open longest is closed.
            socket, _ = list(server._sessions.values())[1]
            await socket.close(1012, "test")
            await until(lambda: daemon.report().connects == number + 3)  # noqa: B023
            await level(daemon)
        assert daemon.report().connects == CLOSES + 2
        await until(lambda: not calm.recorder.has_work and not daemon.recorder.has_work)

    counts = verified_counts(root)
    assert counts.failed == counts.gaps == 0
    assert not notes(root, "gap")
    assert not notes(root, "trade_gap")
    for part in ("BTC", "ETH"):
        ours, calm_states = states(root, part), states(calm_root, part)
        begin, end = calm_states.index(ours[1]), min(len(ours), len(calm_states)) - 50
        assert end > 200
        assert ours[1:end] == calm_states[begin : begin + end - 1]
        ids = [line["trade_id"] for line in lines(root, "trades", part)]
        assert ids == list(range(ids[0], ids[0] + len(ids)))


async def test_close_of_both_lines_is_a_gap_as_ever(root) -> None:
    faults = [Fault(do="close", after_frames=400)]
    async with (
        exchange(faults=faults) as server,
        recording(server.url, root, redundant=True) as daemon,
    ):
        await until(lambda: daemon.report().connects == 4)
        await level(daemon)

    assert {gap["symbol"] for gap in notes(root, "gap")} == set(SYMBOLS)
    assert {gap["cause"] for gap in notes(root, "gap")} == {"close"}
    assert verified_counts(root).failed == 0


@pytest.mark.parametrize("action", ["corrupt", "drop", "reorder"])
async def test_fault_of_one_line_is_repaired_there_without_a_gap(root, action) -> None:
    faults = [Fault(do=action, after_frames=400, symbol="ETH/USD")]
    async with (
        exchange(faults=faults) as server,
        recording(server.url, root, redundant=True) as daemon,
    ):
        await until(lambda: server.plan.done[action])
        await until(lambda: daemon.report().resyncs)
        await level(daemon)

    assert not notes(root, "gap")
    assert verified_counts(root).failed >= 1


async def test_new_precision_is_followed_on_both_lines(root) -> None:
    faults = [Fault(do="precision", after_frames=300, symbol="BTC/USD")]
    async with (
        exchange(faults=faults) as server,
        recording(server.url, root, redundant=True) as daemon,
    ):
        await until(lambda: server.plan.done["precision"])
        seen = daemon.report().books["BTC/USD"].verified
        await until(lambda: daemon.report().books["BTC/USD"].verified > seen + 100)
        await level(daemon)

    precisions = [line["price_precision"] for line in lines(root, "snapshots", "BTC")]
    assert precisions == sorted(precisions)
    assert set(precisions) == {1, 2}
    verified_counts(root)


async def test_one_line_that_resyncs_alone_leaves_no_gap(root) -> None:
    async with exchange() as server, recording(server.url, root, redundant=True) as daemon:
        await level(daemon)
        (_, second), now_s = daemon.links, asyncio.get_running_loop().time()
        second.rebuild("BTC/USD", "test", now_s)
        await until(lambda: second.resyncs == 1)
        await level(daemon)

    assert not notes(root, "gap")
    verified_counts(root)


async def test_restart_with_two_lines_goes_on_and_verifies(root) -> None:
    async with exchange() as server:
        for _ in range(2):
            async with recording(server.url, root, redundant=True) as daemon:
                await level(daemon)
        # And back to one.
        async with recording(server.url, root) as daemon:
            await until(lambda: daemon.report().books["BTC/USD"].verified > 50)

    assert {event.conn for event in read_events(root)} >= {1, 2}
    verified_counts(root)
