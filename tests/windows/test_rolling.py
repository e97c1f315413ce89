from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobdesk.windows import rolling_normalize
from tests.reference.features import rolling_z, z_of

VALUES = [0.0, 1.0, -1.0, 0.5, 1e5, 1e5 + 1e-5, 1e5 - 1e-5, 1e9, 1.2345]


def relative_error(actual: np.ndarray, expected: np.ndarray) -> float:
    return float((np.abs(actual - expected) / np.maximum(np.abs(expected), 1.0)).max(initial=0.0))


def test_a_column_worked_by_hand() -> None:
    x = np.array([[1.0], [3.0], [5.0], [2.0], [9.0]])

    z, ready = rolling_normalize(x, window_rows=2, min_rows=2)

    # windows (1, 3), (3, 5), (5, 2): means 2, 4, 3.5 and population deviations 1, 1, 1.5
    assert ready.tolist() == [False, False, True, True, True]
    assert z[:, 0] == pytest.approx([0.0, 0.0, 3.0, -2.0, 5.5 / 1.5])
    assert z.dtype == np.float32
    assert ready.dtype == np.bool_


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_equals_two_passes_in_extended_precision(data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 60))
    window = data.draw(st.integers(1, 20))
    min_rows = data.draw(st.integers(1, window))
    x = np.array(
        data.draw(
            st.lists(
                st.lists(st.sampled_from(VALUES), min_size=3, max_size=3),
                min_size=rows,
                max_size=rows,
            )
        )
    )
    segment = np.cumsum(
        data.draw(st.lists(st.sampled_from([0, 0, 0, 0, 1]), min_size=rows, max_size=rows))
    )

    z, ready = rolling_normalize(x, window_rows=window, min_rows=min_rows, segment=segment)

    expected, expected_ready = rolling_z(x, window, min_rows, segment)
    assert np.array_equal(ready, expected_ready)
    assert relative_error(z, expected) < 1e-6


def hard_columns(rows: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(11)
    normal = random.normal(size=rows)
    rare = random.random(rows) < 2e-4
    return {
        "price level 1e5": 1e5 + np.cumsum(normal) * 0.1,
        "price level 1e5, nearly constant": 1e5 + 1e-5 * normal,
        "constant with rare steps": np.where(rare, 1e5 + 0.01, 1e5),
        "outliers of 1e12 in noise": np.where(rare, 1e12, normal),
        "outliers of 1e9 in a constant": np.where(rare, 1e9, 1.2345),
        "log volume": np.log1p(np.exp(normal * 3)),
        "trend": np.arange(rows) * 1e3 + normal,
    }


@pytest.mark.parametrize("window", [7, 1000])
def test_long_hard_columns_keep_seven_digits(window: int) -> None:
    columns = hard_columns(300_000)
    x = np.column_stack(list(columns.values()))

    z, _ = rolling_normalize(x, window_rows=window, min_rows=window)

    rare = np.flatnonzero(x[:, 3] == 1e12)
    after_outliers = np.concatenate([rare + 1, rare + window, rare + window + 1, rare + window + 2])
    sampled = np.random.default_rng(1).integers(window, len(x), 400)
    for t in np.concatenate([sampled, after_outliers[after_outliers < len(x)]]):
        if t < window:
            continue
        expected = z_of(x[t - window : t], x[t])
        assert relative_error(z[t], expected) < 1e-6, (t, dict(zip(columns, z[t], strict=True)))


def test_constant_column_is_exactly_zero_and_stays_so() -> None:
    x = np.full((5000, 2), 0.1)
    x[:50, 1] = 1e15

    z, _ = rolling_normalize(x, window_rows=100, min_rows=1)

    assert not z[:, 0].any()
    assert not z[151:, 1].any()


def test_deviation_below_a_billionth_gives_zero() -> None:
    small, large = np.zeros((20, 1)), np.zeros((20, 1))
    small[::2] = 1e-9  # standard deviation 5e-10
    large[::2] = 4e-9  # standard deviation 2e-9

    assert not rolling_normalize(small, window_rows=10, min_rows=10)[0].any()
    assert rolling_normalize(large, window_rows=10, min_rows=10)[0][10:].all()


def test_segment_starts_afresh_even_if_its_number_comes_back() -> None:
    x = np.random.default_rng(0).normal(size=(30, 4))
    segment = np.repeat([4, 9, 4], 10)

    z, ready = rolling_normalize(x, window_rows=5, min_rows=3, segment=segment)

    for first in (0, 10, 20):
        alone, alone_ready = rolling_normalize(x[first : first + 10], window_rows=5, min_rows=3)
        assert np.array_equal(z[first : first + 10], alone)
        assert np.array_equal(ready[first : first + 10], alone_ready)


@pytest.mark.parametrize("dtype", [np.int8, np.uint64, np.int32, np.bool_])
def test_any_integer_type_marks_segments(dtype: type) -> None:
    x = np.random.default_rng(0).normal(size=(20, 2))
    segment = np.repeat([0, 1], 10)
    expected, _ = rolling_normalize(x, window_rows=5, min_rows=3, segment=segment)

    z, _ = rolling_normalize(x, window_rows=5, min_rows=3, segment=segment.astype(dtype))

    assert np.array_equal(z, expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_value_that_is_not_finite_is_refused_with_its_row(bad: float) -> None:
    x = np.zeros((9, 3))
    x[6, 1] = bad

    with pytest.raises(ValueError, match="row 6"):
        rolling_normalize(x, window_rows=5, min_rows=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window_rows": 0, "min_rows": 1}, "window_rows"),
        ({"window_rows": 5, "min_rows": 0}, "min_rows"),
        ({"window_rows": 5, "min_rows": 6}, "min_rows"),
        ({"window_rows": 5, "min_rows": 1, "segment": [0.0] * 4}, "integers"),
        ({"window_rows": 5, "min_rows": 1, "segment": [0] * 5}, "shape"),
    ],
)
def test_wrong_option_is_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rolling_normalize(np.zeros((4, 2)), **options)


def test_one_dimension_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[rows, columns\]"):
        rolling_normalize(np.zeros(4), window_rows=5, min_rows=1)


def test_no_rows_and_no_columns_are_fine() -> None:
    z, ready = rolling_normalize(np.zeros((0, 3)), window_rows=5, min_rows=1)
    assert z.shape == (0, 3)
    assert ready.shape == (0,)

    z, ready = rolling_normalize(np.zeros((4, 0)), window_rows=5, min_rows=1)
    assert z.shape == (4, 0)
    assert ready.tolist() == [False, True, True, True]
