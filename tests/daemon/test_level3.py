"""Level 2 and level 3 of one recorder against the simulated exchange."""

from __future__ import annotations

import json
import shlex
import sys
import time

import pytest

from lobdesk.derive import Deriver
from lobdesk.journal import (
    DERIVED_LOGS,
    ORDERS,
    list_segments,
    read_all,
    read_events,
    symbol_log_dir,
)
from lobdesk.paths import JournalRoot
from lobdesk.simulator import Fault
from lobdesk.verify import verify_journal
from tests.daemon.conftest import exchange, notes, recording, until

TOKEN = "kX9-a-very-secret-token/With+Signs="
BTC, ETH = "BTC/USD", "ETH/USD"


def level3(url: str, **settings) -> dict:
    return {"level3": True, "level3_url": url, "level3_token": TOKEN, **settings}


def verified(daemon, symbol: str = BTC) -> int:
    return daemon.report().orders[symbol].verified


def lines(root, log: str, symbol: str) -> list[bytes]:
    return b"".join(read_all(symbol_log_dir(root, log, symbol))).splitlines(keepends=True)


def check(root) -> dict:
    report = verify_journal(JournalRoot("recorder", root))
    assert report.problems == []
    assert report.total.rederived_equal
    return report.orders


def assert_nowhere(text: str, root, capsys=None) -> None:
    """The token's text is in no file below the folder, whatever it is named."""
    found = [p for p in root.parent.rglob("*") if p.is_file() and text.encode() in p.read_bytes()]
    assert found == []


async def test_both_levels_are_recorded_verified_and_derived_again_byte_for_byte(
    root, caplog
) -> None:
    caplog.set_level("DEBUG")
    async with (
        exchange(level3_tokens=[TOKEN]) as server,
        recording(
            server.url, root, segment_bytes=65_536, **level3(server.url, level3_depth=100)
        ) as daemon,
    ):
        await until(lambda: verified(daemon) > 150 and verified(daemon, ETH) > 150)
        report = daemon.report()

    assert {report.orders[s].failed + report.orders[s].unverified for s in (BTC, ETH)} == {0}
    assert [line.channel for line in report.lines] == ["book", "level3"]
    orders = check(root)
    assert set(orders) == {BTC, ETH}
    assert orders[BTC].verified == orders[BTC].frames > 150
    assert len(lines(root, ORDERS, BTC)) == orders[BTC].frames
    assert any(segment.is_sealed for segment in list_segments(symbol_log_dir(root, ORDERS, BTC)))
    first, second = (json.loads(line) for line in lines(root, ORDERS, BTC)[:2])
    assert (first["type"], second["type"]) == ("snapshot", "update")
    assert {event[0] for event in first["events"]} == {"add"}
    sent = [event.raw for event in read_events(root) if event.dir == "out"]
    assert [raw.count('"token":"<redacted>"') for raw in sent if "level3" in raw] == [1]
    assert notes(root, "open")[-1]["token"] == "<redacted>"
    assert_nowhere(TOKEN, root)
    said = [vars(r) for r in caplog.records if not r.name.startswith("websockets.server")]
    assert said
    assert TOKEN not in str(said)
    for event in ("connected", "book live", "disconnected"):
        told = [one for one in said if one["msg"] == event]
        marked = {one["connection"] for one in told if one.get("channel") == "level3"}
        others = {one["connection"] for one in told if "channel" not in one}
        assert len(marked) == len(others) == 1, event
        assert marked != others


async def test_a_lost_or_changed_frame_shows_at_that_message_and_only_its_symbol_is_rebuilt(
    root,
) -> None:
    faults = [
        Fault(do="corrupt", after_frames=30, symbol=BTC, channel="level3"),
        # One lost frame may be harmless: the next one deletes what it changed.
        Fault(do="drop", after_frames=90, symbol=BTC, channel="level3", count=4),
    ]
    async with (
        exchange(level3_tokens=[TOKEN], faults=faults) as server,
        recording(server.url, root, **level3(server.url)) as daemon,
    ):
        await until(lambda: verified(daemon) > 200 and verified(daemon, ETH) > 100)
        resyncs = daemon.level3_links[0].resyncs
        done = dict(server.plan.done)

    assert done == {"corrupt": 1, "drop": 4}
    assert resyncs == 2
    orders = check(root)
    assert orders[BTC].failed == 2
    assert (orders[ETH].failed, orders[ETH].unverified, orders[ETH].gaps) == (0, 0, 0)
    gaps = notes(root, "level3_gap")
    assert [(gap["symbol"], gap["cause"]) for gap in gaps] == [(BTC, "checksum")] * 2
    assert notes(root, "gap") == []
    # The corrupted frame is the 31st of its symbol: the message itself is the one that fails.
    seen, deriver = 0, Deriver()
    for event in read_events(root):
        verdict = deriver.feed(event).verdict
        books = [book for book in verdict.level3 if book.symbol == BTC] if verdict else []
        seen += len(books)
        if books and books[0].state != "verified":
            break
    assert seen == 31


async def test_a_restart_goes_on_in_the_same_log_and_names_the_gap(root) -> None:
    async with exchange(level3_tokens=[TOKEN]) as server:
        for wanted in (40, 40):
            async with recording(server.url, root, **level3(server.url)) as daemon:
                await until(lambda daemon=daemon, wanted=wanted: verified(daemon) > wanted)

    orders = check(root)
    assert orders[BTC].failed == orders[BTC].unverified == 0
    assert [gap["cause"] for gap in notes(root, "level3_gap")] == ["close", "close"]
    assert {log for log in DERIVED_LOGS if lines(root, log, BTC)} == set(DERIVED_LOGS)


async def test_derived_orders_are_made_again_after_a_crash(root) -> None:
    async with exchange(level3_tokens=[TOKEN]) as server:
        async with recording(server.url, root, **level3(server.url)) as daemon:
            await until(lambda: verified(daemon) > 60)
        whole = b"".join(lines(root, ORDERS, BTC))
        (segment,) = list_segments(symbol_log_dir(root, ORDERS, BTC))
        segment.path.write_bytes(whole[: len(whole) // 2])
        (root / "derived.json").unlink()

        async with recording(server.url, root, **level3(server.url)) as daemon:
            await until(lambda: verified(daemon) > 20)

    assert b"".join(lines(root, ORDERS, BTC)).startswith(whole)
    check(root)


@pytest.mark.parametrize("given", ["wrong", "expired"])
async def test_a_refused_token_is_told_and_level_2_goes_on(root, given, caplog) -> None:
    async with exchange(level3_tokens=[TOKEN]) as server:
        if given == "expired":
            server.tokens[TOKEN] = time.monotonic() - 1.0
        token = TOKEN if given == "expired" else "another-secret"
        settings = level3(server.url, level3_token=token)
        async with recording(server.url, root, **settings) as daemon:
            await until(lambda: "token refused" in caplog.text)
            await until(lambda: daemon.report().books[BTC].verified > 50)
            assert daemon.report().orders[BTC].state != "live"

    assert "ESession:Invalid session" in "".join(str(vars(r)) for r in caplog.records)
    assert_nowhere(token, root)


async def test_a_command_gives_each_connection_a_fresh_token(root, tmp_path) -> None:
    """The first token is already spent; the second one is good."""
    counter = tmp_path / "counter"
    script = (
        f"import pathlib; p = pathlib.Path({str(counter)!r}); "
        "n = len(p.read_text()) if p.exists() else 0; p.write_text('x' * (n + 1)); "
        f"print(('spent', {TOKEN!r})[min(n, 1)])"
    )
    command = shlex.join([sys.executable, "-c", script])
    async with exchange(level3_tokens=[TOKEN]) as server:
        settings = level3(server.url, level3_token="", level3_token_command=command)
        async with recording(server.url, root, **settings) as daemon:
            await until(lambda: verified(daemon) > 20)

    assert len(counter.read_text()) == 2
    assert_nowhere(TOKEN, root)


async def test_frames_that_are_only_verified_are_verified_on_both_levels(root) -> None:
    async with (
        exchange(level3_tokens=[TOKEN]) as server,
        recording(server.url, root, persist_jsonl=False, **level3(server.url)) as daemon,
    ):
        await until(lambda: verified(daemon) > 50)
        report = daemon.report()

    assert report.orders[BTC].failed == 0
    assert sorted(p.name for p in root.iterdir()) == [".lock", "recorder.json"]
