"""Our records as hftbacktest's events, and its assets; runs where hftbacktest is."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import hftbacktest as hft
import numpy as np

BOOKS = {"roi": hft.ROIVectorMarketDepthBacktest, "hashmap": hft.HashMapMarketDepthBacktest}
DEFAULT_RULES = {
    "queue": "risk_averse", "n": 3.0, "exchange": "no_partial", "entry_us": 5_000,
    "response_us": 5_000, "latency_rows": None, "maker_fee": -0.00005, "taker_fee": 0.0007,
    "book": "roi",
}  # fmt: skip
KEPT: list[np.ndarray] = []


def load(path: str, tick: float, lot: float) -> np.ndarray:
    """Return our records as events; order identifiers stand beside them, if any."""
    return _load(path, tick, lot, Path(path).stat().st_mtime_ns)


@functools.lru_cache(maxsize=2)
def _load(path: str, tick: float, lot: float, _changed_ns: int) -> np.ndarray:
    stored = np.load(path)
    records, order_ids = (
        (stored, None) if path.endswith(".npy") else (stored["records"], stored["order_ids"])
    )
    data = np.zeros(len(records), dtype=hft.event_dtype)
    names = {1: hft.DEPTH_EVENT, 2: hft.TRADE_EVENT, 3: hft.DEPTH_CLEAR_EVENT}
    names |= {10: hft.ADD_ORDER_EVENT, 11: hft.CANCEL_ORDER_EVENT}
    names |= {12: hft.MODIFY_ORDER_EVENT, 13: hft.FILL_EVENT}
    kinds = np.zeros(256, dtype=np.uint64)
    kinds[list(names)] = list(names.values())
    sides = np.zeros(256, dtype=np.uint64)
    sides[:2] = hft.BUY_EVENT, hft.SELL_EVENT
    clocks = np.where(records["flags"] & 16, 0, hft.EXCH_EVENT)
    clocks |= np.where(records["flags"] & 8, 0, hft.LOCAL_EVENT)
    data["ev"] = kinds[records["kind"]] | sides[records["side"]] | clocks.astype(np.uint64)
    data["exch_ts"], data["local_ts"] = records["exch_ts_us"], records["recv_ts_us"]
    data["px"] = records["price_ticks"] * tick
    data["qty"] = np.where(records["flags"] & 4, 0, records["qty_lots"]) * lot
    if order_ids is not None:
        data["order_id"] = order_ids
    return data


def price_band(data: np.ndarray) -> tuple[float, float]:
    """Return the prices that a flat book must have room for."""
    prices = data["px"][data["px"] > 0]
    return float(prices.min()), float(prices.max())


def make_asset(
    data: np.ndarray | str,
    rules: dict[str, Any],
    tick: float,
    lot: float,
    band: tuple[float, float] | None = None,
) -> hft.BacktestAsset:
    """Return an asset over events, or over a file of them with a price band."""
    low, high = band or price_band(data)
    asset = (
        hft.BacktestAsset()
        .data([data])
        .linear_asset(1.0)
        .trading_value_fee_model(rules["maker_fee"], rules["taker_fee"])
        .tick_size(tick)
        .lot_size(lot)
        .roi_lb(low - 100 * tick)
        .roi_ub(high + 100 * tick)
        .last_trades_capacity(0)
    )
    if rules["latency_rows"] is None:
        asset.constant_order_latency(rules["entry_us"], rules["response_us"])
    else:
        names = ("req_ts", "exch_ts", "resp_ts", "_padding")
        rows = np.zeros(len(rules["latency_rows"]), dtype=[(name, "i8") for name in names])
        for at, name in enumerate(names[:3]):
            rows[name] = [row[at] for row in rules["latency_rows"]]
        asset.intp_order_latency(rows)
        KEPT.append(rows)  # the asset has no more than its address
    set_queue(asset, rules["queue"], rules["n"])
    if rules["exchange"] == "partial":
        return asset.partial_fill_exchange()
    return asset.no_partial_fill_exchange()


def set_queue(asset: hft.BacktestAsset, name: str, n: float) -> None:
    without_n = {
        "risk_averse": asset.risk_adverse_queue_model,
        "log": asset.log_prob_queue_model,
        "log2": asset.log_prob_queue_model2,
        "l3_fifo": asset.l3_fifo_queue_model,
    }
    with_n = {
        "power": asset.power_prob_queue_model,
        "power2": asset.power_prob_queue_model2,
        "power3": asset.power_prob_queue_model3,
    }
    if name in with_n:
        with_n[name](n)
    else:
        without_n[name]()
