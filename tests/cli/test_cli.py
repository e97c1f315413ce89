import json
import os
import subprocess
import sys
from pathlib import Path

import click
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


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["import"], "missing argument 'FILES...'; see: lobdesk import --help"),
        (
            ["build", "--threads", "0"],
            "'--threads': 0 is not in the range x>=1; see: lobdesk build",
        ),
        (["runs", "merge"], "no such command 'merge'; see: lobdesk runs --help"),
        (["at", "BTC/USD", "yesterday"], "'yesterday' is not a time like 2026-08-01T02:54:00Z"),
        (["at", "BTC/USD", "9" * 30], "is after the year 9999"),
        (["sql", "-f", "{here}/absent.sql"], "absent.sql: cannot be read: No such file"),
        (["config", "validate", "--config", "{here}/c.toml"], "bcktest: unknown key; did you mean"),
        (["simulate", "--faults", "{here}/absent"], "absent: cannot be read: No such file"),
        (["daemon", "status"], "{here}/.env: cannot be read: Is a directory"),
    ],
)
def test_a_usage_error_is_one_line_that_says_what_to_do(
    args: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "c.toml").write_text("[bcktest]\n")
    if args[0] == "daemon":
        (tmp_path / ".env").mkdir()
        says = says.replace("{here}/", "")
    monkeypatch.chdir(tmp_path)
    assert run_cli([arg.format(here=tmp_path) for arg in args]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert says in err


@pytest.mark.parametrize("command", [["index", "--follow"], ["demo"]])
def test_a_data_directory_that_cannot_be_made_is_one_line(
    command: list[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "data"
    result = lobdesk(*command, "--data-dir", str(place))
    assert result.returncode == 1
    *told, error = result.stderr.splitlines()
    assert error.startswith(f"error: {tmp_path}/file")
    assert [line.partition(" ")[0] for line in told] == ["indexing"] * (command[0] == "index")


@pytest.mark.parametrize("args", [["paths"], ["doctor"], ["runs", "ls", "--json"]])
@pytest.mark.parametrize(("where", "code"), [(">/dev/full", 1), (">&-", 0)])
def test_output_that_goes_nowhere_is_no_traceback(
    args: list[str], where: str, code: int, tmp_path: Path
) -> None:
    line = f'"$0" -m lobdesk --data-dir "$1" {" ".join(args)} {where}'
    command = ["sh", "-c", line, sys.executable, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == code
    assert result.stderr.count("\n") == code


def test_import_offers_the_formats_that_exist() -> None:
    from lobdesk.cli.import_ import NAMES
    from lobdesk.importers import FORMATS

    assert ("auto", *FORMATS) == NAMES


def test_doctor_fails_where_the_data_directory_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = lobdesk("doctor", "--json", "--data-dir", str(tmp_path / "file" / "data"))
    findings = {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert findings["data"]["state"] == "fail"
    assert result.returncode == 1


@pytest.mark.parametrize("command", [["train"], ["evaluate", "t0001"], ["signals", "t0001"]])
def test_a_missing_extra_is_one_line(command: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['torch'] = None; from lobdesk.cli import run_cli;"
        f"sys.exit(run_cli([*{command!r}, '--data-dir', {str(tmp_path)!r}]))"
    )
    result = lobdesk(code=code)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert 'pip install "lobdesk[train]"' in result.stderr


def test_doctor_finds_the_engine() -> None:
    result = lobdesk("doctor", "--json")
    findings = {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert findings["engine"]["state"] == "ok"
    assert result.returncode == 0


def test_an_image_without_the_desk_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import lobdesk.cli.desk as desk

    for name in [name for name in sys.modules if name.startswith(("textual", "lobdesk.app"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "textual", None)
    monkeypatch.setattr(desk, "is_terminal", lambda _: True)
    with pytest.raises(click.ClickException, match="which the daemon's image leaves out; run: pip"):
        desk.open_desk()


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


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_asks_lobdesk(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["completion", shell]) == 0
    assert f"_LOBDESK_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_completion_knows_the_commands() -> None:
    env = os.environ | {
        "_LOBDESK_COMPLETE": "bash_complete",
        "COMP_WORDS": "lobdesk ver",
        "COMP_CWORD": "1",
    }
    code = "from lobdesk.cli import cli; cli(prog_name='lobdesk')"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False
    )
    assert result.stdout.split() == ["plain,verify"]
