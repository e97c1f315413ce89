import json
import subprocess
import sys
from pathlib import Path

import pytest

from lobdesk import __version__
from lobdesk.cli import COMMANDS, cli, run_cli

HEAVY = ("numpy", "duckdb", "textual", "plotext", "torch", "lightning")


def lobdesk(*args: str, code: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *(["-c", code] if code else ["-m", "lobdesk"]), *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_version_is_the_packages() -> None:
    assert lobdesk("--version").stdout.split()[-1] == __version__


def test_without_a_terminal_it_prints_help_and_exits_2() -> None:
    result = lobdesk()
    assert result.returncode == 2
    assert result.stdout == ""
    assert "Usage: lobdesk" in result.stderr
    assert "needs a terminal" in result.stderr


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["paths"], ["config", "show"]])
def test_light_commands_load_no_heavy_library(args: list[str]) -> None:
    code = (
        "import sys; from lobdesk.cli import run_cli; run_cli(sys.argv[1:]);"
        f"sys.exit(','.join(m for m in {HEAVY!r} if m in sys.modules) or 0)"
    )
    result = lobdesk(*args, code=code)
    assert (result.returncode, result.stderr) == (0, "")


def test_no_command_loads_a_heavy_library_before_it_runs() -> None:
    code = (
        "import sys; from lobdesk.cli import COMMANDS, cli;"
        "[cli.get_command(None, name) for name in COMMANDS];"
        f"sys.exit(','.join(m for m in {HEAVY!r} if m in sys.modules) or 0)"
    )
    assert lobdesk(code=code).stderr == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_exists_and_has_help(name: str, capsys: pytest.CaptureFixture) -> None:
    assert run_cli([name, "--help"]) == 0
    assert "Usage:" in capsys.readouterr().out
    command = cli.get_command(None, name)
    assert command is not None
    assert command.help


def test_an_unknown_command_exits_2_without_a_traceback() -> None:
    result = lobdesk("indxe")
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert "index" in result.stderr


def test_a_wrong_configuration_key_is_one_line_and_exit_2(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text("[app]\nfsp = 3\n")
    result = lobdesk("config", "validate", "--config", str(config))
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "did you mean 'fps'" in result.stderr


def test_doctor_finds_the_engine() -> None:
    result = lobdesk("doctor", "--json")
    findings = {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert findings["engine"]["state"] == "ok"
    assert result.returncode == 0


def test_the_data_directory_can_come_from_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("LOBDESK_HOME", str(tmp_path))
    monkeypatch.delenv("LOBDESK_DATA_DIR", raising=False)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text('data_dir = "/elsewhere"\n')
    assert run_cli(["paths", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["data"] == "/elsewhere"


def test_a_missing_engine_is_one_line(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['lobdesk._native'] = None; from lobdesk.cli import run_cli;"
        f"sys.exit(run_cli(['verify', '--data-dir', {str(tmp_path)!r}]))"
    )
    result = lobdesk(code=code)
    assert result.returncode == 1
    assert "native engine cannot be loaded" in result.stderr
    assert "Traceback" not in result.stderr
