"""The state behind deleted raw events, so that the rest of a log still proves and derives."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import msgspec

from lobdesk.derive.continuity import ContinuityState  # noqa: TC001 - msgspec reads it
from lobdesk.derive.deriver import Deriver, SymbolProgress
from lobdesk.derive.level3 import OrderState
from lobdesk.errors import JournalError
from lobdesk.journal.reader import prove_line, read_lines
from lobdesk.journal.retention import RETENTION_NAME, read_retention
from lobdesk.journal.segment_file import write_durable

if TYPE_CHECKING:
    from pathlib import Path

    from lobdesk.journal import Segment

VERSION = 1


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """One run of retention that deleted something.

    Attributes:
        at_us: When.
        seq: Last record that went.
        segments: Segments of the raw log.
        bytes: Stored size of them and of the derived segments that went with them, as planned.
    """

    at_us: int
    seq: int
    segments: int
    bytes: int


class Retained(msgspec.Struct, frozen=True, kw_only=True):
    """What ``retention.json`` holds.

    Attributes:
        v: Version of this file.
        seq: Last deleted record.
        crc: Its checksum.
        symbols: Progress of each symbol behind it.
        books: For each connection what ``BookVerifier.dump`` gave.
        shared: For each symbol where several connections are; None with one.
        deletions: What went when, oldest first.
        orders: State of level 3.
    """

    v: int = VERSION
    seq: int = 0
    crc: int = 0
    symbols: dict[str, SymbolProgress] = {}
    books: dict[int, bytes] = {}
    shared: dict[str, ContinuityState] | None = None
    deletions: list[Deletion] = []
    orders: OrderState = OrderState()

    def deriver(self) -> Deriver:
        """Return a deriver that goes on from here."""
        deriver = Deriver()
        self.restore(deriver)
        return deriver

    def restore(self, deriver: Deriver) -> None:
        """Give a new deriver the state behind the deleted records."""
        deriver.load(self.books, self.shared)
        deriver.symbols.update(self.symbols)
        deriver.orders.load(self.orders)


def load_retained(root: Path) -> Retained:
    """Return the state behind what was deleted; the beginning if nothing was.

    Raises:
        JournalReadError: The record is damaged.
        JournalError: It is of a newer version.
    """
    body = read_retention(root)
    if body is None:
        return Retained()
    retained = msgspec.json.decode(body, type=Retained)
    if retained.v != VERSION:
        raise JournalError(f"{root / RETENTION_NAME}: is of version {retained.v}; update lobdesk")
    return retained


def advance(retained: Retained, segments: list[Segment], at_us: int, size: int) -> Retained:
    """Return the state behind further segments, each line of which is proved on the way.

    Args:
        retained: State before them.
        segments: The next segments of the raw log.
        at_us: Present wall clock.
        size: Stored bytes that will go.

    Raises:
        BrokenChainError: A line is not what was written; such a log is not thinned out.
        JournalError: The events speak a dialect whose state cannot be kept.
    """
    deriver, seq, crc = retained.deriver(), retained.seq, retained.crc
    for segment in segments:
        for line in read_lines(segment):
            event, crc = prove_line(line, crc)
            deriver.feed(event)
            seq = event.seq
    if not deriver.can_dump:
        raise JournalError("an import in a foreign dialect cannot be thinned out")
    deletion = Deletion(at_us=at_us, seq=seq, segments=len(segments), bytes=size)
    return Retained(
        seq=seq,
        crc=crc,
        symbols=deriver.symbols,
        books=deriver.dump(),
        shared=deriver.dump_shared(),
        deletions=[*retained.deletions, deletion],
        orders=deriver.orders.dump(),
    )


def store_retained(root: Path, retained: Retained) -> None:
    """Make the record durable, before anything is deleted; raise ``OSError``."""
    body = msgspec.json.encode(retained)
    write_durable(root / RETENTION_NAME, b"%b\n%d\n" % (body, zlib.crc32(body)))
