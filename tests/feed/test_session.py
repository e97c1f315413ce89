"""Subscriptions of one connection, driven with texts and a clock made up here."""

import json

from lobdesk.feed.session import (
    FIRST_PING_S,
    HOPELESS_FAILURES,
    PING_INTERVAL_S,
    REFUSED_RETRY_S,
    REPLY_TIMEOUT_S,
    SNAPSHOT_TIMEOUT_S,
    STABLE_S,
    BookState,
    FeedSession,
    backoff_s,
)


def make(*symbols: str, depth: int = 10, params=None) -> tuple[FeedSession, list[dict]]:
    session = FeedSession(symbols, depth=depth, params=params)
    return session, [json.loads(text) for text in session.open(0.0)]


def ack(request: dict, symbol: str) -> bytes:
    result = {"channel": request["params"]["channel"], "symbol": symbol}
    reply = {"method": request["method"], "req_id": request["req_id"], "result": result}
    return json.dumps({**reply, "success": True}).encode()


def refusal(request: dict, error: str) -> bytes:
    reply = {"error": error, "method": request["method"], "req_id": request["req_id"]}
    return json.dumps({**reply, "success": False}).encode()


def go_live(session: FeedSession, book_request: dict, symbol: str, now_s: float = 0.1) -> None:
    session.on_reply(ack(book_request, symbol), now_s)
    session.on_book(symbol, is_snapshot=True, is_verified=True, now_s=now_s)


def fail(session: FeedSession, symbol: str, now_s: float) -> None:
    session.on_book(symbol, is_snapshot=False, is_verified=False, now_s=now_s)


def test_first_requests_ask_for_instruments_then_all_books_then_all_trades() -> None:
    _, requests = make("BTC/USD", "ETH/USD", depth=25)

    assert [request["params"] for request in requests] == [
        {"channel": "instrument"},
        {"channel": "book", "symbol": ["BTC/USD", "ETH/USD"], "depth": 25, "snapshot": True},
        {"channel": "trade", "symbol": ["BTC/USD", "ETH/USD"], "snapshot": True},
    ]
    assert len({request["req_id"] for request in requests}) == 3


def test_extra_parameters_go_into_every_subscription() -> None:
    _, requests = make("BTC/USD", params={"asset_class": "spot"})

    assert {request["params"]["asset_class"] for request in requests} == {"spot"}


def test_book_waits_for_ack_then_for_snapshot_then_lives() -> None:
    session, (_, book, _) = make("BTC/USD")
    seen = [session.states["BTC/USD"]]

    session.on_reply(ack(book, "BTC/USD"), 0.1)
    seen.append(session.states["BTC/USD"])
    session.on_book("BTC/USD", is_snapshot=True, is_verified=True, now_s=0.2)
    seen.append(session.states["BTC/USD"])

    assert seen == [BookState.AWAITING_ACK, BookState.AWAITING_SNAPSHOT, BookState.LIVE]


def test_mismatch_resubscribes_only_its_symbol() -> None:
    session, (_, book, _) = make("BTC/USD", "ETH/USD")
    go_live(session, book, "BTC/USD")
    go_live(session, book, "ETH/USD")

    fail(session, "ETH/USD", 1.0)
    requests = [json.loads(text) for text in session.tick(1.0)]

    assert [(r["method"], r["params"]["symbol"]) for r in requests] == [
        ("unsubscribe", ["ETH/USD"]),
        ("subscribe", ["ETH/USD"]),
    ]
    assert session.states == {"BTC/USD": BookState.LIVE, "ETH/USD": BookState.AWAITING_ACK}


def test_more_digits_than_known_ask_for_the_instruments_anew() -> None:
    session, (_, book, _) = make("BTC/USD")
    go_live(session, book, "BTC/USD")

    session.on_book("BTC/USD", is_snapshot=False, is_verified=False, now_s=1.0, reason="precision")
    requests = [json.loads(text) for text in session.tick(1.0)]

    assert [(r["method"], r["params"]["channel"]) for r in requests] == [
        ("unsubscribe", "instrument"),
        ("subscribe", "instrument"),
        ("unsubscribe", "book"),
        ("subscribe", "book"),
    ]


def test_only_one_resync_is_in_flight() -> None:
    session, (_, book, _) = make("BTC/USD")
    go_live(session, book, "BTC/USD")

    for now_s in (1.0, 1.1, 1.2, 1.3):
        fail(session, "BTC/USD", now_s)
        session.tick(now_s)

    assert session.resyncs == 1


def test_updates_before_the_new_snapshot_do_not_make_it_live() -> None:
    session, (_, book, _) = make("BTC/USD")
    session.on_reply(ack(book, "BTC/USD"), 0.1)

    session.on_book("BTC/USD", is_snapshot=False, is_verified=True, now_s=0.2)

    assert session.states["BTC/USD"] is BookState.AWAITING_SNAPSHOT


def test_five_failures_resync_at_once_then_the_pauses_grow_to_eight_seconds() -> None:
    assert [backoff_s(n) for n in range(1, 12)] == [0, 0, 0, 0, 0, 0.5, 1, 2, 4, 8, 8]


def test_failures_in_a_row_end_in_a_new_connection() -> None:
    session, (_, book, _) = make("BTC/USD")
    go_live(session, book, "BTC/USD")
    now_s = 1.0

    for _ in range(HOPELESS_FAILURES):
        assert not session.wants_reconnect
        fail(session, "BTC/USD", now_s)
        now_s += 10.0
        resubscribe = [json.loads(text) for text in session.tick(now_s)][1]
        go_live(session, resubscribe, "BTC/USD", now_s)

    assert session.wants_reconnect


def test_book_that_lived_long_enough_forgets_its_failures() -> None:
    session, (_, book, _) = make("BTC/USD")
    go_live(session, book, "BTC/USD")

    now_s = 1.0
    for _ in range(HOPELESS_FAILURES + 5):
        fail(session, "BTC/USD", now_s)
        resubscribe = [json.loads(text) for text in session.tick(now_s)][1]
        go_live(session, resubscribe, "BTC/USD", now_s)
        now_s += STABLE_S

    assert not session.wants_reconnect


def test_refusal_that_names_its_symbol_leaves_the_others_alone() -> None:
    session, (_, book, _) = make("BTC/USD", "BTC/USDX")

    session.on_reply(refusal(book, "Currency pair not supported BTC/USDX"), 0.1)
    go_live(session, book, "BTC/USD")

    assert session.refusals == {"BTC/USDX": "Currency pair not supported BTC/USDX"}
    assert session.states["BTC/USD"] is BookState.LIVE
    assert not session.is_all_refused


def test_refusal_without_a_name_hits_whoever_is_still_unanswered() -> None:
    session, (_, book, _) = make("BTC/USD", "ETH/USD", "XXX/USD")
    go_live(session, book, "BTC/USD")
    go_live(session, book, "ETH/USD")

    session.on_reply(refusal(book, "Currency pair not supported"), 0.1)
    session.tick(REPLY_TIMEOUT_S)

    assert session.refusals == {"XXX/USD": "Currency pair not supported"}


def test_refused_depth_refuses_every_symbol() -> None:
    session, (_, book, _) = make("BTC/USD", "ETH/USD", depth=27)

    session.on_reply(refusal(book, "Subscription depth not supported"), 0.1)
    session.tick(REPLY_TIMEOUT_S)

    assert session.is_all_refused


def test_missing_answer_is_asked_again() -> None:
    session, _ = make("BTC/USD")

    requests = [json.loads(text) for text in session.tick(REPLY_TIMEOUT_S) if "ping" not in text]

    assert [request["method"] for request in requests] == ["unsubscribe", "subscribe"]


def test_missing_snapshot_is_asked_again() -> None:
    session, (_, book, _) = make("BTC/USD")
    session.on_reply(ack(book, "BTC/USD"), 0.1)

    due = session.tick(0.1 + SNAPSHOT_TIMEOUT_S)
    requests = [json.loads(text) for text in due if "ping" not in text]

    assert [request["method"] for request in requests] == ["unsubscribe", "subscribe"]


def test_rate_limit_waits_before_asking_again() -> None:
    session, _ = make("BTC/USD")

    session.on_reply(b'{"Error":"Exceeded msg rate"}', 1.0)

    assert session.tick(1.1) == []
    requests = [json.loads(text) for text in session.tick(1.6)]
    assert [r["method"] for r in requests if r["params"]["channel"] == "book"] == [
        "unsubscribe",
        "subscribe",
    ]


def test_rate_limit_asks_for_trades_and_instruments_again_as_well() -> None:
    session, _ = make("BTC/USD")

    session.on_reply(b'{"Error":"Exceeded msg rate"}', 1.0)
    asked = [json.loads(text)["params"]["channel"] for text in session.tick(1.6)]

    assert asked == ["instrument", "instrument", "trade", "trade", "book", "book"]


def test_trades_that_are_not_answered_are_asked_for_again_with_growing_pauses() -> None:
    session, (_, book, _) = make("BTC/USD")
    go_live(session, book, "BTC/USD")

    asked_s = []
    for tenths in range(400):
        for text in session.tick(tenths / 10):
            request = json.loads(text)
            if request["method"] == "subscribe" and request["params"]["channel"] == "trade":
                asked_s.append(tenths / 10)

    assert asked_s == [5.5, 11.5, 18.5, 27.5]


def test_refused_symbol_is_asked_for_again_after_five_minutes() -> None:
    session, (_, book, _) = make("BTC/USD", "ETH/USD")
    go_live(session, book, "BTC/USD")
    session.on_reply(refusal(book, "Service unavailable"), 0.1)
    session.tick(REPLY_TIMEOUT_S)
    assert session.states["ETH/USD"] is BookState.REFUSED

    requests = [json.loads(text) for text in session.tick(REPLY_TIMEOUT_S + REFUSED_RETRY_S)]
    join = next(
        r for r in requests if r["method"] == "subscribe" and r["params"]["channel"] == "book"
    )
    assert join["params"]["symbol"] == ["ETH/USD"]
    go_live(session, join, "ETH/USD", 306.0)

    assert session.refusals == {}
    assert session.states["ETH/USD"] is BookState.LIVE


def test_every_request_carries_the_extra_parameters() -> None:
    session = FeedSession(["BTC/USD"], depth=10, params={"asset_class": "tokenized"})
    texts = session.open(0.0) + session.tick(REPLY_TIMEOUT_S)
    requests = [json.loads(text) for text in texts if '"ping"' not in text]

    assert {request["method"] for request in requests} == {"subscribe", "unsubscribe"}
    assert all(request["params"]["asset_class"] == "tokenized" for request in requests)


def test_refused_unsubscribe_does_not_stop_the_resync() -> None:
    session, (_, book, _) = make("BTC/USD")
    go_live(session, book, "BTC/USD")
    fail(session, "BTC/USD", 1.0)
    leave, join = (json.loads(text) for text in session.tick(1.0))

    session.on_reply(refusal(leave, "Subscription Not Found"), 1.1)
    go_live(session, join, "BTC/USD", 1.2)

    assert session.states["BTC/USD"] is BookState.LIVE
    assert session.refusals == {}


def test_ping_is_sent_now_and_then() -> None:
    session, (_, book, _) = make("BTC/USD")
    go_live(session, book, "BTC/USD")

    times_s = [at for at in range(60) if any("ping" in text for text in session.tick(at))]

    assert times_s == [FIRST_PING_S + PING_INTERVAL_S * n for n in range(6)]


def test_replies_that_make_no_sense_change_nothing() -> None:
    session, _ = make("BTC/USD")
    before = session.states

    for frame in (b"", b"[]", b'{"success":true}', b'{"req_id":99,"success":false}', b"\xff"):
        session.on_reply(frame, 0.1)

    assert session.states == before
