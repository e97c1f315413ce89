"""From raw events to snapshot and trade lines: the one place where that happens.

The recorder, the importers and ``verify`` all run this code, so they agree byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from lobdesk.derive.continuity import Continuity
from lobdesk.derive.dialects import make_dialect
from lobdesk.derive.foreign import UNCHECKED
from lobdesk.derive.level3 import CHANNEL as LEVEL3
from lobdesk.derive.level3 import OrderDeriver
from lobdesk.derive.notes import note_kind, open_facts
from lobdesk.engine import BookVerdict, BookVerifier
from lobdesk.journal import ORDERS, SNAPSHOTS, TRADES

if TYPE_CHECKING:
    from lobdesk.derive.continuity import ContinuityState
    from lobdesk.derive.foreign import BookChange, Dialect, ForeignTrade, Reading
    from lobdesk.engine import TradeEntry, Verdict
    from lobdesk.records import RawEvent

DEFAULT_DEPTH = 10
"""Subscribed depth where no subscription's answer names one."""

RESETS = {"start": "restart", "lost": "lost"}
"""Notes that end all books, and the cause that a gap then names."""

FOLLOWED = frozenset({"verified", UNCHECKED})
"""States of a book that is written down."""


class DerivedLine(NamedTuple):
    """One line for a derived log.

    Attributes:
        log: ``snapshots``, ``trades`` or ``orders``.
        symbol: Exchange name of the pair.
        line: The bytes, with newline.
    """

    log: str
    symbol: str
    line: bytes


@dataclass(slots=True)
class Derived:
    """What one raw event means.

    Attributes:
        verdict: About a received frame of Kraken v2; None for what we sent and noted.
        reading: The same of a frame in another dialect.
        lines: For the derived logs, in order.
        notes: Facts that a recorder or importer appends to the raw log as notes; each has
            ``kind``.
        stranded: Connection and symbol of verified books that cannot go on from the last written
            state; only a new snapshot can end the gap.
    """

    verdict: Verdict | None = None
    reading: Reading | None = None
    lines: list[DerivedLine] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    stranded: list[tuple[int, str]] = field(default_factory=list)

    def add_line(self, log: str, symbol: str, line: bytes) -> None:
        """Add a line for a derived log."""
        self.lines.append(DerivedLine(log, symbol, line))


@dataclass(slots=True)
class SymbolProgress:
    """How far one symbol has come, over all connections and restarts.

    Attributes:
        last_verified_seq: Last event after which the book was verified; 0 before the first.
        last_verified_us: Its ``recv_ts_us``.
        gap_cause: Why the book is not verified now; empty while it is, or before the first.
        last_trade_id: Largest trade number seen; -1 before the first.
    """

    last_verified_seq: int = 0
    last_verified_us: int = 0
    gap_cause: str = ""
    last_trade_id: int = -1


class Deriver:
    """Follows the raw events of one journal.

    Notes of kind ``start`` (a recorder began), ``open``/``close`` (of a connection) and ``lost``
    (records are missing) reset what they concern, so the state never depends on which process saw
    the events.

    Where several connections have books at once, each state is written once, see ``Continuity``.

    Attributes:
        symbols: Progress of each symbol.
        orders: The connections of level 3.
    """

    def __init__(self, *, depth: int = DEFAULT_DEPTH) -> None:
        self._depth = depth
        self._verifiers: dict[int, BookVerifier] = {}
        self._dialects: dict[int, Dialect] = {}
        self._shared: dict[str, Continuity] | None = None
        self.symbols: dict[str, SymbolProgress] = {}
        self.orders = OrderDeriver(depth)

    def feed(self, event: RawEvent) -> Derived:
        """Take one event in the order of the log and return what follows from it."""
        derived = Derived()
        dialect = self._dialects.get(event.conn)
        if event.dir == "in" and dialect is not None:
            derived.reading = dialect.feed(event.raw.encode(), event.recv_ts_us)
            derived.notes += derived.reading.notes
            self._on_frame(event, dialect, derived.reading, derived)
            for orders in derived.reading.orders:
                derived.add_line(ORDERS, orders.symbol, orders.line(event.seq))
        elif event.dir == "in" and self.orders.follows(event.conn):
            self.orders.feed(event, derived)
        elif event.dir == "in":
            verifier = self.verifier(event.conn)
            if len(self._verifiers) > 1 and self._shared is None:
                self._share()
                derived.notes.append({"kind": "lines", "first_seq": event.seq})
            derived.verdict = verifier.feed(event.raw.encode(), event.recv_ts_us)
            if derived.verdict.kind == "instrument":
                self.orders.hear_instruments(verifier)
            self._on_frame(event, verifier, derived.verdict, derived)
        elif event.dir == "note":
            self._on_note(event, derived)
        return derived

    def watch(self, event: RawEvent) -> Derived:
        """Take an event that is not in the log: books go on, but nothing follows from it."""
        derived = Derived()
        if event.dir == "in" and self.orders.follows(event.conn):
            derived.verdict = self.orders.watch(event)
        elif event.dir == "in":
            derived.verdict = self.verifier(event.conn).feed(event.raw.encode(), event.recv_ts_us)
        elif event.dir == "note" and (kind := note_kind(event.raw)) in {"open", "close"}:
            self._verifiers.pop(event.conn, None)
            self.orders.close(event.conn, kind)
            if kind == "open" and open_facts(event.raw).get("channel") == LEVEL3:
                self.orders.open(event.conn, self._verifiers.values())
        return derived

    @property
    def has_lines(self) -> bool:
        """Whether several connections have had books at once since the last restart or loss."""
        return self._shared is not None

    def verifier(self, conn: int) -> BookVerifier:
        """Return the books of one connection."""
        verifier = self._verifiers.get(conn)
        if verifier is None:
            verifier = self._verifiers[conn] = BookVerifier(depth=self._depth)
        return verifier

    @property
    def can_dump(self) -> bool:
        """False while a connection speaks a dialect, whose books ``dump`` does not hold."""
        return not self._dialects

    def dump(self) -> dict[int, bytes]:
        """Return the books of all connections, for ``load``."""
        return {conn: verifier.dump() for conn, verifier in self._verifiers.items()}

    def dump_shared(self) -> dict[str, ContinuityState] | None:
        """Return where several connections are, for ``load``; None with one."""
        if self._shared is None:
            return None
        return {symbol: shared.dump() for symbol, shared in self._shared.items()}

    def load(
        self, books: dict[int, bytes], shared: dict[str, ContinuityState] | None = None
    ) -> None:
        """Take over what ``dump`` returned.

        Raises:
            EngineError: It is damaged; nothing has changed then.
        """
        loaded = {}
        for conn, data in books.items():
            loaded[conn] = BookVerifier(depth=self._depth)
            loaded[conn].load(data)
        self._verifiers = loaded
        self._shared = (
            None
            if shared is None
            else {symbol: Continuity.load(state) for symbol, state in shared.items()}
        )

    def progress(self, symbol: str) -> SymbolProgress:
        """Return how far a symbol has come."""
        return self.symbols.setdefault(symbol, SymbolProgress())

    def _on_frame(
        self,
        event: RawEvent,
        verifier: BookVerifier | Dialect,
        verdict: Verdict | Reading,
        derived: Derived,
    ) -> None:
        kind = verdict.kind
        if kind == "heartbeat":
            return
        for symbol, reason in verdict.ended:
            self._lose(event.conn, symbol, reason, derived)
        if kind == "trade" or derived.reading is not None:
            self._on_trades(event, verdict, derived)
        verified: dict[str, None] = {}
        for book in verdict.books:
            if book.state not in FOLLOWED:
                self._lose(event.conn, book.symbol, book.reason, derived)
                self._note_line(event, book, derived)
                verified.pop(book.symbol, None)
            elif self._is_news(event, book, derived):
                self._on_verified(event, book, verifier, derived)
                verified[book.symbol] = None
        for symbol in verified:
            line = verifier.snapshot_line(symbol, event.seq)
            derived.lines.append(DerivedLine(SNAPSHOTS, symbol, line))

    def _on_verified(
        self,
        event: RawEvent,
        book: BookVerdict | BookChange,
        verifier: BookVerifier | Dialect,
        derived: Derived,
    ) -> None:
        progress = self.progress(book.symbol)
        if book.is_inferred:
            precisions = verifier.instrument(book.symbol)
            assert precisions is not None  # noqa: S101 - this snapshot has just set them
            derived.notes.append(
                {
                    "kind": "precision",
                    "symbol": book.symbol,
                    "price_precision": precisions[0],
                    "qty_precision": precisions[1],
                    "inferred": True,
                }
            )
        if progress.gap_cause:
            derived.notes.append(
                {
                    "kind": "gap",
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

    def _is_news(self, event: RawEvent, book: BookVerdict | BookChange, derived: Derived) -> bool:
        """Tell whether a verified state is to be written; no other connection brought it before."""
        if self._shared is None or not isinstance(book, BookVerdict):
            return True
        continuity = self._continuity(book.symbol)
        is_news = continuity.take(
            event.conn,
            event.raw,
            book.exch_ts_us,
            book.expected or 0,
            anew=book.is_snapshot,
        )
        if not is_news:
            if continuity.is_held:
                # A line that lagged has come to the last written state: nothing is missing.
                self.progress(book.symbol).gap_cause = ""
            self._settle(book.symbol, "continuity", derived)
        return is_news

    def _share(self) -> None:
        """Begin to follow several connections; so far, one alone went on."""
        self._shared = {}
        for symbol, progress in self.symbols.items():
            if progress.last_verified_seq and not progress.gap_cause:
                holders = [conn for conn, v in self._verifiers.items() if symbol in v.symbols()]
                self._shared[symbol] = Continuity(holders)

    def _continuity(self, symbol: str) -> Continuity:
        assert self._shared is not None  # noqa: S101 - callers have looked
        return self._shared.setdefault(symbol, Continuity())

    def _lose(self, conn: int, symbol: str, cause: str, derived: Derived) -> None:
        """A connection's book is not verified any more."""
        if self._shared is None:
            self._end(symbol, cause)
        else:
            self._continuity(symbol).lose(conn)
            self._settle(symbol, cause, derived)

    def _note_line(self, event: RawEvent, book: BookVerdict | BookChange, derived: Derived) -> None:
        """Say which frame a line could not verify; with several, no gap need tell of it."""
        if self._shared is not None:
            derived.notes.append(
                {
                    "kind": "line",
                    "symbol": book.symbol,
                    "seq": event.seq,
                    "state": book.state,
                    "cause": book.reason,
                }
            )

    def _settle(self, symbol: str, cause: str, derived: Derived) -> None:
        """End the stretch of verified states if no connection can go on with it."""
        continuity = self._continuity(symbol)
        if not continuity.is_held:
            self._end(symbol, cause)
            derived.stranded += [(conn, symbol) for conn in continuity.ahead]

    def _end(self, symbol: str, cause: str) -> None:
        progress = self.symbols.get(symbol)
        if progress is not None and progress.last_verified_seq and not progress.gap_cause:
            progress.gap_cause = cause

    def _on_trades(self, event: RawEvent, verdict: Verdict | Reading, derived: Derived) -> None:
        trades: list[TradeEntry | ForeignTrade] = [*verdict.trades]
        reading = derived.reading
        if reading is not None and not (
            reading.repeats_trades and all(trade.trade_id for trade in trades)
        ):
            # Without numbers, or with numbers that say nothing, no trade is a repetition.
            for trade in trades:
                derived.lines.append(DerivedLine(TRADES, trade.symbol, trade.line(event.seq)))
            trades = []
        for trade in sorted(trades, key=lambda entry: entry.trade_id):
            progress = self.progress(trade.symbol)
            last = progress.last_trade_id
            if trade.trade_id <= last:
                continue  # a snapshot after a reconnect repeats the last 50
            if 0 <= last < trade.trade_id - 1:
                derived.notes.append(
                    {
                        "kind": "trade_gap",
                        "symbol": trade.symbol,
                        "last_trade_id": last,
                        "first_trade_id": trade.trade_id,
                    }
                )
            progress.last_trade_id = trade.trade_id
            derived.lines.append(DerivedLine(TRADES, trade.symbol, trade.line(event.seq)))
        for symbol, reason in verdict.refused:
            derived.notes.append({"kind": "refused_trade", "symbol": symbol, "reason": reason})

    def _on_note(self, event: RawEvent, derived: Derived) -> None:
        kind = note_kind(event.raw)
        if kind in {"start", "lost"}:
            # After a loss the books may be right; that they are does not follow from the log.
            for conn in [*self._verifiers, *self._dialects]:
                self._drop(conn, RESETS[kind], derived)
            self.interrupt(RESETS[kind])
            self.orders.reset(RESETS[kind])
            self._shared = None
            derived.stranded.clear()
        elif kind in {"open", "close"}:
            self._drop(event.conn, kind, derived)
            self.orders.close(event.conn, kind)
            if kind == "open":
                self._open(event.conn, open_facts(event.raw))

    def _open(self, conn: int, facts: dict[str, Any]) -> None:
        dialect = make_dialect(facts)
        if dialect is not None:
            self._dialects[conn] = dialect
        elif facts.get("channel") == LEVEL3:
            self.orders.open(conn, self._verifiers.values())

    def _drop(self, conn: int, cause: str, derived: Derived) -> None:
        verifier = self._verifiers.pop(conn, None) or self._dialects.pop(conn, None)
        if verifier is not None:
            for symbol in verifier.symbols():
                self._lose(conn, symbol, cause, derived)

    def interrupt(self, cause: str) -> None:
        """Count every symbol as interrupted, as after a restart of the recorder."""
        for symbol in self.symbols:
            self._end(symbol, cause)
        self.orders.interrupt(cause)
