"""Data directories that many tests of the index start from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lobdesk.index import update_index
from tests.index.journals import write_capture


@pytest.fixture(scope="session")
def _recorded(tmp_path_factory: pytest.TempPathFactory, captures: Path) -> Path:
    data = tmp_path_factory.mktemp("recorded")
    write_capture(captures / "v2_btcusd_d10_resync_20260801.cbcap", data / "sources" / "btc" / "l2")
    write_capture(captures / "v2_ethusd_d25_20260802.cbcap", data / "l2")
    return data


@pytest.fixture
def recorded(_recorded: Path, tmp_path: Path) -> Path:
    """Two journals, not indexed: ETH/USD by the recorder, BTC/USD as source ``btc``."""
    return Path(shutil.copytree(_recorded, tmp_path / "data"))


@pytest.fixture(scope="session")
def indexed(_recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, indexed; for tests that change nothing."""
    data = Path(shutil.copytree(_recorded, tmp_path_factory.mktemp("indexed") / "data"))
    update_index(data)
    return data
