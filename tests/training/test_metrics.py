"""Metrics against values worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lobdesk.training.metrics import (
    Outcomes,
    Predictions,
    calibration,
    class_figures,
    confusion_matrix,
    correlation,
    correlation_error,
    evaluate,
    explained_variance,
    matthews_correlation,
    non_overlapping,
    ranks,
    trade_returns,
)


def outcomes(return_bps: list[float], t0: list[int], t1: list[int]) -> Outcomes:
    return Outcomes(
        return_bps=np.array(return_bps),
        labels=None,
        t0=np.array(t0),
        t1=np.array(t1),
        group=np.zeros(len(t0), dtype=np.int32),
    )


def test_confusion_matrix_has_the_truth_in_rows() -> None:
    truth, said = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 0, 2])

    assert confusion_matrix(truth, said).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]


def test_class_figures_of_a_worked_example() -> None:
    figures = class_figures(np.array([[1, 1, 0], [0, 1, 0], [1, 0, 2]]))

    # F1: down 2*1/(2+2), flat 2*1/(1+2), up 2*2/(3+2); true counts 2, 1, 3.
    f1 = [1 / 2, 2 / 3, 4 / 5]
    assert figures["accuracy"] == pytest.approx(4 / 6)
    assert figures["macro_f1"] == pytest.approx(sum(f1) / 3)
    assert figures["weighted_f1"] == pytest.approx((2 * f1[0] + f1[1] + 3 * f1[2]) / 6)
    assert figures["balanced_accuracy"] == pytest.approx((1 / 2 + 1 + 2 / 3) / 3)
    # MCC: (4*6 - (2*2 + 1*2 + 3*2)) / sqrt((36 - 14) * (36 - 12))
    assert figures["mcc"] == pytest.approx(12 / math.sqrt(22 * 24))
    assert figures["confusion"] == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]


def test_class_that_never_occurs_counts_in_no_average() -> None:
    figures = class_figures(np.array([[2, 0, 0], [0, 0, 0], [1, 0, 1]]))

    assert figures["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert figures["balanced_accuracy"] == pytest.approx(3 / 4)


def test_matthews_correlation_of_a_constant_prediction_is_zero() -> None:
    assert matthews_correlation(np.array([[0, 3, 0], [0, 5, 0], [0, 2, 0]])) == 0.0


def test_matthews_correlation_of_two_classes_is_the_phi_coefficient() -> None:
    assert matthews_correlation(np.array([[4, 1], [2, 3]])) == pytest.approx(
        (4 * 3 - 1 * 2) / math.sqrt(5 * 5 * 6 * 4)
    )


def test_equal_values_share_their_mean_rank() -> None:
    assert ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


def test_correlation_of_a_worked_example() -> None:
    # Deviations -1, 0, 1 and -1, 1, 0: 1 / sqrt(2 * 2).
    assert correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])) == pytest.approx(0.5)


def test_correlation_with_a_constant_is_undefined() -> None:
    assert correlation(np.full(5, 0.1) * 3, np.arange(5.0)) is None


def test_correlation_error_uses_independent_samples() -> None:
    assert correlation_error(0.6, 17) == pytest.approx((1 - 0.36) / 4)


def test_explained_variance_of_the_mean_is_zero() -> None:
    realized = np.array([1.0, 2.0, 6.0])

    assert explained_variance(np.full(3, 3.0), realized) == 0.0
    assert explained_variance(realized, realized) == 1.0


def test_overlapping_targets_count_once_in_each_group() -> None:
    t0, t1 = np.array([0, 1, 2, 3, 0, 5]), np.array([2, 3, 4, 5, 4, 7])
    group = np.array([0, 0, 0, 0, 1, 0])

    assert non_overlapping(t0, t1, group).tolist() == [0, 4, 2, 5]


def test_trades_take_the_sign_of_strong_signals_one_at_a_time() -> None:
    happened = outcomes([1.0, -2.0, 3.0, -4.0, 5.0], [0, 1, 2, 3, 9], [2, 3, 4, 5, 11])

    earned = trade_returns(np.array([2.0, 9.0, -2.0, 0.1, 2.0]), happened, entry_threshold=1.0)

    # Rows 0 and 2 do not overlap; row 1 falls into the first trade, row 3 is too weak.
    assert earned.tolist() == [1.0, -3.0, 5.0]


def test_break_even_fee_is_half_of_the_mean_trade() -> None:
    happened = outcomes([4.0, -2.0, 1.0], [0, 2, 4], [1, 3, 5])

    figures = evaluate(
        Predictions(value_bps=np.array([1.0, -1.0, 0.0])), happened, entry_threshold=0.5
    )

    assert figures["trades"] == 2
    assert figures["break_even_fee_bps"] == pytest.approx(1.5)
    assert figures["n_eff"] == 3


def test_calibration_of_a_worked_example() -> None:
    probabilities = np.array([[0.62, 0.2, 0.18], [0.66, 0.3, 0.04], [0.0, 0.0, 1.0]])

    figures = calibration(probabilities, np.array([0, 1, 2]))

    first = 0.38**2 + 0.2**2 + 0.18**2
    second = 0.66**2 + 0.7**2 + 0.04**2
    assert figures["brier"] == pytest.approx((first + second) / 3)
    # Confidences 0.62 and 0.66, one of two right; confidence 1, right.
    assert figures["reliability"] == [
        {"confidence": pytest.approx(0.64), "accuracy": 0.5, "samples": 2},
        {"confidence": 1.0, "accuracy": 1.0, "samples": 1},
    ]
    assert figures["ece"] == pytest.approx(2 * 0.14 / 3)
