"""An indexer that stays: it keeps the part of the journal that readers must scan small."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from lobdesk.index.errors import IndexWriteError
from lobdesk.index.indexer import Indexer

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from lobdesk.index.indexer import IndexReport

EVERY_S = 10.0
"""Between two updates; readers see what is newer by reading the journal's end."""

PENDING_BYTES = 16 * 1024 * 1024
"""So much unindexed journal does not wait for the interval: readers take in 64 MiB at most."""

POLL_S = 1.0
HOUR_S = 3600.0
SWEEP_S = 300.0
"""How often replaced parts are looked for."""


def follow_index(
    data_dir: Path,
    *,
    stop: threading.Event,
    every_s: float = EVERY_S,
    told: Callable[[IndexReport], None] | None = None,
    failed: Callable[[IndexWriteError], None] | None = None,
    hourly: Callable[[], None] | None = None,
) -> None:
    """Update the index until told to stop.

    A full disk does not end it: it tries again at the next interval.

    Args:
        data_dir: Data directory.
        stop: Set it from another thread or a signal to end after the current update.
        every_s: Time between two updates.
        told: Hears of each update that changed something.
        failed: Hears of each that could not be written.
        hourly: Called after the first update and then each hour, while nobody else may index.

    Raises:
        IndexBusyError: Another indexer is at work in this data directory.
    """
    with Indexer(data_dir) as indexer:
        swept_s = time.monotonic()
        due_s = -math.inf
        while not stop.is_set():
            try:
                report = indexer.update()
            except IndexWriteError as error:
                indexer.forget()
                if failed is not None:
                    failed(error)
            else:
                if report.is_published and told is not None:
                    told(report)
                if hourly is not None and time.monotonic() >= due_s:
                    due_s = time.monotonic() + HOUR_S
                    hourly()
            if time.monotonic() - swept_s > SWEEP_S:
                indexer.forget()
                swept_s = time.monotonic()
            _wait(indexer, stop, every_s)


def _wait(indexer: Indexer, stop: threading.Event, every_s: float) -> None:
    """Wait for the interval, or until much is pending."""
    deadline_s = time.monotonic() + every_s
    while (left_s := deadline_s - time.monotonic()) > 0:
        if stop.wait(min(POLL_S, left_s)) or indexer.pending_bytes() > PENDING_BYTES:
            return
