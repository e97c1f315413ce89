"""Tables for people, as wide as their terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.progress import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

GAP = "  "
LEAST_WIDTH = 12
"""Texts are not shortened below this."""
TAIL = 8
"""Characters that a shortened text keeps of its end: names of sources differ there."""


def draw(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Collection[int],
    shrinkable: Collection[int],
    width: int | None,
    has_rule: bool = True,
) -> Iterator[str]:
    """Yield the lines of a table.

    Where it is wider than the terminal, texts are shortened, the longest first; if that is not
    enough, each row becomes a block with a line for each column.

    Args:
        head: Name of each column.
        rows: Texts, as many in each row as there are names.
        numbers: Columns that are flushed right.
        shrinkable: Columns that may be shortened.
        width: Of the terminal; None shows everything.
        has_rule: False leaves out the line below the head.
    """
    names = [printable(name) for name in head]
    cells = [[printable(text) for text in row] for row in rows]
    widths = [max([len(name), *(len(row[i]) for row in cells)]) for i, name in enumerate(names)]
    if width is not None:
        fitted = _fit(widths, names, shrinkable, width - len(GAP) * (len(names) - 1))
        if fitted is None:
            yield from _blocks(names, cells, width)
            return
        widths = fitted
    yield _line(names, widths, numbers)
    if has_rule:
        yield GAP.join("─" * one for one in widths) + "\n"
    for row in cells:
        yield _line([shorten(*one) for one in zip(row, widths, strict=True)], widths, numbers)


def shorten(text: str, width: int) -> str:
    """Return a text of at most ``width`` characters, with its begin and end."""
    if len(text) <= width:
        return text
    tail = min(TAIL, (width - 1) // 2)
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def _fit(
    widths: list[int], names: list[str], shrinkable: Collection[int], room: int
) -> list[int] | None:
    """Return the widths within ``room``, None if they cannot be."""
    found = list(widths)
    least = {i: max(LEAST_WIDTH, len(names[i])) for i in shrinkable}
    while sum(found) > room:
        widest = max((i for i in least if found[i] > least[i]), key=found.__getitem__, default=None)
        if widest is None:
            return None
        found[widest] -= 1
    return found


def _line(texts: Sequence[str], widths: Sequence[int], numbers: Collection[int]) -> str:
    parts = [
        text.rjust(width) if i in numbers else text.ljust(width)
        for i, (text, width) in enumerate(zip(texts, widths, strict=True))
    ]
    return GAP.join(parts).rstrip() + "\n"


def _blocks(names: list[str], cells: list[list[str]], width: int) -> Iterator[str]:
    left = max(map(len, names))
    for number, row in enumerate(cells, 1):
        yield f"─ {number} ".ljust(width, "─") + "\n"
        for name, text in zip(names, row, strict=True):
            room = max(LEAST_WIDTH, width - left - len(GAP))
            yield f"{name.ljust(left)}{GAP}{shorten(text, room)}".rstrip() + "\n"
