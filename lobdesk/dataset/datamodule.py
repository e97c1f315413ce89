"""One fold of a window store as a Lightning data module."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from lightning.pytorch import LightningDataModule

from lobdesk.dataset.loader import BatchPlan, WindowLoader
from lobdesk.dataset.splits import CombinatorialPurgedKFold, PurgedKFold, WalkForward
from lobdesk.dataset.volatility import past_volatility
from lobdesk.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from lobdesk.windows import WindowStore

TASKS = ("classification", "regression")
SPLITS = ("walk-forward", "purged-kfold")

Fold = tuple["NDArray[np.int64]", "NDArray[np.int64]"]


class Splitter(Protocol):
    """What ``WalkForward`` and its relatives share."""

    def split(
        self,
        t0: NDArray[np.int64],
        t1: NDArray[np.int64],
        group: NDArray[np.int64] | None = None,
        *,
        first_input: NDArray[np.int64] | None = None,
    ) -> Iterator[Fold]:
        """Yield training and test indices of each fold."""


class LOBDataModule(LightningDataModule):
    """Training, validation and test windows of one fold.

    Time is counted in steps: the rank of a row's ``exch_ts_us`` among all times of the store, so
    that folds and embargoes act across symbols. The splitter purges training samples whose target
    meets the test block, drops those within the embargo (the longer of horizon and window, times
    the number of symbols) after it, and those whose window or normalization reads a row up to the
    end of the test block from behind. Validation is the last part of the training fold, purged
    from the rest in the same way. Everything estimated (threshold, class weights, scale) comes
    from what remains of the training fold.

    Batches are dicts: ``x`` float32 ``[B, T, F]``, ``y`` (class index down 0, flat 1, up 2, int64;
    or return over past volatility, float32) and ``row`` int64, the anchors' rows in the store. With
    ``chunk_windows`` M > 1 the training batches hold chunks ``[B / M, T-1+M, F]`` instead, each
    with M consecutive windows, for models that share work between them.

    Attributes:
        store: The window store.
        feature_names: Of the columns.
        train_rows: Anchor rows of the training fold, rising; likewise ``val_rows``, ``test_rows``.
        return_bps: Target of every row of the store, NaN where none.
        target_end: Last row of every row's target.
        labels: Class index of every row (0 where there is no target), None in regression.
        threshold_bps: Absolute return beyond which a class is up or down, None in regression.
        class_weights: Of the loss: inverse shares of the training fold, mean 1 over its samples.
        class_means_bps: Mean return of each class in the training fold.
        volatility_floor_bps: Least past volatility that a target is divided by: a tenth of the
            training fold's median.
        target_scale: Standard deviation of the training fold's ``y`` (regression).
        embargo: Steps, as above.
    """

    def __init__(
        self,
        store: WindowStore,
        split: str | Splitter = "walk-forward",
        fold: int = -1,
        horizon: str | int = "mean:10",
        *,
        task: str = "classification",
        batch_size: int = 32,
        eval_batch_size: int | None = None,
        n_splits: int = 5,
        val_fraction: float = 0.15,
        threshold_bps: float = 0.0,
        threshold_quantile: float = 0.5,
        chunk_windows: int = 1,
        seed: int = 0,
    ) -> None:
        """Split a store and estimate what training needs.

        Args:
            store: The window store.
            split: ``walk-forward`` or ``purged-kfold``, or a splitter; purged ones are used with
                at least the embargo above and with isolated inputs.
            fold: Which fold of the split, from 0; negative counts from the last.
            horizon: Target as ``kind:horizon``; a whole number n means ``point:n``, or ``mean:n``
                where the store has only that.
            task: ``classification`` or ``regression``.
            batch_size: Windows of a batch.
            eval_batch_size: Windows of a validation or test batch; None means ``batch_size``.
            n_splits: Folds, where ``split`` is a name.
            val_fraction: Share of the training fold kept for validation.
            threshold_bps: Class threshold; 0 takes the quantile.
            threshold_quantile: Of the absolute returns of the training fold.
            chunk_windows: Consecutive windows that a training batch takes together.
            seed: With the epoch it fixes the order of the batches.

        Raises:
            DatasetError: An option is impossible, the target is not in the store, there is no such
                fold, a part of it is empty, or all its samples are of one class.
        """
        super().__init__()
        if task not in TASKS:
            raise DatasetError(f"task {task!r} is not one of {', '.join(TASKS)}")
        self.store = store
        self.task = task
        self.batch_size = _batch_size("batch_size", batch_size)
        self.eval_batch_size = (
            self.batch_size
            if eval_batch_size is None
            else _batch_size("eval_batch_size", eval_batch_size)
        )
        self.chunk_windows = chunk_windows
        self.seed = seed
        self.feature_names = store.feature_names
        self.target = self._resolve_target(horizon)
        self.return_bps = store.target(self.target)
        self.target_end = store.target_end(self.target)
        self._split(split, fold, n_splits, val_fraction)
        self._estimate(threshold_bps, threshold_quantile)

    def train_dataloader(self) -> WindowLoader:
        """Return the training batches, reshuffled each epoch, shared between processes."""
        return self._loader(self.train_rows, is_train=True)

    def val_dataloader(self) -> WindowLoader:
        """Return the validation batches in order."""
        return self._loader(self.val_rows, is_train=False)

    def test_dataloader(self) -> WindowLoader:
        """Return the test batches in order."""
        return self._loader(self.test_rows, is_train=False)

    def _loader(self, rows: NDArray[np.int64], *, is_train: bool) -> WindowLoader:
        plan = BatchPlan(
            rows,
            batch_size=self.batch_size if is_train else self.eval_batch_size,
            chunk_windows=self.chunk_windows,
            seed=self.seed,
            is_shuffled=is_train,
            shard=_shard(),
        )
        target = self.labels if self.labels is not None else self._standardized(rows)
        return WindowLoader(plan, self.store, target)

    def _standardized(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        volatility = np.maximum(past_volatility(self.store, rows), self.volatility_floor_bps)
        target = np.full(len(self.store), np.nan, dtype=np.float32)
        target[rows] = self.return_bps[rows] / volatility
        return target

    def _resolve_target(self, horizon: str | int) -> str:
        present = self.store.targets()
        kinds = ("point", "mean")
        names = [horizon] if isinstance(horizon, str) else [f"{kind}:{horizon}" for kind in kinds]
        wanted = next((name for name in names if name in present), names[0])
        if wanted not in present:
            raise DatasetError(
                f"the store has no target {wanted!r}; it has {', '.join(present) or 'none'}. "
                "Choose one of these, or build another store"
            )
        return wanted

    def _split(self, split: str | Splitter, fold: int, n_splits: int, val_fraction: float) -> None:
        rows = np.asarray(self.store.anchors(self.target))
        step = time_steps(np.asarray(self.store.exch_ts_us))
        t0, t1 = step[rows], step[self.target_end[rows]]
        reach = int((self.target_end[rows] - rows).max(initial=0))
        symbols = len(np.unique(self.store.symbol[rows]))
        self.embargo = max(reach, self.store.window_rows) * symbols
        if isinstance(split, str):
            split = make_splitter(split, len(rows), n_splits=n_splits, embargo=self.embargo)
        elif isinstance(split, PurgedKFold | CombinatorialPurgedKFold):
            split = copy.copy(split)
            split.embargo = self.embargo = max(split.embargo, self.embargo)
            split.isolate_inputs = True
        first = step[self.store.first_input(rows)]
        group = np.asarray(self.store.symbol[rows]).astype(np.int64)
        folds = list(split.split(t0, t1, group, first_input=first))
        if not -len(folds) <= fold < len(folds):
            raise DatasetError(f"fold {fold} does not exist; the split has {len(folds)}")
        train, test = folds[fold]
        train, val = hold_out(train, t0, t1, fraction=val_fraction)
        parts = {"training": train, "validation": val, "test": test}
        for name, part in parts.items():
            if len(part) == 0:
                raise DatasetError(
                    f"fold {fold} of {len(folds)} leaves no {name} samples of {len(rows)} "
                    "(purge and embargo included); record more, or take fewer folds"
                )
        self.train_rows, self.val_rows, self.test_rows = (
            np.sort(rows[part]) for part in parts.values()
        )

    def _estimate(self, threshold_bps: float, threshold_quantile: float) -> None:
        train = self.return_bps[self.train_rows]
        self.volatility_floor_bps, self.target_scale = 1e-9, 1.0
        self.labels: NDArray[np.int64] | None = None
        self.threshold_bps: float | None = None
        self.class_weights = [1.0, 1.0, 1.0]
        self.class_means_bps = [0.0, 0.0, 0.0]
        if self.task == "regression":
            usual = float(np.median(past_volatility(self.store, self.train_rows)))
            self.volatility_floor_bps = max(usual / 10, 1e-9)
            scale = self._standardized(self.train_rows)[self.train_rows].std()
            self.target_scale = max(float(scale), 1e-9)
            return
        chosen = threshold_bps or float(np.quantile(np.abs(train), threshold_quantile))
        self.threshold_bps = chosen
        self.labels = class_labels(self.return_bps, chosen)
        labels = self.labels[self.train_rows]
        counts = np.bincount(labels, minlength=3)
        if (counts > 0).sum() < 2:
            raise DatasetError(
                f"all {len(labels)} training samples are of one class at a threshold of "
                f"{chosen:g} bps; choose another threshold or target"
            )
        present = np.maximum(counts, 1)
        weights = np.where(counts > 0, len(labels) / (present * (counts > 0).sum()), 0.0)
        sums = np.bincount(labels, weights=train, minlength=3)
        self.class_weights = weights.tolist()
        self.class_means_bps = (sums / present).tolist()


def _batch_size(name: str, value: int) -> int:
    if value < 1:
        raise DatasetError(f"{name} is {value}, it must be at least 1")
    return value


def class_labels(return_bps: NDArray[np.float64], threshold_bps: float) -> NDArray[np.int64]:
    """Return down 0, flat 1, up 2: beyond the threshold on either side; NaN is flat."""
    up, down = return_bps > threshold_bps, return_bps < -threshold_bps
    return 1 + up.astype(np.int64) - down.astype(np.int64)


def time_steps(ts_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each time's rank among the distinct times."""
    return np.unique(ts_us, return_inverse=True)[1].astype(np.int64)


def hold_out(
    train: NDArray[np.int64],
    t0: NDArray[np.int64],
    t1: NDArray[np.int64],
    *,
    fraction: float,
) -> Fold:
    """Cut the last part, by time, off a training fold; purge the rest of targets that reach it."""
    train = train[np.argsort(t0[train], kind="stable")]
    cut = len(train) - int(len(train) * fraction)
    if cut >= len(train):
        return train, train[:0]
    border = t0[train[cut]]
    return train[t1[train] < border], train[t0[train] >= border]


def make_splitter(name: str, samples: int, *, n_splits: int, embargo: int) -> Splitter:
    """Return a splitter by name.

    Args:
        name: ``walk-forward`` (equal test blocks, training on all before) or ``purged-kfold``.
        samples: How many anchors there are.
        n_splits: Folds.
        embargo: Steps.

    Raises:
        DatasetError: The name is unknown or there are too few samples.
    """
    if name == "purged-kfold":
        return PurgedKFold(n_splits, embargo=embargo, isolate_inputs=True)
    if name != "walk-forward":
        raise DatasetError(f"split {name!r} is not one of {', '.join(SPLITS)}")
    test_size = samples // (n_splits + 1)
    if test_size < 1:
        raise DatasetError(f"{samples} samples are too few for {n_splits} folds")
    return WalkForward(n_splits, train_size=samples - n_splits * test_size, test_size=test_size)


def _shard() -> tuple[int, int]:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1
