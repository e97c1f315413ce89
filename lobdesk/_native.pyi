"""Types of the native engine; compared with the built module by stubtest."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

from lobdesk.errors import LobdeskError

# --- errors ---

class EngineError(LobdeskError): ...

# --- book: feed, checksum, verifier ---

class BookVerdict:
    def __init__(self, *args: object, **kwargs: object) -> None: ...  # made by feed only
    @property
    def symbol(self) -> str: ...
    @property
    def is_snapshot(self) -> bool: ...
    @property
    def state(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def exch_ts_us(self) -> int: ...
    @property
    def expected(self) -> int | None: ...
    @property
    def actual(self) -> int | None: ...
    @property
    def is_inferred(self) -> bool: ...

class TradeEntry:
    def __init__(self, *args: object, **kwargs: object) -> None: ...  # made by feed only
    @property
    def symbol(self) -> str: ...
    @property
    def exch_ts_us(self) -> int: ...
    @property
    def recv_ts_us(self) -> int: ...
    @property
    def trade_id(self) -> int: ...
    @property
    def side(self) -> str: ...
    @property
    def ord_type(self) -> str: ...
    @property
    def price_ticks(self) -> int: ...
    @property
    def qty_lots(self) -> int: ...
    @property
    def price_precision(self) -> int: ...
    @property
    def qty_precision(self) -> int: ...
    def line(self, seq: int) -> bytes: ...

class Verdict:
    def __init__(self, *args: object, **kwargs: object) -> None: ...  # made by feed only
    @property
    def kind(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def books(self) -> list[BookVerdict]: ...
    @property
    def trades(self) -> list[TradeEntry]: ...
    @property
    def refused(self) -> list[tuple[str, str]]: ...
    @property
    def ended(self) -> list[tuple[str, str]]: ...

class BookVerifier:
    def __init__(self, *, depth: int = 10, book_levels: int = 10) -> None: ...
    def set_instrument(
        self, symbol: str, price_precision: int, qty_precision: int, *, inferred: bool = False
    ) -> None: ...
    def reset(self, symbol: str | None = None) -> None: ...
    def feed(self, frame: bytes, recv_ts_us: int) -> Verdict: ...
    def snapshot_line(self, symbol: str, seq: int) -> bytes: ...
    def levels(self, symbol: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]: ...
    def symbols(self) -> list[str]: ...
    def checksum(self, symbol: str) -> int: ...
    def state(self, symbol: str) -> str: ...
    def instrument(self, symbol: str) -> tuple[int, int, bool] | None: ...

def crc32(data: bytes) -> int: ...

# --- scan: journal lines to columns ---

def build_market_records(
    *,
    seq: NDArray[np.int64],
    exch_ts_us: NDArray[np.int64],
    recv_ts_us: NDArray[np.int64],
    starts_segment: NDArray[np.uint8],
    bid_ticks: NDArray[np.int32],
    bid_lots: NDArray[np.int64],
    ask_ticks: NDArray[np.int32],
    ask_lots: NDArray[np.int64],
    trade_seq: NDArray[np.int64],
    trade_exch_ts_us: NDArray[np.int64],
    trade_recv_ts_us: NDArray[np.int64],
    trade_side: NDArray[np.uint8],
    trade_price_ticks: NDArray[np.int32],
    trade_qty_lots: NDArray[np.int64],
) -> tuple[NDArray[np.void], dict[str, int]]: ...
def scan_events(data: Buffer, *, base_offset: int = 0) -> dict[str, Any]: ...
def scan_snapshots(data: Buffer, *, symbol: str, base_offset: int = 0) -> dict[str, Any]: ...
def scan_trades(data: Buffer, *, symbol: str, base_offset: int = 0) -> dict[str, Any]: ...

# --- windows: features, normalization, gather ---

def compute_features(
    bid_px: NDArray[np.float64],
    bid_qty: NDArray[np.float64],
    ask_px: NDArray[np.float64],
    ask_qty: NDArray[np.float64],
    *,
    feature_sets: Sequence[str],
    vwm_levels: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def volume_weighted_mid(
    bid_px: NDArray[np.float64],
    bid_qty: NDArray[np.float64],
    ask_px: NDArray[np.float64],
    ask_qty: NDArray[np.float64],
    *,
    levels: int,
) -> NDArray[np.float64]: ...
def rolling_normalize(
    x: NDArray[np.float64], segment: NDArray[np.int32], *, window_rows: int, min_rows: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]: ...
def build_feature_rows(
    *,
    bid_ticks: NDArray[np.int64],
    bid_lots: NDArray[np.int64],
    ask_ticks: NDArray[np.int64],
    ask_lots: NDArray[np.int64],
    price_precision: NDArray[np.int8],
    qty_precision: NDArray[np.int8],
    exch_ts_us: NDArray[np.int64],
    segment: NDArray[np.int32],
    features: NDArray[np.float32],
    ready: NDArray[np.bool_],
    vwm: NDArray[np.float64],
    feature_sets: Sequence[str],
    vwm_levels: int,
    window_rows: int,
    min_rows: int,
) -> None: ...
def row_targets(
    vwm: NDArray[np.float64], segment: NDArray[np.int32], *, kind: str, horizon_rows: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]: ...
def time_targets(
    vwm: NDArray[np.float64],
    segment: NDArray[np.int32],
    ts_us: NDArray[np.int64],
    *,
    kind: str,
    horizon_us: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]: ...
def gather_windows(
    features: NDArray[np.float32],
    rows: NDArray[np.int64],
    out: NDArray[np.float32],
    *,
    threads: int,
) -> None: ...

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
    def __init__(self, *args: object, **kwargs: object) -> None: ...  # handed to callables only
    @property
    def now_us(self) -> int: ...
    def best_bid(self, symbol: int = 0) -> tuple[int, int] | None: ...
    def best_ask(self, symbol: int = 0) -> tuple[int, int] | None: ...
    def touch(self, symbol: int = 0) -> tuple[int, int] | None: ...
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

class StrategySpec:
    def __init__(self, *args: object, **kwargs: object) -> None: ...  # see the makers below

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
