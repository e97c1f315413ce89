"""Random books and damaged frames: the engine and the reference must agree on all of them."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobdesk.engine import BookVerifier
from tests.book.captures import BTC, ETH, read_cbcap
from tests.book.test_verifier_cases import frame, snapshot
from tests.book.test_verifier_real import tuples
from tests.reference.book import ReferenceVerifier

PRICES = st.integers(1, 40)
QTYS = st.sampled_from([0, 0, 1, 5, 123456, 10**12])
SIDES = st.lists(st.tuples(PRICES, QTYS), max_size=30)
DEPTHS = st.sampled_from([1, 2, 5, 10, 25])


def side_text(entries: list[tuple[int, int]], digits: tuple[int, int]) -> str:
    """Write levels as ``price@qty`` with so many digits after the point."""
    return " ".join(f"{number(p, digits[0])}@{number(q, digits[1])}" for p, q in entries)


def number(mantissa: int, digits: int) -> str:
    text = f"{mantissa:0{digits + 1}d}"
    return f"{text[:-digits]}.{text[-digits:]}" if digits else text


@settings(max_examples=300, deadline=None)
@given(
    depth=DEPTHS,
    digits=st.tuples(st.integers(0, 6), st.integers(0, 5)),
    first=st.tuples(SIDES, SIDES),
    updates=st.lists(st.tuples(SIDES, SIDES, st.booleans()), max_size=12),
)
def test_random_messages_give_the_same_books(depth, digits, first, updates) -> None:
    """The reference's own book supplies the checksums, so long runs stay verified."""
    native = BookVerifier(depth=depth)
    reference = ReferenceVerifier(depth, goes_on=True)
    for number_, (bids, asks, *rest) in enumerate([(*first, True), *updates]):
        kind = "snapshot" if number_ == 0 or (rest and rest[0]) else "update"
        texts = side_text(bids, digits), side_text(asks, digits)
        probe = reference.feed(frame(kind, *texts, crc=0))[1][0]
        if probe[5] is None:
            continue  # nothing to infer a precision from yet
        # A snapshot applied twice is the same snapshot; an update of absolute levels likewise.
        data = frame(kind, *texts, crc=probe[5])

        (book,) = native.feed(data, 1).books

        if book.state != "verified":
            assert kind == "update"
            assert book.reason == "no_book"
            continue
        mine = reference.books["BTC/USD"]
        assert native.levels("BTC/USD") == (mine.levels("bids"), mine.levels("asks"))


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Return the frame with some damage that keeps it near to valid."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        position = rng.randrange(len(out) + 1)
        action = rng.randrange(6)
        if action == 0 and position < len(out):
            out[position] ^= 1 << rng.randrange(8)
        elif action == 1:
            del out[position : position + rng.choice([1, 2, 8, 100])]
        elif action == 2:
            out[position:position] = rng.choice(TOKENS)
        elif action == 3 and position < len(out):
            out[position] = rng.randrange(256)
        elif action == 4:
            other = rng.randrange(len(out) + 1)
            out[position:position] = out[other : other + rng.choice([1, 10, 40])]
        else:
            del out[position:]
        if not out:
            return b""
    return bytes(out)


TOKENS = [
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"0", b"-", b".", b"e5", b"null", b"true",
    b"\x00", b"\xff", b"\xc3\xa9", b"\\u0041", b"\\ud800", b"123456789012345678901234567890",
    b"9223372036854775808", b"4294967296", b'{"price":1,"qty":1}', b'"symbol":"X",', b" ", b"\n",
]  # fmt: skip


@pytest.mark.parametrize(("name", "rounds"), [(BTC, 40), (ETH, 40)])
def test_damaged_frames_never_give_a_wrong_book(captures, name, rounds) -> None:
    """Damage some frames; whatever is still verified must be what the reference has."""
    rng = random.Random(20260801)  # fixed: a failure must repeat
    frames = read_cbcap(captures / name)[:400]
    native, reference = BookVerifier(), ReferenceVerifier()
    kinds, verified = set(), 0
    for _ in range(rounds):
        share = rng.choice([0.005, 0.05, 0.5])
        for frame_ in frames:
            data = mutate(frame_, rng) if rng.random() < share else frame_
            verdict = native.feed(data, 1)
            kind, expected = reference.feed(data)
            kinds.add(verdict.kind)
            if verdict.kind == "malformed":
                assert verdict.reason
                forget_suspects(reference, verdict)
            assert (verdict.kind == "malformed") == (kind == "malformed"), data
            if kind == "book":
                assert tuples(verdict) == expected, data
            check_books(native, reference)
            verified += sum(book.state == "verified" for book in verdict.books)
    assert {"book", "malformed", "heartbeat"} <= kinds
    assert verified > 1000


def forget_suspects(reference: ReferenceVerifier, verdict) -> None:
    """The reference does not look into frames that it cannot read; take over who is suspect."""
    for book in verdict.books:
        assert (book.state, book.reason) == ("unverified", "malformed")
        reference.books[book.symbol].state = "suspect"
        reference.books[book.symbol].suspect_reason = "malformed"


def check_books(native: BookVerifier, reference: ReferenceVerifier) -> None:
    live = sorted(name for name, book in reference.books.items() if book.state == "live")
    assert native.symbols() == live
    for symbol in live:
        mine = reference.books[symbol]
        assert native.levels(symbol) == (mine.levels("bids"), mine.levels("asks"))


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_verdict(data) -> None:
    verdict = BookVerifier().feed(data, 0)

    assert verdict.kind in {"malformed", "other", "error", "ack", "pong"}
    assert verdict.books == []


def test_two_megabyte_frame_is_judged() -> None:
    levels = " ".join(f"{price}.0@1.00" for price in range(1, 60_000))

    (book,) = BookVerifier().feed(snapshot(levels, ""), 0).books

    assert (book.state, book.reason) == ("failed", "checksum")  # the checksum text was not sorted
