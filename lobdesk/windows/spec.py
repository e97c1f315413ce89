"""What a window store is made of: the choices, checked, and their names."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lobdesk.errors import WindowError, nearest
from lobdesk.records import BOOK_LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lobdesk.settings import WindowSettings

TARGET_KINDS = ("point", "mean")
TIME_UNITS_US = {"s": 1_000_000, "ms": 1_000, "us": 1}
MAX_HORIZON_US = 24 * 3600 * 1_000_000
_HORIZON = re.compile(r"([1-9][0-9]{0,14})(s|ms|us)?")


class WindowSpecError(WindowError):
    """A choice for a window store is impossible."""

    exit_code: ClassVar[int] = 2

    def __init__(self, key: str, reason: str) -> None:
        self.key = key
        self.reason = reason
        super().__init__(f"windows.{key}: {reason}")


@dataclass(frozen=True, slots=True)
class FeatureColumn:
    """One column before normalization.

    Attributes:
        name: For example ``ask_price_1``.
        unit: For example ``bps from vwm``.
    """

    name: str
    unit: str


def _deeplob40() -> tuple[FeatureColumn, ...]:
    return tuple(
        FeatureColumn(f"{side}_{what}_{level}", unit)
        for level in range(1, BOOK_LEVELS + 1)
        for side in ("ask", "bid")
        for what, unit in (("price", "bps from vwm"), ("quantity", "ln(1 + base units)"))
    )


FEATURE_SETS: dict[str, tuple[FeatureColumn, ...]] = {
    "deeplob40": _deeplob40(),
    "ofi10": tuple(
        FeatureColumn(f"ofi_{level}", "base units") for level in range(1, BOOK_LEVELS + 1)
    ),
    "state": (
        FeatureColumn("spread", "bps of vwm"),
        FeatureColumn("imbalance_1", "share, -1 to 1"),
        FeatureColumn("imbalance_10", "share, -1 to 1"),
        FeatureColumn("since_row_before", "ln(1 + ms)"),
    ),
}
"""Columns of each feature set, in the order of the native engine."""


@dataclass(frozen=True, slots=True)
class Target:
    """One forward return.

    Attributes:
        kind: ``point`` (the mid at the horizon) or ``mean`` (of the mids up to it).
        horizon: In rows, or in microseconds if ``is_time``.
        is_time: Whether the horizon is a time.
    """

    kind: str
    horizon: int
    is_time: bool

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read ``kind:horizon``, for example ``point:10`` (rows) or ``mean:500ms``.

        Raises:
            WindowSpecError: The text is no target.
        """
        kind, _, horizon = text.partition(":")
        match = _HORIZON.fullmatch(horizon)
        if kind not in TARGET_KINDS or match is None:
            accepted = "expected kind:horizon, for example point:10 (rows), mean:500ms or mean:1s"
            raise WindowSpecError("targets", f"{text!r}: {accepted}")
        count, unit = int(match[1]), match[2]
        if unit is None:
            return cls(kind, count, is_time=False)
        if count * TIME_UNITS_US[unit] > MAX_HORIZON_US:
            raise WindowSpecError("targets", f"{text!r}: a horizon may be 24 hours at most")
        return cls(kind, count * TIME_UNITS_US[unit], is_time=True)

    @property
    def name(self) -> str:
        """The text that ``parse`` reads, in the largest unit that is exact."""
        return f"{self.kind}:{self._horizon_text}"

    @property
    def column(self) -> str:
        """Name of the column with the returns, for example ``target_mean_1s``."""
        return f"target_{self.kind}_{self._horizon_text}"

    @property
    def end_column(self) -> str:
        """Name of the column with the last row that each return uses."""
        return f"target_end_{self.kind}_{self._horizon_text}"

    @property
    def _horizon_text(self) -> str:
        if not self.is_time:
            return str(self.horizon)
        unit = next(u for u, size in TIME_UNITS_US.items() if self.horizon % size == 0)
        return f"{self.horizon // TIME_UNITS_US[unit]}{unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSpec:
    """All choices that change a byte of a window store.

    Names are given as any sequence; a single name may stand alone.

    Attributes:
        symbols: Pairs; empty means every indexed one.
        feature_sets: Names of feature sets, concatenated in this order.
        window_rows: Rows of a model's input window (T).
        stride_rows: Distance between anchors.
        norm_window_rows: Rows before a row that its normalization looks at.
        norm_min_rows: Fewer rows before make a row not ready.
        vwm_levels: Levels of the volume-weighted mid, 1 to 10.
        max_pause_us: A longer pause between rows starts a new segment.
        targets: Targets as ``kind:horizon``.

    Raises:
        WindowSpecError: A value is out of range or unknown.
    """

    symbols: tuple[str, ...] = ()
    feature_sets: tuple[str, ...] = ("deeplob40",)
    window_rows: int = 100
    stride_rows: int = 1
    norm_window_rows: int = 1000
    norm_min_rows: int = 100
    vwm_levels: int = 1
    max_pause_us: int = 10_000_000
    targets: tuple[str, ...] = ("point:10", "point:50", "mean:10", "mean:50")

    def __post_init__(self) -> None:
        for key in ("symbols", "feature_sets", "targets"):
            given = getattr(self, key)
            object.__setattr__(self, key, (given,) if isinstance(given, str) else tuple(given))
        for key in ("window_rows", "stride_rows", "norm_window_rows", "norm_min_rows"):
            _require(key, getattr(self, key), at_least=1, at_most=10_000_000)
        _require("norm_min_rows", self.norm_min_rows, at_least=1, at_most=self.norm_window_rows)
        _require("vwm_levels", self.vwm_levels, at_least=1, at_most=BOOK_LEVELS)
        _require("max_pause_us", self.max_pause_us, at_least=1, at_most=MAX_HORIZON_US)
        if not self.feature_sets:
            raise WindowSpecError("feature_sets", f"names none of {', '.join(FEATURE_SETS)}")
        for name in self.feature_sets:
            if name not in FEATURE_SETS:
                raise WindowSpecError("feature_sets", f"{name!r} {unknown(name, FEATURE_SETS)}")
        canonical = tuple(Target.parse(text).name for text in self.targets)
        object.__setattr__(self, "targets", canonical)
        for key in ("symbols", "feature_sets", "targets"):
            _require_distinct(key, getattr(self, key))

    @classmethod
    def from_settings(cls, settings: WindowSettings) -> WindowSpec:
        """Return the spec of the section ``windows`` of the settings."""
        return cls(**{key: getattr(settings, key) for key in cls.__dataclass_fields__})

    @property
    def parsed_targets(self) -> tuple[Target, ...]:
        """The targets in order."""
        return tuple(Target.parse(text) for text in self.targets)

    @property
    def feature_columns(self) -> tuple[FeatureColumn, ...]:
        """The columns of all feature sets in order."""
        return tuple(column for name in self.feature_sets for column in FEATURE_SETS[name])

    @property
    def min_segment_rows(self) -> int:
        """Rows that a segment needs before it holds one window."""
        return self.norm_min_rows + self.window_rows

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as plain values, for a manifest."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


def unknown(name: str, known: Iterable[str]) -> str:
    """Return a hint for a name that is not among the known ones."""
    names = list(known)
    near = nearest(name, names)
    hint = f"did you mean {near!r}? " if near else ""
    return f"is unknown; {hint}known: {', '.join(names)}"


def _require(key: str, value: object, *, at_least: int, at_most: int) -> None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or not at_least <= value <= at_most:  # type: ignore[operator]
        raise WindowSpecError(key, f"{value!r} is not a whole number from {at_least} to {at_most}")


def _require_distinct(key: str, names: tuple[str, ...]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise WindowSpecError(key, f"{name!r} is named twice")
