"""One line of facts that is always visible, for example the quality of the recording."""

from __future__ import annotations

from lobdesk.app.widgets.rows import Row, RowView, Span, row_width

SEPARATOR: Span = (" │ ", "dim")


class FactStrip(RowView):
    """Shows facts from left to right; what does not fit is left out from the right."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._facts: tuple[Row, ...] = ()

    @property
    def facts(self) -> tuple[Row, ...]:
        """What is shown, most important first."""
        return self._facts

    @facts.setter
    def facts(self, facts: tuple[Row, ...]) -> None:
        self._facts = facts
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:  # noqa: ARG002 - one row always
        """Describe the line."""
        return [strip_row(self._facts, width)]


class QualityStrip(FactStrip):
    """The quality of what is on screen: checksums, gaps, resyncs, span."""


def strip_row(facts: tuple[Row, ...], width: int) -> Row:
    """Join facts by separators as long as they fit into ``width`` cells; the first is cut."""
    row: list[Span] = [(" ", "")]
    for fact in facts:
        is_first = len(row) == 1
        addition = [*(() if is_first else (SEPARATOR,)), *fact]
        if row_width((*row, *addition)) > width:
            if is_first and len(fact) == 1:
                text, names = fact[0]
                row.append((f"{text[: max(0, width - 2)]}…", names))
            break
        row += addition
    return tuple(row)
