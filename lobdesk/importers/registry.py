"""The formats that can be imported, and finding out which one a file is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.errors import ImportFormatError
from lobdesk.importers.bitstamp import BITSTAMP
from lobdesk.importers.cbcap import CBCAP
from lobdesk.importers.cryptofeed import CRYPTOFEED
from lobdesk.importers.databento import DATABENTO
from lobdesk.importers.fi2010 import FI2010
from lobdesk.importers.hftbacktest import HFTBACKTEST
from lobdesk.importers.jsonl import JSONL
from lobdesk.importers.lob10 import LOB10
from lobdesk.importers.lobster import LOBSTER
from lobdesk.importers.text import plain_head

if TYPE_CHECKING:
    from pathlib import Path

    from lobdesk.importers.source import ImportFormat

FORMATS: dict[str, ImportFormat] = {
    entry.name: entry
    for entry in (
        CBCAP,
        JSONL,
        CRYPTOFEED,
        HFTBACKTEST,
        LOBSTER,
        DATABENTO,
        BITSTAMP,
        LOB10,
        FI2010,
    )
}
HEAD_BYTES = 4096


class UnsupportedFormatError(ImportFormatError):
    """A file is of no format that can be imported."""

    def __init__(self, path: Path, reason: str) -> None:
        known = "; ".join(f"{entry.name}: {entry.title}" for entry in FORMATS.values())
        super().__init__(path, "", f"{reason}; what can be imported: {known}")


def find_format(path: Path, name: str = "auto") -> ImportFormat:
    """Return the format of a file, by its content or as named.

    Raises:
        UnsupportedFormatError: There is no such format here, or the content fits none.
        ImportFormatError: The file cannot be read.
    """
    if name != "auto" and name not in FORMATS:
        raise UnsupportedFormatError(path, f"format {name!r} is not supported")
    head = _read_head(path)
    if not head:
        raise ImportFormatError(path, "", "the file is empty")
    if name != "auto":
        return FORMATS[name]
    for entry in FORMATS.values():
        if entry.matches(plain_head(head) if entry.reads_compressed else head):
            return entry
    raise UnsupportedFormatError(path, "its content is of no known format")


def _read_head(path: Path) -> bytes:
    if path.is_dir():
        raise ImportFormatError(path, "", "is a folder; name the files in it")
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise ImportFormatError(path, "", f"cannot be read: {error.strerror}") from error
