"""The ``jsonl`` format: Kraken v2 frames, one object ``{"recv_ns": …, "raw": "…"}`` a line."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec

from lobdesk.errors import ImportFormatError
from lobdesk.importers.source import ForeignCapture, ImportedFrame, ImportFormat
from lobdesk.importers.text import ReceiptClock, bad_line, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lobdesk.importers.text import Line

EXPECTED = 'expected {"recv_ns": <unix ns>, "raw": "<frame>"}'


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    recv_ns: int
    raw: str


_decoder = msgspec.json.Decoder(_Entry)


def open_jsonl(path: Path) -> ForeignCapture:
    """Read the first line.

    Raises:
        ImportFormatError: The file cannot be read or does not begin as such a file does.
    """
    first = next(read_lines(path), None)
    if first is None:
        raise ImportFormatError(path, "", "the file is empty")
    return ForeignCapture(
        venue="kraken",
        symbols=(),
        start_us=ReceiptClock(path).check(_decode(path, first).recv_ns, first.number),
        has_monotonic_clock=False,
        is_recv_derived=False,
        frames=partial(_read_frames, path),
        facts={"clock": "unix"},
    )


def _read_frames(path: Path) -> Iterator[ImportedFrame]:
    clock = ReceiptClock(path)
    for line in read_lines(path):
        entry = _decode(path, line)
        recv_us = clock.check(entry.recv_ns, line.number)
        yield ImportedFrame("in", entry.raw.encode(), recv_us, 0, 1, line.position)


def _decode(path: Path, line: Line) -> _Entry:
    try:
        return _decoder.decode(line.data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_line(path, line.number, f"{EXPECTED}: {error}") from error


JSONL = ImportFormat(
    name="jsonl",
    title='Kraken v2 frames, a line {"recv_ns", "raw"} each, plain or gzip',
    matches=lambda head: head.startswith(b'{"recv_ns":'),
    open=open_jsonl,
    reads_compressed=True,
)
