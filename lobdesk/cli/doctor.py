"""``lobdesk doctor``: is this machine ready, and if not, what to do."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from lobdesk.cli.options import data_dir_option, data_paths, json_option, print_json
from lobdesk.progress import is_terminal

if TYPE_CHECKING:
    from pathlib import Path

SCREEN_LIBRARIES = ("textual", "plotext")
LOW_DISK_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: What.
        state: ``ok``, ``warn`` (something will be missing) or ``fail`` (lobdesk cannot work).
        text: What was found, and what to do.
    """

    name: str
    state: str
    text: str


@click.command("doctor")
@data_dir_option
@json_option
def doctor_command(*, data_dir: Path | None, as_json: bool) -> int:
    """Check this machine: engine, libraries, terminal, disk. Exit 1 if lobdesk cannot work."""
    findings = [
        _python(),
        _engine(),
        *(_library(name) for name in ("duckdb", "numpy", "textual", "websockets", "plotext")),
        _training(),
        _terminal(),
        _disk(data_paths(data_dir).root),
    ]
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        marks = {"ok": "✓", "warn": "!", "fail": "✕"}
        for finding in findings:
            click.echo(f"{marks[finding.state]} {finding.name:<11} {finding.text}")
    return 1 if any(finding.state == "fail" for finding in findings) else 0


def _python() -> Finding:
    return Finding("python", "ok", f"{sys.version.split()[0]} at {sys.executable}")


def _engine() -> Finding:
    try:
        from lobdesk import engine
    except ImportError as error:
        return Finding("engine", "fail", str(error))
    return Finding("engine", "ok", f"native module {engine.MODULE_FILE}")


def _library(name: str) -> Finding:
    try:
        return Finding(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        if name in SCREEN_LIBRARIES:
            # The daemon's image leaves them out on purpose.
            return Finding(name, "warn", "not installed, so the desk and charts will not open")
        return Finding(name, "fail", 'not installed; run: pip install -e "."')


def _training() -> Finding:
    missing = [name for name in ("torch", "lightning") if importlib.util.find_spec(name) is None]
    if missing:
        return Finding(
            "training", "warn", f'{", ".join(missing)} missing; run: pip install "lobdesk[train]"'
        )
    return Finding("training", "ok", f"torch {importlib.metadata.version('torch')}")


def _terminal() -> Finding:
    if not is_terminal(sys.stdout):
        return Finding("terminal", "warn", "standard output is no terminal; the desk needs one")
    size = shutil.get_terminal_size()
    colors = (
        "true colour" if os.environ.get("COLORTERM") in {"truecolor", "24bit"} else "256 colours"
    )
    fits = size.columns >= 60 and size.lines >= 20
    state = "ok" if fits else "warn"
    return Finding("terminal", state, f"{size.columns} x {size.lines}, {colors}")


def _disk(root: Path) -> Finding:
    place = root
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    if not place.is_dir() or not os.access(place, os.W_OK):
        return Finding("data", "fail", f"{root} cannot be written; choose another with --data-dir")
    state = "ok" if free >= LOW_DISK_BYTES else "warn"
    return Finding("data", state, f"{root}, {free / 1024**3:.1f} GiB free")
