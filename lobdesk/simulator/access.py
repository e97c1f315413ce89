"""Who may subscribe to level 3, and how fast: tokens, the rate counter, the limit of symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LEVEL3_DEPTHS = (10, 100, 1000)
LEVEL3_COST = {10: 5.0, 100: 25.0, 1000: 100.0}
"""What the subscription of one symbol adds to the rate counter."""

LEVEL3_RATE_PER_S = 200.0
LEVEL3_SYMBOLS = 200
"""Symbols that one connection may hold."""


class Level3Access:
    """The rules of one connection."""

    def __init__(
        self,
        tokens: Mapping[str, float],
        *,
        rate_per_s: float = LEVEL3_RATE_PER_S,
        max_symbols: int = LEVEL3_SYMBOLS,
    ) -> None:
        """Set the rules.

        Args:
            tokens: Token → monotonic seconds at which it expires; looked at anew each time.
            rate_per_s: What the counter may grow to, and loses each second.
            max_symbols: Symbols that may be held at once.
        """
        self._tokens = tokens
        self._rate = rate_per_s
        self._max_symbols = max_symbols
        self._counter = 0.0
        self._counted_s = 0.0
        self._is_known = False

    def refusal(self, token: object, now_s: float) -> str:
        """Return why a token is refused; empty if it is good.

        As on the exchange, a connection that has once subscribed is not asked for a fresh one.
        """
        if token is None:
            return "EGeneral:Invalid arguments:token"
        if token not in self._tokens:
            return "ESession:Invalid session"
        if not self._is_known and now_s >= self._tokens[str(token)]:
            return "ESession:Invalid session"
        self._is_known = True
        return ""

    def is_full(self, held: int) -> bool:
        """Tell whether one more symbol is too many."""
        return held >= self._max_symbols

    def charge(self, depth: int, now_s: float) -> bool:
        """Count a subscription, or return False if it comes too early."""
        self._counter = max(0.0, self._counter - (now_s - self._counted_s) * self._rate)
        self._counted_s = now_s
        if self._counter + LEVEL3_COST[depth] > self._rate:
            return False
        self._counter += LEVEL3_COST[depth]
        return True
