"""The level-3 channel of the simulator, judged by the engine's verifier."""

from __future__ import annotations

import itertools
import json
import time

import pytest

from lobdesk.engine import BookVerifier
from lobdesk.simulator import Fault, SimulatorServer, SyntheticMarket
from lobdesk.simulator.access import Level3Access
from lobdesk.simulator.events import ASK, BID
from lobdesk.simulator.exchange import Exchange, Frame, Subscriber
from lobdesk.simulator.faults import FaultPlan
from lobdesk.simulator.session import Session
from tests.simulator.client import client

START_US = 1_800_000_000_000_000
SYMBOL = "BTC/USD"
TOKEN = "a-token-that-is-good"


def market() -> SyntheticMarket:
    return SyntheticMarket([SYMBOL, "ETH/USD"], seed=5, start_us=START_US)


def take(subscriber: Subscriber, verifier: BookVerifier) -> list:
    """Feed what waits to the verifier and return what it says about level 3."""
    verdicts = []
    while subscriber.outbox:
        frame = subscriber.outbox.popleft()
        verdict = verifier.feed(frame.text.encode(), 1)
        assert verdict.kind != "malformed", verdict.reason
        verdicts += verdict.level3
    return verdicts


@pytest.mark.parametrize("depth", [10, 100])
def test_native_queues_are_the_true_queues_after_every_event(depth) -> None:
    source = market()
    exchange, subscriber, verifier = Exchange(source, lambda: 0), Subscriber(), BookVerifier()
    exchange.subscribe_instruments(subscriber, with_snapshot=True)
    text = json.dumps(
        {"method": "subscribe", "success": True}
        | {"result": {"channel": "level3", "depth": depth, "symbol": SYMBOL}}
    )
    subscriber.deliver(Frame(text))
    exchange.subscribe_level3(subscriber, SYMBOL, depth, with_snapshot=True)
    messages = 0
    for event in itertools.islice(source.events(), 1500):
        exchange.apply(event)

        verdicts = take(subscriber, verifier)

        assert {book.state for book in verdicts} <= {"verified"}
        messages += len(verdicts)
        sides = verifier.level3_queues(SYMBOL) if verdicts else ()
        for side, levels in zip((BID, ASK), sides, strict=False):
            assert len(levels) == depth
            for price, queue in levels[:10]:
                assert [order[:2] for order in queue] == exchange.queue(SYMBOL, side, price)
    assert messages > 300
    true_queues = [
        [(price, exchange.queue(SYMBOL, side, price)) for price, _ in levels]
        for side, levels in zip((BID, ASK), verifier.level3_queues(SYMBOL), strict=True)
    ]
    ours = [
        [(price, [order[:2] for order in queue]) for price, queue in levels]
        for levels in verifier.level3_queues(SYMBOL)
    ]
    assert ours == true_queues


def test_quantities_carry_different_numbers_of_digits() -> None:
    exchange, subscriber = Exchange(market(), lambda: 0), Subscriber()

    exchange.subscribe_level3(subscriber, SYMBOL, 100, with_snapshot=True)

    text = subscriber.outbox.popleft().text
    quantities = {part.split(",")[0] for part in text.split('"order_qty":')[1:]}
    assert len({len(qty.partition(".")[2]) for qty in quantities}) > 3


def test_more_digits_of_a_price_rebuild_the_queues() -> None:
    source = market()
    exchange, subscriber, verifier = Exchange(source, lambda: 0), Subscriber(), BookVerifier()
    exchange.subscribe_instruments(subscriber, with_snapshot=True)
    exchange.add_digits(SYMBOL, 1)
    exchange.subscribe_level3(subscriber, SYMBOL, 10, with_snapshot=True)

    states = {book.state for book in take(subscriber, verifier)}
    for event in itertools.islice(source.events(), 200):
        exchange.apply(event)
    states |= {book.state for book in take(subscriber, verifier)}

    assert states == {"verified"}
    assert verifier.level3_instrument(SYMBOL) == (2, 8, False)


def session(**access) -> Session:
    made = Session(
        Exchange(market(), lambda: 0),
        1,
        requests_per_s=1000.0,
        access=Level3Access({TOKEN: 100.0, "old": 5.0}, **access),
    )
    made.outbox.clear()
    return made


def ask(peer: Session, now_s: float = 10.0, **params) -> list[dict]:
    request = {"method": "subscribe", "params": {"channel": "level3", **params}, "req_id": 1}
    peer.handle(json.dumps(request), now_s)
    replies = [json.loads(frame.text) for frame in peer.outbox]
    peer.outbox.clear()
    return replies


@pytest.mark.parametrize(
    ("token", "error"),
    [
        ({}, "EGeneral:Invalid arguments:token"),
        ({"token": "wrong"}, "ESession:Invalid session"),
        ({"token": "old"}, "ESession:Invalid session"),
    ],
    ids=["missing", "wrong", "expired"],
)
def test_a_bad_token_is_refused(token, error) -> None:
    peer = session()

    (reply,) = ask(peer, symbol=[SYMBOL, "ETH/USD"], **token)

    assert (reply["success"], reply["error"], reply["req_id"]) == (False, error, 1)
    assert not peer.has_subscribed


def test_a_good_token_gives_an_ack_and_a_snapshot_and_goes_on_after_its_time() -> None:
    peer = session()

    ack, snapshot = ask(peer, symbol=[SYMBOL], depth=100, token=TOKEN)
    later = ask(peer, now_s=999.0, symbol=["ETH/USD"], depth=10, token="old")

    assert ack["result"] == {
        "channel": "level3",
        "depth": 100,
        "snapshot": True,
        "symbol": SYMBOL,
    }
    assert (snapshot["channel"], snapshot["type"]) == ("level3", "snapshot")
    assert later[0]["success"]
    assert TOKEN not in json.dumps([ack, snapshot])


def test_depths_of_the_book_channel_are_refused() -> None:
    (reply,) = ask(session(), symbol=[SYMBOL], depth=25, token=TOKEN)

    assert reply["error"] == "Subscription depth not supported"


def test_the_rate_counter_refuses_what_comes_too_early() -> None:
    peer = session(rate_per_s=100.0)

    first = ask(peer, symbol=[SYMBOL, "ETH/USD"], depth=1000, token=TOKEN)
    later = ask(peer, now_s=11.0, symbol=["ETH/USD"], depth=1000, token=TOKEN)

    assert [frame.get("Error", "") for frame in first] == ["", "", "Exceeded msg rate"]
    assert later[0]["success"]


def test_a_connection_holds_so_many_symbols() -> None:
    peer = session(max_symbols=1)

    replies = ask(peer, symbol=[SYMBOL, "ETH/USD"], token=TOKEN)

    assert replies[-1]["error"] == "Maximum number of symbols exceeded"


@pytest.mark.parametrize("do", ["drop", "corrupt", "duplicate", "reorder"])
def test_faults_strike_the_frames_of_their_channel_only(do) -> None:
    plan = FaultPlan([Fault(do=do, after_frames=2, symbol=SYMBOL, channel="level3")])
    source = market()
    exchange, subscriber = Exchange(source, lambda: 0), Subscriber()
    exchange.subscribe_level3(subscriber, SYMBOL, 10, with_snapshot=True)
    exchange.subscribe_book(subscriber, SYMBOL, 10, with_snapshot=True)
    for event in itertools.islice(source.events(), 400):
        exchange.apply(event)
    sent = list(subscriber.outbox)

    got = [altered for frame in sent for altered in plan.alter(frame)]

    books = [[f for f in frames if f.channel == "book"] for frames in (sent, got)]
    orders = [[f for f in frames if f.channel == "level3"] for frames in (sent, got)]
    assert books[0] == books[1]
    assert orders[0] != orders[1]
    assert plan.done == {do: 1}
    verifier = BookVerifier()
    verifier.set_instrument(SYMBOL, 1, 8)
    states = [verifier.feed(f.text.encode(), 1).level3[0].state for f in orders[1]]
    first_bad = next((at for at, state in enumerate(states) if state != "verified"), None)
    # An addition that comes twice is the same addition; anything else shows at that very message.
    assert first_bad in ({2, None} if do == "duplicate" else {2})


async def test_level3_over_a_socket_needs_its_token() -> None:
    async with SimulatorServer(market(), speed=None, level3_tokens=[TOKEN]) as server:
        server.tokens["late"] = time.monotonic() - 1.0
        async with client(server.url) as peer:
            await peer.request("subscribe", channel="level3", symbol=[SYMBOL], token="late")
            refusal = await peer.until(lambda frame: "error" in frame)
            await peer.request("subscribe", channel="level3", symbol=[SYMBOL], token=TOKEN)
            await peer.until_count("level3", 200)

    assert refusal["error"] == "ESession:Invalid session"
    verifier = BookVerifier()
    verifier.set_instrument(SYMBOL, 1, 8)
    states = [b.state for text in peer.frames for b in verifier.feed(text.encode(), 1).level3]
    assert set(states) == {"verified"}
