"""What every model must beat: closed forms on the last row of each window, no trainer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lobdesk.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

RIDGE_PENALTY = 1e-2
"""Of the mean squared error, for features of unit variance."""

LEVEL_ONE = frozenset({"ask_price_1", "ask_quantity_1", "bid_price_1", "bid_quantity_1"})

FLAT = 1

BLOCK_ROWS = 65_536
"""Rows that are turned into doubles at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Last rows of windows and what followed them.

    Attributes:
        rows: Normalized features at the anchors, float32 ``[N, F]``.
        return_bps: Targets, float64 ``[N]``, basis points.
        labels: Class indices (down 0, flat 1, up 2), int64 ``[N]``, or None in regression.
    """

    rows: NDArray[np.float32]
    return_bps: NDArray[np.float64]
    labels: NDArray[np.int64] | None = None


class Baseline(Protocol):
    """A fitted closed form."""

    def value_bps(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return expected returns ``[N]`` for rows ``[N, F]``."""

    def classes(self, rows: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return class indices ``[N]`` for rows ``[N, F]``."""


@dataclass(frozen=True, slots=True)
class Majority:
    """Always says the training fold's mean return and its commonest class."""

    mean_bps: float
    label: int

    def value_bps(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the mean for each row."""
        return np.full(len(rows), self.mean_bps)

    def classes(self, rows: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the commonest class for each row."""
        return np.full(len(rows), self.label, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Linear:
    """Least squares on some columns; classes from quantiles of the fitted values.

    Attributes:
        columns: Of the feature matrix.
        weights: One for each column, then the intercept; basis points.
        down_below: Fitted value below which the class is down.
        up_above: Fitted value above which the class is up.
    """

    columns: NDArray[np.int64]
    weights: NDArray[np.float64]
    down_below: float
    up_above: float

    def value_bps(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the fitted return of each row."""
        blocks = _blocks(len(rows))
        parts = [_design(rows[block], self.columns) @ self.weights for block in blocks]
        return np.concatenate(parts) if parts else np.empty(0)

    def classes(self, rows: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the class of each row, in the training fold's proportions."""
        value = self.value_bps(rows)
        return FLAT + (value > self.up_above).astype(np.int64) - (value < self.down_below)


def fit_majority(sample: Sample, names: Sequence[str]) -> Majority:  # noqa: ARG001 - one signature
    """Return the baseline that ignores the book."""
    label = FLAT if sample.labels is None else int(np.bincount(sample.labels).argmax())
    return Majority(float(sample.return_bps.mean()), label)


def fit_imbalance(sample: Sample, names: Sequence[str]) -> Linear:
    """Return least squares on the level-1 columns alone.

    The column ``imbalance_1`` if the store has one; else price and quantity of both best levels.
    With prices relative to the volume-weighted mid, these carry the level-1 imbalance.

    Raises:
        TrainingError: The store has neither.
    """
    return _fit(sample, _level_one(names), penalty=0.0)


def fit_ridge(sample: Sample, names: Sequence[str]) -> Linear:
    """Return ridge regression on all features of the last row."""
    return _fit(sample, np.arange(len(names)), penalty=RIDGE_PENALTY)


BASELINES: dict[str, Callable[[Sample, Sequence[str]], Baseline]] = {
    "majority": fit_majority,
    "imbalance": fit_imbalance,
    "ridge": fit_ridge,
}


def _fit(sample: Sample, columns: NDArray[np.int64], *, penalty: float) -> Linear:
    gram = np.zeros((len(columns) + 1, len(columns) + 1))
    moment = np.zeros(len(columns) + 1)
    for block in _blocks(len(sample.rows)):
        design = _design(sample.rows[block], columns)
        gram += design.T @ design / len(sample.rows)
        moment += design.T @ sample.return_bps[block] / len(sample.rows)
    # Normalized columns can repeat each other; a whiff of penalty keeps the system solvable.
    gram[np.diag_indices(len(columns))] += penalty + 1e-9
    weights: NDArray[np.float64] = np.linalg.solve(gram, moment).astype(np.float64)
    fitted = Linear(columns, weights, 0.0, 0.0)
    if sample.labels is None:
        return fitted
    shares = np.bincount(sample.labels, minlength=3) / len(sample.labels)
    down, up = np.quantile(fitted.value_bps(sample.rows), [shares[0], 1 - shares[2]])
    return Linear(columns, weights, float(down), float(up))


def _blocks(rows: int) -> list[slice]:
    return [slice(at, at + BLOCK_ROWS) for at in range(0, rows, BLOCK_ROWS)]


def _design(rows: NDArray[np.float32], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    chosen = rows[:, columns].astype(np.float64)
    return np.concatenate([chosen, np.ones((len(rows), 1))], axis=1)


def _level_one(names: Sequence[str]) -> NDArray[np.int64]:
    if "imbalance_1" in names:
        return np.array([list(names).index("imbalance_1")])
    first = [column for column, name in enumerate(names) if name in LEVEL_ONE]
    if len(first) != len(LEVEL_ONE):
        raise TrainingError(
            f"the imbalance baseline needs the features {', '.join(sorted(LEVEL_ONE))}; "
            "build the store with the feature set deeplob40"
        )
    return np.array(first)
