"""Several files that one recording was cut into, as one capture: books go on over the cuts."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from lobdesk.errors import ImportFormatError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lobdesk.importers.source import ForeignCapture, ImportedFrame

GOES_ON = frozenset({"binance", "bitstamp", "databento-mbo", "databento-mbp10"})
"""Dialects whose files say nothing of connections, so that a book may go on in the next file."""
DIGITS = ("price_precision", "qty_precision")


def join_captures(captures: list[tuple[Path, ForeignCapture]]) -> ForeignCapture:
    """Return the captures as one, in the order given.

    Raises:
        ImportFormatError: A file is of another recording, or its format does not go on in the next.
    """
    path, first = captures[0]
    if first.facts.get("dialect") not in GOES_ON:
        raise ImportFormatError(path, "", "each file of its format begins anew; import it alone")
    facts = dict(first.facts)
    for other_path, other in captures[1:]:
        if _identity(other) != _identity(first):
            raise ImportFormatError(other_path, "", f"is of another recording than {path.name}")
        for name in DIGITS:
            if name in facts:
                facts[name] = max(int(facts[name]), int(other.facts[name]))
    return replace(first, facts=facts, frames=partial(_frames, captures))


def _identity(capture: ForeignCapture) -> tuple[object, ...]:
    facts = {name: fact for name, fact in capture.facts.items() if name not in DIGITS}
    return capture.venue, capture.symbols, facts


def _frames(captures: list[tuple[Path, ForeignCapture]]) -> Iterator[ImportedFrame]:
    last_us = begin = 0
    for path, capture in captures:
        is_first = True
        for frame in capture.frames():
            if is_first and frame.recv_ts_us < last_us:
                raise ImportFormatError(path, frame.where, "begins before the file before it ends")
            is_first, last_us = False, frame.recv_ts_us
            yield frame._replace(position=begin + frame.position, path=path)
        begin += path.stat().st_size
