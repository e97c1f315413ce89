"""One growing file of a log: a line is in it whole, or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lobdesk.journal.errors import JournalWriteError

if TYPE_CHECKING:
    from pathlib import Path


class SegmentFile:
    """A file that only grows by whole lines, except when a failed write is taken back."""

    def __init__(self, path: Path, *, has_new_folder: bool = True) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._fd = os.open(path, flags, 0o644)
            try:
                self.size = os.fstat(self._fd).st_size
                if self.size == 0 and has_new_folder:
                    sync_folder(path.parent)
                    sync_folder(path.parent.parent)
            except OSError:
                os.close(self._fd)
                raise
        except OSError as error:
            raise JournalWriteError(path, error) from error
        self._has_torn_tail = False

    def append(self, line: bytes) -> None:
        """Write one line with one call.

        Raises:
            JournalWriteError: The disk is full or failing; the file is as it was before.
        """
        if self._has_torn_tail:
            self._take_back()
        try:
            written = os.write(self._fd, line)
        except OSError as error:
            raise JournalWriteError(self.path, error) from error
        if written != len(line):
            self._finish(line, written)
        self.size += len(line)

    def _finish(self, line: bytes, written: int) -> None:
        # A short write is how a disk tells that it is nearly full; the next call says why.
        try:
            while written < len(line):
                written += os.write(self._fd, line[written:])
        except OSError as error:
            self._has_torn_tail = True
            self._take_back()
            raise JournalWriteError(self.path, error) from error

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._fd, self.size)
        except OSError as error:
            raise JournalWriteError(self.path, error) from error
        self._has_torn_tail = False

    def sync(self) -> None:
        """Return when the disk holds everything that was appended before; raise ``OSError``."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Close the file without syncing it."""
        os.close(self._fd)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; raise ``OSError``."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_file(path: Path) -> None:
    """Make a file's content durable, whoever wrote it; raise ``OSError``."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_durable(path: Path, data: bytes) -> None:
    """Write a small file so that a reader, or a crash, sees the old one or the whole new one."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)
