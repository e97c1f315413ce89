from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobdesk.app.text import Scale, clock_text, duration_text, instant_text, parse_instant

NOW_US = 1_785_552_833_184_174  # 2026-08-01 02:53:53.184174 UTC


@given(count=st.integers(-(10**15), 10**15), precision=st.integers(0, 12))
def test_scale_writes_exact_decimals(count: int, precision: int) -> None:
    text = Scale.from_precision(precision).text(count)

    assert Decimal(text) == Decimal(count).scaleb(-precision)
    assert len(text.partition(".")[2]) == precision


@given(count=st.integers(0, 10**9), step=st.sampled_from(["0.1", "0.05", "1", "25", "0.00000001"]))
def test_scale_counts_steps(count: int, step: str) -> None:
    assert Decimal(Scale.from_step(step).text(count)) == count * Decimal(step)


@given(bid=st.integers(1, 10**12), ask=st.integers(1, 10**12))
def test_half_text_is_the_exact_mid(bid: int, ask: int) -> None:
    text = Scale.from_precision(2).half_text(bid + ask)

    assert Decimal(text) == (Decimal(bid) + Decimal(ask)) / 200


def test_sign_is_written_on_request() -> None:
    scale = Scale.from_precision(2)

    assert [scale.text(n, signed=True) for n in (5, -5, 0)] == ["+0.05", "-0.05", "0.00"]


def test_times_are_utc() -> None:
    assert instant_text(NOW_US) == "2026-08-01 02:53:53.184174"
    assert clock_text(NOW_US, digits=3) == "02:53:53.184"
    assert clock_text(NOW_US, digits=0) == "02:53:53"


@pytest.mark.parametrize(
    ("text", "offset_us"),
    [
        ("+10s", 10_000_000), ("-2m", -120_000_000), ("+1.5ms", 1_500), ("+7us", 7),
        ("02:53:54", 815_826), ("02:53:53.184174", 0), ("2026-08-01T02:53:53.184175Z", 1),
        ("2026-08-01 02:53:53.184173+00:00", -1),
    ],
)  # fmt: skip
def test_typed_instants_are_understood(text: str, offset_us: int) -> None:
    assert parse_instant(text, NOW_US) == NOW_US + offset_us


@pytest.mark.parametrize("text", ["", "soon", "25:00:00", "12:60", "+10", "2026-08-01T02:53:53"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no time"):
        parse_instant(text, NOW_US)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "0.5 s"),
        (99.9, "99.9 s"),
        (725, "12 min 5 s"),
        (12_000, "3 h 20 min"),
        (2e5, "2 d 7 h"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration_text(round(seconds * 1e6)) == text
