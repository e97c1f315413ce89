"""One backtest: data, rules and a strategy in, a ledger out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk import engine
from lobdesk.backtest.data import MarketData
from lobdesk.backtest.errors import OptionError, UnknownNameError
from lobdesk.backtest.model import (
    ERRORS,
    LATENCY_KINDS,
    QUEUES,
    USUAL_RULES,
    LatencyOption,
    ModelOptions,
    fee_rate,
)
from lobdesk.backtest.strategies import SignalFollower, to_spec
from lobdesk.backtest.tables import LedgerTable
from lobdesk.backtest.watchdog import run_within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lobdesk.backtest.strategies import NativeStrategy, Strategy

LEDGER = ("orders", "fills", "equity")
FeeOption = "str | float | Sequence[str | float]"


@dataclass(frozen=True, slots=True)
class Account:
    """Where one symbol stood at the end. Money is in quote units.

    Attributes:
        position_lots: Signed position.
        cash: Without fees.
        fee: Paid; negative if rebates were larger.
        realized: Profit of closed quantities at average price, without fees.
        equity: Cash + position x last valid mid - fees.
        fills: Number of fills.
    """

    position_lots: int
    cash: float
    fee: float
    realized: float
    equity: float
    fills: int


@dataclass(frozen=True, kw_only=True)
class Result:
    """Ledger and accounts of one backtest.

    Attributes:
        symbols: Names, in the order of the ledger's ``symbol`` numbers.
        orders: One row per order, structured array.
        fills: One row per fill in the order in which their reports arrived, structured array.
        equity: Samples of every symbol, structured array.
        accounts: One per symbol.
        errors: (local time, code, order id) of requests that were never sent.
        events: Number of events processed.
        state_hash: Of the engine's final state.
    """

    symbols: tuple[str, ...]
    orders: NDArray[np.void]
    fills: NDArray[np.void]
    equity: NDArray[np.void]
    accounts: tuple[Account, ...]
    errors: list[tuple[int, str, int]]
    events: int
    state_hash: int

    @cached_property
    def digest(self) -> str:
        """SHA-256 of orders, fills and equity; equal for equal runs."""
        return ledger_digest(self.orders, self.fills, self.equity)

    def table(self, name: str) -> LedgerTable:
        """Return ``orders``, ``fills`` or ``equity`` for DuckDB, pyarrow and other Arrow readers.

        Raises:
            UnknownNameError: There is no such table.
        """
        if name not in LEDGER:
            raise UnknownNameError("table", name, LEDGER)
        return LedgerTable(getattr(self, name), self.symbols)

    @property
    def position_lots(self) -> int:
        """Position of the only symbol."""
        return self._only().position_lots

    @property
    def cash(self) -> float:
        """Cash over all symbols, without fees."""
        return sum(account.cash for account in self.accounts)

    @property
    def fee(self) -> float:
        """Fees over all symbols."""
        return sum(account.fee for account in self.accounts)

    @property
    def realized(self) -> float:
        """Realized profit over all symbols, without fees."""
        return sum(account.realized for account in self.accounts)

    @property
    def final_equity(self) -> float:
        """Equity over all symbols."""
        return sum(account.equity for account in self.accounts)

    def _only(self) -> Account:
        if len(self.accounts) != 1:
            raise OptionError("position_lots", self.symbols, "a run of one symbol; see accounts")
        return self.accounts[0]


class Backtest:
    """Rules and data, ready to run strategies; a run changes nothing here.

    Fees are fractions of traded value, negative for a rebate: decimal text or floats, one for all
    symbols or one each. Linear spot only: no funding, inverse contracts or margin.
    """

    def __init__(
        self,
        data: MarketData | Sequence[MarketData],
        *,
        maker_fee: str | float | Sequence[str | float] = "0",
        taker_fee: str | float | Sequence[str | float] = "0",
        **options: Any,  # noqa: ANN401 - those of ModelOptions, checked there
    ) -> None:
        """Check everything that can be checked without a strategy.

        Args:
            data: Market data of one or several symbols.
            maker_fee: Of resting orders.
            taker_fee: Of taking orders.
            **options: Every attribute of ``ModelOptions``: ``preset``, ``queue``, ``n``,
                ``through``, ``unknown``, ``window``, ``truncate``, ``entry_us``, ``response_us``,
                ``latency_rows``, ``netting_us``, ``fee_tiers``, ``sample_us``, ``end_us``.

        Raises:
            UnknownNameError: An option or the name it holds does not exist.
            OptionError: A value is impossible.
        """
        self.data = (data,) if isinstance(data, MarketData) else tuple(data)
        if not self.data:
            raise OptionError("data", data, "market data of at least one symbol")
        known = [field.name for field in fields(ModelOptions)]
        for name in options:
            if name not in known:
                raise UnknownNameError("option", name, [*known, "maker_fee", "taker_fee"])
        self.options = ModelOptions(**options)
        self._refuse_missing_orders()
        self._merged = (
            None
            if len(self.data) == 1
            else engine.MergedRecords([each.native for each in self.data])
        )
        self._model = self.options.to_native(end_us=max(each.end_us for each in self.data))
        self._maker_fee, self._taker_fee = maker_fee, taker_fee
        maker = _per_symbol("maker_fee", maker_fee, len(self.data))
        taker = _per_symbol("taker_fee", taker_fee, len(self.data))
        self._instruments = [
            engine.BacktestInstrument(
                tick=float(each.tick),
                lot=float(each.lot),
                unit_value=float(each.tick * each.lot),
                maker_fee=maker[i],
                taker_fee=taker[i],
                min_lots=each.min_lots,
            )
            for i, each in enumerate(self.data)
        ]

    def start(
        self,
        strategy: NativeStrategy | Strategy | engine.StrategySpec,
        *,
        checkpoint_events: int = 0,
    ) -> engine.BacktestEngine:
        """Return an engine before its first event, for stepping and seeking.

        Args:
            strategy: What trades.
            checkpoint_events: Distance of checkpoints; 0 keeps none.

        Raises:
            SignalError: A signal is for a symbol that there is not.
        """
        if isinstance(strategy, SignalFollower):
            strategy.refuse_unknown_symbols(len(self.data))
        return engine.BacktestEngine(
            [each.native for each in self.data],
            self._model,
            self._instruments,
            to_spec(strategy),
            checkpoint_events=checkpoint_events,
            merged=self._merged,
        )

    def run(
        self,
        strategy: NativeStrategy | Strategy | engine.StrategySpec,
        *,
        time_limit_s: float | None = None,
    ) -> Result:
        """Run a strategy over all data.

        For the ledger up to a failure, use ``start``, ``run`` of the engine, and ``finish``.

        Args:
            strategy: What trades.
            time_limit_s: Longest wall-clock time; None for no limit.

        Raises:
            OrderError: The strategy sent an impossible order.
            EngineError: A sum left its range, or a C function failed.
            TimeLimitError: The run took longer than allowed, or a strategy in Python did.
        """
        running = self.start(strategy)
        run_within(running, self.end_us, time_limit_s)
        return self.finish(running, takes_ledger=True)

    @property
    def end_us(self) -> int:
        """Time of the last event that a run processes."""
        return self._model.end_us

    def finish(self, running: engine.BacktestEngine, *, takes_ledger: bool = False) -> Result:
        """Return the result of an engine that has run to the end.

        Args:
            running: The engine; it gets its last equity sample.
            takes_ledger: Move the ledger out of the engine, which ends it, instead of copying it.
        """
        running.sample()
        errors = [(ts_us, ERRORS[code], order) for ts_us, code, order in running.errors()]
        if takes_ledger:
            fills, orders, equity = running.take_ledger()
        else:
            fills, orders, equity = running.fills(), running.orders(), running.equity()
        return Result(
            symbols=tuple(each.symbol for each in self.data),
            orders=orders,
            fills=fills,
            equity=equity,
            accounts=tuple(Account(*running.account(i)) for i in range(len(self.data))),
            errors=errors,
            events=running.events,
            state_hash=running.state_hash(),
        )

    def exchange_mids(
        self, symbol: int, ts_us: Sequence[NDArray[np.int64]]
    ) -> list[NDArray[np.float64]]:
        """Return the exchange's mid after all records up to given times, in quote units.

        Args:
            symbol: Number of the symbol.
            ts_us: Arrays of exchange times, in any order.

        Returns:
            One array for each given one; NaN while a side of the book is empty.
        """
        model = replace(self.options, sample_us=0).to_native(end_us=self.end_us)
        running = engine.BacktestEngine(
            [self.data[symbol].native], model, [self._instruments[symbol]], engine.script([])
        )
        wanted, place = np.unique(np.concatenate(ts_us), return_inverse=True)
        mids = running.mids_at(0, wanted)[place]
        return np.split(mids, np.cumsum([len(each) for each in ts_us[:-1]]))

    def assumptions(self) -> dict[str, str | int]:
        """Return what every figure of a run depends on, by name."""
        options = self.options
        facts: dict[str, str | int] = {"preset": options.preset, "queue": options.queue}
        if options.queue.startswith("power"):
            facts["n"] = f"{options.n:g}"
        for name, usual in USUAL_RULES.items():
            value: str | int = getattr(options, name) or usual
            if value != usual:
                facts[name] = value
        facts.update(_latency_facts(options))
        if options.fee_tiers:
            facts["maker_fee"] = " to ".join(_ends([tier[1] for tier in options.fee_tiers]))
            facts["taker_fee"] = " to ".join(_ends([tier[2] for tier in options.fee_tiers]))
        else:
            facts["maker_fee"] = _fee_text(self._maker_fee)
            facts["taker_fee"] = _fee_text(self._taker_fee)
        facts["sampling_us"] = options.sample_us
        return facts

    def _refuse_missing_orders(self) -> None:
        if self.options.queue != QUEUES[-1]:
            return
        for each in self.data:
            if len(each) and not each.native.has_orders:
                raise OptionError("queue", "l3_fifo", f"order-level records of {each.symbol}")


def ledger_digest(
    orders: NDArray[np.void], fills: NDArray[np.void], equity: NDArray[np.void]
) -> str:
    """Return the SHA-256 of a ledger as hexadecimal text."""
    digest = hashlib.sha256()
    for rows in (orders, fills, equity):
        digest.update(len(rows).to_bytes(8, "little"))
        digest.update(rows.tobytes())
    return digest.hexdigest()


def _latency_facts(options: ModelOptions) -> dict[str, str | int]:
    facts: dict[str, str | int] = {}
    tables = options.latency_tables()
    if isinstance(options.latency_rows, Mapping):
        sizes = (f"{kind} table of {len(rows)} rows" for kind, rows in tables.items())
        facts["latency"] = ", ".join(sizes)
    elif tables:
        facts["latency"] = f"table of {len(tables['submit'])} rows"
    if len(tables) < len(LATENCY_KINDS):
        facts["entry_us"] = _latency_text(options.entry_us)
        facts["response_us"] = _latency_text(options.response_us)
    return facts


def _latency_text(value: LatencyOption) -> str | int:
    if isinstance(value, Mapping):
        return ", ".join(f"{kind} {latency}" for kind, latency in value.items())
    return value.__index__()


def _fee_text(value: str | float | Sequence[str | float]) -> str:
    return str(value) if isinstance(value, str | float | int) else ", ".join(map(str, value))


def _ends(fees: Sequence[str | float]) -> list[str]:
    """Return the fee of the first tier and, where it differs, of the last."""
    return list(dict.fromkeys([str(fees[0]), str(fees[-1])]))


def _per_symbol(name: str, value: str | float | Sequence[str | float], symbols: int) -> list[int]:
    values = [value] * symbols if isinstance(value, str | float | int) else list(value)
    if len(values) != symbols:
        raise OptionError(name, value, f"one fee, or one for each of {symbols} symbols")
    return [fee_rate(name, each) for each in values]
