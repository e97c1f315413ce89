"""The exchange's public WebSocket feed: requests, subscriptions, connection."""

from lobdesk.feed.connection import SILENCE_LIMIT_S, ConnectFailedError, Connection, open_connection
from lobdesk.feed.errors import AllRefusedError, UnreachableError
from lobdesk.feed.offset import Offset, OffsetProbe
from lobdesk.feed.reconnect import AttemptBudget, ReconnectPolicy
from lobdesk.feed.requests import is_maintenance
from lobdesk.feed.session import BookState, FeedSession, Notice

__all__ = [
    "SILENCE_LIMIT_S",
    "AllRefusedError",
    "AttemptBudget",
    "BookState",
    "ConnectFailedError",
    "Connection",
    "FeedSession",
    "Notice",
    "Offset",
    "OffsetProbe",
    "ReconnectPolicy",
    "UnreachableError",
    "is_maintenance",
    "open_connection",
]
