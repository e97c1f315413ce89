"""What every importer yields, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class ImportedFrame(NamedTuple):
    """One frame as somebody else recorded it.

    Attributes:
        direction: ``in`` received, ``out`` sent.
        raw: The exact bytes of the frame.
        recv_ts_us: Wall clock at receipt.
        mono_us: Monotonic clock at receipt, 0 if the recording has none.
        conn: Connection number, from 1.
        position: Bytes of the file read so far, for progress.
        where: Place in the file, for errors about its content.
        path: The file, where a capture has several.
    """

    direction: str
    raw: bytes
    recv_ts_us: int
    mono_us: int
    conn: int
    position: int
    where: str = ""
    path: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignCapture:
    """A recording of exchange frames, opened but not read.

    Attributes:
        venue: Lower-case name of the exchange.
        symbols: Pairs that its header names.
        start_us: Time its header names, or that of its first frame.
        has_monotonic_clock: True if ``mono_us`` of its frames means something.
        is_recv_derived: True if ``recv_ts_us`` was computed from another clock.
        facts: What else the header says; goes into the ``open`` note. ``dialect`` names what
            its frames speak if that is not Kraken v2.
        frames: Yields the frames once, in order.
    """

    venue: str
    symbols: tuple[str, ...]
    start_us: int
    has_monotonic_clock: bool
    is_recv_derived: bool
    frames: Callable[[], Iterator[ImportedFrame]]
    facts: dict[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImportFormat:
    """One format that can be imported.

    A format whose files hold no frames (levels or orders of another venue) gets a second ``open``
    function here that yields derived records; the journal's derived logs take ``verified: null``.

    Attributes:
        name: As in ``--format``.
        title: One line for people.
        matches: Tells by the first bytes of a file whether it is this format.
        open: Reads the header; raises ``ImportFormatError`` if it is damaged.
        reads_compressed: ``matches`` then sees the first bytes as they are once decompressed.
    """

    name: str
    title: str
    matches: Callable[[bytes], bool]
    open: Callable[[Path], ForeignCapture]
    reads_compressed: bool = False
