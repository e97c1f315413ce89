"""Building window stores from what is indexed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from lobdesk.errors import WindowError
from lobdesk.index import match_symbol, open_catalog
from lobdesk.paths import DataPaths
from lobdesk.progress import NoProgress
from lobdesk.windows.build import build_store
from lobdesk.windows.spec import unknown
from lobdesk.windows.store import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lobdesk.progress import Progress
    from lobdesk.windows.spec import WindowSpec
    from lobdesk.windows.store import WindowStore


class UnindexedSymbolError(WindowError):
    """A symbol was asked for that the index does not hold."""

    exit_code: ClassVar[int] = 2

    def __init__(self, symbol: str, indexed: Sequence[str]) -> None:
        self.symbol = symbol
        self.indexed = indexed
        super().__init__(f"symbol {symbol!r} {unknown(symbol, indexed)}")


def build_windows(
    data_dir: Path | str,
    spec: WindowSpec,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> WindowStore:
    """Build the window store of a spec over the index of a data directory, or return it.

    Args:
        data_dir: Data directory; the store goes to ``<data_dir>/windows/<id>``.
        spec: All choices; no symbols means every indexed one. ``BTC`` stands for ``BTC/USD``
            unless it is indexed itself.
        threads: Symbols built at a time; None means one for each processor.
        progress: Told after each symbol read and built.

    Raises:
        CatalogError: There is no index.
        UnindexedSymbolError: A symbol is not in it.
        WindowError: A symbol has too few rows, or the store cannot be written.
    """
    paths = DataPaths(Path(data_dir))
    progress = progress or NoProgress()
    with open_catalog(paths.root) as catalog:
        symbols = _choose(spec.symbols, [info.symbol for info in catalog.symbols() if info.rows])
        rows = []
        for done, symbol in enumerate(symbols, start=1):
            rows.append(catalog.mapped_columns(symbol))
            progress.update("read", done, len(symbols), symbol=symbol)
    store = build_store(
        paths.windows, rows, spec, threads=threads or os.cpu_count() or 1, progress=progress
    )
    # A store that was there already becomes the newest, which is what training takes by default.
    with contextlib.suppress(PermissionError):
        os.utime(store.path / MANIFEST)
    return store


def _choose(wanted: Sequence[str], indexed: Sequence[str]) -> list[str]:
    if not indexed:
        raise WindowError(
            "the index holds no book snapshots; record or import some, then run: lobdesk index"
        )
    chosen = []
    for name in wanted or indexed:
        symbol = match_symbol(name, indexed)
        if symbol is None:
            raise UnindexedSymbolError(name, indexed)
        if symbol not in chosen:
            chosen.append(symbol)
    return chosen
