"""The journal: what the socket said, line by line, and what is derived from it."""

from lobdesk.journal.derived import DerivedEnd
from lobdesk.journal.errors import (
    BrokenChainError,
    JournalLockedError,
    JournalReadError,
    JournalSyncError,
    JournalWriteError,
    NewerJournalError,
)
from lobdesk.journal.layout import (
    DERIVED_LOGS,
    EVENTS,
    ORDERS,
    SNAPSHOTS,
    TRADES,
    Segment,
    list_segments,
    list_symbols,
    symbol_log_dir,
)
from lobdesk.journal.line import note_text
from lobdesk.journal.lock import is_locked
from lobdesk.journal.reader import (
    JournalLine,
    RawMark,
    read_all,
    read_blocks,
    read_events,
    read_events_behind,
    read_lines,
    read_readable_events,
)
from lobdesk.journal.recovery import TornTail
from lobdesk.journal.seal import Seal, read_seal
from lobdesk.journal.writer import JournalWriter, boot_id, now_us

__all__ = [
    "DERIVED_LOGS",
    "EVENTS",
    "ORDERS",
    "SNAPSHOTS",
    "TRADES",
    "BrokenChainError",
    "DerivedEnd",
    "JournalLine",
    "JournalLockedError",
    "JournalReadError",
    "JournalSyncError",
    "JournalWriteError",
    "JournalWriter",
    "NewerJournalError",
    "RawMark",
    "Seal",
    "Segment",
    "TornTail",
    "boot_id",
    "is_locked",
    "list_segments",
    "list_symbols",
    "note_text",
    "now_us",
    "read_all",
    "read_blocks",
    "read_events",
    "read_events_behind",
    "read_lines",
    "read_readable_events",
    "read_seal",
    "symbol_log_dir",
]
