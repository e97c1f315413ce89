"""Names that people type for pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


def match_symbol(name: str, known: Collection[str]) -> str | None:
    """Return the known pair that a name means: itself, else in capitals, ``BTC`` as ``BTC/USD``."""
    full = name.upper() if "/" in name else f"{name.upper()}/USD"
    return next((symbol for symbol in (name, full) if symbol in known), None)
