"""Folds for samples whose labels take time: purged, with an embargo.

A sample has an interval [t0, t1], both ends included: t0 is its anchor, t1 the end of its target,
in any integer unit that is the same for all samples (rows, microseconds, steps). Around a test
block, which lasts from its smallest t0 to its largest t1, the training set loses

* every sample whose interval meets the block (purge),
* every sample with t0 in (largest t1, largest t1 + embargo],
* with ``isolate_inputs`` every sample after the block whose inputs reach back into it.

This holds across groups (symbols): the same minute of two symbols is one minute. Samples come in
any order; folds are cut in order of t0, and samples of one t0 are never parted.

Source: López de Prado (2018), Advances in Financial Machine Learning, chapters 7 and 12.
"""

from __future__ import annotations

import itertools
import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lobdesk.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    Fold = tuple[NDArray[np.int64], NDArray[np.int64]]

INT64 = np.iinfo(np.int64)


class SplitError(DatasetError, ValueError):
    """Samples cannot be split as asked."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Checked sample times.

    Attributes:
        t0: Anchors, int64 ``[n]``.
        t1: Ends of the targets, int64 ``[n]``.
        first_input: Earliest record of the inputs, int64 ``[n]``, or None.
        order: Sample numbers by rising t0, equal ones in the order given.
    """

    t0: NDArray[np.int64]
    t1: NDArray[np.int64]
    first_input: NDArray[np.int64] | None
    order: NDArray[np.int64]


class PurgedKFold:
    """K folds, each tested once against a purged training set on both sides of it.

    The default embargo is 0. To keep every training window from reading what happened while the
    test targets ran, use the longer of horizon and window as embargo, and ``isolate_inputs``.
    """

    def __init__(self, n_splits: int, *, embargo: int = 0, isolate_inputs: bool = False) -> None:
        """Choose the folds.

        Args:
            n_splits: Folds, at least 2, of nearly equal numbers of samples.
            embargo: Time after a test block in which no training sample may start.
            isolate_inputs: Drop training samples after a test block whose inputs begin at or
                before its end; ``split`` then needs ``first_input``.

        Raises:
            SplitError: A number is too small.
        """
        self.n_splits = _at_least("n_splits", n_splits, 2)
        self.embargo = _at_least("embargo", embargo, 0)
        self.isolate_inputs = isolate_inputs

    def split(
        self,
        t0: ArrayLike,
        t1: ArrayLike,
        group: ArrayLike | None = None,
        *,
        first_input: ArrayLike | None = None,
    ) -> Iterator[Fold]:
        """Return an iterator over training and test sample numbers of each fold, both rising.

        Args:
            t0: Anchors, integers ``[n]``.
            t1: Ends of the targets, integers ``[n]``, none before its t0.
            group: Symbols, ``[n]``; only checked, since purge and embargo act across groups.
            first_input: Earliest record that a sample's inputs use, integers ``[n]``.

        Raises:
            SplitError: The samples are malformed, or a fold would be empty (the message names it).
        """
        samples = _samples(t0, t1, group, first_input, needs_inputs=self.isolate_inputs)
        blocks = _blocks(samples, self.n_splits)
        return (
            _fold(samples, [blocks[i]], f"fold {i} of {self.n_splits}", self)
            for i in range(self.n_splits)
        )


class CombinatorialPurgedKFold:
    """Every choice of test groups out of n groups, each purged as in ``PurgedKFold``."""

    def __init__(
        self,
        n_splits: int,
        n_test_splits: int = 2,
        *,
        embargo: int = 0,
        isolate_inputs: bool = False,
    ) -> None:
        """Choose the groups.

        Args:
            n_splits: Groups of nearly equal numbers of samples, at least 3.
            n_test_splits: Groups tested together, from 1 to ``n_splits - 1``.
            embargo: As in ``PurgedKFold``.
            isolate_inputs: As in ``PurgedKFold``.

        Raises:
            SplitError: A number is out of range.
        """
        self.n_splits = _at_least("n_splits", n_splits, 3)
        self.n_test_splits = _at_least("n_test_splits", n_test_splits, 1)
        if n_test_splits >= n_splits:
            raise SplitError(f"n_test_splits is {n_test_splits}, it must be below {n_splits}")
        self.embargo = _at_least("embargo", embargo, 0)
        self.isolate_inputs = isolate_inputs

    @property
    def n_folds(self) -> int:
        """How many folds ``split`` yields."""
        return math.comb(self.n_splits, self.n_test_splits)

    @property
    def n_paths(self) -> int:
        """How many times each sample is tested, and so how many whole test histories there are."""
        return math.comb(self.n_splits - 1, self.n_test_splits - 1)

    def test_groups(self) -> list[tuple[int, ...]]:
        """Return the groups that each fold tests, in the order of ``split``."""
        return list(itertools.combinations(range(self.n_splits), self.n_test_splits))

    def split(
        self,
        t0: ArrayLike,
        t1: ArrayLike,
        group: ArrayLike | None = None,
        *,
        first_input: ArrayLike | None = None,
    ) -> Iterator[Fold]:
        """Return an iterator as ``PurgedKFold.split`` does; adjacent test groups are one block."""
        samples = _samples(t0, t1, group, first_input, needs_inputs=self.isolate_inputs)
        blocks = _blocks(samples, self.n_splits)
        return (
            _fold(samples, _joined(blocks, chosen), f"fold with test groups {chosen}", self)
            for chosen in self.test_groups()
        )


class WalkForward:
    """Test blocks one after the other, each trained on what came before it.

    The first ``train_size`` samples by t0 come before the first test block. Training samples whose
    target, lengthened by ``gap``, reaches the test block are purged.
    """

    embargo = 0  # nothing after a test block trains for it
    isolate_inputs = False

    def __init__(
        self,
        n_splits: int,
        *,
        train_size: int,
        test_size: int,
        rolling: bool = False,
        gap: int = 0,
    ) -> None:
        """Choose the folds.

        Args:
            n_splits: Test blocks, at least 1.
            train_size: Samples before the first test block, before purging.
            test_size: Samples of each test block.
            rolling: Train on the last ``train_size`` samples only, not on all before.
            gap: Time that must lie between the end of a training target and the test block.

        Raises:
            SplitError: A number is too small.
        """
        self.n_splits = _at_least("n_splits", n_splits, 1)
        self.train_size = _at_least("train_size", train_size, 1)
        self.test_size = _at_least("test_size", test_size, 1)
        self.rolling = rolling
        self.gap = _at_least("gap", gap, 0)

    def split(
        self,
        t0: ArrayLike,
        t1: ArrayLike,
        group: ArrayLike | None = None,
        *,
        first_input: ArrayLike | None = None,
    ) -> Iterator[Fold]:
        """Return an iterator as ``PurgedKFold.split`` does; ``first_input`` is only checked.

        Raises:
            SplitError: The samples are malformed, too few, or a fold would be empty.
        """
        samples = _samples(t0, t1, group, first_input, needs_inputs=False)
        needed = self.train_size + self.n_splits * self.test_size
        if len(samples.order) < needed:
            raise SplitError(
                f"{self.n_splits} test blocks of {self.test_size} after {self.train_size} training "
                f"samples need {needed} samples, there are {len(samples.order)}"
            )
        cuts = [
            _whole_cut(samples, self.train_size + i * self.test_size)
            for i in range(self.n_splits + 1)
        ]
        return (self._fold(samples, cuts, i) for i in range(self.n_splits))

    def _fold(self, samples: Samples, cuts: list[int], number: int) -> Fold:
        first, end = cuts[number], cuts[number + 1]
        begin = _whole_cut(samples, max(first - self.train_size, 0)) if self.rolling else 0
        before, test = samples.order[begin:first], samples.order[first:end]
        name = f"fold {number} of {self.n_splits}"
        if len(test) == 0:
            raise SplitError(f"{name} has no test samples: too many samples share one t0")
        begin = int(samples.t0[test].min())
        train = before[samples.t1[before] < max(begin - self.gap, INT64.min)]
        return _checked(name, train, test)


def purged_train(
    t0: ArrayLike,
    t1: ArrayLike,
    test: ArrayLike,
    *,
    embargo: int = 0,
    first_input: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Return the samples that may train for one test block, rising; possibly none.

    Args:
        t0: Anchors, integers ``[n]``.
        t1: Ends of the targets, integers ``[n]``.
        test: Sample numbers of the block, each once.
        embargo: Time after the block in which no training sample may start.
        first_input: Drops samples after the block whose inputs begin at or before its end.

    Raises:
        SplitError: The samples are malformed, or the block is empty or names a sample twice.
    """
    samples = _samples(t0, t1, None, first_input, needs_inputs=False)
    block = np.asarray(test)
    if block.dtype.kind not in "iu" or block.ndim != 1 or len(block) == 0:
        raise SplitError("the test block must be a list of sample numbers that is not empty")
    if block.min() < 0 or block.max() >= len(samples.t0) or len(np.unique(block)) != len(block):
        raise SplitError(f"the test block must name samples 0 to {len(samples.t0) - 1}, each once")
    block = block.astype(np.int64)
    return np.flatnonzero(
        _may_train(samples, block, embargo, isolates_inputs=first_input is not None)
    )


def _may_train(
    samples: Samples, block: NDArray[np.int64], embargo: int, *, isolates_inputs: bool
) -> NDArray[np.bool_]:
    begin, end = int(samples.t0[block].min()), int(samples.t1[block].max())
    is_before: NDArray[np.bool_] = samples.t1 < begin
    is_after = samples.t0 > min(end + embargo, INT64.max)
    if isolates_inputs and samples.first_input is not None:
        is_after &= samples.first_input > end
    return is_before | is_after


def _fold(
    samples: Samples,
    blocks: list[NDArray[np.int64]],
    name: str,
    options: PurgedKFold | CombinatorialPurgedKFold,
) -> Fold:
    may_train = np.ones(len(samples.t0), np.bool_)
    for block in blocks:
        may_train &= _may_train(
            samples, block, options.embargo, isolates_inputs=options.isolate_inputs
        )
    return _checked(name, np.flatnonzero(may_train), np.concatenate(blocks))


def _checked(name: str, train: NDArray[np.int64], test: NDArray[np.int64]) -> Fold:
    if len(train) == 0:
        raise SplitError(
            f"{name}: no training sample is left after purge and embargo; take fewer folds, a "
            "shorter horizon or embargo, or more data"
        )
    return np.sort(train), np.sort(test)


def _joined(blocks: list[NDArray[np.int64]], chosen: tuple[int, ...]) -> list[NDArray[np.int64]]:
    joined: list[list[NDArray[np.int64]]] = []
    for at, number in enumerate(chosen):
        if at > 0 and chosen[at - 1] == number - 1:
            joined[-1].append(blocks[number])
        else:
            joined.append([blocks[number]])
    return [np.concatenate(parts) for parts in joined]


def _blocks(samples: Samples, count: int) -> list[NDArray[np.int64]]:
    size, rest = divmod(len(samples.order), count)
    cuts = [_whole_cut(samples, i * size + min(i, rest)) for i in range(count + 1)]
    for number, (begin, end) in enumerate(itertools.pairwise(cuts)):
        if begin == end:
            times = len(np.unique(samples.t0))
            raise SplitError(
                f"fold {number} of {count} has no test samples: {len(samples.order)} samples at "
                f"{times} different times are too few"
            )
    return [samples.order[begin:end] for begin, end in itertools.pairwise(cuts)]


def _whole_cut(samples: Samples, cut: int) -> int:
    """Return the cut, moved on until it parts no samples of one t0."""
    if 0 < cut < len(samples.order):
        at = samples.t0[samples.order]
        return int(np.searchsorted(at, at[cut - 1], side="right"))
    return cut


def _samples(
    t0: ArrayLike,
    t1: ArrayLike,
    group: ArrayLike | None,
    first_input: ArrayLike | None,
    *,
    needs_inputs: bool,
) -> Samples:
    start = _times("t0", t0)
    end = _times("t1", t1, len(start))
    if len(start) == 0:
        raise SplitError("there are no samples to split")
    if (end < start).any():
        number = int(np.flatnonzero(end < start)[0])
        raise SplitError(f"sample {number}: t1 {end[number]} is before t0 {start[number]}")
    if group is not None and np.shape(group) != start.shape:
        raise SplitError(f"group must have shape [{len(start)}], not {list(np.shape(group))}")
    inputs = None if first_input is None else _times("first_input", first_input, len(start))
    if needs_inputs and inputs is None:
        raise SplitError(
            "isolate_inputs needs first_input: the first record each sample's inputs use"
        )
    if inputs is not None and (inputs > start).any():
        number = int(np.flatnonzero(inputs > start)[0])
        raise SplitError(f"sample {number}: first_input {inputs[number]} is after its t0")
    return Samples(start, end, inputs, np.argsort(start, kind="stable").astype(np.int64))


def _times(name: str, values: ArrayLike, length: int | None = None) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.ndim != 1 or (length is not None and len(array) != length):
        expected = "[n]" if length is None else f"[{length}]"
        raise SplitError(f"{name} must have shape {expected}, not {list(array.shape)}")
    if array.dtype.kind not in "iu" and len(array):
        raise SplitError(f"{name} must hold integers, not {array.dtype}")
    return array.astype(np.int64)


def _at_least(name: str, value: int, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise SplitError(f"{name} is {value!r}, it must be a whole number") from None
    if number < least:
        raise SplitError(f"{name} is {number}, it must be at least {least}")
    return number
