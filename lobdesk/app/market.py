"""The index as the desk reads it: one thread of its own, so that the screen never waits."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from lobdesk.index import Catalog, open_catalog

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")


class MarketReader:
    """Runs questions to the index one after the other in one thread."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="market")
        self._catalog: Catalog | None = None

    async def ask(self, question: Callable[[Catalog], T]) -> T:
        """Return the answer of the index to a question.

        Raises:
            CatalogError: The index is missing or cannot answer.
        """

        def run() -> T:
            if self._catalog is None:
                self._catalog = open_catalog(self._data_dir)
            return question(self._catalog)

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    async def reopen(self) -> None:
        """See what was indexed since the index was opened."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._drop)

    def close(self) -> None:
        """Let go of the index."""
        self._thread.submit(self._drop)
        self._thread.shutdown(wait=True)

    def _drop(self) -> None:
        if self._catalog is not None:
            self._catalog.close()
            self._catalog = None
