"""The data module: folds, what it estimates and from where, and what it refuses."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lobdesk.dataset import LOBDataModule, PurgedKFold
from lobdesk.errors import DatasetError
from lobdesk.windows import WindowStore
from tests.training.store_files import HORIZON_ROWS, write_store

TARGET = f"point:{HORIZON_ROWS}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_store(tmp_path_factory.mktemp("data") / "store")


@pytest.fixture
def store(folder: Path) -> WindowStore:
    return WindowStore.open(folder)


def module(store: WindowStore, **options: Any) -> LOBDataModule:
    given = {"split": "walk-forward", "fold": -1, "horizon": TARGET} | options
    return LOBDataModule(store, **given)


def test_parts_follow_each_other_without_overlap_of_targets(store: WindowStore) -> None:
    data = module(store)

    assert data.target_end[data.train_rows].max() < data.val_rows.min()
    assert data.target_end[data.val_rows].max() < data.test_rows.min()


def test_batches_are_dicts_of_windows_classes_and_rows(store: WindowStore) -> None:
    batch = next(iter(module(store, batch_size=8).train_dataloader()))

    assert batch["x"].shape == (8, store.window_rows, 40)
    assert set(batch["y"].tolist()) <= {0, 1, 2}
    assert set(batch) == {"x", "y", "row"}


def test_regression_batches_hold_the_return_over_past_volatility(store: WindowStore) -> None:
    data = module(store, task="regression")
    batch = next(iter(data.test_dataloader()))

    for y, row in zip(batch["y"].tolist(), batch["row"].tolist(), strict=True):
        mids = store.vwm[row - store.window_rows + 1 : row + 1]
        volatility = np.std(np.diff(mids) / mids[:-1] * 1e4)
        assert y == pytest.approx(data.return_bps[row] / volatility, rel=1e-6)


def test_quiet_windows_are_divided_by_a_tenth_of_the_usual_volatility(
    folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "quiet")
    vwm = np.load(folder / "vwm.npy")
    vwm[-200:] = vwm[-200]
    np.save(tmp_path / "quiet" / "vwm.npy", vwm)
    data = module(WindowStore.open(tmp_path / "quiet"), task="regression")

    *_, batch = data.test_dataloader()

    row = data.test_rows[-1]
    at = batch["row"].tolist().index(row)
    expected = data.return_bps[row] / data.volatility_floor_bps
    assert batch["y"][at].item() == pytest.approx(expected, rel=1e-6)


def test_threshold_is_the_quantile_of_the_training_fold(store: WindowStore) -> None:
    data = module(store, threshold_quantile=0.4)

    train = np.abs(data.return_bps[data.train_rows])
    assert data.threshold_bps == np.quantile(train, 0.4)
    assert data.labels is not None
    flat = (data.labels[data.train_rows] == 1).mean()
    assert flat == pytest.approx(0.4, abs=0.01)


def test_fixed_threshold_is_taken_as_given(store: WindowStore) -> None:
    assert module(store, threshold_bps=1.5).threshold_bps == 1.5


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_nothing_is_estimated_from_validation_or_test_labels(
    folder: Path, store: WindowStore, tmp_path: Path, task: str
) -> None:
    data = module(store, task=task)
    later = np.concatenate([data.val_rows, data.test_rows])
    column = np.array(data.return_bps)
    column[later] = 7 * np.random.default_rng(0).permutation(column[later])
    shutil.copytree(folder, tmp_path / "changed")
    np.save(tmp_path / "changed" / f"target_point_{HORIZON_ROWS}.npy", column)

    other = module(WindowStore.open(tmp_path / "changed"), task=task)

    assert not np.array_equal(other.return_bps, data.return_bps, equal_nan=True)
    assert other.threshold_bps == data.threshold_bps
    assert other.class_weights == data.class_weights
    assert other.class_means_bps == data.class_means_bps
    assert other.target_scale == data.target_scale
    assert other.volatility_floor_bps == data.volatility_floor_bps


def test_class_weights_even_out_the_classes(store: WindowStore) -> None:
    data = module(store, threshold_quantile=0.8)
    assert data.labels is not None

    counts = np.bincount(data.labels[data.train_rows], minlength=3)

    np.testing.assert_allclose(counts * data.class_weights, counts.sum() / 3)


@pytest.mark.parametrize("split", ["purged-kfold", PurgedKFold(5)])
def test_purged_folds_keep_inputs_of_later_training_windows_out_of_the_test_block(
    store: WindowStore, split: str | PurgedKFold
) -> None:
    data = module(store, split=split, fold=1, n_splits=5)
    block_end = data.target_end[data.test_rows].max()

    after = data.train_rows[data.train_rows > data.test_rows.max()]
    assert len(after)
    assert data.store.first_input(after).min() > block_end
    assert after.min() - block_end > max(HORIZON_ROWS, store.window_rows)
    assert data.embargo == max(HORIZON_ROWS, store.window_rows)


def test_a_splitter_of_ones_own_is_used(store: WindowStore) -> None:
    data = module(store, split=PurgedKFold(4), fold=0)

    assert data.test_rows.min() < data.train_rows.min()


def test_missing_target_names_those_of_the_store(store: WindowStore) -> None:
    with pytest.raises(DatasetError, match=r"no target 'mean:99'; it has .*point:5"):
        module(store, horizon="mean:99")


def test_whole_number_means_a_point_target(store: WindowStore) -> None:
    assert module(store, horizon=HORIZON_ROWS).target == TARGET
    assert module(store, horizon=np.int64(HORIZON_ROWS)).target == TARGET


def test_whole_number_means_the_mean_where_there_is_no_point(tmp_path: Path) -> None:
    folder = write_store(tmp_path / "store")
    manifest = (folder / "manifest.json").read_text()
    for file in folder.glob("target_*point*"):
        file.rename(file.with_name(file.name.replace("point", "mean")))
    (folder / "manifest.json").write_text(manifest.replace("point", "mean"))

    assert module(WindowStore.open(folder), horizon=HORIZON_ROWS).target == f"mean:{HORIZON_ROWS}"


def test_all_batches_have_the_size_that_was_asked_for(store: WindowStore) -> None:
    data = module(store, batch_size=8)
    other = module(store, batch_size=8, eval_batch_size=12)

    for loader in (data.train_dataloader(), data.val_dataloader(), data.test_dataloader()):
        assert len(next(iter(loader))["x"]) == 8
    assert len(next(iter(other.test_dataloader()))["x"]) == 12


@pytest.mark.parametrize("name", ["batch_size", "eval_batch_size"])
def test_batch_without_windows_is_refused(store: WindowStore, name: str) -> None:
    with pytest.raises(DatasetError, match=f"^{name} is 0, it must be at least 1"):
        module(store, **{name: 0})


def test_fold_that_does_not_exist_is_refused(store: WindowStore) -> None:
    with pytest.raises(DatasetError, match="fold 5 does not exist; the split has 5"):
        module(store, fold=5)


def test_empty_part_is_refused(store: WindowStore) -> None:
    with pytest.raises(DatasetError, match="no validation samples"):
        module(store, val_fraction=1e-9)


def test_single_class_is_refused(store: WindowStore) -> None:
    with pytest.raises(DatasetError, match="of one class at a threshold of 1e\\+06 bps"):
        module(store, threshold_bps=1e6)


def test_too_few_samples_for_the_folds_are_refused(store: WindowStore) -> None:
    with pytest.raises(DatasetError, match="too few for 5000 folds"):
        module(store, n_splits=5000)
