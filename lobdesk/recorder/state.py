"""What a recorder last said about itself, in a file that others may read at any time."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

STATE_FILE = "recorder.json"
BLOCK_BYTES = 4096
"""Reports are padded to whole blocks, so that a later one finds room in an earlier one's."""


class BookReport(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol.

    Attributes:
        state: ``live``, ``suspect``, ``awaiting_ack``, ``awaiting_snapshot``, ``refused``,
            ``unsubscribed``.
        since_us: Wall clock when it came into this state.
        verified: Book frames whose checksum agreed.
        failed: Book frames whose checksum differed.
        unverified: Book frames that could not be checked, for example during a resync.
        trades: Trades recorded.
        gaps: Gaps noted.
        lag_us: Receipt less exchange time of the last book frame; None if it has no time.
        last_us: Wall clock of the last book frame, 0 if there was none.
        reason: Why it was refused, else empty.
    """

    state: str
    since_us: int
    verified: int = 0
    failed: int = 0
    unverified: int = 0
    trades: int = 0
    gaps: int = 0
    lag_us: int | None = None
    last_us: int = 0
    reason: str = ""


class LineReport(msgspec.Struct, frozen=True, kw_only=True):
    """One line to the exchange.

    Attributes:
        channel: ``book`` or ``level3``.
        connection: Number of its connection, 0 before the first.
        is_connected: Whether it is open.
        connects: Connections opened.
        live: Books that are verified on it.
        offset_us: The exchange's clock minus ours, from pings; None before the first answer.
        round_trip_us: Round trip of the ping that this comes from.
    """

    connection: int
    is_connected: bool
    connects: int
    live: int
    channel: str = "book"
    offset_us: int | None = None
    round_trip_us: int | None = None


class RecorderReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole recorder.

    Attributes:
        pid: Process.
        boot: Boot that ``mono_us`` belongs to.
        written_us: Wall clock of this report.
        mono_us: Monotonic clock of this report.
        started_us: Wall clock when the process began.
        url: Endpoint.
        persists: False if nothing is kept: ``L2_PERSIST_JSONL=false`` only verifies.
        ended: Why it ended; empty while it runs.
        error: What stopped the second stage, whose work the next start does again; empty if
            nothing did.
        connection: Number of the connection in use.
        is_connected: Whether a connection is open.
        connects: Connections opened since the start.
        last_frame_us: Wall clock of the last frame, 0 if there was none.
        seq: Last number given to a record.
        frames: Frames received.
        malformed: Frames that were no sense, or no text.
        bytes_received: Sum of their sizes.
        queued: Frames that wait behind the raw log.
        queue_size: How many may wait.
        queue_full: Frames that found the queue full; they were caught up from the raw log.
        lost: Records that could not be written.
        lost_frames: Received frames among them.
        write_error: Why records cannot be written now; empty while they can.
        suspects: Segments that the disk did not confirm.
        resyncs: Single books rebuilt.
        lines: Each connection kept open; two with ``KRAKEN_REDUNDANT``.
        books: By symbol.
        orders: Level 3 by symbol; empty if it is off.
    """

    pid: int
    boot: str
    written_us: int
    mono_us: int
    started_us: int
    url: str
    persists: bool
    ended: str = ""
    error: str = ""
    connection: int = 0
    is_connected: bool = False
    connects: int = 0
    last_frame_us: int = 0
    seq: int = 0
    frames: int = 0
    malformed: int = 0
    bytes_received: int = 0
    queued: int = 0
    queue_size: int = 0
    queue_full: int = 0
    lost: int = 0
    lost_frames: int = 0
    write_error: str = ""
    suspects: list[str] = []
    resyncs: int = 0
    lines: list[LineReport] = []
    books: dict[str, BookReport] = {}
    orders: dict[str, BookReport] = {}


def write_report(root: Path, report: RecorderReport) -> None:
    """Replace the report; a reader sees the old one or the new one, never a part."""
    path = root / STATE_FILE
    fresh = path.with_suffix(".tmp")
    data = msgspec.json.format(msgspec.json.encode(report)) + b"\n"
    data += b" " * (-len(data) % BLOCK_BYTES)
    try:
        fresh.write_bytes(data)
    except OSError:
        fresh.unlink(missing_ok=True)
        _write_in_place(path, data)
        return
    os.replace(fresh, path)  # noqa: PTH105 - atomic on every system, unlike rename on some


def _write_in_place(path: Path, data: bytes) -> None:
    """Use the room that the old report has: on a full disk, that is when a report matters most."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        if os.fstat(fd).st_size < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        data += b" " * (os.fstat(fd).st_size - len(data))
        os.pwrite(fd, data, 0)
    finally:
        os.close(fd)


def read_report(root: Path) -> RecorderReport | None:
    """Return the last report; None if there is none, or it is another version's."""
    for _ in range(3):
        try:
            return msgspec.json.decode((root / STATE_FILE).read_bytes(), type=RecorderReport)
        except OSError:
            return None
        except msgspec.DecodeError:
            continue  # perhaps just being written in place
    return None
