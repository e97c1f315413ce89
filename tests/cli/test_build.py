from __future__ import annotations

import json
from pathlib import Path

import pytest

from lobdesk.cli import run_cli
from lobdesk.windows import WindowStore

CONFIG = """
[windows]
window_rows = 10
norm_window_rows = 60
norm_min_rows = 20
targets = ["point:5", "mean:1s"]
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory, captures: Path) -> Path:
    folder = tmp_path_factory.mktemp("data")
    files = [str(path) for path in sorted(captures.glob("*.cbcap"))]
    assert run_cli(["import", *files, "--data-dir", str(folder)]) == 0
    assert run_cli(["index", "--data-dir", str(folder)]) == 0
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG)
    return path


def test_json_has_the_documented_keys(data_dir: Path, config: Path, capsys) -> None:
    capsys.readouterr()
    args = ["build", "--data-dir", str(data_dir), "--config", str(config), "--json"]

    assert run_cli([*args, "--threads", "2", "--progress", "none"]) == 0
    printed = json.loads(capsys.readouterr().out)

    store = WindowStore.open(printed["path"])
    assert list(printed) == ["id", "path", "rows", "anchors", "symbols", "features", "targets"]
    assert printed["id"] == store.id
    assert printed["rows"] == len(store)
    assert printed["anchors"] == len(store.anchors()) > 0
    assert printed["symbols"] == ["BTC/USD", "ETH/USD"]
    assert printed["features"] == store.feature_names
    assert printed["targets"] == ["point:5", "mean:1s"]
    assert run_cli(args) == 0
    assert json.loads(capsys.readouterr().out) == printed


def test_plain_output_is_the_id_alone(data_dir: Path, config: Path, capsys) -> None:
    capsys.readouterr()
    args = ["build", "--data-dir", str(data_dir), "--config", str(config), "--symbol", "ETH"]

    assert run_cli(args) == 0

    out, err = capsys.readouterr()
    store = WindowStore.open(data_dir / "windows" / out.strip())
    assert store.symbols == ["ETH/USD"]
    assert "next: lobdesk train" in err


def test_progress_lines_end_with_the_outcome(data_dir: Path, config: Path, capsys) -> None:
    args = ["build", "--data-dir", str(data_dir), "--progress", "json", "--config"]
    capsys.readouterr()

    assert run_cli([*args, str(config)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line[0] == "{"]
    assert [line["event"] for line in lines][-1] == "finished"
    assert {line.get("phase") for line in lines} >= {"read"}

    config.write_text("[windows]\nnorm_min_rows = 1000\n")
    assert run_cli([*args, str(config)]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line[0] == "{"]
    assert [line["event"] for line in lines][-1] == "failed"


@pytest.mark.parametrize(
    ("section", "flags", "code", "message"),
    [
        ('feature_sets = ["deeplob"]', [], 2, "did you mean 'deeplob40'"),
        ("window_row = 3", [], 2, "did you mean 'window_rows'"),
        ('targets = ["mean"]', [], 2, "expected kind:horizon"),
        ("", ["--symbol", "BTCUSD"], 2, "did you mean 'BTC/USD'"),
        ("norm_min_rows = 1000", [], 1, "BTC/USD: a window needs 1100 rows"),
    ],
)
def test_mistakes_are_one_line(
    data_dir: Path, config: Path, capsys, section: str, flags: list[str], code: int, message: str
) -> None:
    config.write_text(f"[windows]\n{section}\n")
    capsys.readouterr()

    args = ["build", "--data-dir", str(data_dir), "--config", str(config), *flags]
    assert run_cli(args) == code

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


def test_missing_index_is_explained(tmp_path: Path, capsys) -> None:
    assert run_cli(["build", "--data-dir", str(tmp_path)]) == 1
    assert "run: lobdesk index" in capsys.readouterr().err
