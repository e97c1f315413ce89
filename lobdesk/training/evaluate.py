"""Evaluation: a forecaster and the baselines, side by side on one test fold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk.models.baselines import BASELINES, Sample
from lobdesk.training.metrics import CLASSES, Outcomes, Predictions, evaluate
from lobdesk.training.predict import predict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lobdesk.dataset.datamodule import LOBDataModule
    from lobdesk.progress import Progress
    from lobdesk.training.callbacks import CancelFlag
    from lobdesk.training.forecaster import LOBForecaster

ENTRY_QUANTILE = 0.9
"""Trades are made on predictions as large as the strongest tenth of the validation fold's."""


def evaluate_fold(
    forecaster: LOBForecaster,
    data: LOBDataModule,
    *,
    progress: Progress | None = None,
    cancel: CancelFlag | None = None,
) -> dict[str, Any]:
    """Return the figures of the forecaster and of every baseline on the test fold.

    Baselines are fitted on the training fold. Entry thresholds come from the validation fold.

    Returns:
        ``samples`` (of train, val, test), ``threshold_bps`` and ``class_counts`` (classification),
        and ``models``: name → figures of ``metrics.evaluate``; the forecaster is ``model``.
    """
    outcomes = fold_outcomes(data, data.test_rows)
    both = np.sort(np.concatenate([data.val_rows, data.test_rows]))
    said = predict(forecaster, data.store, both, progress=progress, cancel=cancel, phase="test")
    models = {"model": _figures(said, both, data, outcomes)}
    train = _sample(data, data.train_rows)
    for name, fit_baseline in BASELINES.items():
        baseline = fit_baseline(train, data.feature_names)
        rows = data.store.features[both]
        labels = None if outcomes.labels is None else baseline.classes(rows)
        said = Predictions(value_bps=baseline.value_bps(rows), labels=labels)
        models[name] = _figures(said, both, data, outcomes)
    report: dict[str, Any] = {
        "samples": {
            "train": len(data.train_rows),
            "val": len(data.val_rows),
            "test": len(data.test_rows),
        },
        "models": models,
    }
    if outcomes.labels is not None:
        counts = np.bincount(outcomes.labels, minlength=len(CLASSES)).tolist()
        report["threshold_bps"] = data.threshold_bps
        report["class_counts"] = dict(zip(CLASSES, counts, strict=True))
    return report


def fold_outcomes(data: LOBDataModule, rows: NDArray[np.int64]) -> Outcomes:
    """Return what happened after anchors of a store."""
    store = data.store
    return Outcomes(
        return_bps=data.return_bps[rows],
        labels=data.labels[rows] if data.labels is not None else None,
        t0=rows,
        t1=data.target_end[rows],
        group=np.asarray(store.symbol[rows]),
    )


def _sample(data: LOBDataModule, rows: NDArray[np.int64]) -> Sample:
    return Sample(
        rows=data.store.features[rows],
        return_bps=data.return_bps[rows],
        labels=data.labels[rows] if data.labels is not None else None,
    )


def _figures(
    said: Predictions, rows: NDArray[np.int64], data: LOBDataModule, outcomes: Outcomes
) -> dict[str, Any]:
    val, test = (np.searchsorted(rows, part) for part in (data.val_rows, data.test_rows))
    threshold = float(np.quantile(np.abs(said.value_bps[val]), ENTRY_QUANTILE))
    return evaluate(said.take(test), outcomes, entry_threshold=threshold)
