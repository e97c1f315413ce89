"""Types of the native engine; compared with the built module by stubtest."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

from lobdesk.errors import LobdeskError

# --- errors ---

class EngineError(LobdeskError): ...

# --- book: feed, checksum, verifier ---

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

# --- backtest ---
