"""A line chart for live curves: axes, legend, several lines, one braille envelope each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from lobdesk.app.widgets.braille import BLANK, DOTS_ACROSS, dots, envelope
from lobdesk.app.widgets.rows import Row, RowView, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

MIN_LABEL_GAP = 14
SOLID, DASHED = "──", "╌╌"

SMALLEST_MARGIN = 1e-290
"""Below this, one over the range would overflow; such curves are drawn as flat."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One line.

    Attributes:
        name: For the legend.
        xs: Rising, shape ``[points]``.
        ys: Finite, shape ``[points]``.
        style: Style name of the row widgets.
        is_dashed: Draw with gaps, so that colour is not needed to tell it apart.
        note: What the legend says after the name, usually the last value.
    """

    name: str
    xs: NDArray[np.float64]
    ys: NDArray[np.float64]
    style: str = "accent"
    is_dashed: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ChartView:
    """What a chart draws.

    Attributes:
        curves: Later ones lie on top.
        x_text: Writes a position on the x-axis.
        y_text: Writes a value on the y-axis.
        cursor_x: Where a vertical line stands, None for none.
        x_range: What the axis spans, None for the extent of the curves.
        empty_text: Shown while no curve has a point.
    """

    curves: Sequence[Curve] = ()
    x_text: Callable[[float], str] = field(default=lambda x: f"{x:g}")
    y_text: Callable[[float], str] = field(default=lambda y: f"{y:.4g}")
    cursor_x: float | None = None
    x_range: tuple[float, float] | None = None
    empty_text: str = ""


class LineChart(RowView):
    """Shows a ``ChartView``; assign ``view`` at any rate."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._view = ChartView()

    @property
    def view(self) -> ChartView:
        """What is shown."""
        return self._view

    @view.setter
    def view(self, view: ChartView) -> None:
        self._view = view
        self.touch()

    def rows(self, width: int, height: int) -> list[Row]:
        """Describe legend, curves and axes."""
        return chart_rows(self._view, width, height)


def chart_rows(view: ChartView, width: int, height: int) -> list[Row]:
    """Return the rows of a chart of exactly this size."""
    curves = [curve for curve in view.curves if curve.xs.size]
    if not curves or width < 16 or height < 3:
        return [(), ((f"  {view.empty_text}", "dim"),)]
    low = min(float(curve.ys.min()) for curve in curves)
    high = max(float(curve.ys.max()) for curve in curves)
    margin = max((high - low) * 0.04, abs(high) * 1e-6)
    if margin < SMALLEST_MARGIN:
        margin = 1.0
    y_range = (low - margin, high + margin)
    legend_rows = 1 if height >= 5 else 0
    plot_rows = height - 1 - legend_rows
    labels = _y_labels(view, (low, high), y_range, plot_rows)
    label_width = max(len(text) for text in labels.values())
    columns = width - label_width - 2
    x_range = view.x_range or _extent(curves)
    rows: list[Row] = [_legend(curves, width)] if legend_rows else []
    body = _body(view, curves, columns, plot_rows, x_range=x_range, y_range=y_range)
    for y, spans in enumerate(body):
        label = labels.get(y, "")
        axis = f"{label:>{label_width}} {'┤' if label else '│'}"
        rows.append(((axis, "dim"), *spans))
    rows.append(((" " * label_width + " └" + _x_axis(view, x_range, columns), "dim"),))
    return rows


def _extent(curves: Sequence[Curve]) -> tuple[float, float]:
    return min(float(c.xs[0]) for c in curves), max(float(c.xs[-1]) for c in curves)


def _legend(curves: Sequence[Curve], width: int) -> Row:
    spans: list[Span] = []
    used = 0
    for curve in curves:
        text = f" {DASHED if curve.is_dashed else SOLID} {curve.name} {curve.note}".rstrip() + "  "
        if used + len(text) > width:
            break
        spans.append((text, curve.style))
        used += len(text)
    return ((" " * (width - used), ""), *spans)


def _y_labels(
    view: ChartView, values: tuple[float, float], y_range: tuple[float, float], rows: int
) -> dict[int, str]:
    """Label the highest and the lowest value, and the middle where there is room."""
    low, high = values
    wanted = [high, low] if rows < 5 else [high, (high + low) / 2, low]
    bottom, top = y_range
    labels: dict[int, str] = {}
    for value in wanted:
        row = round((top - value) / (top - bottom) * (rows - 1))
        labels.setdefault(row, view.y_text(value))
    return labels


def _body(
    view: ChartView,
    curves: Sequence[Curve],
    columns: int,
    rows: int,
    *,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
) -> list[list[Span]]:
    patterns = np.zeros((rows, columns), dtype=np.int32)
    owner = np.full((rows, columns), -1, dtype=np.int32)
    for number, curve in enumerate(curves):
        low, high = envelope(curve.xs, curve.ys, x_range=x_range, columns=columns * DOTS_ACROSS)
        drawn = dots(low, high, y_range=y_range, rows=rows, is_dashed=curve.is_dashed)
        patterns |= drawn
        owner[drawn != 0] = number
    cursor = _cursor_column(view, x_range, columns)
    body = []
    for y in range(rows):
        spans: list[Span] = []
        for x in range(columns):
            if x == cursor and not patterns[y, x]:
                glyph, style = "│", "strong"
            elif patterns[y, x]:
                glyph, style = chr(BLANK + int(patterns[y, x])), curves[owner[y, x]].style
            else:
                glyph, style = " ", ""
            if spans and spans[-1][1] == style:
                spans[-1] = (spans[-1][0] + glyph, style)
            else:
                spans.append((glyph, style))
        body.append(spans)
    return body


def _cursor_column(view: ChartView, x_range: tuple[float, float], columns: int) -> int | None:
    if view.cursor_x is None or not x_range[0] <= view.cursor_x <= x_range[1]:
        return None
    width = (x_range[1] - x_range[0]) or 1.0
    return min(columns - 1, int((view.cursor_x - x_range[0]) / width * columns))


def _x_axis(view: ChartView, x_range: tuple[float, float], columns: int) -> str:
    start, end = x_range
    count = max(1, columns // max(MIN_LABEL_GAP, len(view.x_text(end)) + 4))
    axis = ["─"] * columns
    for i in range(count):
        column = int((i + 0.5) / count * columns)
        text = view.x_text(start + (column + 0.5) / columns * (end - start))
        left = max(0, min(columns - len(text), column - len(text) // 2))
        axis[left : left + len(text)] = text
    return "".join(axis)[:columns]
