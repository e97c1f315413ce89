"""Fitting: it learns, repeats exactly, resumes exactly, and leaves loadable checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lobdesk.dataset import LOBDataModule
from lobdesk.errors import TrainingError
from lobdesk.training import (
    CancelFlag,
    LOBForecaster,
    TrainingCancelledError,
    evaluate_fold,
    fit,
    predict,
)
from lobdesk.windows import WindowStore
from tests.training.store_files import HORIZON_ROWS

TARGET = f"point:{HORIZON_ROWS}"


class CancelAt:
    """A reporter that cancels after one step and remembers the losses."""

    def __init__(self, step: int, cancel: CancelFlag) -> None:
        self.step = step
        self.cancel = cancel
        self.losses: list[float] = []

    def update(self, phase: str, done: int, total: int | None, **facts: Any) -> None:
        self.losses.append(facts["loss"])
        if done == self.step:
            self.cancel.set()

    def finish(self, state: str, **facts: Any) -> None:
        raise AssertionError("a fit does not end the progress of its caller")


def data_of(store: WindowStore, **options: Any) -> LOBDataModule:
    given = {"batch_size": 16, "chunk_windows": 4, "seed": 3} | options
    return LOBDataModule(store, "walk-forward", -1, TARGET, **given)


def forecaster_of(data: LOBDataModule, *, model: str = "deeplob", seed: int = 1) -> LOBForecaster:
    torch.manual_seed(seed)
    return LOBForecaster(
        model=model,
        window_rows=data.store.window_rows,
        task=data.task,
        class_weights=data.class_weights,
        class_means_bps=data.class_means_bps,
        volatility_floor_bps=data.volatility_floor_bps,
        target_scale=data.target_scale,
        seed=seed,
        learning_rate=2e-3,
    )


def weights(forecaster: LOBForecaster) -> torch.Tensor:
    return torch.cat([tensor.double().flatten() for tensor in forecaster.state_dict().values()])


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_loss_falls_and_the_forecast_agrees_with_the_returns(
    store: WindowStore, tmp_path: Path, task: str
) -> None:
    data = data_of(store, task=task, batch_size=32)
    forecaster = forecaster_of(data)
    progress = CancelAt(-1, CancelFlag())

    fit(forecaster, data, tmp_path, max_steps=60, progress=progress)

    assert np.mean(progress.losses[-10:]) < 0.9 * np.mean(progress.losses[:10])
    said = predict(forecaster, store, data.test_rows)
    assert np.corrcoef(said.value_bps, data.return_bps[data.test_rows])[0, 1] > 0.3


def test_equal_seeds_give_equal_weights_and_others_do_not(
    store: WindowStore, tmp_path: Path
) -> None:
    fitted = []
    for number, seed in enumerate((1, 1, 2)):
        data = data_of(store)
        forecaster = forecaster_of(data, seed=seed)
        folder = tmp_path / str(number)
        folder.mkdir()
        fit(forecaster, data, folder, max_steps=6)
        fitted.append(weights(forecaster))

    assert torch.equal(fitted[0], fitted[1])
    assert not torch.equal(fitted[0], fitted[2])


@pytest.mark.parametrize("model", ["deeplob", "deeplob-tf1"])
def test_resumed_training_ends_with_the_weights_of_an_uninterrupted_one(
    store: WindowStore, tmp_path: Path, model: str
) -> None:
    # 4 batches an epoch: cuts in mid-epoch, at an epoch's last batch and at the next one's first.
    limits: dict[str, Any] = {"max_steps": 10, "max_epochs": 5}
    data = data_of(store)
    data.train_rows = data.train_rows[-60:]
    assert len(data.train_dataloader()) == 4
    straight = forecaster_of(data, model=model)
    fit(straight, data, tmp_path, **limits)

    for cut in (1, 4, 5, 7):
        folder = tmp_path / f"cut{cut}"
        folder.mkdir()
        cancel = CancelFlag()
        with pytest.raises(TrainingCancelledError):
            fit(
                forecaster_of(data, model=model), data, folder,
                progress=CancelAt(cut, cancel), cancel=cancel, **limits,
            )  # fmt: skip
        torch.manual_seed(999)  # whatever ran in between
        resumed = forecaster_of(data, model=model, seed=1)
        resumed.model.load_state_dict({k: v * 0 for k, v in resumed.model.state_dict().items()})
        facts = fit(resumed, data, folder, resume=True, **limits)

        assert facts["steps"] == 10
        assert torch.equal(weights(resumed), weights(straight)), f"cut after step {cut}"


def test_checkpoints_load_as_data_only(store: WindowStore, tmp_path: Path) -> None:
    data = data_of(store)
    forecaster = forecaster_of(data)
    fit(forecaster, data, tmp_path, max_steps=2)

    for name in ("best.ckpt", "last.ckpt"):
        loaded = torch.load(tmp_path / name, weights_only=True)
        assert loaded["hyper_parameters"]["model"] == "deeplob"
        again = LOBForecaster.load_from_checkpoint(tmp_path / name, weights_only=True)
        assert torch.equal(weights(again), weights(forecaster))
    assert {path.name for path in tmp_path.iterdir()} == {"best.ckpt", "last.ckpt"}


def test_best_checkpoint_has_the_lowest_validation_loss(store: WindowStore, tmp_path: Path) -> None:
    data = data_of(store, batch_size=32)
    data.train_rows = data.train_rows[-120:]
    facts = fit(forecaster_of(data), data, tmp_path, max_epochs=3)

    best = torch.load(tmp_path / "best.ckpt", weights_only=True)
    last = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert best["global_step"] <= last["global_step"] == facts["steps"]
    assert facts["best_val_loss"] <= facts["val_loss"]


def test_shuffled_labels_leave_nothing_to_find(store: WindowStore, tmp_path: Path) -> None:
    data = data_of(store, task="regression", batch_size=32)
    shuffled = np.array(data.return_bps)
    shuffled[data.train_rows] = np.random.default_rng(3).permutation(shuffled[data.train_rows])
    truth, data.return_bps = data.return_bps, shuffled
    forecaster = forecaster_of(data)
    fit(forecaster, data, tmp_path, max_steps=40)
    data.return_bps = truth

    figures = evaluate_fold(forecaster, data)["models"]["model"]

    assert abs(figures["ic"]) < 3 / np.sqrt(figures["n_eff"])


def test_every_report_shows_the_baselines_on_the_same_fold(store: WindowStore) -> None:
    report = evaluate_fold(forecaster_of(data_of(store)), data_of(store))

    assert set(report["models"]) == {"model", "majority", "imbalance", "ridge"}
    for figures in report["models"].values():
        assert figures["samples"] == report["samples"]["test"]
        assert np.sum(figures["confusion"]) == figures["samples"]
    assert report["models"]["imbalance"]["ic"] > 0.5
    assert report["models"]["majority"]["ic"] is None


def test_prediction_does_not_depend_on_how_windows_are_batched(store: WindowStore) -> None:
    data = data_of(store)
    forecaster = forecaster_of(data)

    together = predict(forecaster, store, data.test_rows).value_bps
    alone = [predict(forecaster, store, data.test_rows[[i]]).value_bps[0] for i in range(20)]

    np.testing.assert_allclose(together[:20], alone, atol=1e-6)


def test_expected_return_of_classes_undoes_the_class_weights() -> None:
    forecaster = LOBForecaster(
        window_rows=30, class_weights=[2.0, 1.0, 0.5], class_means_bps=[-4.0, 0.5, 2.0]
    )

    value = forecaster.value_bps(torch.zeros(1, 3), torch.ones(1))

    # Even odds under weights 2, 1, 1/2 are odds of 1/2 : 1 : 2.
    assert value.item() == pytest.approx((0.5 * -4 + 1 * 0.5 + 2 * 2) / 3.5)


def test_expected_return_of_a_regression_grows_with_volatility_above_its_floor() -> None:
    forecaster = LOBForecaster(
        window_rows=30, task="regression", volatility_floor_bps=0.5, target_scale=3.0
    )

    value = forecaster.value_bps(torch.full((2, 1), 2.0), torch.tensor([4.0, 0.1]))

    assert value.tolist() == [24.0, 3.0]


def test_nothing_to_resume_is_refused(store: WindowStore, tmp_path: Path) -> None:
    data = data_of(store)

    with pytest.raises(TrainingError, match=r"no last\.ckpt"):
        fit(forecaster_of(data), data, tmp_path, resume=True)


def test_loss_that_is_no_number_stops_the_training(store: WindowStore, tmp_path: Path) -> None:
    data = data_of(store, task="regression")
    data.return_bps = np.where(np.isfinite(data.return_bps), np.inf, np.nan)

    with pytest.raises(TrainingError, match="loss is inf at step 1"):
        fit(forecaster_of(data), data, tmp_path, max_steps=3)


def test_naive_loss_is_the_mean_loss_of_one_answer_for_all(store: WindowStore) -> None:
    data = data_of(store)
    forecaster = forecaster_of(data)
    labels = torch.from_numpy(data.labels[data.train_rows])
    silence = torch.zeros(len(labels), 3)

    loss = torch.nn.functional.cross_entropy(silence, labels, weight=forecaster.class_weights)

    assert forecaster.naive_loss == pytest.approx(float(loss), rel=1e-6)
