"""Counts of what became of the frames, per symbol and in all."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lobdesk.recorder.state import BookReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lobdesk.recorder.recorder import Outcome

logger = logging.getLogger(__name__)


class Tally:
    """Adds up over all connections of one recorder.

    Attributes:
        malformed: Frames that were no sense.
    """

    def __init__(self, symbols: Iterable[str], now_us: int, *, channel: str = "book") -> None:
        self.malformed = 0
        self._is_level3 = channel == "level3"
        self._books = {symbol: _Book(now_us) for symbol in symbols}

    def add(self, outcome: Outcome) -> None:
        """Count one frame."""
        verdict = outcome.verdict
        for verdict_of_book in verdict.level3 if self._is_level3 else verdict.books:
            book = self._books.get(verdict_of_book.symbol)
            if book is not None:
                book.counts[verdict_of_book.state] += 1
                book.last_us = outcome.event.recv_ts_us
                recv_ts_us, exch_ts_us = outcome.event.recv_ts_us, verdict_of_book.exch_ts_us
                if exch_ts_us not in {0, recv_ts_us}:
                    book.lag_us = recv_ts_us - exch_ts_us
        if self._is_level3:
            return
        for symbol in outcome.trade_symbols:
            if symbol in self._books:
                self._books[symbol].trades += 1
        for symbol in outcome.gap_symbols:
            if symbol in self._books:
                self._books[symbol].gaps += 1
        if verdict.kind == "malformed":
            self.malformed += 1
            event = outcome.event
            facts = {"seq": event.seq, "reason": verdict.reason, "connection": event.conn}
            logger.warning("malformed frame", extra=facts)

    def enter(self, states: Mapping[str, str], now_us: int) -> None:
        """Note where the books stand; the time counts from when that changed."""
        for symbol, state in states.items():
            book = self._books[symbol]
            if state != book.state:
                book.state, book.since_us = str(state), now_us

    def report(self, refusals: Mapping[str, str]) -> dict[str, BookReport]:
        """Return the counts by symbol."""
        return {
            symbol: BookReport(
                state=book.state,
                since_us=book.since_us,
                trades=book.trades,
                gaps=book.gaps,
                lag_us=book.lag_us,
                last_us=book.last_us,
                reason=refusals.get(symbol, ""),
                **book.counts,
            )
            for symbol, book in self._books.items()
        }


class _Book:
    def __init__(self, since_us: int) -> None:
        self.state = "unsubscribed"
        self.since_us = since_us
        self.trades = self.gaps = self.last_us = 0
        self.lag_us: int | None = None
        self.counts = {"verified": 0, "failed": 0, "unverified": 0}
