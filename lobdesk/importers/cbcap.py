"""The ``cbcap`` format: raw frames of one connection, length-prefixed.

Line 1 is ``CBCAP1 <venue> <symbol> <start_unix_ns>``; then for each frame a line
``<recv_ns> <byte_length>``, exactly that many bytes, and a newline.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from lobdesk.errors import ImportFormatError
from lobdesk.importers.source import ForeignCapture, ImportedFrame, ImportFormat

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

MAGIC = b"CBCAP1 "
HEADER = re.compile(rb"CBCAP1 (\S{1,64}) (\S{1,64}) (\d{1,19})\n")
FRAME_HEADER = re.compile(rb"(\d{1,19}) (\d{1,9})\n")
MAX_HEADER_BYTES = 256
MAX_FRAME_BYTES = 64 * 1024 * 1024
MONOTONIC_DISTANCE_NS = 24 * 3600 * 1_000_000_000
"""A first frame that far from the header's start is not on the same clock."""


def open_cbcap(path: Path) -> ForeignCapture:
    """Read the header and the first frame's clock.

    Raises:
        ImportFormatError: The file cannot be read or does not begin as such a file does.
    """
    try:
        with path.open("rb") as file:
            header = HEADER.fullmatch(file.readline(MAX_HEADER_BYTES))
            first = FRAME_HEADER.fullmatch(file.readline(MAX_HEADER_BYTES))
    except OSError as error:
        raise ImportFormatError(path, "", f"cannot be read: {error.strerror}") from error
    if header is None:
        raise ImportFormatError(path, "line 1", "expected CBCAP1 <venue> <symbol> <start_unix_ns>")
    if first is None:
        raise ImportFormatError(path, f"byte {header.end()}", "the capture holds no frame")
    start_ns, first_ns = int(header[3]), int(first[1])
    is_monotonic = abs(first_ns - start_ns) > MONOTONIC_DISTANCE_NS
    try:
        venue, symbol = header[1].decode(), header[2].decode()
    except UnicodeDecodeError as error:
        raise ImportFormatError(path, "line 1", "venue or symbol is not text") from error
    return ForeignCapture(
        venue=venue.lower(),
        symbols=(symbol,),
        start_us=start_ns // 1000,
        has_monotonic_clock=is_monotonic,
        is_recv_derived=is_monotonic,
        frames=partial(_read_frames, path, start_ns if is_monotonic else None, first_ns),
        facts={"clock": "monotonic" if is_monotonic else "unix"},
    )


def _read_frames(path: Path, start_ns: int | None, first_ns: int) -> Iterator[ImportedFrame]:
    try:
        with path.open("rb") as file:
            position = len(file.readline())
            last_ns = first_ns
            while header := file.readline(MAX_HEADER_BYTES):
                recv_ns, raw = _read_frame(path, file, position, header)
                if start_ns is not None and recv_ns < last_ns:
                    raise ImportFormatError(
                        path, f"byte {position}", "the monotonic clock goes backwards"
                    )
                last_ns = recv_ns
                position += len(header) + len(raw) + 1
                if start_ns is None:
                    yield ImportedFrame("in", raw, recv_ns // 1000, 0, 1, position)
                else:
                    recv_us = (start_ns + recv_ns - first_ns) // 1000
                    yield ImportedFrame("in", raw, recv_us, recv_ns // 1000, 1, position)
    except OSError as error:
        raise ImportFormatError(path, "", f"cannot be read: {error.strerror}") from error


def _read_frame(path: Path, file: BinaryIO, position: int, header: bytes) -> tuple[int, bytes]:
    where = f"byte {position}"
    match = FRAME_HEADER.fullmatch(header)
    if match is None:
        if not header.endswith(b"\n") and len(header) < MAX_HEADER_BYTES:
            raise ImportFormatError(path, where, "the file ends in a frame's header")
        raise ImportFormatError(path, where, "expected <recv_ns> <byte_length>")
    length = int(match[2])
    if length > MAX_FRAME_BYTES:
        raise ImportFormatError(path, where, f"a frame of {length} bytes is too long")
    raw = file.read(length + 1)
    if len(raw) <= length:
        raise ImportFormatError(
            path, where, f"the file ends {length + 1 - len(raw)} bytes before its frame does"
        )
    if not raw.endswith(b"\n"):
        raise ImportFormatError(path, where, f"no newline after the frame's {length} bytes")
    return int(match[1]), raw[:-1]


CBCAP = ImportFormat(
    name="cbcap",
    title="raw frames of one connection (CBCAP1)",
    matches=lambda head: head.startswith(MAGIC),
    open=open_cbcap,
)
