from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lobdesk.app.widgets.braille import dots, envelope
from lobdesk.app.widgets.chart import ChartView, Curve, chart_rows
from lobdesk.app.widgets.rows import row_text, row_width
from lobdesk.app.widgets.scrub import Mark, ScrubView, scrub_row
from lobdesk.app.widgets.strip import strip_row
from tests.app.conftest import Check, grid_text

START_US = 1_785_552_833_000_000


def test_two_curves_with_legend_and_axes(snapshot: Check) -> None:
    x = np.linspace(0, 100, 400)
    view = ChartView(
        curves=[
            Curve("train loss", x, np.exp(-x / 30), note="0.0357"),
            Curve("naive", np.array([0.0, 100.0]), np.array([0.7, 0.7]), "dim", is_dashed=True),
        ],
        cursor_x=50.0,
    )

    snapshot("chart", grid_text(chart_rows(view, 60, 12)))


@given(
    ys=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=500),
    columns=st.integers(2, 60),
)
def test_envelope_keeps_every_extreme(ys: list[float], columns: int) -> None:
    values = np.array(ys)
    xs = np.arange(values.size, dtype=np.float64)

    low, high = envelope(xs, values, x_range=(0.0, float(xs[-1])), columns=columns)

    assert np.nanmin(low) == values.min()
    assert np.nanmax(high) == values.max()


@given(ys=st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=300))
def test_neighbouring_columns_touch(ys: list[float]) -> None:
    values = np.array(ys)
    xs = np.arange(values.size, dtype=np.float64)

    low, high = envelope(xs, values, x_range=(0.0, float(xs[-1])), columns=40)

    assert np.all(low[1:] <= high[:-1])
    assert np.all(high[1:] >= low[:-1])


def test_single_spike_among_many_points_is_drawn() -> None:
    values = np.zeros(100_000)
    values[54_321] = 1.0
    xs = np.arange(values.size, dtype=np.float64)

    low, high = envelope(xs, values, x_range=(0, 100_000), columns=80)
    drawn = dots(low, high, y_range=(0.0, 1.0), rows=5)

    assert np.count_nonzero(drawn[0]) == 1


@given(
    points=st.integers(0, 50), width=st.integers(1, 130), height=st.integers(1, 40),
    value=st.floats(-1e9, 1e9),
)  # fmt: skip
@example(points=1, width=40, height=3, value=2.2250738585e-313)
def test_chart_fits_any_size(points: int, width: int, height: int, value: float) -> None:
    curve = Curve("x", np.arange(points, dtype=np.float64), np.full(points, value))

    rows = chart_rows(ChartView(curves=[curve]), width, height)

    if points and width >= 40 and height >= 3:
        assert len(rows) == height
        assert max(map(row_width, rows)) <= width


def test_scrub_bar_shows_place_and_marks(snapshot: Check) -> None:
    view = ScrubView(
        START_US, START_US + 60_000_000, START_US + 20_000_000,
        [Mark(START_US + 10_000_000, "◆", "warn"), Mark(START_US + 59_000_000, "✕", "warn")],
    )  # fmt: skip

    snapshot("scrub", grid_text([scrub_row(view, 80)]))


@given(now=st.integers(-5, 65), width=st.integers(30, 200))
def test_scrub_bar_is_as_wide_as_it_should_be(now: int, width: int) -> None:
    view = ScrubView(START_US, START_US + 60_000_000, START_US + now * 1_000_000)

    row = scrub_row(view, width)

    assert row_width(row) == width
    assert row_text(row).count("●") == 1


@pytest.mark.parametrize(("width", "text"), [(80, " one │ two"), (8, " one"), (3, " o…")])
def test_facts_that_do_not_fit_are_left_out_from_the_right(width: int, text: str) -> None:
    assert row_text(strip_row(((("one", ""),), (("two", ""),)), width)) == text
