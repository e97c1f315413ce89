import sys
from pathlib import Path

import pytest

from lobdesk.cli import run_cli
from lobdesk.demo import MARKER, Demo, DemoError, demo_dir


def make(folder: Path) -> tuple[Demo, list[str]]:
    lines: list[str] = []
    return Demo(folder, seed=7, say=lines.append), lines


def test_a_folder_with_other_data_is_never_emptied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert run_cli(["demo", "--no-tui", "--data-dir", str(tmp_path)]) == 1
    assert "not a demo's directory" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_missing_extra_is_told_before_anything_runs(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)

    assert run_cli(["demo", "--no-tui", "--data-dir", str(tmp_path)]) == 2

    assert 'needs the extra "train"' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_demo_is_emptied_and_marked_again(tmp_path: Path) -> None:
    (tmp_path / MARKER).write_text("")
    (tmp_path / "old").mkdir()
    demo, lines = make(tmp_path)
    demo._prepare()
    assert [path.name for path in tmp_path.iterdir()] == [MARKER]
    assert lines == [f"export LOBDESK_DATA_DIR={tmp_path}"]


def test_the_captures_are_imported_and_verified_by_real_commands(tmp_path: Path) -> None:
    demo, lines = make(tmp_path)
    demo._prepare()
    demo._import()
    symbols = demo._verify()["symbols"]
    assert (symbols["BTC/USD"]["verified"], symbols["ETH/USD"]["verified"]) == (301, 1129)
    assert "    $ lobdesk verify" in lines


def test_a_failing_step_ends_the_demo_and_names_the_command(tmp_path: Path) -> None:
    demo, _ = make(tmp_path)
    demo._prepare()
    with pytest.raises(DemoError, match="lobdesk build ended with exit code 1"):
        demo._build()


def test_the_exchange_of_the_demo_stops_with_its_block(tmp_path: Path) -> None:
    demo, _ = make(tmp_path)
    with demo._exchange() as url:
        assert url.startswith("ws://127.0.0.1:")
    with pytest.raises(DemoError), demo._exchange() as url:
        demo._command("record", "--url", "ws://127.0.0.1:1", "--symbols", "SOL", is_report=False)


def test_the_demo_has_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOBDESK_HOME", str(tmp_path))
    assert demo_dir() == tmp_path / "cache" / "demo"
