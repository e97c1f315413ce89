"""Level-3 lines of a recorder: links with a token, another endpoint, and paced subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.derive.level3 import CHANNEL
from lobdesk.feed import ConnectFailedError
from lobdesk.feed.level3 import MAX_SYMBOLS, REDACTED, Level3Session, reveal
from lobdesk.feed.token import TokenError, TokenSource
from lobdesk.recorder.link import Link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lobdesk.engine import BookVerdict, Verdict
    from lobdesk.recorder.link import Lines
    from lobdesk.settings import DaemonSettings


class Level3Link(Link):
    """Keeps one level-3 line open; what is wrong with it never ends the recorder."""

    channel = CHANNEL
    session: Level3Session

    def __init__(self, lines: Lines, symbols: Sequence[str], rate_per_s: float) -> None:
        """Prepare the line.

        Args:
            lines: Shared with the other links.
            symbols: Pairs of this line.
            rate_per_s: Its share of what the exchange's counter allows.
        """
        self._symbols = tuple(symbols)
        self._rate_per_s = rate_per_s
        self._source = token_source(lines.settings)
        self._token = ""
        super().__init__(lines)

    @property
    def url(self) -> str:
        """Endpoint of level 3."""
        return self._lines.settings.level3_url

    async def _prepare(self) -> None:
        try:
            self._token = await self._source.fetch()
        except TokenError as error:
            raise ConnectFailedError(str(error)) from error

    def _facts(self) -> dict[str, object]:
        depth = self._lines.settings.level3_depth
        return {
            "url": self.url,
            "channel": CHANNEL,
            "symbols": list(self._symbols),
            "depth": depth,
            "token": REDACTED,
        }

    def _outgoing(self, text: str) -> str:
        return reveal(text, self._token)

    def _books(self, verdict: Verdict) -> Sequence[BookVerdict]:
        return verdict.level3

    def _is_hopeless(self, failures: int) -> bool:
        del failures
        return False

    def _reason_to_reopen(self) -> str:
        if self.session.is_token_refused:
            return "token refused"
        return "books must be built anew" if self.session.wants_reconnect else ""

    def _new_session(self) -> Level3Session:
        lines = self._lines
        return Level3Session(
            self._symbols,
            depth=lines.settings.level3_depth,
            rate_per_s=self._rate_per_s,
            ping_interval_s=lines.settings.ping_interval_s,
            is_ready=lambda: any(link.session.has_live for link in lines.links),
        )


def open_level3_links(lines: Lines) -> list[Level3Link]:
    """Return the lines that level 3 needs: none if it is off, one for each 200 symbols."""
    settings = lines.settings
    if not settings.level3:
        return []
    symbols = settings.symbols
    parts = [symbols[at : at + MAX_SYMBOLS] for at in range(0, len(symbols), MAX_SYMBOLS)]
    # Whether the exchange counts by connection or by client is not said.
    rate_per_s = settings.level3_rate / len(parts)
    return [Level3Link(lines, part, rate_per_s) for part in parts]


def token_source(settings: DaemonSettings) -> TokenSource:
    """Return where the settings say that tokens come from."""
    return TokenSource(
        token=settings.level3_token,
        file=settings.level3_token_file,
        command=settings.level3_token_command,
    )
