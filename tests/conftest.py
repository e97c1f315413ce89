"""Fixtures that many tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(__file__).parent / "data"
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def captures() -> Path:
    """Folder of the recorded Kraken frames that ship with the project."""
    return ROOT / "assets" / "kraken"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of recordings beside the checkout; tests that need it skip where it is absent."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs ../shared, which is not part of the project")
    return SHARED
