"""Reading files of lines, plain, gzip or xz, so that every error names file and line."""

from __future__ import annotations

import gzip
import lzma
import zlib
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from lobdesk.errors import ImportFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GZIP_MAGIC = b"\x1f\x8b"
XZ_MAGIC = b"\xfd7zXZ\x00"
MAX_LINE_BYTES = 64 * 1024 * 1024


class Line(NamedTuple):
    """One line of a file.

    Attributes:
        number: From 1.
        data: Its bytes without the newline.
        position: Bytes of the file read so far, for progress.
    """

    number: int
    data: bytes
    position: int


def plain_head(head: bytes) -> bytes:
    """Return the first bytes of a file as they are once decompressed."""
    try:
        if head.startswith(GZIP_MAGIC):
            return zlib.decompressobj(wbits=31).decompress(head)
        if head.startswith(XZ_MAGIC):
            return lzma.LZMADecompressor().decompress(head)
    except (zlib.error, lzma.LZMAError):
        pass
    return head


def read_lines(path: Path, *, needs_newline: bool = True) -> Iterator[Line]:
    """Yield the lines of a plain, gzip or xz file.

    Args:
        path: The file.
        needs_newline: A last line without one is cut off. False where such files end so and the
            caller can tell by its content.

    Raises:
        ImportFormatError: The file cannot be read, ends within a line or is badly compressed.
    """
    number = 0
    try:
        with path.open("rb") as file:
            stream = _decompressed(file)
            while data := stream.readline(MAX_LINE_BYTES):
                number += 1
                if not data.endswith(b"\n"):
                    if len(data) == MAX_LINE_BYTES:
                        raise bad_line(path, number, "the line is too long")
                    if needs_newline:
                        raise bad_line(path, number, "the line is cut off")
                text = data.removesuffix(b"\n").removesuffix(b"\r")
                yield Line(number, text, file.tell())
    except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise bad_line(path, number + 1, f"the compressed data is damaged: {error}") from error
    except OSError as error:
        raise ImportFormatError(path, "", f"cannot be read: {error.strerror}") from error


def _decompressed(file: BinaryIO) -> BinaryIO | gzip.GzipFile | lzma.LZMAFile:
    magic = file.read(len(XZ_MAGIC))
    file.seek(0)
    if magic.startswith(GZIP_MAGIC):
        return gzip.GzipFile(fileobj=file)
    return lzma.LZMAFile(file) if magic == XZ_MAGIC else file


def bad_line(path: Path, number: int, reason: str) -> ImportFormatError:
    """Return the error about one line."""
    return ImportFormatError(path, f"line {number}", reason)


class ReceiptClock:
    """Checks that the times of receipt of one file never go back."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last_ns = 0

    def check(self, recv_ns: int, number: int) -> int:
        """Return the time in microseconds.

        Raises:
            ImportFormatError: It is before the line above's, or no time that a clock shows.
        """
        if not 0 < recv_ns < 1 << 63:
            raise bad_line(self._path, number, f"{recv_ns} is no time in unix nanoseconds")
        if recv_ns < self._last_ns:
            raise bad_line(self._path, number, "the time of receipt goes backwards")
        self._last_ns = recv_ns
        return recv_ns // 1000
