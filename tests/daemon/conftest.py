"""A recorder and a simulated exchange in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lobdesk.daemon import Daemon
from lobdesk.journal import read_events
from lobdesk.settings import DaemonSettings
from lobdesk.simulator import SimulatorServer, SyntheticMarket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

START_US = 1_767_225_600_000_000
DEADLINE_S = 30.0
SYMBOLS = ("BTC/USD", "ETH/USD")


def exchange(**options) -> SimulatorServer:
    """Return a simulated exchange that is busy enough for quick tests."""
    market = options.pop("market", None) or SyntheticMarket(
        SYMBOLS, seed=5, start_us=START_US, activity=10.0
    )
    return SimulatorServer(market, **options)


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s, "the condition did not come true in time"
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def recording(
    url: str, root: Path, *, silence_limit_s: float = 5.0, **settings
) -> AsyncIterator[Daemon]:
    """Run a daemon; it is stopped, and has ended without an error, at the end."""
    chosen = DaemonSettings(**{"symbols": SYMBOLS, "ws_url": url, **settings})
    daemon = Daemon(chosen, root, silence_limit_s=silence_limit_s)
    running = asyncio.create_task(daemon.run())
    try:
        yield daemon
    finally:
        daemon.stop("test")
        await asyncio.wait_for(running, DEADLINE_S)


def notes(root: Path, kind: str) -> list[dict]:
    """Return the journal's notes of one kind."""
    import json

    found = [json.loads(event.raw) for event in read_events(root) if event.dir == "note"]
    return [note for note in found if note["kind"] == kind]


@pytest.fixture
def root(tmp_path) -> Path:
    return tmp_path / "data" / "l2"
