"""Types of the native engine; compared with the built module by stubtest."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lobdesk.errors import LobdeskError

# --- errors ---

class EngineError(LobdeskError): ...

# --- book: feed, checksum, verifier ---

# --- scan: journal lines to columns ---

# --- windows: features, normalization, gather ---

# --- backtest ---

class MarketDataError(EngineError): ...

class BacktestModel:
    taker: int
    maker: int
    queue: int
    fills_remainder: bool
    prevents_self_trade: bool
    caps_through: bool
    defers_unknown: bool
    queue_n: float
    window: int
    truncates: bool
    entry_us: list[int]
    response_us: list[int]
    end_us: int
    sample_us: int
    def __init__(self) -> None: ...
    def set_latency_rows(self, rows: Sequence[tuple[int, int, int]]) -> None: ...

class BacktestInstrument:
    def __init__(
        self,
        *,
        tick: float,
        lot: float,
        unit_value: float,
        maker_fee: int,
        taker_fee: int,
        min_lots: int,
    ) -> None: ...

class LocalDesk:
    @property
    def now_us(self) -> int: ...
    def best_bid(self, symbol: int = 0) -> tuple[int, int] | None: ...
    def best_ask(self, symbol: int = 0) -> tuple[int, int] | None: ...
    def position(self, symbol: int = 0) -> int: ...
    def orders(self, symbol: int = 0) -> list[tuple[int, int, int, int, int, bool]]: ...
    def submit(
        self,
        order_id: int,
        side: int,
        price_ticks: int,
        qty_lots: int,
        *,
        order_type: int = 0,
        tif: int = 0,
        symbol: int = 0,
    ) -> None: ...
    def cancel(self, order_id: int) -> None: ...
    def cancel_all(self, symbol: int = -1) -> None: ...
    def modify(self, order_id: int, price_ticks: int, qty_lots: int) -> None: ...

class StrategySpec: ...

def join_touch(
    *, interval_us: int, qty_lots: int, max_position_lots: int, offset_ticks: int
) -> StrategySpec: ...
def signal_follower(
    ts_us: NDArray[np.int64],
    values: NDArray[np.float64],
    *,
    threshold: float,
    max_position_lots: int,
    maker: bool,
    hold: bool,
) -> StrategySpec: ...
def script(
    actions: Sequence[tuple[int, int, int, int, int, int, int, int, int]],
) -> StrategySpec: ...
def python_strategy(
    callback: Callable[[LocalDesk], object], *, interval_us: int
) -> StrategySpec: ...

class MarketRecords:
    def __init__(
        self, records: NDArray[np.void], order_ids: NDArray[np.int64] | None = None
    ) -> None: ...
    def __len__(self) -> int: ...
    @property
    def first_us(self) -> int: ...
    @property
    def last_us(self) -> int: ...
    @property
    def has_orders(self) -> bool: ...

class BacktestEngine:
    def __init__(
        self,
        data: Sequence[MarketRecords],
        model: BacktestModel,
        instruments: Sequence[BacktestInstrument],
        strategy: StrategySpec,
        *,
        checkpoint_events: int = 0,
    ) -> None: ...
    def run(self, until_us: int, max_events: int) -> int: ...
    def seek_event(self, event: int) -> None: ...
    def seek_time(self, ts_us: int) -> None: ...
    def sample(self) -> None: ...
    @property
    def now_us(self) -> int: ...
    @property
    def events(self) -> int: ...
    def levels(
        self, symbol: int, *, local: bool, count: int
    ) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]: ...
    def account(self, symbol: int) -> tuple[int, float, float, float, float, int]: ...
    def live_orders(self, symbol: int) -> list[tuple[int, int, int, int, float | None, int]]: ...
    def order_state(self, order_id: int) -> tuple[int, float | None] | None: ...
    def take_ledger(self) -> tuple[NDArray[np.void], NDArray[np.void], NDArray[np.void]]: ...
    def fills(self) -> NDArray[np.void]: ...
    def orders(self) -> NDArray[np.void]: ...
    def equity(self) -> NDArray[np.void]: ...
    def errors(self) -> list[tuple[int, int, int]]: ...
    def state_hash(self) -> int: ...
