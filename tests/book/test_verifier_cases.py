"""One behaviour of the verifier each, on made-up frames whose checksums the reference computes."""

from __future__ import annotations

import json

import pytest

from lobdesk.engine import BookVerifier, EngineError
from tests.reference.book import ReferenceVerifier, checksum

TIME = "2026-08-01T02:53:53.184174Z"


def levels(text: str) -> list[tuple[str, str]]:
    """Read ``price@qty price@qty``."""
    return [tuple(level.split("@")) for level in text.split()]


def frame(kind, bids="", asks="", crc=0, symbol="BTC/USD", more="") -> bytes:
    """Return a book frame whose checksum is ``crc``."""

    def side(text):
        return ",".join(f'{{"price":{price},"qty":{qty}}}' for price, qty in levels(text))

    return (
        f'{{"channel":"book","type":"{kind}","data":[{{"symbol":{json.dumps(symbol)},'
        f'"bids":[{side(bids)}],"asks":[{side(asks)}],"checksum":{crc},"timestamp":"{TIME}"}}'
        f"{more}]}}"
    ).encode()


def snapshot(bids, asks, **keys) -> bytes:
    """Return a snapshot with the right checksum."""
    return frame("snapshot", bids, asks, crc=checksum(levels(asks), levels(bids)), **keys)


BIDS = "100.0@1.00 99.9@2.00"
ASKS = "100.1@1.50 100.2@2.50"


def live() -> BookVerifier:
    """Return a verifier with a verified book of BTC/USD."""
    verifier = BookVerifier()
    assert verifier.feed(snapshot(BIDS, ASKS), 5).books[0].state == "verified"
    return verifier


def only(verifier, data):
    (book,) = verifier.feed(data, 7).books
    return book


def test_snapshot_replaces_the_book_natively_and_only_a_right_reference_passes() -> None:
    # The second snapshot lacks levels of the first. A book that keeps them has another checksum.
    first = snapshot("100.0@1.00 99.9@2.00", "100.1@1.50 100.2@2.50")
    second = snapshot("99.8@3.00", "100.3@4.00")
    wrong = ReferenceVerifier(broken={"snapshot_does_not_clear"})
    wrong.feed(first)

    assert wrong.feed(second)[1][0][2] == "failed"
    assert ReferenceVerifier().feed(second)[1][0][2] == "verified"
    assert only(live(), second).state == "verified"


def test_level_beyond_depth_is_dropped_without_a_removal_message() -> None:
    verifier = BookVerifier(depth=2)
    verifier.feed(snapshot(BIDS, ASKS), 0)

    crc = checksum(levels("100.1@1.50 100.2@2.50"), levels("100.3@1.00 100.0@1.00"))

    book = only(verifier, frame("update", "100.3@1.00", crc=crc))

    assert book.state == "verified"
    assert verifier.levels("BTC/USD")[0] == [(1003, 100), (1000, 100)]


def test_update_cuts_after_the_whole_message() -> None:
    verifier = BookVerifier(depth=2)
    verifier.feed(snapshot("100.0@1.00", ASKS), 0)
    # In between there are three asks; the deletion afterwards must find 100.2 still there.
    asks = "100.0@9.00 100.1@0.00"
    crc = checksum(levels("100.0@9.00 100.2@2.50"), levels("100.0@1.00"))

    book = only(verifier, frame("update", asks=asks, crc=crc))

    assert book.state == "verified"
    assert verifier.levels("BTC/USD")[1] == [(1000, 900), (1002, 250)]


def test_last_of_several_entries_for_one_level_wins() -> None:
    verifier = live()
    crc = checksum(levels("100.1@7.00 100.2@2.50"), levels(BIDS))

    book = only(verifier, frame("update", asks="100.1@0.00 100.1@3.00 100.1@7.00", crc=crc))

    assert book.state == "verified"


def test_two_sided_update_changes_both_sides() -> None:
    crc = checksum(levels("100.1@1.00 100.2@2.50"), levels("100.0@2.00 99.9@2.00"))

    assert only(live(), frame("update", "100.0@2.00", "100.1@1.00", crc)).state == "verified"


def test_deleting_an_unknown_level_changes_nothing() -> None:
    crc = checksum(levels(ASKS), levels(BIDS))

    assert only(live(), frame("update", "55.5@0.00", "", crc)).state == "verified"


def test_update_without_a_book_is_unverified() -> None:
    book = only(BookVerifier(), frame("update", BIDS))

    assert (book.state, book.reason, book.actual) == ("unverified", "no_book", None)


def test_mismatch_makes_suspect_at_that_message_until_a_snapshot() -> None:
    verifier = live()

    failed = only(verifier, frame("update", "100.0@5.00", crc=1))
    later = only(verifier, frame("update", "100.0@6.00", crc=2))
    again = only(verifier, snapshot(BIDS, ASKS))

    assert (failed.state, failed.reason, failed.expected) == ("failed", "checksum", 1)
    assert failed.actual == checksum(levels(ASKS), levels("100.0@5.00 99.9@2.00"))
    assert (later.state, later.reason) == ("unverified", "checksum")
    assert again.state == "verified"


def test_suspect_book_is_served_to_nobody() -> None:
    verifier = live()
    verifier.feed(frame("update", "100.0@5.00", crc=1), 0)

    assert verifier.state("BTC/USD") == "suspect"
    assert verifier.symbols() == []
    for ask in (
        lambda: verifier.snapshot_line("BTC/USD", 1),
        lambda: verifier.levels("BTC/USD"),
        lambda: verifier.checksum("BTC/USD"),
    ):
        with pytest.raises(EngineError, match="BTC/USD has no verified book"):
            ask()


def test_mismatch_of_one_symbol_leaves_the_other_alone() -> None:
    verifier = live()
    verifier.feed(snapshot(BIDS, ASKS, symbol="ETH/USD"), 0)

    verifier.feed(frame("update", "100.0@5.00", crc=1), 0)

    assert verifier.symbols() == ["ETH/USD"]


@pytest.mark.parametrize(
    ("bids", "reason"),
    [
        ("100.01@1.00", "precision"),
        ("100.0@1.001", "precision"),
        ("100.0@1.000", "precision"),
        ("92233720368547758070@1.00", "overflow"),
        ("922337203685477580.8@1.00", "overflow"),
        ("1@92233720368547758.08", "overflow"),
        ("123456789012345678901234567890@1.00", "overflow"),
        ("100.0@123456789012345678901234567890", "overflow"),
        ("-100.0@1.00", "not_positive"),
        ("0.0@1.00", "not_positive"),
        ("100.0@-1.00", "not_positive"),
        ("1e2@1.00", "exponent"),
        ("100.0@1E-2", "exponent"),
    ],
)
def test_number_that_cannot_be_exact_is_refused_and_not_applied(bids, reason) -> None:
    verifier = live()

    book = only(verifier, frame("update", bids, crc=checksum(levels(ASKS), levels(BIDS))))

    assert (book.state, book.reason, book.actual) == ("unverified", reason, None)
    assert verifier.state("BTC/USD") == "suspect"


def test_largest_int64_is_exact() -> None:
    bids = "922337203685477580.7@92233720368547758.07"
    verifier = BookVerifier()

    assert only(verifier, snapshot(bids, "")).state == "verified"
    assert verifier.levels("BTC/USD")[0] == [(2**63 - 1, 2**63 - 1)]


@pytest.mark.parametrize("crc", ["null", "-1", "4294967296", "1.0", "1e3", "9" * 30])
def test_checksum_that_is_no_32_bit_number_leaves_the_book_unverified(crc) -> None:
    verifier = live()

    book = only(verifier, frame("update", "100.0@1.00", crc=crc))

    assert (book.state, book.reason, book.expected) == ("unverified", "no_checksum", None)
    assert verifier.state("BTC/USD") == "suspect"


def test_several_symbols_in_data_are_judged_apart() -> None:
    good = snapshot(BIDS, ASKS, symbol="ETH/USD")
    entry = json.loads(good, parse_float=str)["data"][0]
    text = good[good.index(b'"data":[') + 8 : -2].decode()
    assert entry["symbol"] == "ETH/USD"
    verifier = BookVerifier()

    first, second = verifier.feed(frame("snapshot", BIDS, ASKS, crc=1, more=f",{text}"), 0).books

    assert (first.symbol, first.state) == ("BTC/USD", "failed")
    assert (second.symbol, second.state) == ("ETH/USD", "verified")


def test_unsubscription_answer_drops_the_book() -> None:
    verifier = live()
    answer = {
        "method": "unsubscribe",
        "result": {"channel": "book", "depth": 10, "symbol": "BTC/USD"},
        "success": True,
    }

    verdict = verifier.feed(json.dumps(answer).encode(), 0)

    assert (verdict.kind, verdict.ended) == ("ack", [("BTC/USD", "unsubscribed")])
    assert only(verifier, frame("update", BIDS)).reason == "no_book"


def test_subscription_answer_sets_the_depth() -> None:
    verifier = BookVerifier()
    answer = {
        "method": "subscribe",
        "result": {"channel": "book", "depth": 2, "symbol": "BTC/USD"},
        "success": True,
    }
    verifier.feed(json.dumps(answer).encode(), 0)

    verifier.feed(snapshot(BIDS, ASKS + " 100.3@1.00"), 0)

    # Three asks were sent, two are kept, so the checksum over three does not fit.
    assert verifier.state("BTC/USD") == "suspect"


def test_precision_change_of_an_instrument_ends_the_book() -> None:
    verifier = live()
    pair = {"symbol": "BTC/USD", "price_precision": 2, "qty_precision": 2, "tick_size": 1}
    message = {"channel": "instrument", "type": "update", "data": {"assets": [], "pairs": [pair]}}

    verdict = verifier.feed(json.dumps(message).encode(), 0)

    assert verdict.ended == [("BTC/USD", "precision")]
    assert verifier.instrument("BTC/USD") == (2, 2, False)
    assert only(verifier, frame("update", BIDS)).reason == "precision"


def test_told_precision_is_not_widened_by_a_snapshot() -> None:
    verifier = BookVerifier()
    verifier.set_instrument("BTC/USD", 0, 2)

    book = only(verifier, snapshot(BIDS, ASKS))

    assert (book.state, book.reason, book.is_inferred) == ("unverified", "precision", False)


def test_inferred_precision_is_widened_by_the_next_snapshot() -> None:
    verifier = live()
    book = only(verifier, snapshot("100.01@1.00", ""))

    assert (book.state, book.is_inferred) == ("verified", True)
    assert verifier.instrument("BTC/USD") == (2, 2, True)


def test_trades_are_exact_and_need_a_precision() -> None:
    trade = (
        '{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell",'
        '"price":100.1,"qty":0.5,"ord_type":"market","trade_id":77,'
        f'"timestamp":"{TIME}"}}]}}'
    ).encode()

    before = BookVerifier().feed(trade, 9)
    (entry,) = live().feed(trade, 9).trades

    assert (before.trades, before.refused) == ([], [("BTC/USD", "precision")])
    assert (entry.price_ticks, entry.qty_lots, entry.side) == (1001, 50, "sell")
    assert json.loads(entry.line(3)) == {
        "v": 1,
        "symbol": "BTC/USD",
        "seq": 3,
        "exch_ts_us": 1785552833184174,
        "recv_ts_us": 9,
        "trade_id": 77,
        "side": "sell",
        "ord_type": "market",
        "price_ticks": 1001,
        "qty_lots": 50,
        "price_precision": 1,
        "qty_precision": 2,
    }


def test_snapshot_line_has_the_documented_bytes() -> None:
    verifier = BookVerifier()
    verifier.feed(snapshot("100.0@1.00", "100.1@1.50", symbol='A"/\\é'), 5)

    line = verifier.snapshot_line('A"/\\é', 12)

    crc = checksum(levels("100.1@1.50"), levels("100.0@1.00"))
    assert line.decode() == (
        '{"v":1,"symbol":"A\\"/\\\\é","seq":12,"exch_ts_us":1785552833184174,"recv_ts_us":5,'
        '"price_precision":1,"qty_precision":2,"bids":[[1000,100]],"asks":[[1001,150]],'
        f'"checksum":{crc},"verified":true}}\n'
    )


def test_snapshot_without_a_timestamp_takes_the_time_of_receipt() -> None:
    data = snapshot(BIDS, ASKS).replace(f',"timestamp":"{TIME}"'.encode(), b"")

    assert only(BookVerifier(), data).exch_ts_us == 7


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (b'{"channel":"heartbeat"}', "heartbeat", ""),
        (b'{"channel":"status","type":"update","data":[{}]}', "status", ""),
        (b'{"method":"pong","req_id":1,"time_in":"x","time_out":"y"}', "pong", ""),
        (b'{"method":"subscribe","success":false,"error":"no"}', "error", "no"),
        (b'{"Error":"Exceeded msg rate"}', "error", "Exceeded msg rate"),
        (b'{"channel":"ohlc","type":"update","data":[1]}', "other", ""),
        (b'{"method":"subscribe","success":true,"result":{"warnings":["x"]}}', "ack", ""),
        (b"{}", "other", ""),
    ],
)
def test_frame_has_its_kind(data, kind, reason) -> None:
    verdict = BookVerifier().feed(data, 0)

    assert (verdict.kind, verdict.reason) == (kind, reason)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "expected '{' at byte 0"),
        (b"[]", "expected '{' at byte 0"),
        (b'{"channel":"book"', "expected '}' at byte 17"),
        (b'{"channel":"book"}', "data is missing"),
        (b'{"channel":"book","type":"update","data":[]}', "data is empty"),
        (b'{"channel":"book","type":"delta","data":[{}]}', "neither snapshot nor update"),
        (b'{"channel":"heartbeat"}x', "unexpected text after the value"),
        (b'{"channel":"\xff"}', "not UTF-8"),
        (b'{"channel":"\\ud800"}', "surrogate"),
        (b'{"channel":"a\x00"}', "control character"),
        (b'{"a":' + b"[" * 100, "nested too deeply"),
        (b'{"a":01}', "leading zero"),
        (b'{"a":1.}', "no digit after the point"),
        (b'{"a":nul}', "expected null"),
        (frame("update", "1@2").replace(b'"price":1', b'"price":"1"'), "expected a number"),
        (frame("update", "1@2").replace(b'"qty":2', b'"kty":2'), "price or qty is missing"),
        (frame("update").replace(b'"asks":[],', b""), "symbol, bids or asks is missing"),
        (frame("update").replace(b"BTC/USD", b"x" * 65), "not 1 to 64 bytes"),
        (frame("update").replace(b"T02:", b"T24:"), "not RFC 3339"),
        (frame("update").replace(b'"bids":[]', b'"bids":[],"bids":[]'), "occurs twice"),
    ],
)
def test_bytes_that_are_no_frame_are_malformed_with_a_reason(data, reason) -> None:
    verdict = BookVerifier().feed(data, 0)

    assert verdict.kind == "malformed"
    assert reason in verdict.reason


def test_unreadable_message_of_a_symbol_makes_its_book_suspect() -> None:
    verifier = live()
    data = frame("update", "100.0@2.00").replace(b'"qty":2.00', b'"qty":2.00.1')

    verdict = verifier.feed(data, 0)

    assert verdict.kind == "malformed"
    assert [(b.symbol, b.state, b.reason) for b in verdict.books] == [
        ("BTC/USD", "unverified", "malformed")
    ]


def test_unreadable_frame_ends_books_deeper_than_the_checksum_only() -> None:
    verifier = BookVerifier(depth=25)
    verifier.feed(snapshot(BIDS, ASKS), 0)
    shallow = live()

    assert len(verifier.feed(b"\x00garbage", 0).books) == 1
    assert shallow.feed(b"\x00garbage", 0).books == []
    assert shallow.state("BTC/USD") == "live"


def test_keys_may_come_in_any_order() -> None:
    entry = json.loads(snapshot(BIDS, ASKS), parse_float=lambda text: f"@{text}@")["data"][0]
    text = json.dumps(
        {"data": [dict(reversed(entry.items()))], "type": "snapshot", "channel": "book"}, indent=1
    )
    text = text.replace('"@', "").replace('@"', "")

    assert only(BookVerifier(), text.encode()).state == "verified"


@pytest.mark.parametrize("options", [{"depth": 0}, {"book_levels": 0}, {"depth": -1}])
def test_verifier_needs_positive_sizes(options) -> None:
    with pytest.raises(ValueError, match="must be at least 1"):
        BookVerifier(**options)


@pytest.mark.parametrize("precision", [-1, 19])
def test_instrument_precision_is_limited(precision) -> None:
    with pytest.raises(ValueError, match="between 0 and 18"):
        BookVerifier().set_instrument("A/B", precision, 8)
