"""Where deriving can go on after a crash without going back to the beginning."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import msgspec

from lobdesk.derive.continuity import ContinuityState  # noqa: TC001 - msgspec reads it
from lobdesk.derive.deriver import SymbolProgress  # noqa: TC001 - msgspec reads the annotation
from lobdesk.derive.level3 import OrderState
from lobdesk.engine import EngineError
from lobdesk.journal import DerivedEnd, JournalSyncError, RawMark, symbol_log_dir
from lobdesk.journal.layout import segment_path
from lobdesk.journal.segment_file import sync_file, write_durable

if TYPE_CHECKING:
    from pathlib import Path

    from lobdesk.derive.deriver import Deriver
    from lobdesk.journal import JournalWriter

CHECKPOINT_NAME = "derived.json"
VERSION = 4


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Everything derived up to one event, and the state behind it.

    Attributes:
        v: Version of this file; another one is not used.
        seq: The event.
        mark: A place in the raw log not behind it.
        ends: How far each derived log reached then.
        symbols: Progress of each symbol.
        books: For each connection what ``BookVerifier.dump`` gave.
        shared: For each symbol where several connections are; None with one.
        orders: State of level 3.
    """

    v: int
    seq: int
    mark: RawMark
    ends: list[DerivedEnd]
    symbols: dict[str, SymbolProgress]
    books: dict[int, bytes]
    shared: dict[str, ContinuityState] | None = None
    orders: OrderState = OrderState()


def take_checkpoint(
    journal: JournalWriter, deriver: Deriver, seq: int, known: list[DerivedEnd]
) -> Checkpoint | None:
    """Return the present state, None if a place or a line is not certain now.

    Args:
        journal: The writer.
        deriver: Has taken every event up to ``seq`` and none after it.
        seq: The event.
        known: Ends of logs that the writer need not have opened.
    """
    mark = journal.mark_before(seq) if deriver.can_dump else None
    if mark is None or journal.waiting_derived_bytes or not journal.is_derived_complete:
        return None
    ends = {(end.log, end.symbol): end for end in [*known, *journal.derived_ends()]}
    return Checkpoint(
        v=VERSION,
        seq=seq,
        mark=mark,
        ends=list(ends.values()),
        symbols=deriver.symbols,
        books=deriver.dump(),
        shared=deriver.dump_shared(),
        orders=deriver.orders.dump(),
    )


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Return the file's content: the checkpoint and its CRC-32, a line each."""
    body = msgspec.json.encode(checkpoint)
    return b"%b\n%d\n" % (body, zlib.crc32(body))


def store_checkpoint(journal: JournalWriter, ends: list[DerivedEnd], data: bytes) -> None:
    """Write a checkpoint once the disk holds all that it builds on; blocks.

    Raises:
        OSError: It cannot be written.
        JournalSyncError: The raw log or a derived one is not on the disk.
    """
    journal.sync()
    for end in ends:
        if end.date:
            folder = symbol_log_dir(journal.root, end.log, end.symbol)
            # A segment that is gone was sealed, which syncs it.
            path = segment_path(folder, end.date, end.first_seq)
            try:
                sync_file(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise JournalSyncError(path, error) from error
    write_durable(journal.root / CHECKPOINT_NAME, data)


def load_checkpoint(root: Path, last_seq: int) -> Checkpoint | None:
    """Return the checkpoint of a journal, None if there is none that fits."""
    try:
        body, _, crc = (root / CHECKPOINT_NAME).read_bytes().partition(b"\n")
        if crc != b"%d\n" % zlib.crc32(body):
            return None
        checkpoint = msgspec.json.decode(body, type=Checkpoint)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return checkpoint if checkpoint.v == VERSION and checkpoint.seq <= last_seq else None


def restore(deriver: Deriver, checkpoint: Checkpoint) -> bool:
    """Give a new deriver the state of a checkpoint; False if it is damaged."""
    try:
        deriver.load(checkpoint.books, checkpoint.shared)
        deriver.orders.load(checkpoint.orders)
    except EngineError:
        return False
    deriver.symbols.update(checkpoint.symbols)
    return True
