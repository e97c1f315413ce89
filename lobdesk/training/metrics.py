"""Figures that judge predictions: classes, returns, and what a trade would have earned."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSES = ("down", "flat", "up")
"""Names of the class indices 0, 1, 2 (returns below, within and above the threshold)."""

MIN_TRADES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What happened after each anchor of one evaluation, in any order.

    Attributes:
        return_bps: Realized target, float64 ``[N]``, basis points.
        labels: Class indices, int64 ``[N]``, or None in regression.
        t0: Time of the anchor, int64 ``[N]``.
        t1: Time of the target's last row, int64 ``[N]``, same unit.
        group: Symbol, int ``[N]``.
    """

    return_bps: NDArray[np.float64]
    labels: NDArray[np.int64] | None
    t0: NDArray[np.int64]
    t1: NDArray[np.int64]
    group: NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """What a model said.

    Attributes:
        value_bps: Expected return, float64 ``[N]``; only its order and sign matter to the figures.
        labels: Class indices, int64 ``[N]``, or None in regression.
        probabilities: Of the classes, float64 ``[N, 3]``, or None where a model gives none.
    """

    value_bps: NDArray[np.float64]
    labels: NDArray[np.int64] | None = None
    probabilities: NDArray[np.float64] | None = None

    def take(self, samples: NDArray[np.int64]) -> Predictions:
        """Return the predictions of some samples."""
        return Predictions(
            value_bps=self.value_bps[samples],
            labels=None if self.labels is None else self.labels[samples],
            probabilities=None if self.probabilities is None else self.probabilities[samples],
        )


def evaluate(
    predictions: Predictions, outcomes: Outcomes, *, entry_threshold: float
) -> dict[str, Any]:
    """Return all figures of one model on one set of anchors, plain types only.

    Args:
        predictions: Of the same anchors as ``outcomes``.
        outcomes: What happened.
        entry_threshold: Absolute value from which a trade is made; chosen on other data.

    Returns:
        ``samples``, ``n_eff``, ``ic``, ``ic_se``, ``rank_ic``, ``r2``, ``trades`` and
        ``break_even_fee_bps`` (null where undefined); with classes also those of
        ``class_figures``, with probabilities those of ``calibration``.
    """
    realized, value = outcomes.return_bps, predictions.value_bps
    apart = non_overlapping(outcomes.t0, outcomes.t1, outcomes.group)
    ic = correlation(value, realized)
    trades = trade_returns(value, outcomes, entry_threshold=entry_threshold)
    figures: dict[str, Any] = {
        "samples": len(realized),
        "n_eff": len(apart),
        "ic": ic,
        "ic_se": correlation_error(ic, len(apart)),
        "rank_ic": correlation(ranks(value), ranks(realized)),
        "r2": explained_variance(value, realized),
        "trades": len(trades),
        "break_even_fee_bps": float(trades.mean() / 2) if len(trades) >= MIN_TRADES else None,
    }
    if outcomes.labels is not None and predictions.labels is not None:
        figures |= class_figures(confusion_matrix(outcomes.labels, predictions.labels))
    if outcomes.labels is not None and predictions.probabilities is not None:
        figures |= calibration(predictions.probabilities, outcomes.labels)
    return figures


def confusion_matrix(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], *, classes: int = len(CLASSES)
) -> NDArray[np.int64]:
    """Return counts ``[classes, classes]``: rows are the truth, columns the prediction."""
    pairs = np.bincount(truth * classes + predicted, minlength=classes * classes)
    return pairs.reshape(classes, classes).astype(np.int64)


def class_figures(confusion: NDArray[np.int64]) -> dict[str, Any]:
    """Return the usual figures of a confusion matrix.

    A class that was neither true nor predicted counts in no average; an undefined precision or
    recall is 0.

    Returns:
        ``accuracy``, ``macro_f1``, ``weighted_f1`` (by true counts), ``balanced_accuracy`` (mean
        recall of the classes that occurred), ``mcc`` and ``confusion`` (counts, rows are true).
    """
    counts = confusion.astype(np.float64)
    hits, true, said = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    total = counts.sum()
    f1 = _ratio(2 * hits, true + said)
    recall = _ratio(hits, true)
    return {
        "accuracy": float(hits.sum() / total),
        "macro_f1": float(f1[(true + said) > 0].mean()),
        "weighted_f1": float((f1 * true).sum() / total),
        "balanced_accuracy": float(recall[true > 0].mean()),
        "mcc": matthews_correlation(confusion),
        "confusion": confusion.tolist(),
    }


def calibration(probabilities: NDArray[np.float64], truth: NDArray[np.int64]) -> dict[str, Any]:
    """Return how far probabilities can be believed.

    Args:
        probabilities: Of each class, ``[N, classes]``, rows adding up to 1.
        truth: Class indices ``[N]``.

    Returns:
        ``brier`` (mean squared distance to the truth, summed over classes), ``ece`` (expected
        calibration error of the likeliest class) and ``reliability``: for each tenth of confidence
        that occurred, ``confidence`` (mean), ``accuracy`` and ``samples``.
    """
    said = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(len(truth)), said]
    is_right = said == truth
    square = (probabilities**2).sum(axis=1) + 1 - 2 * probabilities[np.arange(len(truth)), truth]
    bins = np.minimum((confidence * 10).astype(np.int64), 9)
    reliability = [
        {
            "confidence": float(confidence[bins == number].mean()),
            "accuracy": float(is_right[bins == number].mean()),
            "samples": int((bins == number).sum()),
        }
        for number in np.unique(bins)
    ]
    gaps = [abs(b["confidence"] - b["accuracy"]) * b["samples"] for b in reliability]
    return {
        "brier": float(square.mean()),
        "ece": float(sum(gaps) / len(truth)),
        "reliability": reliability,
    }


def matthews_correlation(confusion: NDArray[np.int64]) -> float:
    """Return the correlation of truth and prediction, 0 if either is constant.

    Source: Gorodkin (2004), Comparing two K-category assignments by a K-category correlation
    coefficient, Computational Biology and Chemistry 28.
    """
    counts = confusion.astype(np.float64)
    total, hits = counts.sum(), np.trace(counts)
    true, said = counts.sum(axis=1), counts.sum(axis=0)
    spread = math.sqrt(total**2 - (true**2).sum()) * math.sqrt(total**2 - (said**2).sum())
    return float((hits * total - true @ said) / spread) if spread > 0 else 0.0


def correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float | None:
    """Return Pearson's correlation, None if a side is constant or there are under two values."""
    if len(x) < 2:
        return None
    dx, dy = x - x.mean(), y - y.mean()
    # The size test keeps rounding of a constant from looking like variation.
    floors = [1e-12 * max(1.0, float(np.abs(side).max())) for side in (x, y)]
    if np.abs(dx).max() <= floors[0] or np.abs(dy).max() <= floors[1]:
        return None
    return float(dx @ dy / math.sqrt((dx @ dx) * (dy @ dy)))


def ranks(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks from 1; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean_rank: NDArray[np.float64] = (last - (counts - 1) / 2)[inverse]
    return mean_rank


def correlation_error(value: float | None, samples: int) -> float | None:
    """Return the large-sample standard error of a correlation of independent samples."""
    return None if value is None or samples < 2 else (1 - value**2) / math.sqrt(samples - 1)


def explained_variance(value: NDArray[np.float64], realized: NDArray[np.float64]) -> float | None:
    """Return 1 - squared error / variance, None if nothing varied."""
    spread = float(((realized - realized.mean()) ** 2).sum())
    return 1 - float(((realized - value) ** 2).sum()) / spread if spread > 0 else None


def non_overlapping(
    t0: NDArray[np.int64], t1: NDArray[np.int64], group: NDArray[np.integer[Any]]
) -> NDArray[np.int64]:
    """Return samples whose intervals do not overlap within a group, earliest first, greedily.

    Their number is the effective sample size: neighbouring targets share most of their future.
    """
    kept = []
    free_from: dict[int, int] = {}
    for sample in np.argsort(t0, kind="stable").tolist():
        name = int(group[sample])
        if name not in free_from or t0[sample] >= free_from[name]:
            kept.append(sample)
            free_from[name] = int(t1[sample])
    return np.array(kept, dtype=np.int64)


def trade_returns(
    value: NDArray[np.float64], outcomes: Outcomes, *, entry_threshold: float
) -> NDArray[np.float64]:
    """Return what each trade earned, basis points of the volume-weighted mid, before any cost.

    A trade takes the sign of the value where its size reaches the threshold, and is held until
    the target's last row; the next trade of that symbol starts no earlier. Half of the mean is
    the fee per side at which the trades break even; the spread is not subtracted.
    """
    strong = np.flatnonzero((np.abs(value) >= entry_threshold) & (value != 0))
    apart = strong[
        non_overlapping(outcomes.t0[strong], outcomes.t1[strong], outcomes.group[strong])
    ]
    return np.sign(value[apart]) * outcomes.return_bps[apart]


def _ratio(top: NDArray[np.float64], bottom: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
