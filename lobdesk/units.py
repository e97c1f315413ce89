"""Integer time and price: parsing, exact decimals, nothing rounded."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
US_PER_SECOND = 1_000_000
US_PER_DAY = 86_400 * US_PER_SECOND


def parse_rfc3339_us(text: str) -> int:
    """Return the instant as microseconds since the Unix epoch, UTC.

    Args:
        text: RFC 3339 with an offset or ``Z``; digits beyond microseconds are cut.

    Raises:
        ValueError: The text is not such a time, or names no offset.
    """
    try:
        instant = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a time like 2026-08-01T02:54:00Z") from None
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no offset; write it with Z for UTC")
    return (instant - EPOCH) // dt.timedelta(microseconds=1)


def format_rfc3339_us(ts_us: int) -> str:
    """Return an instant as ``2026-08-01T02:53:53.184174Z``."""
    instant = EPOCH + dt.timedelta(microseconds=ts_us)
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def utc_date(ts_us: int) -> str:
    """Return the UTC date of an instant as ``2026-08-01``."""
    return (EPOCH + dt.timedelta(microseconds=ts_us)).strftime("%Y-%m-%d")


def to_mantissa(text: str, precision: int) -> int:
    """Return a decimal number as an integer count of ``10**-precision``.

    Raises:
        ValueError: The text is no plain decimal number or has more digits than ``precision``.
    """
    sign = -1 if text.startswith("-") else 1
    whole, _, fraction = text.removeprefix("-").partition(".")
    digits = whole + fraction
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"{text!r} is not a plain decimal number")
    if len(fraction) > precision:
        raise ValueError(f"{text!r} has more than {precision} digits after the point")
    scale: int = 10 ** (precision - len(fraction))
    return sign * int(digits) * scale


def from_mantissa(mantissa: int, precision: int) -> Decimal:
    """Return ``mantissa * 10**-precision`` exactly, with ``precision`` digits shown."""
    return Decimal(mantissa).scaleb(-precision)
