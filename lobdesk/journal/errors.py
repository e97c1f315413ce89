"""What can go wrong with a journal, each with its facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.errors import IntegrityError, JournalError

if TYPE_CHECKING:
    from pathlib import Path


class JournalLockedError(JournalError):
    """Another process writes this journal."""

    def __init__(self, root: Path, pid: str) -> None:
        self.root = root
        self.pid = pid
        super().__init__(
            f"{root}: process {pid or 'unknown'} is writing this journal; "
            "stop it first or use another data directory"
        )


class JournalWriteError(JournalError):
    """A record could not be written; nothing of it is left in the log.

    Attributes:
        path: The segment.
        errno: The operating system's number, ``errno.ENOSPC`` for a full disk.
    """

    def __init__(self, path: Path, error: OSError) -> None:
        self.path = path
        self.errno = error.errno
        super().__init__(f"{path}: cannot be written: {error.strerror}")


class JournalSyncError(JournalError):
    """The disk did not confirm that it holds a segment; the segment was left for a new one."""

    def __init__(self, path: Path, error: OSError) -> None:
        self.path = path
        self.errno = error.errno
        super().__init__(
            f"{path}: the disk reported {error.strerror}; recording goes on in a new file"
        )


class JournalReadError(JournalError):
    """A journal, or a file of it, cannot be read at all."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


class NewerJournalError(JournalError):
    """A newer version wrote this journal; this one must not touch it."""

    def __init__(self, root: Path, version: int, known: int) -> None:
        self.root = root
        self.version = version
        super().__init__(
            f"{root}: is of schema version {version}, this lobdesk writes version {known}; "
            "use a newer lobdesk, or another data directory"
        )


class BrokenChainError(IntegrityError):
    """A line is not the one that was written, or not where it was written.

    Attributes:
        path: The segment.
        line_number: From 1.
        reason: What is wrong with it.
    """

    def __init__(self, path: Path, line_number: int, reason: str) -> None:
        self.path = path
        self.line_number = line_number
        self.reason = reason
        super().__init__(f"{path}:{line_number}: {reason}")
