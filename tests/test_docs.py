"""The documents name only what exists."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from lobdesk.cli import COMMANDS, cli
from lobdesk.settings import DAEMON_VARIABLES, BacktestSettings, TrainingSettings

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
CALL = re.compile(r"(?:^|[&|(]\s*|\b[A-Z_]+=\S+ )lobdesk ([a-z].*)")


def code_lines(page: Path) -> list[str]:
    """Return the lines of fenced blocks and the spans of code within the prose."""
    text = page.read_text(encoding="utf-8")
    blocks = FENCED.findall(text)
    spans = re.findall(r"`([^`]+)`", FENCED.sub("", text))
    return [line for block in blocks for line in block.splitlines()] + [
        " ".join(span.split()) for span in spans
    ]


def resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that words name, and the words behind it."""
    command: click.Command = cli
    while words and isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0].split("|")[0].rstrip(".,;:"))
        if found is None:
            break
        command, words = found, words[1:]
    return command, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_documented_commands_and_options_exist(page: Path) -> None:
    for match in filter(None, map(CALL.search, code_lines(page))):
        text = match.group(1).split("  #")[0]
        command, rest = resolve(text.split())
        assert command is not cli, match.group()
        known = {
            name for option in command.params for name in (*option.opts, *option.secondary_opts)
        }
        named = [word.strip("[].,") for word in rest if re.match(r"\[?--[a-z]", word)]
        assert set(named) <= known, match.group()


def test_the_changelog_names_every_command() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    aliases = {"record"}
    missing = {name for name in COMMANDS if not re.search(rf"`lobdesk[- ]{name}\b", text)}
    assert missing == aliases


@pytest.mark.parametrize(
    ("command", "settings"), [("train", TrainingSettings()), ("backtest", BacktestSettings())]
)
def test_defaults_told_by_help_are_those_of_the_settings(command: str, settings: object) -> None:
    options = {option.name: option for option in resolve([command])[0].params}
    told = 0
    for name, option in options.items():
        text = getattr(option, "help", None) or ""
        listed = re.search(r"([\w-]+) \(default\)|\(default: ([^,)]+)", text)
        if listed is None or not hasattr(settings, name or ""):
            continue
        told += 1
        value = listed.group(1) or listed.group(2)
        assert value in {str(getattr(settings, name)), "the first indexed one"}, name
    assert told >= 6


def test_every_room_is_in_the_table_of_rooms() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("## Rooms")[2].partition("##")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    there = {
        path.stem
        for path in (ROOT / "lobdesk").iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").is_file())
        and not path.name.startswith("__")
    }
    assert named == there


def test_the_example_environment_names_every_variable() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^(\w+)=", text, re.MULTILINE)) == set(DAEMON_VARIABLES)
