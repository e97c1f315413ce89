"""Types of the native engine; compared with the built module by stubtest."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lobdesk.errors import LobdeskError

# --- errors ---

class EngineError(LobdeskError): ...

# --- book: feed, checksum, verifier ---

# --- scan: journal lines to columns ---

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
