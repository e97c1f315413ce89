"""Baselines: closed forms against hand-worked and known cases."""

from __future__ import annotations

import numpy as np
import pytest

from lobdesk.errors import TrainingError
from lobdesk.models import BASELINES, Sample

LEVEL_ONE = ["ask_price_1", "ask_quantity_1", "bid_price_1", "bid_quantity_1"]


def sample(seed: int = 0) -> Sample:
    random = np.random.default_rng(seed)
    rows = random.normal(size=(4000, 6)).astype(np.float32)
    returns = 0.5 + rows[:, 3] - 2.0 * rows[:, 1].astype(np.float64)
    labels = 1 + (returns > 1).astype(np.int64) - (returns < -1)
    return Sample(rows=rows, return_bps=returns, labels=labels)


def test_majority_says_the_mean_and_the_commonest_class() -> None:
    given = Sample(
        rows=np.zeros((4, 2), np.float32),
        return_bps=np.array([1.0, 2.0, 3.0, -2.0]),
        labels=np.array([2, 2, 2, 0]),
    )

    majority = BASELINES["majority"](given, ["a", "b"])

    assert majority.value_bps(given.rows).tolist() == [1.0] * 4
    assert majority.classes(given.rows).tolist() == [2] * 4


def test_imbalance_recovers_weights_of_the_level_one_columns() -> None:
    given = sample()

    fitted = BASELINES["imbalance"](given, [*LEVEL_ONE, "x", "y"])

    np.testing.assert_allclose(fitted.value_bps(given.rows), given.return_bps, atol=1e-5)


def test_imbalance_column_is_used_alone_where_there_is_one() -> None:
    given = sample()
    names = [*LEVEL_ONE, "imbalance_1", "y"]
    changed = given.rows.copy()
    changed[:, [0, 1, 2, 3, 5]] = 0

    fitted = BASELINES["imbalance"](given, names)

    np.testing.assert_array_equal(fitted.value_bps(changed), fitted.value_bps(given.rows))


def test_classes_come_in_the_shares_of_the_training_fold() -> None:
    given = sample()
    assert given.labels is not None

    said = BASELINES["ridge"](given, [*LEVEL_ONE, "x", "y"]).classes(given.rows)

    np.testing.assert_allclose(
        np.bincount(said, minlength=3), np.bincount(given.labels, minlength=3), atol=2
    )


def test_a_repeated_column_does_not_break_the_fit() -> None:
    given = sample()
    rows = np.concatenate([given.rows, given.rows[:, :1]], axis=1)
    doubled = Sample(rows=rows, return_bps=given.return_bps)

    fitted = BASELINES["ridge"](doubled, ["c"] * 7)

    assert np.corrcoef(fitted.value_bps(rows), given.return_bps)[0, 1] > 0.999


def test_store_without_level_one_is_refused() -> None:
    with pytest.raises(TrainingError, match="deeplob40"):
        BASELINES["imbalance"](sample(), ["a", "b", "c", "d", "e", "f"])
