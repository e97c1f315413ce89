"""Features, rolling normalization and batches against NumPy, pandas and PyTorch, in one run.

Run by hand: ``python benchmarks/bench_windows.py [rows]``. Times are CPU seconds of this process,
the best of several interleaved rounds, so that other work on the machine matters little.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd
import torch

from lobdesk import engine
from lobdesk.windows import compute_features, rolling_normalize

LEVELS = 10
WINDOW, MIN_ROWS = 1000, 100
T, BATCH, WINDOWS = 100, 64, 16_384
ROUNDS = 3


def make_books(rows: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    mid = 600_000 + np.cumsum(random.integers(-2, 3, rows))
    steps = np.cumsum(random.integers(1, 4, (rows, LEVELS)), axis=1)
    return {
        "bid_ticks": mid[:, None] - steps,
        "bid_lots": random.integers(1, 10**9, (rows, LEVELS)),
        "ask_ticks": mid[:, None] + steps,
        "ask_lots": random.integers(1, 10**9, (rows, LEVELS)),
    }


def numpy_features(bid_px, bid_qty, ask_px, ask_qty):
    bid, bid_q, ask, ask_q = bid_px[:, 0], bid_qty[:, 0], ask_px[:, 0], ask_qty[:, 0]
    vwm = (ask * bid_q + bid * ask_q) / (ask_q + bid_q)
    x = np.empty((len(bid_px), 4 * LEVELS))
    x[:, 0::4] = (ask_px - vwm[:, None]) / vwm[:, None] * 1e4
    x[:, 1::4] = np.log1p(ask_qty)
    x[:, 2::4] = (bid_px - vwm[:, None]) / vwm[:, None] * 1e4
    x[:, 3::4] = np.log1p(bid_qty)
    return x


def pandas_normalize(x):
    frame = pd.DataFrame(x)
    rolling = frame.rolling(WINDOW, min_periods=MIN_ROWS)
    mean, std = rolling.mean().shift(1), rolling.std(ddof=0).shift(1)
    return ((frame - mean) / std).to_numpy(np.float32)


def cpu_seconds(work) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def best(**works) -> dict[str, float]:
    times = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            times[name].append(cpu_seconds(work))
    return {name: min(found) for name, found in times.items()}


def bench_features(rows: int) -> None:
    books = make_books(rows)
    floats = [
        books["bid_ticks"] / 10.0,
        books["bid_lots"] / 1e8,
        books["ask_ticks"] / 10.0,
        books["ask_lots"] / 1e8,
    ]
    z, ready, vwm = np.zeros((rows, 40), np.float32), np.zeros(rows, np.bool_), np.zeros(rows)
    precision = {"price_precision": np.full(rows, 1, np.int8)}
    precision["qty_precision"] = np.full(rows, 8, np.int8)

    def fused() -> None:
        engine.build_feature_rows(
            **books,
            **precision,
            exch_ts_us=np.arange(rows),
            segment=np.zeros(rows, np.int32),
            features=z,
            ready=ready,
            vwm=vwm,
            feature_sets=["deeplob40"],
            vwm_levels=1,
            window_rows=WINDOW,
            min_rows=MIN_ROWS,
        )

    def arrays() -> None:
        x, _ = compute_features(*floats)
        rolling_normalize(x, window_rows=WINDOW, min_rows=MIN_ROWS)

    def reference() -> None:
        pandas_normalize(numpy_features(*floats))

    fused()
    expected = pandas_normalize(numpy_features(*floats))
    difference = np.abs(z[MIN_ROWS:] - expected[MIN_ROWS:]).max()
    times = best(reference=reference, arrays=arrays, fused=fused)
    print(f"features + normalization, {rows:,} rows x 40, window {WINDOW}")
    for name, seconds in times.items():
        ratio = times["reference"] / seconds
        print(f"  {name:<10} {seconds:7.3f} s  {rows / seconds / 1e6:6.2f} M rows/s  {ratio:6.1f}x")
    print(f"  largest difference from NumPy + pandas: {difference:.1e}")


def bench_gather() -> None:
    random = np.random.default_rng(0)
    features = random.normal(size=(WINDOWS + T - 1, 40)).astype(np.float32)
    view = np.lib.stride_tricks.sliding_window_view(features, T, axis=0).transpose(0, 2, 1)
    materialized = torch.from_numpy(np.ascontiguousarray(view))
    dataset = torch.utils.data.TensorDataset(materialized)
    order = random.permutation(WINDOWS) + T - 1
    out = np.empty((BATCH, T, 40), np.float32)

    def loader() -> None:
        for _ in torch.utils.data.DataLoader(dataset, batch_size=BATCH, shuffle=True):
            pass

    def gather() -> None:
        for start in range(0, WINDOWS, BATCH):
            engine.gather_windows(features, order[start : start + BATCH], out, threads=1)

    times = best(reference=loader, gather=gather)
    print(f"batches of {BATCH} windows of {T} x 40, float32")
    for name, seconds in times.items():
        ratio = times["reference"] / seconds
        print(f"  {name:<10} {WINDOWS / seconds:12,.0f} windows/s  {ratio:6.1f}x")
    kept = features.nbytes / 1e6
    print(f"  memory: {kept:.1f} MB of rows instead of {materialized.nbytes / 1e6:,.0f} MB")


if __name__ == "__main__":
    torch.set_num_threads(1)
    bench_features(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
    bench_gather()
