"""From the shipped recordings to signals, by the command line alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lobdesk.cli import run_cli

CONFIG = """
[windows]
window_rows = 40
norm_window_rows = 200
norm_min_rows = 50
targets = ["mean:10"]

[training]
max_steps = 6
batch_size = 16
threads = 1
"""


@pytest.fixture(scope="module")
def recorded(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data directory with both recordings imported, indexed, windowed and trained on."""
    folder = tmp_path_factory.mktemp("recorded")
    config = folder / "config.toml"
    config.write_text(CONFIG)
    data = ["--data-dir", str(folder / "data")]
    frames = [str(path) for path in sorted(captures.glob("*.cbcap"))]
    assert run_cli(["import", *frames, *data]) == 0
    assert run_cli(["index", *data]) == 0
    assert run_cli(["build", "--config", str(config), *data]) == 0
    assert run_cli(["train", "--config", str(config), "--progress", "none", *data]) == 0
    return folder / "data"


def test_training_on_recorded_frames_names_its_store_and_symbols(recorded: Path) -> None:
    manifest = json.loads((recorded / "runs" / "t0001" / "manifest.json").read_text())

    (store,) = (recorded / "windows").iterdir()
    assert manifest["inputs"] == {"store": store.name}
    assert manifest["config"]["symbols"] == ["BTC/USD", "ETH/USD"]
    assert manifest["config"]["max_steps"] == 6


def test_signals_of_recorded_frames_need_a_symbol(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["signals", "t0001", "--data-dir", str(recorded)]) == 1
    assert "name one: BTC/USD, ETH/USD" in capsys.readouterr().err

    args = ["signals", "t0001", "--symbol", "ETH/USD", "--data-dir", str(recorded), "--json"]
    assert run_cli(args) == 0

    printed = json.loads(capsys.readouterr().out)
    signals = np.load(recorded / "runs" / printed["run"] / "signals.npy")
    assert printed["signals"] == len(signals) > 50
    assert np.isfinite(signals["value"]).all()
    assert printed["config"]["latency_measured"]
