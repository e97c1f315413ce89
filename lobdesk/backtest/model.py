"""The rules of a backtest by name, and how the engine takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import TYPE_CHECKING, SupportsIndex, TypeVar

from lobdesk import engine
from lobdesk.backtest.errors import OptionError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

QUEUES = ("risk_averse", "power", "power2", "power3", "log", "log2", "l3_fifo")
STATUSES = ("PENDING", "NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED")
REASONS = (
    None,
    "post_only_reject",
    "self_trade",
    "cancel_rejected",
    "modify_rejected",
    "below_minimum",
)
ERRORS = ("ORDER_NOT_FOUND", "ORDER_ID_EXISTS")
SIDES = ("buy", "sell")
ORDER_TYPES = ("limit", "market")
TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX")
REQUEST_KINDS = ("submit", "cancel", "modify", "cancel_all")

USUAL_RULES: dict[str, str | int] = {
    "through": "full",
    "unknown": "zero",
    "window": 0,
    "truncate": False,
    "netting_us": 0,
}
"""Rules that figures name only where they are others."""

FEE_SCALE = 10**12
ALL_EVENTS = 2**62

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Preset:
    """A named set of matching rules.

    Attributes:
        taker: 0 walks levels and consumes them, 1 all at the best price, 2 walks, book immutable.
        maker: 0 excess shared by own orders, 1 any excess fills completely, 2 excess, each its own.
        fills_remainder: What a crossing GTC order did not get is filled at its limit.
        prevents_self_trade: A new order that would meet an own one is refused.
    """

    taker: int
    maker: int
    fills_remainder: bool
    prevents_self_trade: bool


PRESETS = {
    "lobdesk": Preset(taker=0, maker=0, fills_remainder=False, prevents_self_trade=True),
    "hftbacktest": Preset(taker=1, maker=1, fills_remainder=True, prevents_self_trade=False),
    "hftbacktest_partial": Preset(
        taker=2, maker=2, fills_remainder=True, prevents_self_trade=False
    ),
}

LatencyOption = SupportsIndex | Mapping[str, SupportsIndex]
LATENCY_KINDS = (*REQUEST_KINDS[:3], "fill")
MOST_US = 2**61
"""Bound of times in latency tables and of latencies: sums of two stay within 64 bits."""

if TYPE_CHECKING:
    LatencyTable = Sequence[Sequence[SupportsIndex]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """What a backtest assumes about the exchange and the way to it.

    Attributes:
        preset: ``lobdesk``, ``hftbacktest`` or ``hftbacktest_partial``.
        queue: Queue model, one of ``QUEUES``.
        n: Exponent of the power models.
        through: ``full`` or ``cap``: what a trade through the price fills at most.
        unknown: ``zero`` or ``defer``: the queue at a level beyond the recorded window.
        window: Recorded levels a side; None means all.
        truncate: The client cuts each side to the window; what it cuts is evicted.
        entry_us: Request latency, one number or one each for ``submit``, ``cancel``, ``modify``.
        response_us: Report latency, one number or one each for these and ``fill``.
        latency_rows: Measured (request, exchange, response) times by rising request time: one table
            for everything, or one each for kinds of ``LATENCY_KINDS``. They replace the constants
            of their kinds; of ``fill`` only the way back counts.
        netting_us: A trade up to this long after a decrease of its level is taken for the cause of
            it and not counted twice; 0 nets only trades that come first.
        fee_tiers: (least 30-day volume in quote units, maker, taker), the first from 0, rising;
            they replace the fees of all symbols.
        sample_us: Distance of equity samples on the local clock; 0 for the last one only.
        end_us: Later events are not processed; None means the end of the data.
    """

    preset: str = "lobdesk"
    queue: str = "risk_averse"
    n: float = 3.0
    through: str = "full"
    unknown: str = "zero"
    window: int | None = None
    truncate: bool = False
    entry_us: LatencyOption = 5000
    response_us: LatencyOption = 5000
    latency_rows: LatencyTable | Mapping[str, LatencyTable] | None = None
    netting_us: int = 0
    fee_tiers: Sequence[tuple[float, str | float, str | float]] | None = None
    sample_us: int = 1_000_000
    end_us: int | None = None

    def to_native(self, *, end_us: int) -> engine.BacktestModel:
        """Return the engine's form.

        Args:
            end_us: End of the data, used where no other end is set.

        Raises:
            UnknownNameError: A name does not exist.
            OptionError: A value is impossible.
        """
        rules = _choose("preset", self.preset, PRESETS)
        model = engine.BacktestModel()
        model.taker, model.maker = rules.taker, rules.maker
        model.fills_remainder = rules.fills_remainder
        model.prevents_self_trade = rules.prevents_self_trade
        model.queue = _choose("queue", self.queue, {name: i for i, name in enumerate(QUEUES)})
        model.queue_n = float(self.n)
        model.caps_through = _choose("through", self.through, {"full": False, "cap": True})
        model.defers_unknown = _choose("unknown", self.unknown, {"zero": False, "defer": True})
        if self.window is not None and self.window < 1:
            raise OptionError("window", self.window, "a number of levels from 1, or None")
        if self.truncate and self.window is None:
            raise OptionError("truncate", self.truncate, "a window to cut to")
        model.window, model.truncates = self.window or 0, self.truncate
        model.entry_us = _latencies("entry_us", self.entry_us, REQUEST_KINDS[:3])
        model.response_us = _latencies("response_us", self.response_us, LATENCY_KINDS)
        for kind, rows in self.latency_tables().items():
            model.set_latency_table(LATENCY_KINDS.index(kind), rows)
        model.netting_us = _latency("netting_us", self.netting_us)
        model.set_fee_tiers(_fee_tiers(self.fee_tiers or ()))
        if self.sample_us < 0:
            raise OptionError("sample_us", self.sample_us, "0 or more microseconds")
        model.sample_us = self.sample_us
        model.end_us = end_us if self.end_us is None else self.end_us
        return model

    def latency_tables(self) -> dict[str, list[tuple[int, int, int]]]:
        """Return the checked latency table of each kind that has one.

        Raises:
            UnknownNameError: There is no such kind.
            OptionError: A table is empty, or names the row that is impossible.
        """
        if self.latency_rows is None:
            return {}
        if not isinstance(self.latency_rows, Mapping):
            return dict.fromkeys(LATENCY_KINDS, _latency_table("latency_rows", self.latency_rows))
        for kind in self.latency_rows:
            if kind not in LATENCY_KINDS:
                raise UnknownNameError("latency_rows", kind, LATENCY_KINDS)
        return {
            kind: _latency_table(f"latency_rows.{kind}", rows)
            for kind, rows in self.latency_rows.items()
        }


def fee_rate(name: str, value: str | float | Decimal) -> int:
    """Return a fee, a fraction of traded value, in parts of ``FEE_SCALE``.

    Raises:
        OptionError: The value is no number from -1 to 1 of at most twelve decimals.
    """
    try:
        rate = Decimal(str(value)) * FEE_SCALE
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite() or abs(rate) > FEE_SCALE or rate != rate.to_integral_value():
        raise OptionError(name, value, "a fraction from -1 to 1 with at most 12 decimals")
    return int(rate)


def _fee_tiers(
    tiers: Sequence[tuple[float, str | float, str | float]],
) -> list[tuple[float, int, int]]:
    volumes = [float(volume) for volume, _, _ in tiers]
    is_rising = all(a < b for a, b in pairwise(volumes))
    if volumes and not (volumes[0] == 0 and is_rising):
        raise OptionError("fee_tiers", tiers, "rising volumes, the first of them 0")
    return [
        (float(volume), fee_rate("fee_tiers", maker), fee_rate("fee_tiers", taker))
        for volume, maker, taker in tiers
    ]


def _choose(what: str, name: str, known: Mapping[str, T]) -> T:
    if name not in known:
        raise UnknownNameError(what, str(name), known)
    return known[name]


def _latencies(name: str, value: LatencyOption, kinds: tuple[str, ...]) -> list[int]:
    if isinstance(value, Mapping):
        for key in value:
            if key not in kinds:
                raise UnknownNameError(name, key, kinds)
        latencies = [value.get(kind, 5000) for kind in kinds]
    else:
        latencies = [value] * len(kinds)
    return [_latency(name, latency) for latency in latencies]


def _latency(name: str, latency: object) -> int:
    whole_us = _whole(latency)
    if whole_us is None:
        raise OptionError(name, latency, "whole microseconds from 0 to 2^61")
    return whole_us


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        return None
    whole = value.__index__()
    return whole if 0 <= whole <= MOST_US else None


def _latency_table(name: str, rows: LatencyTable) -> list[tuple[int, int, int]]:
    table: list[tuple[int, int, int]] = []
    for number, row in enumerate(_items(name, rows)):
        where = f"{name}: row {number}"
        times = [_whole(each) for each in _items(where, row)]
        whole = [each for each in times if each is not None]
        if not len(times) == len(whole) == 3 or whole != sorted(whole):
            expected = "whole microseconds from 0 to 2^61, request <= exchange <= response"
            raise OptionError(where, row, expected)
        if table and whole[0] < table[-1][0]:
            expected = f"no request time before {table[-1][0]}, that of the row above"
            raise OptionError(where, row, expected)
        table.append((whole[0], whole[1], whole[2]))
    if not table:
        raise OptionError(name, rows, "at least one row")
    return table


def _items(name: str, rows: Iterable[T]) -> list[T]:
    if isinstance(rows, str) or not isinstance(rows, Iterable):
        raise OptionError(name, rows, "rows of (request, exchange, response)")
    return list(rows)
