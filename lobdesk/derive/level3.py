"""From level-3 frames to the order log, beside the level-2 books of the same journal.

A level-3 connection says so in its ``open`` note. Its books are kept apart from all others: they
have their own lines, their own gaps, and take their precisions from the instruments that any other
connection was told, because the endpoint of level 3 need not tell them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lobdesk.engine import BookVerifier
from lobdesk.journal import ORDERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lobdesk.derive.deriver import Derived
    from lobdesk.engine import Level3Verdict, Verdict
    from lobdesk.records import RawEvent

CHANNEL = "level3"
"""What the ``open`` note of such a connection has as ``channel``."""


class OrderProgress(msgspec.Struct):
    """How far the orders of one symbol have come, over all connections and restarts.

    Attributes:
        last_verified_seq: Last event after which they were verified; 0 before the first.
        last_verified_us: Its ``recv_ts_us``.
        gap_cause: Why they are not verified now; empty while they are, or before the first.
    """

    last_verified_seq: int = 0
    last_verified_us: int = 0
    gap_cause: str = ""


class OrderState(msgspec.Struct, frozen=True, kw_only=True):
    """What ``OrderDeriver.dump`` returns.

    Attributes:
        symbols: Progress of each symbol.
        books: For each connection what ``BookVerifier.dump`` gave.
    """

    symbols: dict[str, OrderProgress] = {}
    books: dict[int, bytes] = {}


class OrderDeriver:
    """Follows the level-3 connections of one journal.

    Attributes:
        symbols: Progress of each symbol.
    """

    def __init__(self, depth: int) -> None:
        self.symbols: dict[str, OrderProgress] = {}
        self._depth = depth
        self._verifiers: dict[int, BookVerifier] = {}

    def open(self, conn: int, others: Iterable[BookVerifier]) -> None:
        """Begin to follow a connection, which knows what the others were told of instruments."""
        verifier = self._verifiers[conn] = BookVerifier(depth=self._depth)
        for other in others:
            verifier.take_instruments(other)

    def follows(self, conn: int) -> bool:
        """Tell whether a connection is one of level 3."""
        return conn in self._verifiers

    def hear_instruments(self, other: BookVerifier) -> None:
        """Take over what another connection was just told."""
        for verifier in self._verifiers.values():
            verifier.take_instruments(other)

    def feed(self, event: RawEvent, derived: Derived) -> None:
        """Take a frame of a connection that is followed and add what follows from it."""
        verifier = self._verifiers[event.conn]
        derived.verdict = verdict = verifier.feed(event.raw.encode(), event.recv_ts_us)
        for symbol, reason in verdict.level3_ended:
            self._end(symbol, reason)
        for book in verdict.level3:
            if book.is_inferred:
                derived.notes.append(_precision_note(verifier, book.symbol))
            if book.state == "verified":
                self._on_verified(event, book, derived)
            else:
                self._end(book.symbol, book.reason)

    def watch(self, event: RawEvent) -> Verdict:
        """Take a frame that is not in the log: its book goes on, but nothing follows from it."""
        return self._verifiers[event.conn].feed(event.raw.encode(), event.recv_ts_us)

    def close(self, conn: int, cause: str) -> None:
        """Stop following a connection."""
        verifier = self._verifiers.pop(conn, None)
        if verifier is not None:
            for symbol in verifier.level3_symbols():
                self._end(symbol, cause)

    def reset(self, cause: str) -> None:
        """Stop following all connections; no book goes on."""
        for conn in list(self._verifiers):
            self.close(conn, cause)
        self.interrupt(cause)

    def interrupt(self, cause: str) -> None:
        """Count every symbol as interrupted."""
        for symbol in self.symbols:
            self._end(symbol, cause)

    def dump(self) -> OrderState:
        """Return everything, for ``load``."""
        books = {conn: verifier.dump() for conn, verifier in self._verifiers.items()}
        return OrderState(symbols=self.symbols, books=books)

    def load(self, state: OrderState) -> None:
        """Take over what ``dump`` returned.

        Raises:
            EngineError: It is damaged; nothing has changed then.
        """
        loaded = {}
        for conn, data in state.books.items():
            loaded[conn] = BookVerifier(depth=self._depth)
            loaded[conn].load(data)
        self._verifiers = loaded
        self.symbols = dict(state.symbols)

    def _on_verified(self, event: RawEvent, book: Level3Verdict, derived: Derived) -> None:
        progress = self.symbols.setdefault(book.symbol, OrderProgress())
        if progress.gap_cause:
            derived.notes.append(
                {
                    "kind": "level3_gap",
                    "symbol": book.symbol,
                    "cause": progress.gap_cause,
                    "last_verified_seq": progress.last_verified_seq,
                    "first_verified_seq": event.seq,
                    "from_us": progress.last_verified_us,
                    "to_us": event.recv_ts_us,
                }
            )
            progress.gap_cause = ""
        progress.last_verified_seq = event.seq
        progress.last_verified_us = event.recv_ts_us
        derived.add_line(ORDERS, book.symbol, book.line(event.seq))

    def _end(self, symbol: str, cause: str) -> None:
        progress = self.symbols.get(symbol)
        if progress is not None and progress.last_verified_seq and not progress.gap_cause:
            progress.gap_cause = cause


def _precision_note(verifier: BookVerifier, symbol: str) -> dict[str, object]:
    precisions = verifier.level3_instrument(symbol)
    assert precisions is not None  # noqa: S101 - this snapshot has just set them
    return {
        "kind": "level3_precision",
        "symbol": symbol,
        "price_precision": precisions[0],
        "qty_precision": precisions[1],
        "inferred": True,
    }
