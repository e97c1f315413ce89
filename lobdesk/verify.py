"""Whether the journals are what was written, and say what the exchange said."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING

import msgspec

from lobdesk.derive import note_kind
from lobdesk.derive.foreign import UNCHECKED
from lobdesk.derive.repair import derived_through
from lobdesk.derive.retained import load_retained
from lobdesk.errors import JournalError
from lobdesk.journal import DERIVED_LOGS, EVENTS, is_locked, list_segments
from lobdesk.journal.audit import DerivedAudit, EventAudit
from lobdesk.progress import NoProgress, Progress

if TYPE_CHECKING:
    from lobdesk.derive import Derived
    from lobdesk.engine import Level3Verdict
    from lobdesk.paths import DataPaths, JournalRoot
    from lobdesk.records import RawEvent


@dataclass(slots=True)
class Counts:
    """Findings about one symbol, or about all.

    ``book_frames`` is the sum of the three after it; a frame without a checksum is in neither. A
    frame during a resync is unverified, not failed; gaps and resyncs are recorded facts and no
    damage.

    Attributes:
        events: Raw events; of a symbol those with a book message or a trade of it.
        book_frames: Book messages.
        verified: Their checksum is ours.
        failed: It is not.
        unverified: There was no book to apply them to, or they could not be applied.
        without_checksum: Book messages of a foreign source that carried no checksum; nothing
            verified the book after them beyond their sequence.
        resyncs: Snapshots after a symbol's first one.
        gaps: Gap records.
        chain_ok: Every line of the raw log is the one that was written, in its place.
        rederived_equal: Snapshots, trades and orders are, byte for byte, what the raw log gives.
    """

    events: int = 0
    book_frames: int = 0
    verified: int = 0
    failed: int = 0
    unverified: int = 0
    without_checksum: int = 0
    resyncs: int = 0
    gaps: int = 0
    chain_ok: bool = True
    rederived_equal: bool = True

    def add(self, other: Counts) -> None:
        """Add another's findings."""
        for entry in fields(self):
            mine, theirs = getattr(self, entry.name), getattr(other, entry.name)
            is_flag = isinstance(mine, bool)
            setattr(self, entry.name, (mine and theirs) if is_flag else mine + theirs)


@dataclass(slots=True)
class OrderCounts:
    """Findings about one symbol's level 3.

    Attributes:
        frames: Level-3 messages, the sum of the three after it.
        verified: Their checksum is ours.
        failed: It is not.
        unverified: As of book messages; also a snapshot that the exchange did not check.
        gaps: Gap records.
    """

    frames: int = 0
    verified: int = 0
    failed: int = 0
    unverified: int = 0
    gaps: int = 0


@dataclass(slots=True)
class VerifyReport:
    """Findings about all journals of a data directory.

    Attributes:
        total: Over everything.
        symbols: By symbol.
        orders: By symbol, of those with level 3.
        problems: What is wrong, one sentence each, with file and line.
        deleted_up_to: Journal → last record that retention has deleted; the rest was checked.
        derived_up_to: Journal of a recorder that ended before it had derived everything → the
            record before the first line that its next start will write.
    """

    total: Counts = field(default_factory=Counts)
    symbols: dict[str, Counts] = field(default_factory=dict)
    orders: dict[str, OrderCounts] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    deleted_up_to: dict[str, int] = field(default_factory=dict)
    derived_up_to: dict[str, int] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """True if no checksum failed and nothing stored contradicts itself."""
        total = self.total
        failed = total.failed + sum(counts.failed for counts in self.orders.values())
        return failed == 0 and total.chain_ok and total.rederived_equal

    def to_json(self) -> dict[str, object]:
        """Return what ``lobdesk verify --json`` prints."""
        symbols = {name: asdict(counts) for name, counts in sorted(self.symbols.items())}
        report: dict[str, object] = {"total": asdict(self.total), "symbols": symbols}
        if self.orders:
            orders = sorted(self.orders.items())
            report["level3"] = {name: asdict(counts) for name, counts in orders}
        if self.deleted_up_to:
            report["deleted_up_to"] = self.deleted_up_to
        if self.derived_up_to:
            report["derived_up_to"] = self.derived_up_to
        return report

    def add(self, other: VerifyReport) -> None:
        """Add another journal's findings."""
        self.total.add(other.total)
        for symbol, counts in other.symbols.items():
            self.symbols.setdefault(symbol, Counts()).add(counts)
        for symbol, orders in other.orders.items():
            mine = self.orders.setdefault(symbol, OrderCounts())
            for entry in fields(orders):
                sum_ = getattr(mine, entry.name) + getattr(orders, entry.name)
                setattr(mine, entry.name, sum_)
        self.problems += other.problems
        self.deleted_up_to |= other.deleted_up_to
        self.derived_up_to |= other.derived_up_to


def verify_data(paths: DataPaths, *, progress: Progress | None = None) -> VerifyReport:
    """Verify the recorder's journal and all imported ones.

    Raises:
        JournalError: There is no journal.
    """
    progress = progress if progress is not None else NoProgress()
    journals = paths.journals()
    if not journals:
        raise JournalError(f"{paths.root}: holds no journal; record or import something first")
    report = VerifyReport()
    for journal in journals:
        report.add(verify_journal(journal, progress=progress))
    return report


def verify_journal(journal: JournalRoot, *, progress: Progress | None = None) -> VerifyReport:
    """Verify one journal, also one that is being written."""
    audit = _JournalAudit(journal, progress if progress is not None else NoProgress())
    return audit.run()


class _JournalAudit:
    def __init__(self, journal: JournalRoot, progress: Progress) -> None:
        self._journal = journal
        self._progress = progress
        is_growing = is_locked(journal.path)
        self._events = EventAudit(journal.path, is_growing=is_growing)
        retained = load_retained(journal.path)
        self._derived = DerivedAudit(
            journal.path,
            is_growing=is_growing,
            after_seq=retained.seq,
            may_miss=self._is_left_to_next_start,
        )
        self._complete_to: int | None = None
        self._has_looked = False
        self._deriver = retained.deriver()
        self._report = VerifyReport()
        if retained.seq:
            self._report.deleted_up_to[journal.source] = retained.seq
        self._with_snapshot: set[str] = set()

    def run(self) -> VerifyReport:
        report = self._report
        size = _plain_size(self._journal)
        for event in self._events.events():
            report.total.events += 1
            self._on_event(event, self._deriver.feed(event))
            self._progress.update(f"verify {self._journal.source}", self._events.bytes_read, size)
        self._derived.finish(DERIVED_LOGS, self._events.last_seq)
        self._conclude()
        return report

    def _is_left_to_next_start(self, seq: int) -> bool:
        if not self._has_looked:
            self._has_looked = True
            self._complete_to = derived_through(self._journal.path)
        if self._complete_to is None or seq <= self._complete_to:
            return False
        behind = self._report.derived_up_to
        behind[self._journal.source] = min(seq - 1, behind.get(self._journal.source, seq - 1))
        return True

    def _on_event(self, event: RawEvent, derived: Derived) -> None:
        if event.dir == "note":
            self._on_note(event.raw)
        for log, symbol, line in derived.lines:
            self._derived.expect(log, symbol, line)
        verdict = derived.verdict or derived.reading
        if verdict is None or verdict.kind == "heartbeat":
            return
        for book in verdict.books:
            counts = self._symbol(book.symbol)
            if book.state == UNCHECKED:
                counts.without_checksum += 1
            else:
                counts.book_frames += 1
                setattr(counts, book.state, getattr(counts, book.state) + 1)
            if book.is_snapshot:
                counts.resyncs += book.symbol in self._with_snapshot
                self._with_snapshot.add(book.symbol)
        names = {book.symbol for book in verdict.books}
        names.update(trade.symbol for trade in verdict.trades)
        if derived.verdict is not None:
            names.update(self._on_orders(derived.verdict.level3))
        for name in names:
            self._symbol(name).events += 1

    def _on_orders(self, books: list[Level3Verdict]) -> set[str]:
        for book in books:
            counts = self._orders(book.symbol)
            counts.frames += 1
            setattr(counts, book.state, getattr(counts, book.state) + 1)
        return {book.symbol for book in books}

    def _on_note(self, raw: str) -> None:
        kind = note_kind(raw)
        symbol = _gap_symbol(raw) if kind in {"gap", "level3_gap"} else ""
        if symbol and kind == "gap":
            self._symbol(symbol).gaps += 1
        elif symbol:
            self._orders(symbol).gaps += 1

    def _orders(self, name: str) -> OrderCounts:
        return self._report.orders.setdefault(name, OrderCounts())

    def _symbol(self, name: str) -> Counts:
        return self._report.symbols.setdefault(name, Counts())

    def _conclude(self) -> None:
        report = self._report
        chain_ok = not self._events.problems
        for symbol, problems in self._derived.problems.items():
            self._symbol(symbol).rederived_equal = False
            report.problems += problems
        report.problems = [*self._events.problems, *report.problems]
        events = report.total.events
        for counts in report.symbols.values():
            counts.chain_ok = chain_ok
            report.total.add(counts)
        report.total.events = events
        report.total.chain_ok = chain_ok


class _Gap(msgspec.Struct):
    symbol: str = ""


def _gap_symbol(raw: str) -> str:
    try:
        return msgspec.json.decode(raw, type=_Gap).symbol
    except msgspec.DecodeError:
        return ""


def _plain_size(journal: JournalRoot) -> int | None:
    segments = list_segments(journal.path / EVENTS)
    if any(segment.is_sealed for segment in segments):
        return None
    return sum(segment.path.stat().st_size for segment in segments)
