"""Which files a log consists of: ``<log>/<UTC date>/<first seq>.jsonl[.zst]``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lobdesk.paths import decode_symbol, encode_symbol

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = "events"
SNAPSHOTS = "snapshots"
TRADES = "trades"
ORDERS = "orders"
DERIVED_LOGS = (SNAPSHOTS, TRADES, ORDERS)

PLAIN_SUFFIX = ".jsonl"
SEALED_SUFFIX = ".jsonl.zst"
SEAL_SUFFIX = ".seal.json"
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
SEGMENT = re.compile(r"(\d{12,})\.jsonl(\.zst)?")


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One file of a log.

    Attributes:
        first_seq: Sequence number of its first line, from its name.
        date: UTC date of its folder.
        path: The file; a sealed one ends with ``.zst``.
        is_sealed: True if it is compressed and never changes again.
    """

    first_seq: int
    date: str
    path: Path
    is_sealed: bool

    @property
    def plain_path(self) -> Path:
        """Where the segment lies, or lay, before sealing."""
        return self.path.with_name(f"{self.first_seq:012d}{PLAIN_SUFFIX}")

    @property
    def sealed_path(self) -> Path:
        """Where the segment lies after sealing."""
        return self.path.with_name(f"{self.first_seq:012d}{SEALED_SUFFIX}")

    @property
    def seal_path(self) -> Path:
        """The table of frames and the digest beside a sealed segment."""
        return self.path.with_name(f"{self.first_seq:012d}{SEAL_SUFFIX}")


def segment_path(log_dir: Path, date: str, first_seq: int) -> Path:
    """Return where a new segment of a log lies."""
    return log_dir / date / f"{first_seq:012d}{PLAIN_SUFFIX}"


def list_segments(log_dir: Path) -> list[Segment]:
    """Return the segments of one log in order; a sealed one hides its plain original."""
    found: dict[tuple[str, int], Segment] = {}
    if not log_dir.is_dir():
        return []
    days = (path for path in log_dir.iterdir() if DATE.fullmatch(path.name) and path.is_dir())
    for folder in sorted(days):
        for path in sorted(folder.iterdir()):
            match = SEGMENT.fullmatch(path.name)
            if match is None:
                continue
            segment = Segment(int(match[1]), folder.name, path, is_sealed=match[2] is not None)
            key = (folder.name, segment.first_seq)
            if key not in found or segment.is_sealed:
                found[key] = segment
    return sorted(found.values())


def symbol_log_dir(root: Path, log: str, symbol: str) -> Path:
    """Return the folder of one symbol's snapshots, trades or orders."""
    return root / log / encode_symbol(symbol)


def list_symbols(root: Path, log: str) -> list[str]:
    """Return the symbols that have a log, sorted."""
    folder = root / log
    if not folder.is_dir():
        return []
    return sorted(decode_symbol(path.name) for path in folder.iterdir() if path.is_dir())
