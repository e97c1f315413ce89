"""FI-2010's text files with decimal precision: 149 rows, one column for each ten events."""

from __future__ import annotations

import re
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from lobdesk.derive.fi2010 import BOOK_ROWS, plain_number
from lobdesk.derive.foreign import shortest_digits
from lobdesk.errors import ImportFormatError
from lobdesk.importers.source import ForeignCapture, ImportedFrame, ImportFormat
from lobdesk.importers.text import bad_line, read_lines
from lobdesk.units import US_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS = 149
"""40 of the book, 104 made of it, five of labels."""
HEAD = re.compile(rb"\s*-?\d\.\d{7}e[+-]\d\d(\s+-?\d\.\d{7}e[+-]\d\d){3}")
NORMALIZED = (
    "holds normalized values, no prices: a book cannot be made from it; import the DecPre file of "
    "the same fold"
)


class Fi2010NormalizedError(ImportFormatError):
    """A file of FI-2010 has z-scores or min-max values instead of prices."""

    def __init__(self, path: Path, where: str) -> None:
        super().__init__(path, where, NORMALIZED)


def open_fi2010(path: Path) -> ForeignCapture:
    """Read the rows of the book and count the others.

    Raises:
        Fi2010NormalizedError: The file has no prices.
        ImportFormatError: It is none of FI-2010.
    """
    rows = _read_rows(path)
    digits = [0, 0]
    for number, tokens in enumerate(rows, 1):
        try:
            plain = [plain_number(token) for token in set(tokens)]
            needed = max(shortest_digits(text) for text in plain)
        except ValueError as error:
            if any(token.startswith("-") for token in tokens):
                raise Fi2010NormalizedError(path, f"line {number}") from error
            raise bad_line(path, number, str(error)) from error
        is_quantity = 1 - number % 2
        digits[is_quantity] = max(digits[is_quantity], needed)
    _check_first_book(path, rows)
    return ForeignCapture(
        venue="fi2010",
        symbols=("FI2010",),
        start_us=0,
        has_monotonic_clock=False,
        is_recv_derived=True,
        frames=partial(_read_frames, rows, path.stat().st_size),
        facts={
            "clock": "rows",
            "dialect": "fi2010",
            "price_precision": digits[0],
            "qty_precision": digits[1],
        },
    )


def _read_rows(path: Path) -> list[list[str]]:
    rows: list[list[str]] = []
    count = 0
    for line in read_lines(path, needs_newline=False):
        count = line.number
        try:
            tokens = line.data.decode("ascii").split()
        except UnicodeDecodeError as error:
            raise bad_line(path, count, "is not text") from error
        if not tokens or (rows and len(tokens) != len(rows[0])):
            columns = len(rows[0]) if rows else "some"
            raise bad_line(path, count, f"{len(tokens)} columns instead of {columns}")
        if count <= BOOK_ROWS:
            rows.append(tokens)
    if count != ROWS:
        raise ImportFormatError(path, "", f"{count} rows instead of {ROWS}; it may be cut off")
    return rows


def _check_first_book(path: Path, rows: list[list[str]]) -> None:
    """Min-max values are positive, too; but they order no book."""
    asks = [float(rows[at][0]) for at in range(0, BOOK_ROWS, 4)]
    bids = [float(rows[at][0]) for at in range(2, BOOK_ROWS, 4)]
    prices = [*reversed(bids), *asks]
    if any(low >= high for low, high in pairwise(prices)):
        raise Fi2010NormalizedError(path, "column 1")


def _read_frames(rows: list[list[str]], size: int) -> Iterator[ImportedFrame]:
    """Yield columns as they are, one a second from 1970 on: a clock nobody takes for a real one."""
    total = len(rows[0])
    for column, numbers in enumerate(zip(*rows, strict=True), 1):
        raw = " ".join(numbers).encode()
        position, where = size * column // total, f"column {column}"
        yield ImportedFrame("in", raw, column * US_PER_SECOND, 0, 1, position, where)


FI2010 = ImportFormat(
    name="fi2010",
    title="FI-2010's text files with decimal precision (DecPre)",
    matches=lambda head: HEAD.match(head) is not None,
    open=open_fi2010,
    reads_compressed=True,
)
