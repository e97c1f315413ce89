"""Files that ship with lobdesk: inside the package when installed, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parent


def shipped(name: str) -> Path:
    """Return the path of a shipped file, for example ``kraken/ethusd_d25.cbcap``."""
    inside = PACKAGE / "assets" / name
    return inside if inside.exists() else PACKAGE.parent / "assets" / name
