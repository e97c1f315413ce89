"""Training runs by the command line: files, figures, cancelling, resuming, refusals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lobdesk.cli import run_cli
from tests.training.store_files import HORIZON_ROWS

TARGET = f"point:{HORIZON_ROWS}"
DEADLINE_S = 60


@pytest.fixture(scope="module")
def data_dir(store_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data directory with a window store and one finished training."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copytree(store_folder, folder / "windows" / "w1")
    assert run_cli(train_args(folder, steps=20)) == 0
    return folder


def train_args(data_dir: Path, *more: str, steps: int) -> list[str]:
    given = ["--data-dir", str(data_dir), "--target", TARGET, "--max-steps", str(steps)]
    return ["train", *given, "--progress", "none", *more]


def run_folder(data_dir: Path, run: str) -> Path:
    return data_dir / "runs" / run


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def weights(path: Path) -> list[torch.Tensor]:
    return list(torch.load(path, weights_only=True)["state_dict"].values())


def test_run_tells_how_it_can_be_repeated(data_dir: Path) -> None:
    manifest = json.loads((run_folder(data_dir, "t0001") / "manifest.json").read_text())

    assert manifest["state"] == "finished"
    assert manifest["inputs"] == {"store": "w1"}
    config = manifest["config"]
    assert (config["seed"], config["split"], config["fold"]) == (7, "walk-forward", -1)
    assert config["embargo_steps"] == 30
    assert set(manifest["outputs"]["versions"]) == {"python", "numpy", "torch", "lightning"}


def test_metrics_show_the_model_beside_the_baselines(data_dir: Path) -> None:
    metrics = json.loads((run_folder(data_dir, "t0001") / "metrics.json").read_text())

    assert set(metrics["models"]) == {"model", "majority", "imbalance", "ridge"}
    for figures in metrics["models"].values():
        assert figures.keys() >= {
            "accuracy", "macro_f1", "weighted_f1", "balanced_accuracy", "mcc", "confusion",
            "ic", "ic_se", "rank_ic", "n_eff", "break_even_fee_bps",
        }  # fmt: skip
    assert metrics["headline"].keys() >= {"break_even_fee_bps", "ic", "imbalance_ic"}
    assert metrics["fit"]["steps"] == 20


def test_log_of_the_run_ends_with_its_state(data_dir: Path) -> None:
    lines = lines_of(run_folder(data_dir, "t0001") / "progress.jsonl")

    assert lines[-1]["event"] == "finished"
    assert {line["phase"] for line in lines[:-1]} == {"train", "test"}
    assert lines[0].keys() >= {"ts_us", "phase", "done", "total", "loss", "samples_per_s"}


def test_evaluate_gives_the_same_figures_again(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = json.loads((run_folder(data_dir, "t0001") / "metrics.json").read_text())

    assert run_cli(["evaluate", "t0001", "--data-dir", str(data_dir), "--json"]) == 0

    printed = json.loads(capsys.readouterr().out)
    assert printed == {"run": "t0001", "state": "finished", **before}


def test_signals_are_stamped_with_receipt_and_latency(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["signals", "t0001", "--data-dir", str(data_dir), "--latency-us", "700", "--json"]

    assert run_cli(args) == 0

    printed = json.loads(capsys.readouterr().out)
    signals = np.load(run_folder(data_dir, printed["run"]) / "signals.npy", allow_pickle=False)
    assert signals.dtype.names == ("feature_ts_us", "available_ts_us", "value")
    assert len(signals) == printed["signals"] > 200
    assert (signals["available_ts_us"] - signals["feature_ts_us"] == 700).all()
    assert (np.diff(signals["available_ts_us"]) > 0).all()
    store = data_dir / "windows" / "w1"
    receipts = np.load(store / "recv_ts_us.npy")
    assert np.isin(signals["feature_ts_us"], receipts).all()
    assert printed["config"]["symbol"] == "TST/USD"
    manifest = json.loads((run_folder(data_dir, printed["run"]) / "manifest.json").read_text())
    assert manifest["kind"] == "signals"


def test_signals_do_not_depend_on_later_rows(data_dir: Path, tmp_path: Path) -> None:
    """Garbage in every row after an instant leaves the signals up to it bit for bit."""
    args = ["--data-dir", str(tmp_path / "d"), "--rows", "all", "--latency-us", "0"]
    shutil.copytree(data_dir, tmp_path / "d")
    columns = tmp_path / "d" / "windows" / "w1"
    assert run_cli(["signals", "t0001", *args]) == 0
    features = np.load(columns / "features.npy")
    cut = 1511  # inside a batch and a chunk
    features[cut:] = 99.0
    np.save(columns / "features.npy", features)
    assert run_cli(["signals", "t0001", *args]) == 0

    before, after = (
        np.load(run_folder(tmp_path / "d", f"s{number:04d}") / "signals.npy")
        for number in sorted(int(path.name[1:]) for path in (tmp_path / "d" / "runs").glob("s*"))[
            -2:
        ]
    )
    is_known = before["feature_ts_us"] < np.load(columns / "recv_ts_us.npy")[cut]
    np.testing.assert_array_equal(before[is_known], after[is_known])
    assert (before["value"][~is_known] != after["value"][~is_known]).all()


@pytest.fixture
def long_run(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Start a training that would take minutes, and wait until it is under way."""
    before = set((data_dir / "runs").iterdir())
    command = [sys.executable, "-m", "lobdesk", *train_args(data_dir, steps=100_000)]
    command += ["--max-epochs", "100000", "--progress", "json"]
    environment = os.environ | {"LOBDESK_TRAINING__THREADS": "1"}
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        yield process, _started(process, data_dir, before)
    finally:
        process.kill()
        process.communicate()


def _started(process: subprocess.Popen[str], data_dir: Path, before: set[Path]) -> Path:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        assert process.stderr is not None
        line = json.loads(process.stderr.readline())  # a step's progress
        if line["done"] >= 5:
            (folder,) = set((data_dir / "runs").iterdir()) - before
            return folder
    raise AssertionError("the training did not start in time")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_cancels_with_a_checkpoint_that_resumes(
    long_run: tuple[subprocess.Popen[str], Path],
    data_dir: Path,
    number: signal.Signals,
    capsys: pytest.CaptureFixture[str],
) -> None:
    process, folder = long_run

    process.send_signal(number)
    out, err = process.communicate(timeout=DEADLINE_S)

    assert process.returncode == 130
    assert out == ""
    assert all(line.startswith("{") for line in err.splitlines()[:-1])
    assert lines_of(folder / "progress.jsonl")[-1]["event"] == "cancelled"
    assert json.loads((folder / "manifest.json").read_text())["state"] == "cancelled"
    step = torch.load(folder / "last.ckpt", weights_only=True)["global_step"]
    more = ["--resume", folder.name, "--max-steps", str(step + 3)]
    assert run_cli(["train", "--data-dir", str(data_dir), *more, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["state"] == "finished"
    assert printed["fit"]["steps"] == step + 3


def test_extended_run_equals_one_of_that_length(data_dir: Path, tmp_path: Path) -> None:
    shutil.copytree(data_dir / "windows", tmp_path / "windows")
    assert run_cli(train_args(tmp_path, steps=5)) == 0
    resume = ["train", "--data-dir", str(tmp_path), "--resume", "t0001", "--max-steps", "20"]

    assert run_cli(resume) == 0

    extended = weights(tmp_path / "runs" / "t0001" / "last.ckpt")
    straight = weights(data_dir / "runs" / "t0001" / "last.ckpt")
    assert all(torch.equal(a, b) for a, b in zip(extended, straight, strict=True))


def test_finished_run_that_is_resumed_keeps_its_weights_and_figures(data_dir: Path) -> None:
    folder = run_folder(data_dir, "t0001")
    before = json.loads((folder / "metrics.json").read_text())
    kept = weights(folder / "last.ckpt")

    assert run_cli(["train", "--data-dir", str(data_dir), "--resume", "t0001"]) == 0

    after = json.loads((folder / "metrics.json").read_text())
    assert after["models"] == before["models"]
    assert after["fit"]["best_val_loss"] == before["fit"]["best_val_loss"]
    again = weights(folder / "last.ckpt")
    assert all(torch.equal(a, b) for a, b in zip(again, kept, strict=True))


def test_an_unknown_model_makes_no_run(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = set((data_dir / "runs").iterdir())

    assert run_cli(train_args(data_dir, "--model", "perceptron", steps=1)) == 2

    assert "model 'perceptron' does not exist; known are deeplob" in capsys.readouterr().err
    assert set((data_dir / "runs").iterdir()) == before


def test_run_that_fails_says_so(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lobdesk.training.runs.make_forecaster", fail)

    assert run_cli(train_args(data_dir, steps=1)) == 1

    newest = max((data_dir / "runs").glob("t*"))
    assert lines_of(newest / "progress.jsonl")[-1]["event"] == "failed"
    assert json.loads((newest / "manifest.json").read_text())["state"] == "failed"


def test_nothing_but_the_report_is_printed(data_dir: Path) -> None:
    command = [sys.executable, "-m", "lobdesk", *train_args(data_dir, steps=1)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)

    assert done.returncode == 0
    assert done.stderr == ""
    assert "break-even fee" in done.stdout
    assert not list(data_dir.glob("**/lightning_logs"))


@pytest.mark.parametrize(
    ("args", "message", "code"),
    [
        (["--store", "nope"], "'nope' is not a window store", 1),
        (["--store", "../w1"], "'../w1' is not a window store", 1),
        (["--target", "mean:3"], "no target 'mean:3'; it has point:5", 1),
        (["--task", "guess"], "'guess' is not one of classification, regression", 2),
        (["--batch-size", "0"], "0 is below 1", 2),
        (["--resume", "t0001", "--seed", "3"], "only --max-steps and --max-epochs", 2),
        (["--resume", "t9999"], "'t9999' is not a run", 1),
    ],
)
def test_impossible_wishes_are_refused_in_one_line(
    data_dir: Path, capsys: pytest.CaptureFixture[str], args: list[str], message: str, code: int
) -> None:
    base = ["train", "--data-dir", str(data_dir)]

    assert run_cli([*base, *args]) == code

    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_empty_data_directory_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["train", "--data-dir", str(tmp_path)]) == 1
    assert "run: lobdesk build" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train", "signals t0001", "evaluate t0001"])
@pytest.mark.parametrize("missing", ["torch", "lightning"])
def test_missing_extra_is_one_line_and_exit_2(tmp_path: Path, command: str, missing: str) -> None:
    code = (
        "import sys\n"
        f"sys.modules[{missing!r}] = None\n"
        "from lobdesk.cli import run_cli\n"
        "sys.exit(run_cli(sys.argv[1:]))\n"
    )
    args = [sys.executable, "-c", code, *command.split(), "--data-dir", str(tmp_path)]
    done = subprocess.run(args, capture_output=True, text=True, timeout=DEADLINE_S, check=False)

    assert done.returncode == 2
    assert done.stderr == (
        f'error: lobdesk {command.split(maxsplit=1)[0]}: needs the extra "train"; '
        'run: pip install "lobdesk[train]"\n'
    )
