"""Types of the native engine; compared with the built module by stubtest."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

from lobdesk.errors import LobdeskError

# --- errors ---

class EngineError(LobdeskError): ...

# --- book: feed, checksum, verifier ---

class BookVerdict:
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
    isa: str = "best",
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
