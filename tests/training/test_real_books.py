"""Training on books that an exchange sent."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lobdesk.cli import run_cli
from lobdesk.dataset import LOBDataModule
from lobdesk.models import BASELINES, Sample
from lobdesk.training.metrics import correlation
from lobdesk.windows import WindowSpec, WindowStore, build_store
from tests.windows.books import lob10_rows

pytestmark = pytest.mark.shared

ROWS = 4000


@pytest.fixture(scope="module")
def eth(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data directory with a store of the ETH perpetual, order flow and state included."""
    folder = tmp_path_factory.mktemp("eth")
    rows = lob10_rows(shared / "data" / "lob10" / "cm_ethusd_perp_20240808.npz", "ETHUSD_PERP")
    spec = WindowSpec(feature_sets=("deeplob40", "ofi10", "state"), targets=("point:10",))
    build_store(folder / "windows", [rows.take(slice(0, ROWS))], spec)
    return folder


def store_of(data_dir: Path) -> WindowStore:
    (folder,) = (data_dir / "windows").iterdir()
    return WindowStore.open(folder)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_training_on_real_books_writes_a_complete_run(eth: Path, task: str) -> None:
    args = ["--max-steps", "4", "--target", "point:10", "--task", task, "--progress", "none"]
    assert run_cli(["train", "--data-dir", str(eth), *args]) == 0

    run = max((eth / "runs").glob("t*"))
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["samples"]["test"] > 500
    assert (run / "best.ckpt").is_file()


@pytest.mark.parametrize("name", ["imbalance", "ridge"])
def test_linear_baselines_foretell_the_next_ten_rows(eth: Path, name: str) -> None:
    data = LOBDataModule(store_of(eth), "walk-forward", -1, "point:10", task="regression")
    features = data.store.features
    train = Sample(rows=features[data.train_rows], return_bps=data.return_bps[data.train_rows])

    fitted = BASELINES[name](train, data.feature_names)

    value = fitted.value_bps(features[data.test_rows])
    ic = correlation(value, np.asarray(data.return_bps[data.test_rows]))
    assert ic is not None
    assert ic > 0.25


def test_labels_moved_in_time_leave_the_baselines_nothing(eth: Path) -> None:
    data = LOBDataModule(store_of(eth), "walk-forward", -1, "point:10", task="regression")
    features, rows = data.store.features, data.train_rows
    shift = 1371
    moved = np.roll(data.return_bps[rows], shift)
    fitted = BASELINES["imbalance"](
        Sample(rows=features[rows], return_bps=moved), data.feature_names
    )

    value = fitted.value_bps(features[data.test_rows])

    # The sign of a chance fit is free; its size says that labels and rows no longer belong.
    honest = BASELINES["imbalance"](
        Sample(rows=features[rows], return_bps=data.return_bps[rows]), data.feature_names
    ).value_bps(features[data.test_rows])
    assert value.std() < 0.25 * honest.std()
