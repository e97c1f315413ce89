"""A real data directory for the desk: the shipped captures, imported and indexed."""

from __future__ import annotations

from pathlib import Path

from lobdesk.cli import run_cli


def make_data_dir(root: Path, captures: Path) -> Path:
    """Import and index the captures as a user would."""
    files = [str(path) for path in sorted(captures.glob("*.cbcap"))]
    assert run_cli(["import", *files, "--data-dir", str(root)]) == 0
    assert run_cli(["index", "--data-dir", str(root)]) == 0
    return root
