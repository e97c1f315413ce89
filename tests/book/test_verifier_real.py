"""The native verifier against recordings of the exchange and against the slow reference."""

from __future__ import annotations

import json

import pytest

from lobdesk.engine import BookVerifier, crc32
from tests.book.captures import BTC, ETH, read_cbcap, read_derived
from tests.conftest import DATA
from tests.reference.book import ReferenceVerifier, checksum, checksum_text

VECTORS = json.loads((DATA / "kraken" / "checksum_vectors.json").read_text())


def tuples(verdict):
    return [
        (book.symbol, book.is_snapshot, book.state, book.reason, book.expected, book.actual)
        for book in verdict.books
    ]


def compare(frames):
    """Feed both and compare verdicts and, while verified, whole books; return the states."""
    native, reference = BookVerifier(), ReferenceVerifier()
    states = []
    for number, frame in enumerate(frames):
        verdict = native.feed(frame, 1_000_000 + number)
        kind, expected = reference.feed(frame)
        assert verdict.kind == kind
        assert tuples(verdict) == expected
        for book in verdict.books:
            states.append(book.state)
            if book.state == "verified":
                mine = reference.books[book.symbol]
                assert native.levels(book.symbol) == (mine.levels("bids"), mine.levels("asks"))
                assert native.checksum(book.symbol) == book.expected
    return states


@pytest.mark.parametrize(("name", "count"), [(BTC, 301), (ETH, 1129)])
def test_every_frame_of_a_capture_verifies_as_in_the_reference(captures, name, count) -> None:
    states = compare(read_cbcap(captures / name))

    assert states == ["verified"] * count


@pytest.mark.shared
def test_ten_symbols_at_depth_1000_verify_as_in_the_reference(shared) -> None:
    frames = read_derived(shared / "data" / "kraken" / "derived_v2_multi10_d1000_20210417.jsonl.gz")
    native = BookVerifier()

    states = [book.state for frame in frames for book in native.feed(frame, 0).books]

    assert states == ["verified"] * 4279
    assert len(native.symbols()) == 10
    assert compare(frames[:400])


@pytest.mark.shared
def test_instrument_snapshot_sets_all_precisions(shared) -> None:
    path = shared / "data" / "kraken" / "v2_instrument_snapshot_2024.json"
    native = BookVerifier()

    verdict = native.feed(path.read_bytes(), 0)

    pairs = json.loads(path.read_text())["data"]["pairs"]
    assert verdict.kind == "instrument"
    assert len(pairs) == 683
    for pair in pairs:
        expected = (pair["price_precision"], pair["qty_precision"], False)
        assert native.instrument(pair["symbol"]) == expected


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"][:20])
def test_checksum_vector_gives_the_published_number(vector) -> None:
    assert crc32(vector["concatenated"].encode()) == vector["crc32"]


@pytest.mark.parametrize("vector", VECTORS[:4], ids=lambda vector: vector["name"][:20])
def test_book_of_a_checksum_vector_verifies(vector) -> None:
    asks = [tuple(level) for level in vector["asks"]]
    bids = [tuple(level) for level in vector["bids"]]
    assert checksum_text(asks, bids) == vector["concatenated"]
    assert checksum(asks, bids) == vector["crc32"]

    def side(levels):
        return ",".join(f'{{"price":{price},"qty":{qty}}}' for price, qty in levels)

    frame = (
        '{"channel":"book","type":"snapshot","data":[{"symbol":"X/Y",'
        f'"bids":[{side(bids)}],"asks":[{side(asks)}],"checksum":{vector["crc32"]}}}]}}'
    )

    (book,) = BookVerifier().feed(frame.encode(), 0).books

    assert (book.state, book.actual) == ("verified", vector["crc32"])


@pytest.mark.parametrize(
    ("rule", "btc", "eth"),
    [
        ("never_truncate", 7, 0),
        ("first_entry_wins", 13, 0),
        ("float_text", 301, 1129),
        ("bids_first", 301, 1129),
        ("zero_does_not_delete", 258, 1128),
        ("snapshot_does_not_clear", 0, 0),
    ],
)
def test_breaking_a_rule_fails_as_many_frames_as_were_measured(captures, rule, btc, eth) -> None:
    failures = []
    for name in (BTC, ETH):
        reference = ReferenceVerifier(broken={rule}, goes_on=True)
        books = [book for frame in read_cbcap(captures / name) for book in reference.feed(frame)[1]]
        failures.append(sum(book[2] == "failed" for book in books))

    assert failures == [btc, eth]
