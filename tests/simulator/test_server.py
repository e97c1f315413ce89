"""The simulated exchange over a real socket on loopback."""

import asyncio
import gzip
import json

import pytest

from lobdesk.engine import BookVerifier
from lobdesk.errors import ImportFormatError, LobdeskError
from lobdesk.simulator import Fault, RecordedMarket, SimulatorServer, SyntheticMarket
from tests.reference.book import ReferenceVerifier
from tests.simulator.client import Client, client

START_US = 1_767_225_600_000_000


def synthetic(**options) -> SimulatorServer:
    market = SyntheticMarket(("BTC/USD", "ETH/USD"), seed=3, start_us=START_US)
    return SimulatorServer(market, **{"speed": None, **options})


def check_books(frames: list[str], depth: int) -> tuple[int, int]:
    """Return how many book frames agree with their checksum, and how many do not.

    The slow reference shares no code with the simulator; the engine must agree with it.
    """
    reference, verifier = ReferenceVerifier(depth), BookVerifier(depth=depth)
    states = []
    for frame in frames:
        found = [entry[2] for entry in reference.feed(frame.encode())[1]]
        assert [book.state for book in verifier.feed(frame.encode(), 1).books] == found
        states += found
    return states.count("verified"), len(states) - states.count("verified")


async def subscribe(peer: Client, symbols: list[str], **params) -> None:
    await peer.request("subscribe", channel="instrument")
    await peer.request("subscribe", channel="book", symbol=symbols, **params)
    await peer.request("subscribe", channel="trade", symbol=symbols, snapshot=True)


async def drain(peer: Client) -> None:
    """Receive everything that was sent before now: answers queue up behind it."""
    await peer.request("ping")
    await peer.until(lambda frame: frame.get("method") == "pong")


async def test_connection_begins_with_the_status() -> None:
    async with synthetic() as server, client(server.url) as peer:
        first = await peer.receive()

    assert first["channel"] == "status"
    assert first["data"][0]["system"] == "online"
    assert first["data"][0]["connection_id"] > 2**63


async def test_heartbeats_come_without_any_subscription() -> None:
    async with synthetic() as server, client(server.url) as peer:
        await peer.until_count("heartbeat", 2)


async def test_ping_is_answered_with_its_number_and_times() -> None:
    async with synthetic() as server, client(server.url) as peer:
        req_id = await peer.request("ping")
        pong = await peer.until(lambda frame: frame.get("method") == "pong")

    assert pong["req_id"] == req_id
    assert pong["time_in"] <= pong["time_out"]


@pytest.mark.parametrize("depth", [10, 25, 100, 500, 1000])
async def test_every_checksum_is_true_at_every_depth(depth) -> None:
    async with synthetic() as server, client(server.url) as peer:
        await subscribe(peer, ["BTC/USD", "ETH/USD"], depth=depth)
        await peer.until_count("book", 200)

    verified, other = check_books(peer.frames, depth)
    assert (verified, other) == (200, 0)


async def test_each_symbol_gets_one_ack_then_its_full_snapshot() -> None:
    async with synthetic() as server, client(server.url) as peer:
        req_id = await peer.request("subscribe", channel="book", symbol=["ETH/USD", "BTC/USD"])
        frames = [await peer.receive() for _ in range(5)]

    acks = [frame for frame in frames if frame.get("method") == "subscribe"]
    books = [frame["data"][0] for frame in frames if frame.get("channel") == "book"]
    assert [ack["result"]["symbol"] for ack in acks] == ["ETH/USD", "BTC/USD"]
    assert {ack["req_id"] for ack in acks} == {req_id}
    assert [len(book["bids"]) for book in books] == [10, 10]


async def test_trades_start_with_the_last_fifty_and_leave_no_gap() -> None:
    async with synthetic() as server, client(server.url) as peer:
        await peer.request("subscribe", channel="trade", symbol=["BTC/USD"], snapshot=True)
        await peer.until_count("trade", 30)

    frames = [json.loads(text) for text in peer.frames]
    trades = [frame for frame in frames if frame.get("channel") == "trade"]
    assert trades[0]["type"] == "snapshot"
    assert len(trades[0]["data"]) == 50
    ids = [item["trade_id"] for frame in trades for item in frame["data"]]
    assert ids == list(range(ids[0], ids[0] + len(ids)))


async def test_same_seed_sends_the_same_market_frames() -> None:
    runs = []
    for _ in range(2):
        async with synthetic() as server, client(server.url) as peer:
            await subscribe(peer, ["BTC/USD", "ETH/USD"], depth=10)
            await peer.until_count("book", 300)
        runs.append([f for f in peer.frames if '"book"' in f[:20] or '"trade"' in f[:20]])

    assert runs[0] == runs[1]


@pytest.mark.parametrize("depth", [0, 11, 27, "10", True])
async def test_depth_outside_the_list_is_refused_and_the_line_stays_up(depth) -> None:
    async with synthetic() as server, client(server.url) as peer:
        req_id = await peer.request("subscribe", channel="book", symbol=["BTC/USD"], depth=depth)
        refusal = await peer.until(lambda frame: "error" in frame)
        await peer.until_count("heartbeat", 1)

    assert refusal["error"] == "Subscription depth not supported"
    assert (refusal["req_id"], refusal["success"]) == (req_id, False)
    assert "result" not in refusal


async def test_unknown_pair_is_refused_and_the_others_run() -> None:
    async with synthetic() as server, client(server.url) as peer:
        await peer.request("subscribe", channel="book", symbol=["FOO/BAR", "BTC/USD"])
        refusal = await peer.until(lambda frame: "error" in frame)
        await peer.until_count("book", 50)

    assert refusal["error"] == "Currency pair not supported FOO/BAR"


async def test_unsubscribed_book_says_nothing_more() -> None:
    async with synthetic() as server, client(server.url) as peer:
        await peer.request("subscribe", channel="book", symbol=["BTC/USD", "ETH/USD"])
        await peer.until_count("book", 50)
        await peer.request("unsubscribe", channel="book", symbol=["BTC/USD"])
        ack = await peer.until(lambda frame: frame.get("method") == "unsubscribe")
        after = len(peer.frames)
        await peer.until_count("book", 50)

    assert ack["result"] == {"channel": "book", "depth": 10, "symbol": "BTC/USD"}
    assert not any('"BTC/USD"' in frame for frame in peer.frames[after:])


async def test_too_many_requests_meet_the_rate_limit() -> None:
    async with synthetic(requests_per_s=5.0) as server, client(server.url) as peer:
        for _ in range(8):
            await peer.request("ping")
        await peer.until(lambda frame: frame.get("Error") == "Exceeded msg rate")


@pytest.mark.parametrize("text", ["", "{", "[]", "42", '{"method":7}', '{"method":"fly"}', "\0"])
async def test_nonsense_is_refused_and_the_line_stays_up(text) -> None:
    async with synthetic() as server, client(server.url) as peer:
        await peer.send(text)
        await peer.until(lambda frame: frame.get("success") is False)
        await peer.request("ping")
        await peer.until(lambda frame: frame.get("method") == "pong")


@pytest.mark.parametrize(
    ("name", "symbol", "depth", "book_frames"),
    [
        ("v2_btcusd_d10_resync_20260801.cbcap", "BTC/USD", 10, 290),
        ("v2_ethusd_d25_20260802.cbcap", "ETH/USD", 25, 1000),
        ("v2_ethusd_d25_20260802.cbcap", "ETH/USD", 10, 500),
    ],
)
async def test_recording_is_served_again_with_true_checksums(
    captures, name, symbol, depth, book_frames
) -> None:
    market = RecordedMarket(captures / name)
    async with SimulatorServer(market, speed=None) as server, client(server.url) as peer:
        await subscribe(peer, [symbol], depth=depth)
        await asyncio.wait_for(server.finished.wait(), 20)
        await drain(peer)

    verified, other = check_books(peer.frames, depth)
    assert other == 0
    assert verified >= book_frames


async def test_replay_at_the_recorded_depth_repeats_the_exchanges_checksums(captures) -> None:
    path = captures / "v2_ethusd_d25_20260802.cbcap"
    market = RecordedMarket(path)
    async with SimulatorServer(market, speed=None) as server, client(server.url) as peer:
        await subscribe(peer, ["ETH/USD"], depth=25)
        await asyncio.wait_for(server.finished.wait(), 20)
        await drain(peer)

    recorded = path.read_bytes()
    books = [json.loads(text)["data"][0] for text in peer.frames if '"book","type"' in text]
    assert all(b'"checksum":%d,' % book["checksum"] in recorded for book in books)


async def test_ten_pairs_at_depth_1000_are_served_again(shared) -> None:
    path = shared / "data/kraken/derived_v2_multi10_d1000_20210417.jsonl.gz"
    market = RecordedMarket(path)
    symbols = list(market.instruments)
    async with SimulatorServer(market, speed=None) as server, client(server.url) as peer:
        await subscribe(peer, symbols, depth=1000)
        await asyncio.wait_for(server.finished.wait(), 60)
        await drain(peer)

    assert len(symbols) == 10
    verified, other = check_books(peer.frames, 1000)
    assert other == 0
    assert verified > 4000


async def test_corrupted_digit_breaks_the_checksum_of_that_very_frame() -> None:
    faults = [Fault(do="corrupt", after_frames=100, symbol="BTC/USD")]
    async with synthetic(faults=faults, speed=100.0) as server, client(server.url) as peer:
        await peer.request("subscribe", channel="book", symbol=["BTC/USD"])
        await peer.until_count("book", 200)

    verified, other = check_books(peer.frames, 10)
    assert server.plan.done["corrupt"] == 1
    assert other > 0
    assert verified >= 100


async def test_close_fault_ends_the_connection_with_its_code() -> None:
    from websockets.exceptions import ConnectionClosed

    faults = [Fault(do="close", after_frames=20, code=1013)]
    async with synthetic(faults=faults) as server, client(server.url) as peer:
        await peer.request("subscribe", channel="book", symbol=["BTC/USD"])
        with pytest.raises(ConnectionClosed) as caught:
            await peer.until_count("book", 100_000)

    assert caught.value.rcvd.code == 1013


async def test_port_in_use_is_an_error_of_one_line() -> None:
    async with synthetic() as server:
        with pytest.raises(LobdeskError, match=f"cannot listen on 127.0.0.1:{server.port}"):
            async with synthetic(port=server.port):
                pass


def test_json_lines_are_read_as_a_recording(tmp_path, captures) -> None:
    raw = (captures / "v2_ethusd_d25_20260802.cbcap").read_bytes().split(b"\n")
    snapshot = next(line for line in raw if b'"snapshot","data"' in line).decode()
    path = tmp_path / "one.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps({"recv_ns": 5000, "raw": snapshot}).encode() + b"\n"))

    market = RecordedMarket(path)

    assert market.instruments["ETH/USD"].price_precision == 2
    assert market.depths == {"ETH/USD": 25}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file"),
        (b"hello\n", "is no recording"),
        (b"CBCAP1 kraken A/B 0\n", "holds no book snapshot"),
        (b"CBCAP1 kraken A/B 0\n1 x\n", "frame 2: expected"),
        (b"CBCAP1 kraken A/B 0\n1 99\nshort\n", "ends in the middle of a frame"),
        (
            b'CBCAP1 k A/B 0\n1 53\n{"channel":"book","type":"snapshot","data":[{"a":1}]}\n',
            "frame 2: unusable frame",
        ),
    ],
)
def test_unusable_recording_is_an_error_of_one_line(tmp_path, content, words) -> None:
    path = tmp_path / "x.cbcap"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ImportFormatError, match=words):
        RecordedMarket(path)
