"""Cryptofeed's raw files of a Kraken v1 connection.

A line is ``<recv_unix_s>: <frame>``; lines that begin with ``wss://`` tell of a connect
(``<url> <-> <unix_s>``) or of a message sent (``<url> <- <unix_s>: <frame>``).
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from lobdesk.errors import ImportFormatError
from lobdesk.importers.source import ForeignCapture, ImportedFrame, ImportFormat
from lobdesk.importers.text import ReceiptClock, bad_line, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIME = rb"(\d{1,10})(?:\.(\d{1,9}))?"
CONNECT = re.compile(rb"wss://(\S{1,200}) <-> " + TIME)
SENT = re.compile(rb"wss://\S{1,200} <- " + TIME + rb": (.+)")
RECEIVED = re.compile(TIME + rb": (.+)")
KRAKEN_HOST = b"ws.kraken.com"


def open_cryptofeed(path: Path) -> ForeignCapture:
    """Read the first line.

    Raises:
        ImportFormatError: The file cannot be read, or does not begin with a connect to Kraken.
    """
    first = next(read_lines(path), None)
    match = CONNECT.fullmatch(first.data) if first is not None else None
    if match is None:
        raise bad_line(path, 1, "expected wss://<host> <-> <unix_s>")
    if match[1].partition(b"/")[0] != KRAKEN_HOST:
        raise bad_line(path, 1, "only recordings of wss://ws.kraken.com can be read")
    return ForeignCapture(
        venue="kraken",
        symbols=(),
        start_us=ReceiptClock(path).check(_time_ns(match, 2), 1),
        has_monotonic_clock=False,
        is_recv_derived=False,
        frames=partial(_read_frames, path),
        facts={"clock": "unix", "dialect": "kraken-v1"},
    )


def _read_frames(path: Path) -> Iterator[ImportedFrame]:
    clock = ReceiptClock(path)
    conn = frames = 0
    for line in read_lines(path):
        if not line.data:
            continue
        if match := CONNECT.fullmatch(line.data):
            clock.check(_time_ns(match, 2), line.number)
            conn += 1
            continue
        direction = "in"
        match = RECEIVED.fullmatch(line.data)
        if match is None:
            direction, match = "out", SENT.fullmatch(line.data)
        if match is None:
            raise bad_line(path, line.number, "expected <unix_s>: <frame>")
        recv_us = clock.check(_time_ns(match, 1), line.number)
        where = f"line {line.number}"
        yield ImportedFrame(direction, match[3], recv_us, 0, conn, line.position, where)
        frames += 1
    if not frames:
        raise ImportFormatError(path, "", "the recording holds no frame")


def _time_ns(match: re.Match[bytes], group: int) -> int:
    return int(match[group]) * 1_000_000_000 + int((match[group + 1] or b"").ljust(9, b"0"))


CRYPTOFEED = ImportFormat(
    name="cryptofeed",
    title="cryptofeed's raw file of a Kraken v1 connection",
    matches=lambda head: head.startswith(b"wss://"),
    open=open_cryptofeed,
    reads_compressed=True,
)
