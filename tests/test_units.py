from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobdesk.units import format_rfc3339_us, from_mantissa, parse_rfc3339_us, to_mantissa, utc_date


def test_rfc3339_is_microseconds_since_the_epoch() -> None:
    assert parse_rfc3339_us("1970-01-01T00:00:01.000002Z") == 1_000_002


def test_digits_beyond_microseconds_are_cut() -> None:
    assert parse_rfc3339_us("1970-01-01T00:00:00.000002999Z") == 2


def test_a_time_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="no offset"):
        parse_rfc3339_us("2026-08-01T02:53:53.184174")


@given(st.integers(0, 4_000_000_000_000_000))
def test_rfc3339_round_trips(ts_us: int) -> None:
    assert parse_rfc3339_us(format_rfc3339_us(ts_us)) == ts_us


def test_utc_date_changes_at_midnight() -> None:
    midnight = parse_rfc3339_us("2026-08-02T00:00:00Z")
    assert (utc_date(midnight - 1), utc_date(midnight)) == ("2026-08-01", "2026-08-02")


@given(st.integers(-(10**18), 10**18), st.integers(0, 12))
def test_mantissa_round_trips_through_its_decimal(mantissa: int, precision: int) -> None:
    decimal = from_mantissa(mantissa, precision)
    assert to_mantissa(f"{decimal:f}", precision) == mantissa
    assert decimal == Decimal(mantissa) / 10**precision


def test_more_digits_than_the_precision_are_refused_not_rounded() -> None:
    with pytest.raises(ValueError, match="more than 2 digits"):
        to_mantissa("1.234", 2)


@pytest.mark.parametrize("text", ["", ".", "1e5", "NaN", "1,5", "--1", "\u0661"])
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="plain decimal"):
        to_mantissa(text, 2)
