"""The outside engine that some tests compare with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.peer import VARIABLE, Peer, find_peer


@pytest.fixture(scope="session")
def peer() -> Iterator[Peer]:
    """Return hftbacktest in its own process."""
    python = find_peer()
    if python is None:
        pytest.skip(f"no interpreter with hftbacktest: run `make peer`, or name one in {VARIABLE}")
    peer = Peer(python)
    yield peer
    peer.close()
