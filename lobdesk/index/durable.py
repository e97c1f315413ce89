"""Files that are there whole or not at all, also after a power cut or on a full disk."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from lobdesk.index.errors import IndexWriteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEMPORARY = ".tmp"


@contextmanager
def publishing(path: Path, name: str = "") -> Iterator[Path]:
    """Give a temporary file to write, which is then durable under its real name.

    Args:
        path: The real name.
        name: Tells the temporary files of several writers of one file apart.

    Raises:
        IndexWriteError: It cannot be written; nothing of it is left.
    """
    temporary = path.with_name(path.name + name + TEMPORARY)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except (OSError, duckdb.Error) as error:
        _forget(temporary)
        raise IndexWriteError(path, error) from error


def write_durably(path: Path, data: bytes, name: str = "") -> None:
    """Write a file so that after a crash it is there whole or not at all.

    Raises:
        IndexWriteError: It cannot be written.
    """
    with publishing(path, name) as temporary:
        temporary.write_bytes(data)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _forget(temporary: Path) -> None:
    """Give its room back; what cannot be deleted now, the next sweep deletes."""
    try:
        temporary.unlink(missing_ok=True)
    except OSError:
        return
