from __future__ import annotations

import json
from pathlib import Path

import pytest

from lobdesk.cli import run_cli
from lobdesk.runs import Run, create_run
from tests.cli.test_backtest import records_args


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = create_run(tmp_path / "runs", "train", name="deeplob btc", config={"seed": 7})
    run.finish("finished", metrics={"val": {"mcc": 0.214}, "curve": list(range(100))})
    return run


def lobdesk(tmp_path: Path, *args: str) -> int:
    return run_cli([*args, "--data-dir", str(tmp_path)])


def test_ls_lists_runs_as_text_and_json(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lobdesk(tmp_path, "runs", "ls") == 0
    assert "t0001   train     finished" in capsys.readouterr().out
    assert lobdesk(tmp_path, "runs", "ls", "--json") == 0
    (entry,) = json.loads(capsys.readouterr().out)["runs"]
    assert entry["id"] == "t0001"
    assert entry["metrics"]["val"] == {"mcc": 0.214}


def test_a_damaged_run_is_named_and_can_be_removed(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = create_run(tmp_path / "runs", "backtest", name="b", config={})
    (other.path / "manifest.json").write_bytes(b"\xa4")
    assert lobdesk(tmp_path, "runs", "ls") == 0
    captured = capsys.readouterr()
    assert "t0001" in captured.out
    assert captured.err.count("\n") == 1
    assert "k0002/manifest.json: is damaged" in captured.err
    assert lobdesk(tmp_path, "runs", "show", "k0002") == 1
    assert lobdesk(tmp_path, "runs", "rm", "k0002", "--yes") == 0
    assert not other.path.exists()
    assert run.path.exists()


def test_damaged_metrics_are_one_line(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run.path / "metrics.json").write_text("{")
    assert lobdesk(tmp_path, "runs", "show", "t0001") == 1
    assert "metrics.json: is damaged" in capsys.readouterr().err


def test_ls_of_nothing_names_the_next_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lobdesk(tmp_path, "runs", "ls") == 0

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "lobdesk train" in captured.err


def test_show_prints_configuration_and_metrics(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lobdesk(tmp_path, "runs", "show", "t0001") == 0
    out = capsys.readouterr().out
    assert "seed                   7" in out
    assert "mcc                    0.214" in out
    assert "100 values" in out
    assert lobdesk(tmp_path, "runs", "show", "t0001", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["manifest"]["config"] == {"seed": 7}
    assert len(shown["metrics"]["curve"]) == 100


@pytest.mark.parametrize(
    "args", [("runs", "show"), ("runs", "rm", "--yes"), ("replay",)], ids=" ".join
)
def test_unknown_run_is_a_clear_error(
    args: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lobdesk(tmp_path, *args, "k0404") == 1
    assert "error: 'k0404' is not a run in" in capsys.readouterr().err


def test_rm_asks_and_removes_only_after_yes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert lobdesk(tmp_path, "runs", "rm", "t0001") == 130
    assert run.path.is_dir()
    assert lobdesk(tmp_path, "runs", "rm", "t0001", "--yes") == 0
    assert not run.path.exists()


def test_rm_refuses_a_running_run_and_removes_none_of_the_list(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    running = create_run(tmp_path / "runs", "train", name="busy", config={})

    assert lobdesk(tmp_path, "runs", "rm", "t0001", running.id, "--yes") == 1

    assert "cancel its job" in capsys.readouterr().err
    assert run.path.is_dir()


def test_only_finished_backtests_can_be_replayed(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lobdesk(tmp_path, "replay", "t0001") == 1
    assert "only backtests can be replayed" in capsys.readouterr().err


def test_desk_without_terminal_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["--data-dir", str(tmp_path)]) == 2
    assert "needs a terminal" in capsys.readouterr().err


@pytest.fixture
def two_backtests(tmp_path: Path) -> Path:
    data = [*records_args(tmp_path), "--param", "interval_us=50000"]
    assert run_cli(data) == 0
    assert run_cli([*data, "--queue", "log"]) == 0
    return tmp_path


def test_diff_names_only_what_differs(
    two_backtests: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert lobdesk(two_backtests, "runs", "diff", "k0001", "k0002", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["runs"] == ["k0001", "k0002"]
    assert facts["differences"]["config.queue"] == ["risk_averse", "log"]
    assert "config.entry_us" not in facts["differences"]
    assert lobdesk(two_backtests, "runs", "diff", "k0001", "k0001") == 0
    captured = capsys.readouterr()
    assert "no difference" in captured.err
    assert "config" not in captured.out


def test_show_ends_with_the_report(two_backtests: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert lobdesk(two_backtests, "runs", "show", "k0002") == 0
    out = capsys.readouterr().out
    assert "preset lobdesk, queue log; latency 5000 us" in out
    assert "certain fills" in out
    assert "markout 30 s" in out


def test_export_writes_tables_and_figures(
    two_backtests: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = two_backtests / "out"
    capsys.readouterr()
    assert lobdesk(two_backtests, "runs", "export", "k0001", str(folder)) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    metrics = json.loads((folder / "k0001-metrics.json").read_text())
    fills = (folder / "k0001-fills.csv").read_text().splitlines()
    assert len(fills) == metrics["fills"] + 1
    assert fills[0].startswith("exch_ts_us,local_ts_us,order_id,symbol,side")
    assert lobdesk(two_backtests, "runs", "export", "k0001", str(folder)) == 1
    assert "is there already" in capsys.readouterr().err
