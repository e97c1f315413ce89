"""The logs per symbol that are derived from the raw events and can be made again from them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from lobdesk.journal.errors import JournalWriteError
from lobdesk.journal.layout import DERIVED_LOGS, list_symbols, symbol_log_dir
from lobdesk.journal.log_writer import LogWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lobdesk.journal.segment_file import SegmentFile

MAX_WAITING_BYTES = 64 * 1024 * 1024


class DerivedEnd(msgspec.Struct, frozen=True, array_like=True):
    """How far one derived log reaches: ``[log, symbol, date, first_seq, size, last_seq]``.

    Attributes:
        log: ``snapshots``, ``trades`` or ``orders``.
        symbol: Exchange name of the pair.
        date: Folder of its growing segment; empty if it has none.
        first_seq: Name of that segment.
        size: Bytes of that segment.
        last_seq: Sequence number of the last line.
    """

    log: str
    symbol: str
    date: str
    first_seq: int
    size: int
    last_seq: int


class DerivedLogs:
    """Writers of all snapshot, trade and order logs, one for each symbol.

    Attributes:
        waiting_bytes: Lines that the disk did not take and that wait for room.
        is_complete: False once waiting lines were given up.
    """

    def __init__(
        self, root: Path, segment_bytes: int, retire: Callable[[SegmentFile], None]
    ) -> None:
        self._root = root
        self._segment_bytes = segment_bytes
        self._retire = retire
        self._writers: dict[tuple[str, str], LogWriter] = {}
        self._waiting: deque[tuple[str, str, bytes, int, int]] = deque()
        self.waiting_bytes = 0
        self.is_complete = True

    def append(self, log: str, symbol: str, line: bytes, *, recv_ts_us: int, seq: int) -> None:
        """Append a line, or keep it until the disk takes it."""
        if not self.is_complete:
            return
        self._waiting.append((log, symbol, line, recv_ts_us, seq))
        self.waiting_bytes += len(line)
        try:
            self._drain()
        except JournalWriteError:
            if self.waiting_bytes > MAX_WAITING_BYTES:
                self.is_complete = False
                self._waiting.clear()
                self.waiting_bytes = 0

    def _drain(self) -> None:
        while self._waiting:
            log, symbol, line, recv_ts_us, seq = self._waiting[0]
            self._writer(log, symbol).append(line, seq, recv_ts_us)
            self._waiting.popleft()
            self.waiting_bytes -= len(line)

    def _writer(self, log: str, symbol: str) -> LogWriter:
        key = (log, symbol)
        writer = self._writers.get(key)
        if writer is None:
            folder = symbol_log_dir(self._root, log, symbol)
            writer = LogWriter(folder, self._segment_bytes, self._retire)
            self._writers[key] = writer
        return writer

    def ends(self) -> list[DerivedEnd]:
        """Return how far each log that was opened reaches."""
        return [
            DerivedEnd(log, symbol, *writer.end) for (log, symbol), writer in self._writers.items()
        ]

    def log_dirs(self) -> list[Path]:
        """Return the folders of all logs that exist."""
        return [
            symbol_log_dir(self._root, log, symbol)
            for log in DERIVED_LOGS
            for symbol in list_symbols(self._root, log)
        ]

    def sync(self) -> None:
        """Sync the growing segments of all logs.

        Raises:
            JournalWriteError: The disk does not confirm one.
        """
        for writer in self._writers.values():
            file = writer.file
            if file is None:
                continue
            try:
                file.sync()
            except OSError as error:
                raise JournalWriteError(file.path, error) from error

    def close(self) -> None:
        """Sync and close all logs; what the disk does not take is left to re-derivation."""
        try:
            self._drain()
            self.sync()
        except JournalWriteError:
            self.is_complete = False
        for writer in self._writers.values():
            writer.close()
