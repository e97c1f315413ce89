"""What can be wrong between us and an exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lobdesk.errors import FeedError

if TYPE_CHECKING:
    from collections.abc import Mapping


class UnreachableError(FeedError):
    """The exchange could not be reached at all."""

    def __init__(self, url: str, attempts: int, reason: str) -> None:
        self.url = url
        self.attempts = attempts
        super().__init__(
            f"{url}: no connection after {attempts} attempts: {reason}; "
            "check the network and KRAKEN_WS_URL"
        )


class AllRefusedError(FeedError):
    """The exchange refused every symbol, so there is nothing to record: a wrong setting."""

    exit_code: ClassVar[int] = 2

    def __init__(self, refusals: Mapping[str, str]) -> None:
        self.refusals = dict(refusals)
        reasons = ", ".join(f"{symbol} ({reason})" for symbol, reason in refusals.items())
        super().__init__(f"every symbol was refused: {reasons}; check KRAKEN_SYMBOLS")
