"""A data directory with the shipped recordings, imported and indexed once."""

from __future__ import annotations

from pathlib import Path

import pytest

from lobdesk.cli import run_cli


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory, captures: Path) -> Path:
    """Data directory; tests must not write below it except window stores."""
    data_dir = tmp_path_factory.mktemp("indexed")
    files = [str(path) for path in sorted(captures.glob("*.cbcap"))]
    assert run_cli(["import", *files, "--data-dir", str(data_dir)]) == 0
    assert run_cli(["index", "--data-dir", str(data_dir)]) == 0
    return data_dir
