"""A small window store with something to learn, written in the format of the design."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

HORIZON_ROWS = 5


def write_store(folder: Path, *, rows: int = 1600, window_rows: int = 30, seed: int = 5) -> Path:
    """Write two segments in which the level-1 quantities foretell the mid of the next rows."""
    random = np.random.default_rng(seed)
    pressure = np.zeros(rows)
    for row in range(1, rows):
        pressure[row] = 0.9 * pressure[row - 1] + random.normal() * np.sqrt(1 - 0.81)
    features = random.normal(size=(rows, 40)).astype(np.float32)
    features[:, 1] -= 2 * pressure  # ask quantity
    features[:, 3] += 2 * pressure  # bid quantity
    steps_bps = np.roll(pressure, 1) + 0.3 * random.normal(size=rows)
    vwm = 1e4 * np.exp(np.cumsum(steps_bps) / 1e4)
    segment = (np.arange(rows) >= rows // 4).astype(np.int32)
    end = np.arange(rows) + HORIZON_ROWS
    inside = end < rows
    inside[inside] = segment[end[inside]] == segment[inside.nonzero()[0]]
    target = np.full(rows, np.nan)
    target[inside] = (vwm[end[inside]] / vwm[inside] - 1) * 1e4
    time_us = 1_700_000_000_000_000 + 100_000 * np.arange(rows)
    columns = {
        "features": features,
        "ready": np.ones(rows, dtype=bool),
        "vwm": vwm,
        "exch_ts_us": time_us,
        "recv_ts_us": time_us + 1500,
        "seq": np.arange(rows),
        "segment": segment,
        "symbol": np.zeros(rows, dtype=np.int32),
        f"target_point_{HORIZON_ROWS}": target,
        f"target_end_point_{HORIZON_ROWS}": np.where(inside, end, -1),
    }
    folder.mkdir(parents=True)
    for name, column in columns.items():
        np.save(folder / f"{name}.npy", column)
    sides = [(side, what) for side in ("ask", "bid") for what in ("price", "quantity")]
    names = [f"{side}_{what}_{level}" for level in range(1, 11) for side, what in sides]
    target = {"name": f"point:{HORIZON_ROWS}", "column": f"target_point_{HORIZON_ROWS}"}
    manifest = {
        "format": "lobdesk-windows",
        "version": 1,
        "id": folder.name,
        "spec": {"window_rows": window_rows, "stride_rows": 1, "norm_window_rows": 50},
        "symbols": ["TST/USD"],
        "rows": rows,
        "features": [{"name": name, "unit": "z"} for name in names],
        "targets": [target],
        "columns": {
            name: {"dtype": column.dtype.str, "shape": list(column.shape)}
            for name, column in columns.items()
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
