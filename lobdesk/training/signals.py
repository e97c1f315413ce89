"""Signals: a trained model's causal predictions, stamped with when they could be acted on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk.errors import TrainingError
from lobdesk.runs import Run, create_run
from lobdesk.training.predict import measure_latency_us, predict
from lobdesk.training.runs import (
    load_forecaster,
    make_data,
    open_store,
    open_training,
    use_threads,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lobdesk.dataset.datamodule import LOBDataModule
    from lobdesk.paths import DataPaths
    from lobdesk.progress import Progress
    from lobdesk.training.forecaster import LOBForecaster

SIGNAL_DTYPE = np.dtype([("feature_ts_us", "<i8"), ("available_ts_us", "<i8"), ("value", "<f8")])
SIGNALS_FILE = "signals.npy"
ROWS = ("test", "all")


def make_signals(
    paths: DataPaths,
    run_id: str,
    *,
    rows: str = "test",
    symbol: str | None = None,
    latency_us: int | None = None,
    progress: Progress,
) -> Run:
    """Write the predictions of a training run as a run of kind ``signals``.

    Each signal holds ``feature_ts_us`` (receipt of the window's last row), ``available_ts_us``
    (that plus the inference latency) and ``value`` (expected return in bps), in the order they
    become available. The order of two signals never depends on anything later.

    Args:
        paths: The data directory.
        run_id: A finished training.
        rows: ``test`` for anchors of the test fold only; ``all`` for all of the store, most of
            which the model was trained on.
        symbol: Which one; may be left out where the store holds one.
        latency_us: Time an inference takes; None measures it here.
        progress: Hears of every batch.

    Raises:
        LobdeskError: The run or its store is missing, or the symbol is not in it.
    """
    if rows not in ROWS:
        raise TrainingError(f"rows {rows!r} is not one of {', '.join(ROWS)}")
    training, settings = open_training(paths, run_id)
    use_threads(settings.threads)
    forecaster = load_forecaster(training)
    data = make_data(open_store(paths, training.manifest.config["store"]), settings)
    symbol, index = _symbol(data, symbol)
    chosen = data.test_rows if rows == "test" else data.store.anchors()
    chosen = chosen[np.asarray(data.store.symbol[chosen]) == index]
    if len(chosen) == 0:
        raise TrainingError(f"{run_id}: {symbol} has no anchors in its {rows} rows")
    is_measured = latency_us is None
    if latency_us is None:
        latency_us = measure_latency_us(forecaster, data.store, int(chosen[0]))
    signals = _signals(forecaster, data, chosen, latency_us, progress)
    config = {"training": run_id, "symbol": symbol, "rows": rows, "latency_us": latency_us}
    run = create_run(
        paths.runs,
        "signals",
        name=f"{training.manifest.name} {symbol}",
        config=config | {"latency_measured": is_measured, "value": "expected_return_bps"},
        inputs={"training": run_id, **training.manifest.inputs},
    )
    np.save(run.path / SIGNALS_FILE, signals)
    digest = hashlib.sha256(signals.tobytes()).hexdigest()
    run.finish(
        "finished",
        metrics=summary(signals),
        outputs={"file": SIGNALS_FILE, "sha256": digest},
    )
    progress.finish("finished", run=run.id, signals=len(signals))
    return run


def summary(signals: NDArray[np.void]) -> dict[str, Any]:
    """Return count, span and size of signals."""
    value = np.abs(signals["value"])
    return {
        "signals": len(signals),
        "first_ts_us": int(signals["available_ts_us"][0]),
        "last_ts_us": int(signals["available_ts_us"][-1]),
        "abs_value_median_bps": float(np.median(value)),
        "abs_value_p90_bps": float(np.quantile(value, 0.9)),
    }


def _signals(
    forecaster: LOBForecaster,
    data: LOBDataModule,
    rows: NDArray[np.int64],
    latency_us: int,
    progress: Progress,
) -> NDArray[np.void]:
    said = predict(forecaster, data.store, rows, progress=progress, phase="signals")
    signals = np.empty(len(rows), dtype=SIGNAL_DTYPE)
    signals["feature_ts_us"] = data.store.recv_ts_us[rows]
    signals["available_ts_us"] = signals["feature_ts_us"] + latency_us
    signals["value"] = said.value_bps
    return signals[np.argsort(signals["available_ts_us"], kind="stable")]


def _symbol(data: LOBDataModule, symbol: str | None) -> tuple[str, int]:
    names = data.store.symbols
    if symbol is None:
        if len(names) == 1:
            return names[0], 0
        raise TrainingError(f"the store has several symbols; name one: {', '.join(names)}")
    if symbol not in names:
        raise TrainingError(f"the store has no symbol {symbol!r}; it has {', '.join(names)}")
    return symbol, names.index(symbol)
