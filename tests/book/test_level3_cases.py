"""Level-3 rules, one by one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lobdesk.engine import BookVerifier, EngineError
from tests.book.level3_frames import add, checksum, delete, frame, modify, snapshot

VECTORS = json.loads((Path(__file__).parents[1] / "data/kraken/checksum_vectors.json").read_text())
SYMBOL = "BTC/USD"


def verifier(depth: int = 10, precisions: tuple[int, int] = (1, 8)) -> BookVerifier:
    verifier = BookVerifier(depth=depth)
    verifier.set_instrument(SYMBOL, *precisions)
    return verifier


def feed(native: BookVerifier, data: bytes):
    verdict = native.feed(data, 7)
    assert verdict.kind == "level3", verdict.reason
    (book,) = verdict.level3
    return book


def queue(native: BookVerifier, side: int, rank: int = 0) -> list[str]:
    return [order[0] for order in native.level3_queues(SYMBOL)[side][rank][1]]


def test_the_documented_example_has_its_checksum() -> None:
    vector = VECTORS[-1]
    assert vector["crc32"] == 1063832831
    sides = [
        [add(f"O{side}{n}", price, qty, n) for n, (price, qty) in enumerate(vector[side])]
        for side in ("bids", "asks")
    ]

    book = feed(verifier(), snapshot(*sides, crc=1063832831))

    assert (book.state, book.actual) == ("verified", 1063832831)


def test_digits_are_those_of_the_text_and_not_of_the_precision() -> None:
    native = verifier()

    short = feed(native, snapshot([add("A", "1.5", "0.25", 1)], [add("B", "2.5", "1", 2)]))
    long = feed(native, snapshot([add("A", "1.5", "0.2500", 1)], [add("B", "2.5", "1.0", 2)]))

    assert short.state == long.state == "verified"
    assert short.expected != long.expected
    assert native.level3_queues(SYMBOL)[0] == [(15, [("A", 25_000_000, 1)])]


def test_orders_of_a_price_stand_in_the_order_of_their_arrival() -> None:
    native = verifier()
    orders = [add("A", "1.0", "1", 1), add("B", "1.0", "2", 2), add("C", "1.0", "3", 3)]
    feed(native, snapshot(orders[:2]))

    book = feed(native, frame("update", orders[2:], crc=checksum(orders)))

    assert book.state == "verified"
    assert queue(native, 0) == ["A", "B", "C"]
    assert events(book) == [["add", "bid", "C", 10, 300_000_000, 2, 300_000_000, 3]]


@pytest.mark.parametrize(
    ("news", "expected"),
    [
        (modify("A", "1.0", "0.5", 9), ["A", "B", "C"]),
        (modify("A", "1.0", "0.5", 1), ["A", "B", "C"]),
        (modify("A", "1.0", "1", 9), ["A", "B", "C"]),
        (modify("A", "1.0", "5", 1), ["A", "B", "C"]),
        (modify("A", "1.0", "5", 9), ["B", "C", "A"]),
    ],
    ids=["less", "less, same time", "the same", "more, same time", "more, new time"],
)
def test_a_modified_order_keeps_its_place_unless_it_grows_anew(news, expected) -> None:
    native = verifier()
    feed(native, snapshot([add(name, "1.0", "1", at) for at, name in enumerate("ABC", 1)]))

    # Only the order in the queue differs: the checksum is told by the one that is right.
    wanted = {"A": news, "B": add("B", "1.0", "1", 2), "C": add("C", "1.0", "1", 3)}
    crc = checksum([wanted[name] for name in expected])
    book = feed(native, frame("update", [news], crc=crc))

    assert book.state == "verified"
    assert queue(native, 0) == expected


def test_the_checksum_settles_a_place_that_the_documentation_leaves_open() -> None:
    """A smaller order with a new time usually keeps its place; here the exchange says otherwise."""
    native = verifier()
    feed(native, snapshot([add("A", "1.0", "2", 1), add("B", "1.0", "3", 2)]))
    news = modify("A", "1.0", "1", 9)
    crc = checksum([add("B", "1.0", "3", 2), news])

    book = feed(native, frame("update", [news], crc=crc))

    assert book.state == "verified"
    assert queue(native, 0) == ["B", "A"]
    assert events(book) == [["modify", "bid", "A", 10, 100_000_000, 1, 300_000_000, 9]]


def test_an_order_that_moves_to_another_price_goes_to_its_end() -> None:
    native = verifier()
    feed(native, snapshot([add("A", "1.0", "1", 1), add("B", "1.1", "2", 2)]))
    news = modify("A", "1.1", "1", 1)

    book = feed(native, frame("update", [news], crc=checksum([add("B", "1.1", "2", 2), news])))

    assert book.state == "verified"
    assert [len(level[1]) for level in native.level3_queues(SYMBOL)[0]] == [2]
    assert queue(native, 0) == ["B", "A"]


def test_a_deletion_needs_only_a_name_and_says_what_was_left() -> None:
    native = verifier()
    feed(native, snapshot([add("A", "1.0", "1", 1), add("B", "1.0", "2", 2)]))

    crc = checksum([add("A", "1.0", "1", 1)])
    book = feed(native, frame("update", [delete("B")], crc=crc))

    assert book.state == "verified"
    assert events(book) == [["delete", "bid", "B", 10, 200_000_000, 1, 100_000_000, 2]]


def test_a_level_beyond_the_depth_is_evicted_and_not_cancelled() -> None:
    native = verifier(depth=1)
    feed(native, snapshot([add("A", "1.0", "1", 1)]))
    better = add("B", "1.1", "2", 2)

    book = feed(native, frame("update", [better], crc=checksum([better])))

    assert [event[:3] for event in events(book)] == [["add", "bid", "B"], ["evict", "bid", "A"]]


def test_a_snapshot_whose_checksum_is_zero_is_decided_by_the_next_message() -> None:
    native = verifier()
    first = [add("A", "1.0", "1", 1)]

    unchecked = feed(native, snapshot(first, crc=0))
    more = add("B", "1.0", "2", 2)
    verified = feed(native, frame("update", [more], crc=checksum([*first, more])))

    assert (unchecked.state, unchecked.reason) == ("unverified", "unchecked")
    with pytest.raises(EngineError, match="not verified"):
        unchecked.line(1)
    assert verified.state == "verified"
    assert verified.is_whole
    assert [event[2] for event in events(verified)] == ["A", "B"]


def test_an_empty_book_is_verified_by_zero() -> None:
    assert feed(verifier(), snapshot(crc=0)).state == "verified"


def test_a_wrong_checksum_makes_only_that_symbol_suspect_until_its_snapshot() -> None:
    native = verifier()
    native.set_instrument("ETH/USD", 1, 8)
    feed(native, snapshot([add("A", "1.0", "1", 1)]))
    feed(native, snapshot([add("E", "1.0", "1", 1)], symbol="ETH/USD"))

    failed = feed(native, frame("update", [add("B", "1.0", "2", 2)], crc=1))
    after = feed(native, frame("update", [delete("B")], crc=1))

    assert (failed.state, failed.reason) == ("failed", "checksum")
    assert (after.state, after.reason) == ("unverified", "checksum")
    assert native.level3_state(SYMBOL) == "suspect"
    assert native.level3_symbols() == ["ETH/USD"]
    assert feed(native, snapshot([add("A", "1.0", "1", 1)])).state == "verified"


@pytest.mark.parametrize(
    ("price", "qty", "reason"),
    [
        ("1.05", "1", "precision"),
        ("1.0", "0.123456789", "precision"),
        ("-1.0", "1", "not_positive"),
        ("0", "1", "not_positive"),
        ("1e2", "1", "exponent"),
        ("1.0", "99999999999999", "overflow"),
    ],
)
def test_a_number_that_does_not_fit_is_never_rounded(price, qty, reason) -> None:
    native = verifier()
    feed(native, snapshot([add("A", "1.0", "1", 1)]))

    book = feed(native, frame("update", [add("B", price, qty, 2)], crc=5))

    assert (book.state, book.reason) == ("unverified", reason)
    assert native.level3_state(SYMBOL) == "suspect"


def test_precisions_come_from_another_connection() -> None:
    public, native = verifier(), BookVerifier()
    native.take_instruments(public)

    book = feed(native, snapshot([add("A", "1", "1", 1)]))

    assert not book.is_inferred
    assert native.level3_instrument(SYMBOL) == (1, 8, False)


def test_precisions_that_nobody_told_are_inferred_and_widened() -> None:
    native = BookVerifier()

    first = feed(native, snapshot([add("A", "1.5", "1", 1)]))
    finer = frame("update", [add("B", "1.5", "0.25", 2)], crc=1)
    refused = feed(native, finer)
    again = feed(native, snapshot([add("A", "1.5", "1", 1), add("B", "1.5", "0.25", 2)]))

    assert first.is_inferred
    assert refused.reason == "precision"
    assert again.state == "verified"
    assert native.level3_instrument(SYMBOL) == (1, 2, True)


@pytest.mark.parametrize(
    "damage",
    [
        (b'"order_id":"B"', b'"order_id":""'),
        (b'"order_id":"B"', b'"order_id":"' + b"x" * 41 + b'"'),
        (b'"event":"add"', b'"event":"fill"'),
        (b'"event":"add",', b""),
        (b'"limit_price"', b'"price"'),
        (b"00:00:00.000000002Z", b"yesterday"),
    ],
)
def test_a_malformed_frame_makes_the_books_it_names_suspect(damage) -> None:
    native = verifier()
    feed(native, snapshot([add("A", "1.0", "1", 1)]))
    data = frame("update", [add("B", "1.0", "2", 2)], crc=5)
    assert damage[0] in data

    verdict = native.feed(data.replace(*damage), 9)

    assert verdict.kind == "malformed"
    assert [(book.symbol, book.reason) for book in verdict.level3] == [(SYMBOL, "malformed")]
    assert native.level3_state(SYMBOL) == "suspect"


def test_acks_reset_the_book_and_set_its_depth() -> None:
    native = verifier()
    feed(native, snapshot([add("A", "1.0", "1", 1)]))

    ack = {"method": "unsubscribe", "result": {"channel": "level3", "symbol": SYMBOL}}
    verdict = native.feed(json.dumps({**ack, "success": True}).encode(), 1)

    assert verdict.level3_ended == [(SYMBOL, "unsubscribed")]
    assert verdict.ended == []
    assert native.level3_state(SYMBOL) == "none"


def test_dumped_books_go_on_where_they_stood() -> None:
    native, other = verifier(), BookVerifier()
    orders = [add("A", "1.0", "1.50", 1), add("B", "1.0", "2", 2)]
    feed(native, snapshot(orders))

    other.load(native.dump())
    more = add("C", "1.0", "3", 3)
    book = feed(other, frame("update", [more], crc=checksum([*orders, more])))

    assert book.state == "verified"
    assert queue(other, 0) == ["A", "B", "C"]
    dump = native.dump()
    for size in range(len(dump)):
        with pytest.raises(EngineError):
            other.load(dump[:size])


def test_the_line_is_exact() -> None:
    book = feed(
        verifier(),
        snapshot([add("OA", "1.5", "0.25", 1)], [add("OB", "2.5", "1.0", 2_000)], time=False),
    )

    assert book.line(12) == (
        b'{"v":1,"symbol":"BTC/USD","seq":12,"exch_ts_us":2,"recv_ts_us":7,"price_precision":1,'
        b'"qty_precision":8,"type":"snapshot","events":['
        b'["add","bid","OA",15,25000000,0,0,1],["add","ask","OB",25,100000000,0,0,2000]],'
        b'"checksum":%d,"verified":true}\n' % book.expected
    )


def events(book) -> list:
    return json.loads(book.line(1))["events"]
