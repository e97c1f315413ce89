"""Inference: a trained forecaster's view of any anchors of a store."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from lobdesk.dataset.loader import BatchPlan, WindowLoader
from lobdesk.dataset.volatility import past_volatility
from lobdesk.progress import NoProgress
from lobdesk.training.callbacks import CancelFlag
from lobdesk.training.forecaster import CLASSIFICATION
from lobdesk.training.metrics import CLASSES, Predictions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lobdesk.progress import Progress
    from lobdesk.training.forecaster import LOBForecaster
    from lobdesk.windows import WindowStore

BATCH_WINDOWS = 256
CHUNK_WINDOWS = 32
LATENCY_REPEATS = 31


def predict(
    forecaster: LOBForecaster,
    store: WindowStore,
    rows: NDArray[np.int64],
    *,
    progress: Progress | None = None,
    cancel: CancelFlag | None = None,
    phase: str = "predict",
) -> Predictions:
    """Return what a forecaster says at anchors.

    Args:
        forecaster: Trained.
        store: Where the windows come from.
        rows: Anchor rows, rising.
        progress: Hears of every batch.
        cancel: Stops between batches.
        phase: Name for the progress.

    Raises:
        TrainingCancelledError: The flag was set.
    """
    progress = progress if progress is not None else NoProgress()
    cancel = cancel if cancel is not None else CancelFlag()
    plan = BatchPlan(rows, batch_size=BATCH_WINDOWS, chunk_windows=CHUNK_WINDOWS, is_shuffled=False)
    value = np.empty(len(rows), dtype=np.float64)
    is_classifier = forecaster.task == CLASSIFICATION
    labels = np.empty(len(rows), dtype=np.int64)
    probabilities = np.empty((len(rows), len(CLASSES)))
    volatility = torch.from_numpy(past_volatility(store, rows))
    done = 0
    forecaster.eval()
    with torch.inference_mode():
        # The sequence numbers stand in for a target, which inference has no use for.
        for batch in WindowLoader(plan, store, store.seq):
            cancel.check()
            outputs = forecaster(batch["x"])
            at = np.searchsorted(rows, batch["row"].numpy())
            value[at] = forecaster.value_bps(outputs, volatility[at]).numpy()
            if is_classifier:
                labels[at] = outputs.argmax(dim=-1).numpy()
                probabilities[at] = forecaster.probabilities(outputs).numpy()
            done += len(at)
            progress.update(phase, done, len(rows))
    if not is_classifier:
        return Predictions(value_bps=value)
    return Predictions(value_bps=value, labels=labels, probabilities=probabilities)


def measure_latency_us(forecaster: LOBForecaster, store: WindowStore, row: int) -> int:
    """Return the median time of one window's inference on this machine, gathering included."""
    forecaster.eval()
    times_ns = []
    with torch.inference_mode():
        for _ in range(LATENCY_REPEATS):
            start_ns = time.perf_counter_ns()
            forecaster(torch.from_numpy(store.gather(np.array([row], dtype=np.int64))))
            times_ns.append(time.perf_counter_ns() - start_ns)
    return int(np.median(times_ns)) // 1000
