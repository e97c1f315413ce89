"""Where a raw log begins, once its oldest segments were deleted by retention."""

from __future__ import annotations

import zlib
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from lobdesk.journal.errors import JournalReadError
from lobdesk.journal.layout import EVENTS, list_segments

if TYPE_CHECKING:
    from pathlib import Path

    from lobdesk.journal.layout import Segment

RETENTION_NAME = "retention.json"


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """What the rest of a log follows from.

    Attributes:
        seq: Last deleted record; 0 if none was.
        crc: Its checksum, on which the next line's builds.
    """

    seq: int = 0
    crc: int = 0


def read_cut(root: Path) -> Cut:
    """Return where the raw log of a journal begins.

    Raises:
        JournalReadError: The record of the deletion is damaged.
    """
    body = read_retention(root)
    return Cut() if body is None else msgspec.json.decode(body, type=Cut)


def read_retention(root: Path) -> bytes | None:
    """Return the record of what retention has deleted, proved; None if nothing was.

    Raises:
        JournalReadError: It cannot be read or is damaged.
    """
    path = root / RETENTION_NAME
    try:
        body, _, crc = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JournalReadError(path, f"cannot be read: {error.strerror}") from error
    if crc != b"%d\n" % zlib.crc32(body):
        raise JournalReadError(path, "is damaged: its checksum differs; restore it from a backup")
    return body


def list_kept(root: Path, cut: Cut) -> list[Segment]:
    """Return the segments of the raw log behind a cut, also where deleting was interrupted."""
    segments = list_segments(root / EVENTS)
    return segments[len(split_at(segments, cut.seq)) :]


def split_at(segments: list[Segment], seq: int) -> list[Segment]:
    """Return the leading segments whose records all have at most this number; never the last."""
    before = []
    for segment, following in pairwise(segments):
        if following.first_seq > seq + 1:
            break
        before.append(segment)
    return before
