"""The files in deploy/ are what they claim."""

from pathlib import Path

import pytest

from lobdesk.cli import run_cli

COMPOSE = Path(__file__).resolve().parents[1] / "deploy" / "docker-compose.yml"


def test_compose_file_parses_and_its_commands_exist(capsys) -> None:
    yaml = pytest.importorskip("yaml")
    services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]

    assert set(services) == {"daemon", "indexer", "reader"}
    assert "--follow" in services["indexer"]["command"]
    for name in ("indexer", "reader"):
        program, *arguments = services[name]["command"]
        assert program == "lobdesk"
        # The options are parsed before --help is answered.
        assert run_cli([*arguments, "--help"]) == 0
        assert services[name]["network_mode"] == "none"
        assert services[name]["read_only"] is True
    assert services["reader"]["volumes"] == ["data:/data:ro"]
