"""A learnable store, and torch kept to one thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from lobdesk.windows import WindowStore
from tests.training.store_files import write_store


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def store_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_store(tmp_path_factory.mktemp("stores") / "windows" / "w1")


@pytest.fixture
def store(store_folder: Path) -> WindowStore:
    return WindowStore.open(store_folder)
