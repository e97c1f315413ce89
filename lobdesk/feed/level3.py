"""The level-3 subscriptions of one connection: the same states, other rules.

The channel needs a token, and a counter limits how fast symbols may be subscribed. The session
writes ``REDACTED`` where the token belongs, so that what it asks for may be recorded; whoever sends
a request puts the token in at the last moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.feed.session import FIRST_PING_S, PING_INTERVAL_S, BookState, FeedSession, Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lobdesk.feed.requests import Reply

REDACTED = "<redacted>"
"""Stands for the token in whatever is written down."""

SUBSCRIBE_COST = {10: 5.0, 100: 25.0, 1000: 100.0}
"""What the subscription of one symbol adds to the exchange's counter, by depth."""

MAX_SYMBOLS = 200
"""Symbols that one connection may hold."""

RATE_SHARE = 0.8
"""How much of the allowed rate is used: requests may arrive closer together than they were sent."""

TOKEN_WORDS = ("token", "session", "eauth", "permission")


def reveal(text: str, token: str) -> str:
    """Return a request as it is sent, with its token."""
    return text.replace(f'"{REDACTED}"', f'"{token}"')


class Level3Session(FeedSession):
    """Decides what to send on one level-3 connection.

    Attributes:
        is_token_refused: The exchange does not take the token; only another one helps.
    """

    CHANNEL = "level3"

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        depth: int,
        rate_per_s: float,
        ping_interval_s: float = PING_INTERVAL_S,
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        """Prepare the subscriptions.

        Args:
            symbols: Pairs, at most ``MAX_SYMBOLS``.
            depth: 10, 100 or 1000 price levels.
            rate_per_s: What the exchange's counter allows this connection.
            ping_interval_s: Time between pings.
            is_ready: Tells whether the instruments are known, without which no first subscription
                is sent.
        """
        params = {"token": REDACTED}
        super().__init__(symbols, depth=depth, params=params, ping_interval_s=ping_interval_s)
        self.is_token_refused = False
        self._is_ready = is_ready
        self._cost = SUBSCRIBE_COST[depth]
        # However low the rate is, one symbol must be affordable at some time.
        self._rate = max(rate_per_s * RATE_SHARE, self._cost)
        self._counter = 0.0
        self._counted_s = 0.0

    def open(self, now_s: float) -> list[str]:
        """Return nothing yet: ``tick`` subscribes as fast as the rate allows."""
        self._next_ping_s = now_s + min(FIRST_PING_S, self._ping_interval_s)
        self._counted_s = now_s
        return []

    def on_book(
        self, symbol: str, *, is_snapshot: bool, is_verified: bool, now_s: float, reason: str = ""
    ) -> None:
        """Take in the outcome of checking one message; an unchecked snapshot is a book, too."""
        is_good = is_verified or reason == "unchecked"
        super().on_book(
            symbol, is_snapshot=is_snapshot, is_verified=is_good, now_s=now_s, reason=reason
        )

    def _renew_channels(self, now_s: float) -> list[str]:
        """Ask for neither: another connection has instruments and trades."""
        del now_s
        self._renewals.clear()
        return []

    def _rebuild(self, now_s: float) -> list[str]:
        suspects = self._due(now_s)
        fresh = [
            symbol
            for symbol, book in self._books.items()
            if book.state is BookState.UNSUBSCRIBED and self._is_ready()
        ]
        chosen = [*suspects, *fresh][: self._affordable(now_s)]
        if not chosen:
            return []
        self._counter += self._cost * len(chosen)
        again = [symbol for symbol in chosen if symbol in suspects]
        requests = self._unsubscribe_books(again, now_s) if again else []
        self.resyncs += len(again)
        return [*requests, self._subscribe_books(chosen, now_s)]

    def _affordable(self, now_s: float) -> int:
        self._counter = max(0.0, self._counter - (now_s - self._counted_s) * self._rate)
        self._counted_s = now_s
        return int((self._rate - self._counter) // self._cost)

    def _on_refusal(self, reply: Reply, now_s: float) -> None:
        pending = self._pending.get(reply.req_id) if reply.req_id is not None else None
        is_about_token = any(word in reply.error.lower() for word in TOKEN_WORDS)
        if pending is None or pending.method != "subscribe" or not is_about_token:
            super()._on_refusal(reply, now_s)
            return
        self.is_token_refused = True
        self.notices.append(Notice("token refused", "", reply.error))
        self._give_up(pending.symbols, reply.error, now_s)
        pending.symbols.clear()

    def _give_up(self, symbols: Iterable[str], reason: str, now_s: float) -> None:
        for symbol in sorted(symbols):
            self._suspect(symbol, reason, now_s)
