from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobdesk.dataset import (
    CombinatorialPurgedKFold,
    PurgedKFold,
    SplitError,
    WalkForward,
    purged_train,
)
from lobdesk.errors import DatasetError
from tests.reference import splits as reference


def trains(splitter, t0, t1, **options) -> list[list[int]]:
    return [train.tolist() for train, _ in splitter.split(t0, t1, **options)]


def rows(n: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    t0 = np.arange(n)
    return t0, t0 + horizon


# The cases of López de Prado's definition, each worked by hand.


@pytest.mark.parametrize(
    ("embargo", "expected"),
    [
        (0, [[6, 7, 8, 9, 10, 11], [0, 1, 10, 11], [0, 1, 2, 3, 4, 5]]),
        (1, [[7, 8, 9, 10, 11], [0, 1, 11], [0, 1, 2, 3, 4, 5]]),
    ],
)
def test_three_folds_lose_what_meets_the_test_block(embargo, expected) -> None:
    assert trains(PurgedKFold(3, embargo=embargo), *rows(12, 2)) == expected


def test_embargo_beyond_the_end_does_not_switch_the_purge_off() -> None:
    assert trains(PurgedKFold(3, embargo=5), *rows(12, 2))[1] == [0, 1]


def test_label_that_envelops_the_block_is_purged() -> None:
    t1 = [7, 1, 2, 3, 4, 5, 6, 7]
    assert purged_train(np.arange(8), t1, [2, 3]).tolist() == [1, 4, 5, 6, 7]


def test_block_ends_with_its_longest_label_not_its_last() -> None:
    t1 = [0, 1, 6, 3, 4, 5, 6, 7]
    assert trains(PurgedKFold(4), np.arange(8), t1)[1] == [0, 1, 7]


def test_equal_times_are_never_on_both_sides() -> None:
    t0 = np.array([0, 0, 1, 1, 2, 2])

    assert purged_train(t0, t0, [3, 4, 5]).tolist() == [0, 1]
    assert trains(PurgedKFold(3), t0, t0)[1] == [0, 1, 4, 5]
    for train, test in PurgedKFold(2).split(t0, t0):
        assert not set(t0[train]) & set(t0[test])


def test_the_same_minute_of_another_symbol_is_the_same_minute() -> None:
    t0 = np.arange(12) // 2
    group = np.arange(12) % 2
    folds = list(PurgedKFold(3).split(t0, t0 + 1, group))

    assert folds[1][1].tolist() == [4, 5, 6, 7]
    assert folds[1][0].tolist() == [0, 1, 10, 11]


def test_walk_forward_expands_or_rolls() -> None:
    t0, t1 = rows(20, 2)

    folds = list(WalkForward(3, train_size=8, test_size=4).split(t0, t1))
    rolling = trains(WalkForward(3, train_size=8, test_size=4, rolling=True), t0, t1)

    assert [test.tolist() for _, test in folds] == [
        [8, 9, 10, 11],
        [12, 13, 14, 15],
        [16, 17, 18, 19],
    ]
    assert [train.tolist() for train, _ in folds] == [
        list(range(6)),
        list(range(10)),
        list(range(14)),
    ]
    assert rolling == [list(range(6)), list(range(4, 10)), list(range(8, 14))]


def test_walk_forward_gap_lengthens_the_training_targets() -> None:
    splitter = WalkForward(3, train_size=8, test_size=4, gap=3)
    assert trains(splitter, *rows(20, 2))[0] == [0, 1, 2]


def test_combinations_test_every_row_equally_often() -> None:
    t0, t1 = rows(24, 1)
    splitter = CombinatorialPurgedKFold(6, n_test_splits=2)

    folds = dict(zip(splitter.test_groups(), splitter.split(t0, t1), strict=True))

    assert CombinatorialPurgedKFold(6, 2).test_groups() == splitter.test_groups()
    assert len(folds) == splitter.n_folds == 15
    assert splitter.n_paths == 5
    counts = np.bincount(np.concatenate([test for _, test in folds.values()]))
    assert counts.tolist() == [5] * 24
    assert folds[1, 3][0].tolist() == [0, 1, 2, 9, 10, *range(17, 24)]
    assert folds[1, 2][0].tolist() == [0, 1, 2, *range(13, 24)]


def test_empty_training_set_names_the_fold() -> None:
    assert purged_train(*rows(6, 5), [2, 3]).tolist() == []
    with pytest.raises(SplitError, match="fold 0 of 3: no training sample is left"):
        list(PurgedKFold(3).split(*rows(6, 5)))


def test_irregular_times_take_an_embargo_in_their_unit() -> None:
    t0 = np.array([0, 1, 2, 3, 10, 11, 12, 13])
    assert trains(PurgedKFold(4, embargo=6), t0, t0 + 1)[1] == [0, 5, 6, 7]


def test_isolated_inputs_do_not_reach_back_into_the_block() -> None:
    t0, t1 = rows(12, 1)
    splitter = PurgedKFold(3, isolate_inputs=True)

    folds = trains(splitter, t0, t1, first_input=np.maximum(t0 - 3, 0))

    assert folds == [[8, 9, 10, 11], [0, 1, 2], list(range(7))]
    assert trains(PurgedKFold(3), t0, t1)[1] == [0, 1, 2, 9, 10, 11]


# What is refused.


@pytest.mark.parametrize(
    ("t0", "t1", "message"),
    [
        ([0, 1, 2, 3], [1, 0, 3, 4], "sample 1: t1 0 is before t0 1"),
        ([0, 1, 2, 3], [1.0, np.nan, 3.0, 4.0], "t1 must hold integers"),
        ([0, 1, 2, 3], [1, 2, 3], r"t1 must have shape \[4\]"),
        ([[0], [1]], [1, 2], r"t0 must have shape \[n\]"),
        ([], [], "no samples"),
    ],
)
@pytest.mark.parametrize("splitter", [PurgedKFold(2), WalkForward(1, train_size=2, test_size=1)])
def test_malformed_samples_are_refused_at_once(splitter, t0, t1, message: str) -> None:
    with pytest.raises(SplitError, match=message) as caught:
        splitter.split(t0, t1)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, DatasetError)


def test_test_rows_named_twice_are_refused() -> None:
    with pytest.raises(SplitError, match="each once"):
        purged_train([0, 1, 2], [0, 1, 2], [1, 1])


def test_group_of_another_length_is_refused() -> None:
    with pytest.raises(SplitError, match="group"):
        PurgedKFold(2).split([0, 1, 2], [0, 1, 2], [0, 1])


def test_isolation_needs_to_know_the_inputs() -> None:
    with pytest.raises(SplitError, match="first_input"):
        PurgedKFold(2, isolate_inputs=True).split([0, 1, 2], [0, 1, 2])


def test_input_after_its_anchor_is_refused() -> None:
    with pytest.raises(SplitError, match="sample 1: first_input 2 is after its t0"):
        PurgedKFold(2).split([0, 1, 2], [0, 1, 2], first_input=[0, 2, 2])


def test_more_folds_than_times_name_the_empty_fold() -> None:
    with pytest.raises(SplitError, match="fold 1 of 3 has no test samples"):
        PurgedKFold(3).split([0, 0, 0, 0, 9, 9], [0, 0, 0, 0, 9, 9])


def test_walk_forward_says_how_many_samples_it_needs() -> None:
    with pytest.raises(SplitError, match="need 20 samples, there are 19"):
        WalkForward(3, train_size=8, test_size=4).split(*rows(19, 2))


@pytest.mark.parametrize(
    "make",
    [
        lambda: PurgedKFold(1),
        lambda: PurgedKFold(2.5),
        lambda: PurgedKFold(3, embargo=-1),
        lambda: WalkForward(0, train_size=1, test_size=1),
        lambda: WalkForward(1, train_size=0, test_size=1),
        lambda: CombinatorialPurgedKFold(4, n_test_splits=4),
    ],
)
def test_impossible_numbers_are_refused(make) -> None:
    with pytest.raises(SplitError):
        make()


# Against the oracle.


@st.composite
def samples(draw):
    n = draw(st.integers(2, 24))
    t0 = np.array(draw(st.lists(st.integers(-10, 20), min_size=n, max_size=n)))
    t1 = t0 + np.array(draw(st.lists(st.integers(0, 8), min_size=n, max_size=n)))
    first = t0 - np.array(draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)))
    return t0, t1, first, draw(st.integers(0, 6))


@given(case=samples(), data=st.data())
@settings(max_examples=1000, deadline=None)
def test_purging_equals_the_oracle(case, data) -> None:
    t0, t1, first, embargo = case
    number = st.integers(0, len(t0) - 1)
    test = data.draw(st.lists(number, min_size=1, max_size=len(t0), unique=True))
    inputs = data.draw(st.sampled_from([None, first]))

    train = purged_train(t0, t1, test, embargo=embargo, first_input=inputs)

    assert train.tolist() == reference.purged_train(t0, t1, test, embargo, inputs)


@given(case=samples(), n_splits=st.integers(2, 5), isolates=st.booleans())
@settings(max_examples=1000, deadline=None)
def test_folds_test_each_sample_once_and_train_as_the_oracle_says(case, n_splits, isolates) -> None:
    t0, t1, first, embargo = case
    splitter = PurgedKFold(n_splits, embargo=embargo, isolate_inputs=isolates)
    tested: list[int] = []
    try:
        for train, test in splitter.split(t0, t1, first_input=first):
            inputs = first if isolates else None
            assert train.tolist() == reference.purged_train(t0, t1, test.tolist(), embargo, inputs)
            assert np.array_equal(test, np.sort(test))
            tested += test.tolist()
    except SplitError as error:
        assert "fold" in str(error)  # noqa: PT017 - which samples are refused is drawn
        return
    assert sorted(tested) == list(range(len(t0)))


@given(case=samples(), seed=st.integers(0, 99))
@settings(max_examples=300, deadline=None)
def test_order_of_the_samples_does_not_matter(case, seed: int) -> None:
    t0, t1, _, embargo = case
    shuffled = np.random.default_rng(seed).permutation(len(t0))
    splitter = PurgedKFold(2, embargo=embargo)
    try:
        folds = list(splitter.split(t0, t1))
    except SplitError:
        with pytest.raises(SplitError):
            list(splitter.split(t0[shuffled], t1[shuffled]))
        return
    again = list(splitter.split(t0[shuffled], t1[shuffled]))
    for (train, test), (train_again, test_again) in zip(folds, again, strict=True):
        assert np.array_equal(np.sort(shuffled[train_again]), train)
        assert np.array_equal(np.sort(shuffled[test_again]), test)
