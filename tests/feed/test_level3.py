"""Level-3 subscriptions and tokens, without a socket."""

from __future__ import annotations

import json
import shlex
import sys

import pytest

from lobdesk.feed.level3 import REDACTED, Level3Session, reveal
from lobdesk.feed.session import BookState
from lobdesk.feed.token import TokenError, TokenSource
from lobdesk.simulator.access import Level3Access

SYMBOLS = [f"S{n}/USD" for n in range(60)]


def subscribed(requests: list[str]) -> list[str]:
    found = [json.loads(text) for text in requests]
    return [
        symbol
        for request in found
        if request["method"] == "subscribe"
        for symbol in request["params"]["symbol"]
    ]


@pytest.mark.parametrize(("depth", "cost"), [(10, 5.0), (100, 25.0), (1000, 100.0)])
def test_many_symbols_are_subscribed_within_the_exchanges_rate(depth, cost) -> None:
    session = Level3Session(SYMBOLS, depth=depth, rate_per_s=200.0)
    access = Level3Access({})
    session.open(0.0)
    done: list[str] = []
    at_s = 0.0
    while len(done) < len(SYMBOLS):
        for symbol in subscribed(session.tick(at_s)):
            done.append(symbol)
            assert access.charge(depth, at_s), f"{symbol} came too early"
            session.on_reply(ack(session, symbol), at_s)
            session.on_book(symbol, is_snapshot=True, is_verified=True, now_s=at_s)
        at_s += 0.05

    assert done == SYMBOLS
    least_s = (len(SYMBOLS) * cost - 200.0) / 200.0
    assert max(0.0, least_s) <= at_s <= max(1.0, 2.0 * least_s)


def ack(session: Level3Session, symbol: str) -> bytes:
    number = max(session._pending)
    result = {"channel": "level3", "symbol": symbol}
    return json.dumps(
        {"method": "subscribe", "req_id": number, "success": True, "result": result}
    ).encode()


def test_nothing_is_asked_before_the_instruments_are_known() -> None:
    is_ready = False
    session = Level3Session(SYMBOLS[:2], depth=10, rate_per_s=200.0, is_ready=lambda: is_ready)

    assert session.open(0.0) == []
    assert subscribed(session.tick(0.1)) == []
    is_ready = True
    assert subscribed(session.tick(0.2)) == SYMBOLS[:2]


def test_requests_carry_no_token_until_they_are_sent() -> None:
    session = Level3Session(SYMBOLS[:1], depth=10, rate_per_s=200.0)
    session.open(0.0)

    (text,) = session.tick(0.1)

    assert json.loads(text)["params"]["token"] == REDACTED
    assert json.loads(reveal(text, "abc"))["params"]["token"] == "abc"


def test_a_suspect_book_is_rebuilt_alone() -> None:
    session = Level3Session(SYMBOLS[:2], depth=10, rate_per_s=200.0)
    session.open(0.0)
    session.tick(0.1)
    for symbol in SYMBOLS[:2]:
        session.on_reply(ack(session, symbol), 0.2)
        session.on_book(symbol, is_snapshot=True, is_verified=True, now_s=0.3)

    session.on_book(SYMBOLS[0], is_snapshot=False, is_verified=False, now_s=1.0, reason="checksum")
    requests = [json.loads(text) for text in session.tick(1.1)]

    assert [(r["method"], r["params"]["symbol"]) for r in requests] == [
        ("unsubscribe", SYMBOLS[:1]),
        ("subscribe", SYMBOLS[:1]),
    ]
    assert session.resyncs == 1
    assert session.states[SYMBOLS[1]] is BookState.LIVE


def test_an_unchecked_snapshot_is_a_book_that_lives() -> None:
    session = Level3Session(SYMBOLS[:1], depth=10, rate_per_s=200.0)
    session.open(0.0)
    session.tick(0.1)
    session.on_reply(ack(session, SYMBOLS[0]), 0.2)

    session.on_book(SYMBOLS[0], is_snapshot=True, is_verified=False, now_s=0.3, reason="unchecked")

    assert session.states[SYMBOLS[0]] is BookState.LIVE


def test_a_refused_token_is_told_apart_from_a_refused_symbol() -> None:
    session = Level3Session(SYMBOLS[:2], depth=10, rate_per_s=200.0)
    session.open(0.0)
    session.tick(0.1)
    reply = {"method": "subscribe", "req_id": max(session._pending), "success": False}

    session.on_reply(json.dumps({**reply, "error": "ESession:Invalid session"}).encode(), 0.2)

    assert session.is_token_refused
    assert session.refusals == {}
    assert set(session.states.values()) == {BookState.SUSPECT}


async def test_a_token_comes_from_where_the_settings_say(tmp_path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    command = shlex.join([sys.executable, "-c", "print('from-command')"])

    found = [
        await TokenSource(token="itself").fetch(),
        await TokenSource(file=str(file)).fetch(),
        await TokenSource(command=command).fetch(),
    ]

    assert found == ["itself", "from-file", "from-command"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ({"token": 'a"b-secret'}, "plain characters"),
        ({"file": "/nowhere/at/all"}, "cannot be read"),
        ({"command": "/nowhere/at/all secret"}, "cannot be run"),
        ({"command": f"{sys.executable} -c exit(3)#secret"}, "exit code 3"),
        ({"command": f"{sys.executable} -c pass"}, "no token"),
        ({"command": "unbalanced 'secret"}, "cannot be run"),
    ],
)
async def test_without_a_token_the_reason_is_told_and_no_secret(source, reason) -> None:
    with pytest.raises(TokenError, match=reason) as found:
        await TokenSource(**source).fetch()

    assert "secret" not in str(found.value)
