"""The subscriptions of one connection, without any I/O.

Each symbol's book goes from ``unsubscribed`` over ``awaiting_ack`` and ``awaiting_snapshot`` to
``live``. A book that cannot be trusted is ``suspect``: only that symbol unsubscribes and
subscribes again, at most one such attempt is under way, and after five failures in a row attempts
are spaced from 0.5 s to 8 s.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from lobdesk.feed.requests import channel_request, parse_reply, ping_request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lobdesk.feed.requests import Param, Reply

REPLY_TIMEOUT_S = 5.0
SNAPSHOT_TIMEOUT_S = 10.0
STABLE_S = 5.0
"""A book that was live this long has recovered: earlier failures are forgotten."""

FREE_FAILURES = 5
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.5, 8.0
HOPELESS_FAILURES = 12
"""Failures in a row after which only a new connection can help."""

REFUSED_RETRY_S = 300.0
"""An exchange that is half down refuses what it grants later, and the connection may live for days.
"""

PING_INTERVAL_S = 10.0
"""Eight pings, of which the quickest counts, span 80 s; in that time a clock that drifts by 50 ppm
moves 4 ms, less than a round trip over the ocean varies."""


FIRST_PING_S = 2.0


class BookState(StrEnum):
    """Where a symbol's book stands."""

    UNSUBSCRIBED = "unsubscribed"
    AWAITING_ACK = "awaiting_ack"
    AWAITING_SNAPSHOT = "awaiting_snapshot"
    LIVE = "live"
    SUSPECT = "suspect"
    REFUSED = "refused"


class Notice(NamedTuple):
    """Something that people should see.

    Attributes:
        event: ``book live``, ``book suspect``, ``subscription refused``, ``rate limited`` …
        symbol: Pair, or empty.
        reason: Why, or empty.
    """

    event: str
    symbol: str = ""
    reason: str = ""


@dataclass(slots=True)
class _Book:
    state: BookState = BookState.UNSUBSCRIBED
    since_s: float = 0.0
    failures: int = 0
    retry_s: float = 0.0


class _Pending(NamedTuple):
    method: str
    channel: str
    symbols: set[str]
    deadline_s: float


class FeedSession:
    """Decides what to send on one connection.

    Attributes:
        notices: What happened since the caller last emptied it.
        resyncs: Attempts to rebuild a single book so far.
        wants_reconnect: A new connection is the only way on.
    """

    CHANNEL = "book"

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        depth: int,
        params: Mapping[str, Param] | None = None,
        ping_interval_s: float = PING_INTERVAL_S,
    ) -> None:
        """Prepare the subscriptions.

        Args:
            symbols: Pairs.
            depth: Book depth.
            params: Further parameters of every request.
            ping_interval_s: Time between pings.
        """
        self._ping_interval_s = ping_interval_s
        self.notices: deque[Notice] = deque()
        self.resyncs = 0
        self.wants_reconnect = False
        self._depth = depth
        self._params = dict(params or {})
        self._req_ids = count(1)
        self._books = {symbol: _Book() for symbol in symbols}
        self._refusals: dict[str, str] = {}
        self._pending: dict[int, _Pending] = {}
        self._next_ping_s = 0.0
        self._renewals: dict[str, float] = {}
        self._unanswered: Counter[str] = Counter()

    @property
    def states(self) -> dict[str, BookState]:
        """Symbol → where its book stands."""
        return {symbol: book.state for symbol, book in self._books.items()}

    @property
    def refusals(self) -> dict[str, str]:
        """Refused symbol → the exchange's words."""
        return {symbol: reason for symbol, reason in self._refusals.items() if symbol}

    @property
    def is_all_refused(self) -> bool:
        """Whether no symbol is left to record."""
        return all(book.state is BookState.REFUSED for book in self._books.values())

    @property
    def has_live(self) -> bool:
        """Whether any book is live."""
        return any(book.state is BookState.LIVE for book in self._books.values())

    def open(self, now_s: float) -> list[str]:
        """Return the first requests: instruments, then all books, then all trades."""
        self._next_ping_s = now_s + min(FIRST_PING_S, self._ping_interval_s)
        return [
            self._request("subscribe", "instrument", (), {}, now_s),
            self._subscribe_books(self._books, now_s),
            self._request("subscribe", "trade", self._books, {"snapshot": True}, now_s),
        ]

    def on_reply(self, frame: bytes, now_s: float) -> None:
        """Take in the answer to a request."""
        reply = parse_reply(frame)
        if reply is None:
            return
        if reply.rate_error:
            self._on_rate_limit(reply.rate_error, now_s)
        elif reply.req_id in self._pending and reply.success is True and reply.result:
            self._on_ack(self._pending[reply.req_id], reply, now_s)
        elif reply.success is False or reply.error:
            self._on_refusal(reply, now_s)

    def on_book(
        self, symbol: str, *, is_snapshot: bool, is_verified: bool, now_s: float, reason: str = ""
    ) -> None:
        """Take in the outcome of checking one book frame.

        Args:
            symbol: Pair.
            is_snapshot: It replaces the book.
            is_verified: Its checksum agrees.
            now_s: A monotonic clock.
            reason: Why it is not verified; ``precision`` asks for the instruments anew.
        """
        book = self._books.get(symbol)
        if book is None:
            return
        is_waiting = book.state in {BookState.AWAITING_ACK, BookState.AWAITING_SNAPSHOT}
        if is_waiting and is_snapshot:
            if is_verified:
                self._enter(book, BookState.LIVE, now_s)
                self.notices.append(Notice("book live", symbol))
            else:
                self._suspect(symbol, reason or "snapshot not verified", now_s)
        elif book.state is BookState.LIVE and not is_verified:
            self._suspect(symbol, reason or "book not verified", now_s)

    def rebuild(self, symbol: str, reason: str, now_s: float) -> None:
        """Subscribe one live book anew, for a reason that the exchange knows nothing of."""
        book = self._books.get(symbol)
        if book is not None and book.state is BookState.LIVE:
            self._suspect(symbol, reason, now_s)

    def renew(self, reason: str, now_s: float) -> None:
        """Ask for everything anew on the same connection: instruments, books, last trades."""
        self._renewals |= {"instrument": now_s, "trade": now_s}
        for symbol, book in self._books.items():
            if book.state in {BookState.LIVE, BookState.AWAITING_SNAPSHOT}:
                self._suspect(symbol, reason, now_s)

    def tick(self, now_s: float) -> list[str]:
        """Return the requests that are due: resyncs, retries, ping. Call it often."""
        self._expire(now_s)
        requests = [*self._renew_channels(now_s), *self._rebuild(now_s)]
        if now_s >= self._next_ping_s:
            self._next_ping_s = now_s + self._ping_interval_s
            requests.append(ping_request(next(self._req_ids)))
        return requests

    def _rebuild(self, now_s: float) -> list[str]:
        due = self._due(now_s)
        if not due:
            return []
        self.resyncs += len(due)
        return [*self._unsubscribe_books(due, now_s), self._subscribe_books(due, now_s)]

    def _due(self, now_s: float) -> list[str]:
        return [
            symbol
            for symbol, book in self._books.items()
            if book.state in {BookState.SUSPECT, BookState.REFUSED} and now_s >= book.retry_s
        ]

    def _renew_channels(self, now_s: float) -> list[str]:
        requests = []
        for channel in [name for name, due_s in self._renewals.items() if now_s >= due_s]:
            del self._renewals[channel]
            symbols: list[str] = []
            params: dict[str, Param] = {}
            if channel == "trade":
                symbols = [s for s, b in self._books.items() if b.state is not BookState.REFUSED]
                params = {"snapshot": True}
            requests += [
                self._request("unsubscribe", channel, symbols, {}, now_s),
                self._request("subscribe", channel, symbols, params, now_s),
            ]
        return requests

    def _renew_later(self, channel: str, now_s: float) -> None:
        """Ask for all instruments or trades again: some request for them had no answer."""
        self._unanswered[channel] += 1
        pause_s = backoff_s(FREE_FAILURES + self._unanswered[channel])
        self._renewals.setdefault(channel, now_s + pause_s)

    def _subscribe_books(self, symbols: Iterable[str], now_s: float) -> str:
        for symbol in symbols:
            self._enter(self._books[symbol], BookState.AWAITING_ACK, now_s)
        params: dict[str, Param] = {"depth": self._depth, "snapshot": True}
        return self._request("subscribe", self.CHANNEL, symbols, params, now_s)

    def _unsubscribe_books(self, symbols: Iterable[str], now_s: float) -> list[str]:
        params: dict[str, Param] = {"depth": self._depth}
        return [self._request("unsubscribe", self.CHANNEL, symbols, params, now_s)]

    def _request(
        self,
        method: str,
        channel: str,
        symbols: Iterable[str],
        params: Mapping[str, Param],
        now_s: float,
    ) -> str:
        req_id = next(self._req_ids)
        pairs = list(symbols)
        deadline_s = now_s + REPLY_TIMEOUT_S
        self._pending[req_id] = _Pending(method, channel, set(pairs) or {""}, deadline_s)
        return channel_request(
            method, channel, req_id, symbols=pairs, params={**params, **self._params}
        )

    def _on_ack(self, pending: _Pending, reply: Reply, now_s: float) -> None:
        assert reply.result is not None  # noqa: S101 - the caller has looked
        symbol = reply.result.symbol
        pending.symbols.discard(symbol)
        self._unanswered.pop(pending.channel, None)
        for warning in reply.result.warnings:
            self.notices.append(Notice("exchange warned", symbol, warning))
        book = self._books.get(symbol)
        is_book = pending.channel == self.CHANNEL and pending.method == "subscribe"
        if is_book and book is not None and book.state is BookState.AWAITING_ACK:
            self._refusals.pop(symbol, None)
            self._enter(book, BookState.AWAITING_SNAPSHOT, now_s)

    def _on_refusal(self, reply: Reply, now_s: float) -> None:
        """Find out whose refusal it is: the exchange may repeat only the request's number."""
        pending = self._pending.get(reply.req_id) if reply.req_id is not None else None
        reason = reply.error or "refused without a reason"
        if pending is None:
            self.notices.append(Notice("request refused", "", reason))
            return
        if pending.method == "unsubscribe":
            # Nothing to unsubscribe from is what we wanted.
            pending.symbols.clear()
            return
        named = pending.symbols & {reply.symbol, *reason.split()} - {""}
        if not named and len(pending.symbols) == 1:
            named = set(pending.symbols)
        if not named:
            self.notices.append(Notice("request refused", "", reason))
            self._refusals.setdefault("", reason)
        for symbol in sorted(named):
            pending.symbols.discard(symbol)
            self._refuse(pending.channel, symbol, reason, now_s)

    def _refuse(self, channel: str, symbol: str, reason: str, now_s: float) -> None:
        self.notices.append(Notice("subscription refused", symbol, f"{channel}: {reason}"))
        if channel == self.CHANNEL and symbol in self._books:
            self._refusals[symbol] = reason
            self._books[symbol].retry_s = now_s + REFUSED_RETRY_S
            self._enter(self._books[symbol], BookState.REFUSED, now_s)

    def _on_rate_limit(self, reason: str, now_s: float) -> None:
        """Ask again later for whatever is unanswered: the exchange does not say what it dropped."""
        self.notices.append(Notice("rate limited", "", reason))
        for pending in self._pending.values():
            if pending.symbols and pending.method == "subscribe" and pending.channel != "book":
                self._renew_later(pending.channel, now_s)
            pending.symbols.clear()
        for symbol, book in self._books.items():
            if book.state is BookState.AWAITING_ACK:
                book.failures = max(book.failures, FREE_FAILURES)
                self._suspect(symbol, "rate limited", now_s)

    def _expire(self, now_s: float) -> None:
        for req_id, pending in list(self._pending.items()):
            if pending.symbols and now_s < pending.deadline_s:
                continue
            del self._pending[req_id]
            if pending.method == "subscribe":
                for symbol in sorted(pending.symbols):
                    self._on_no_reply(pending.channel, symbol, now_s)
        for symbol, book in self._books.items():
            waited_s = now_s - book.since_s
            if book.state is BookState.AWAITING_SNAPSHOT and waited_s >= SNAPSHOT_TIMEOUT_S:
                self._suspect(symbol, "no snapshot", now_s)

    def _on_no_reply(self, channel: str, symbol: str, now_s: float) -> None:
        refusal = self._refusals.pop("", None)
        if refusal is not None:
            self._refuse(channel, symbol, refusal, now_s)
            self._refusals[""] = refusal
        elif channel == self.CHANNEL and self._books[symbol].state is BookState.AWAITING_ACK:
            self._suspect(symbol, "no answer to subscribe", now_s)
        else:
            if channel != self.CHANNEL:
                self._renew_later(channel, now_s)
            self.notices.append(Notice("subscription not answered", symbol, channel))

    def _suspect(self, symbol: str, reason: str, now_s: float) -> None:
        book = self._books[symbol]
        if book.state is BookState.LIVE and now_s - book.since_s >= STABLE_S:
            book.failures = 0
        book.failures += 1
        book.retry_s = now_s + backoff_s(book.failures)
        self.wants_reconnect = self.wants_reconnect or book.failures >= HOPELESS_FAILURES
        self._enter(book, BookState.SUSPECT, now_s)
        if reason == "precision":
            self._renewals.setdefault("instrument", now_s)
        self.notices.append(Notice("book suspect", symbol, reason))

    @staticmethod
    def _enter(book: _Book, state: BookState, now_s: float) -> None:
        book.state = state
        book.since_s = now_s


def backoff_s(failures: int) -> float:
    """Return how long to wait before the next resync after this many failures in a row."""
    if failures <= FREE_FAILURES:
        return 0.0
    doublings = min(failures - FREE_FAILURES - 1, 10)
    return min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2.0**doublings)
