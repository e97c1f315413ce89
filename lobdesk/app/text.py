"""Numbers and times as text: exact decimals, UTC, relative times for typing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from lobdesk.units import US_PER_DAY, US_PER_SECOND, format_rfc3339_us, parse_rfc3339_us

RELATIVE = re.compile(r"([+-])(\d+(?:\.\d{1,6})?)(us|ms|s|m|h)")
CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?")
UNIT_US = {"us": 1, "ms": 1000, "s": US_PER_SECOND, "m": 60 * US_PER_SECOND, "h": 3600_000_000}


@dataclass(frozen=True, slots=True)
class Scale:
    """How a count of steps is written as a decimal number.

    Attributes:
        mantissa: Step without its point.
        digits: Digits after the point.
    """

    mantissa: int
    digits: int

    @classmethod
    def from_precision(cls, precision: int) -> Scale:
        """Return the scale of mantissas with ``precision`` digits after the point."""
        return cls(1, precision)

    @classmethod
    def from_step(cls, step: str) -> Scale:
        """Return the scale of counts of a decimal step such as ``0.05``."""
        number = Decimal(step)
        digits = max(0, -int(number.as_tuple().exponent))
        return cls(int(number.scaleb(digits)), digits)

    def text(self, count: int, *, signed: bool = False) -> str:
        """Return ``count`` steps exactly, with all digits of the step."""
        value = int(count) * self.mantissa
        digits = str(abs(value)).rjust(self.digits + 1, "0")
        sign = "-" if value < 0 else "+" if signed and value > 0 else ""
        if not self.digits:
            return sign + digits
        return f"{sign}{digits[: -self.digits]}.{digits[-self.digits :]}"

    def half_text(self, twice: int) -> str:
        """Return half of a count, for example a mid; one digit more than the step has."""
        return Scale(self.mantissa * 5, self.digits + 1).text(twice)


def clock_text(ts_us: int, *, digits: int = 6) -> str:
    """Return the time of day in UTC as ``02:53:53.184174``."""
    text = format_rfc3339_us(ts_us)[11:-1]
    return text[:8] if not digits else text[: 9 + digits]


def instant_text(ts_us: int) -> str:
    """Return date and time in UTC as ``2026-08-01 02:53:53.184174``."""
    return format_rfc3339_us(ts_us)[:-1].replace("T", " ")


def duration_text(duration_us: int) -> str:
    """Return a span as people say it: ``39.2 s``, ``12 min 5 s``, ``3 h 20 min``."""
    seconds = duration_us / US_PER_SECOND
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest_s} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def parse_instant(text: str, now_us: int) -> int:
    """Return the instant a person typed.

    Args:
        text: ``12:00:03.5`` on the day of ``now_us``, ``+10s`` or ``-2m`` from it, or RFC 3339 such
            as ``2026-08-01T02:53:53Z``.
        now_us: Where the desk stands.

    Raises:
        ValueError: The text is none of these.
    """
    text = text.strip()
    if match := RELATIVE.fullmatch(text):
        sign, amount, unit = match.groups()
        span_us = int(Decimal(amount) * UNIT_US[unit])
        return now_us + (span_us if sign == "+" else -span_us)
    if match := CLOCK.fullmatch(text):
        hours, minutes, seconds, fraction = match.groups()
        if int(hours) > 23 or int(minutes) > 59 or int(seconds or 0) > 59:
            raise ValueError(f"{text!r} is no time of day")
        second_of_day = int(hours) * 3600 + int(minutes) * 60 + int(seconds or 0)
        offset_us = second_of_day * US_PER_SECOND + int((fraction or "").ljust(6, "0"))
        return now_us - now_us % US_PER_DAY + offset_us
    try:
        return parse_rfc3339_us(text.replace(" ", "T"))
    except ValueError:
        raise ValueError(
            f"{text!r} is no time; write 12:00:03.5, +10s, -2m or 2026-08-01T02:53:53Z"
        ) from None
