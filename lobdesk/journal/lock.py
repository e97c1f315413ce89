"""The right to write a journal, which one process at a time holds."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from lobdesk.journal.errors import JournalLockedError, JournalReadError

if TYPE_CHECKING:
    from pathlib import Path

LOCK_NAME = ".lock"


class WriterLock:
    """An advisory lock on the journal's folder; the system drops it when the process ends."""

    def __init__(self, root: Path) -> None:
        """Take the lock.

        Raises:
            JournalLockedError: Another process holds it.
            JournalReadError: The folder or its lock file cannot be made.
        """
        path = root / LOCK_NAME
        try:
            root.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise JournalReadError(path, f"cannot be made: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise JournalLockedError(root, pid) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the lock back."""
        os.close(self._fd)


def is_locked(root: Path) -> bool:
    """Tell whether a process is writing this journal now."""
    try:
        fd = os.open(root / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
