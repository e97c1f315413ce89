"""One line of the raw event log: composing it, and reading it back with its proof."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING

import msgspec

from lobdesk.records import RawEvent

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA_VERSION = 1
DIRECTIONS = ("in", "out", "note")
CRC_KEY = b'"crc":'

_encode: Callable[[object], bytes] = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(RawEvent)


class LineError(ValueError):
    """A line is not a record, or its checksum does not follow from the line before."""


def compose_line(event: RawEvent, previous_crc: int) -> tuple[bytes, int]:
    """Return an event's line, with its newline, and its checksum; ``event.crc`` is not used."""
    body = (
        b'{"v":%d,"seq":%d,"recv_ts_us":%d,"mono_us":%d,"boot":%b,"conn":%d,"dir":"%b","raw":%b,'
        % (
            event.v,
            event.seq,
            event.recv_ts_us,
            event.mono_us,
            _encode(event.boot),
            event.conn,
            event.dir.encode(),
            _encode(event.raw),
        )
    )
    crc = chain_crc(previous_crc, body)
    return b'%b"crc":%d}\n' % (body, crc), crc


def chain_crc(previous_crc: int, body: bytes) -> int:
    """Return the checksum of a line whose bytes up to the comma before ``"crc"`` are ``body``."""
    return zlib.crc32(body, zlib.crc32(b"%d\n" % previous_crc))


def stored_crc(line: bytes) -> int | None:
    """Return the checksum that a line carries (with or without its newline), None if none."""
    _, key, tail = line.rstrip(b"\n").rpartition(CRC_KEY)
    digits = tail[:-1]
    return int(digits) if key and tail.endswith(b"}") and digits.isdigit() else None


def check_line(line: bytes, previous_crc: int | None) -> int:
    """Return the checksum of a line that follows ``previous_crc`` (None: not known, not checked).

    Raises:
        LineError: The line is torn or malformed, or its checksum is not the expected one.
    """
    body, key, tail = line.rpartition(CRC_KEY)
    stored = tail[:-2]
    if not key or not tail.endswith(b"}\n") or not stored.isdigit():
        raise LineError("the line does not end with its checksum")
    if previous_crc is None:
        return int(stored)
    crc = chain_crc(previous_crc, body)
    if stored != b"%d" % crc:
        raise LineError(f"checksum is {stored.decode()}, the bytes and the line before give {crc}")
    return crc


def parse_line(line: bytes) -> RawEvent:
    """Return the event of a line without checking its checksum.

    Raises:
        LineError: The line is no event.
    """
    try:
        event = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LineError(f"no raw event: {error}") from error
    if event.v > SCHEMA_VERSION:
        raise LineError(f"schema version {event.v} is newer than {SCHEMA_VERSION}: update lobdesk")
    return event


def note_text(kind: str, **facts: object) -> str:
    """Return the ``raw`` text of a note."""
    return _encode({"kind": kind, **facts}).decode()


def frame_record(direction: str, frame: str | bytes) -> tuple[str, str]:
    """Return ``dir`` and ``raw`` of a frame; one that is not text becomes a note ``binary``."""
    try:
        text = frame.decode() if isinstance(frame, bytes) else frame
        text.encode()
    except UnicodeError:
        data = frame if isinstance(frame, bytes) else frame.encode(errors="surrogatepass")
        encoded = base64.b64encode(data).decode()
        return "note", note_text("binary", dir=direction, base64=encoded)
    return direction, text
