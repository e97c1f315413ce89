"""Random markets and damaged frames: the engine and the reference must agree on all of them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobdesk.engine import BookVerifier
from tests.book.level3_frames import add, checksum, delete, frame, modify, snapshot
from tests.book.test_verifier_random import mutate
from tests.reference.book import MalformedError
from tests.reference.level3 import ReferenceLevel3

SYMBOL = "BTC/USD"
PRICES = ("9", "9.5", "10", "10.0", "10.1", "11", "12.0", "13")
QTYS = ("0.1", "1", "1.0", "2.50", "0.00000001", "30")
EVENTS = st.lists(
    st.tuples(
        st.sampled_from([add, modify, modify, delete]),
        st.integers(0, 30),
        st.sampled_from(PRICES),
        st.sampled_from([*QTYS, "0"]),
        st.integers(0, 50),
        st.booleans(),
    ),
    max_size=8,
)


def sides(events) -> tuple[list, list]:
    """Return bids and asks; a book may be crossed, which the rules do not forbid."""
    orders: tuple[list, list] = ([], [])
    for make, number, price, qty, ts_ns, is_ask in events:
        name = f"O{number}"
        orders[is_ask].append(delete(name) if make is delete else make(name, price, qty, ts_ns))
    return orders


@settings(max_examples=120, deadline=None)
@given(
    depth=st.sampled_from([1, 2, 10]),
    first=EVENTS,
    updates=st.lists(st.tuples(EVENTS, st.sampled_from(["", "", "wrong", "by time"])), max_size=10),
)
def test_random_messages_give_the_same_queues(depth, first, updates) -> None:
    native = BookVerifier(depth=depth)
    native.set_instrument(SYMBOL, 1, 8)
    reference = ReferenceLevel3(depth, (1, 8))
    opening = sides([(add, *event[1:]) for event in first])
    for number, (events, twist) in enumerate([(None, ""), *updates]):
        kind = "update" if number else "snapshot"
        bids, asks = sides(events) if number else opening
        crc = checksum_after(reference, kind, bids, asks, by_time=twist == "by time")
        data = frame(kind, bids, asks, crc=crc ^ (twist == "wrong"))

        expected = reference.feed(data)
        (book,) = native.feed(data, 1).level3

        assert (book.state, book.reason) == expected
        if reference.has_book:
            assert native.level3_queues(SYMBOL) == reference.queues()
        else:
            assert native.level3_state(SYMBOL) in {"suspect", "none"}
            break


def checksum_after(before: ReferenceLevel3, kind: str, bids, asks, *, by_time: bool = False) -> int:
    """Return the checksum of the book after a message, perhaps with its queues by time."""
    copy = ReferenceLevel3(before.depth, before.precisions)
    copy.orders = list(before.orders)
    _, touched = copy.apply(frame(kind, bids, asks, crc=0))
    if by_time:
        copy.sort_by_time(touched)
    return copy.checksum()


@pytest.mark.parametrize("seed", range(3))
def test_a_long_random_market_stays_verified(seed) -> None:
    """A market that never breaks its rules: every message is verified, every queue is equal."""
    rng = random.Random(seed)
    native = BookVerifier(depth=10)
    native.set_instrument(SYMBOL, 1, 8)
    reference = ReferenceLevel3(10, (1, 8))
    native.feed(snapshot(), 1)
    reference.feed(snapshot())
    names: list[str] = []
    for at in range(300):
        choice, order = rng.random(), None
        if choice < 0.5 or not names:
            names.append(f"O{at}")
            order = add(names[-1], rng.choice(PRICES[2:]), rng.choice(QTYS), at)
        elif choice < 0.8:
            order = modify(rng.choice(names), rng.choice(PRICES[2:]), rng.choice(QTYS), at)
        else:
            order = delete(names.pop(rng.randrange(len(names))))
        side = ([], [order]) if rng.random() < 0.5 else ([order], [])
        data = frame("update", *side, crc=checksum_after(reference, "update", *side))

        (book,) = native.feed(data, 1).level3

        assert reference.feed(data) == ("verified", "")
        assert book.state == "verified"
        assert native.level3_queues(SYMBOL) == reference.queues()


def test_damaged_frames_never_crash_and_never_verify_another_book() -> None:
    rng = random.Random(3)
    whole = [add(f"O{n}", f"{10 - n % 5}.0", f"{n + 1}.50", n) for n in range(12)]
    after = [*whole, add("P", "9.0", "7", 99)]
    frames = [snapshot(whole), frame("update", after[-1:], crc=checksum(after))]
    verified = malformed = 0
    for _ in range(1500):
        native = BookVerifier(depth=10)
        native.set_instrument(SYMBOL, 1, 8)
        reference = ReferenceLevel3(10, (1, 8))
        for data in frames:
            damaged = mutate(data, rng) if rng.random() < 0.5 else data
            verdict = native.feed(damaged, 1)
            malformed += verdict.kind == "malformed"
            for book in verdict.level3:
                if book.state == "verified" and book.symbol == SYMBOL:
                    verified += 1
                    try:
                        assert reference.feed(damaged)[0] == "verified"
                    except MalformedError:
                        continue
                    assert native.level3_queues(SYMBOL) == reference.queues()
    assert verified > 1000
    assert malformed > 500
