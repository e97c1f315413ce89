"""One client of the simulated exchange: its requests, answers and subscriptions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lobdesk.settings import BOOK_DEPTHS
from lobdesk.simulator import wire
from lobdesk.simulator.access import LEVEL3_DEPTHS, Level3Access
from lobdesk.simulator.exchange import Frame, Subscriber

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobdesk.simulator.exchange import Exchange

CHANNELS = ("book", "level3", "trade", "instrument")


class _Refused(Exception):  # noqa: N818 - an answer, not a mistake of ours
    """The request is answered with a refusal."""


class _TooFast(Exception):  # noqa: N818 - an answer, not a mistake of ours
    """The request is answered with the rate limit's error."""


class Session(Subscriber):
    """Answers requests in order; subscriptions end with the session.

    Attributes:
        has_subscribed: A market subscription was accepted at least once.
    """

    def __init__(
        self,
        exchange: Exchange,
        connection: int,
        *,
        requests_per_s: float = 20.0,
        is_refused: Callable[[str, str], bool] = lambda *_: False,
        system: str = "online",
        access: Level3Access | None = None,
    ) -> None:
        """Open the session and queue its ``status`` frame.

        Args:
            exchange: Where subscriptions go.
            connection: Number of the connection.
            requests_per_s: More requests than this are answered with the rate limit's error.
            is_refused: Tells of symbol and channel whether a fault refuses it now.
            system: State of the exchange to announce.
            access: Rules of ``level3``; None knows no token.
        """
        super().__init__()
        self.has_subscribed = False
        self._exchange = exchange
        self._rate = requests_per_s
        self._tokens = requests_per_s
        self._last_request_s: float | None = None
        self._is_refused = is_refused
        self._access = access if access is not None else Level3Access({})
        self._now_s = 0.0
        self._books: dict[str, int] = {}
        self._level3: dict[str, int] = {}
        self._trades: set[str] = set()
        self.deliver(Frame(wire.status_frame(connection, system), "status"))

    def handle(self, text: str | bytes, now_s: float) -> None:
        """Answer a request.

        Args:
            text: The frame received.
            now_s: A monotonic clock, for the rate limit.
        """
        time_in_us = self._exchange.clock()
        self._now_s = now_s
        if not self._take_token(now_s):
            self.deliver(Frame(wire.RATE_EXCEEDED))
            return
        try:
            request = json.loads(text)
        except (ValueError, RecursionError):
            request = None
        if not isinstance(request, dict):
            self._refuse(None, "Malformed request", None, time_in_us)
            return
        method, req_id = request.get("method"), request.get("req_id")
        if req_id is not None and (not isinstance(req_id, int) or isinstance(req_id, bool)):
            self._refuse(None, "Malformed request", None, time_in_us)
        elif method == "ping":
            self.deliver(Frame(wire.pong_frame(req_id, time_in_us, self._exchange.clock())))
        elif method in {"subscribe", "unsubscribe"}:
            self._change(method, request.get("params"), req_id, time_in_us)
        else:
            self._refuse(str(method), "Unsupported method", req_id, time_in_us)

    def close(self) -> None:
        """End all subscriptions."""
        for symbol, depth in self._books.items():
            self._exchange.unsubscribe_book(self, symbol, depth)
        for symbol, depth in self._level3.items():
            self._exchange.unsubscribe_level3(self, symbol, depth)
        for symbol in self._trades:
            self._exchange.unsubscribe_trades(self, symbol)
        self._exchange.unsubscribe_instruments(self)
        self._books.clear()
        self._level3.clear()
        self._trades.clear()

    def _take_token(self, now_s: float) -> bool:
        if self._last_request_s is not None:
            earned = (now_s - self._last_request_s) * self._rate
            self._tokens = min(self._rate, self._tokens + earned)
        self._last_request_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _change(self, method: str, params: object, req_id: int | None, time_in_us: int) -> None:
        try:
            channel, symbols = self._scope(params)
        except _Refused as refusal:
            self._refuse(method, str(refusal), req_id, time_in_us)
            return
        assert isinstance(params, dict)  # noqa: S101 - _scope refuses anything else
        for symbol in symbols:
            try:
                act = self._subscribe if method == "subscribe" else self._unsubscribe
                act(channel, symbol, params, req_id, time_in_us)
            except _TooFast:
                self.deliver(Frame(wire.RATE_EXCEEDED))
            except _Refused as refusal:
                self._refuse(method, str(refusal), req_id, time_in_us)

    def _scope(self, params: object) -> tuple[str, list[str]]:
        if not isinstance(params, dict):
            raise _Refused("Malformed request")
        channel = params.get("channel")
        if channel not in CHANNELS:
            raise _Refused(f"Unsupported channel {channel}")
        if channel == "instrument":
            return channel, [""]
        if channel == "level3" and (
            reason := self._access.refusal(params.get("token"), self._now_s)
        ):
            raise _Refused(reason)
        symbols = params.get("symbol")
        if not isinstance(symbols, list) or not symbols:
            raise _Refused("Symbol(s) not found")
        return channel, [str(symbol) for symbol in symbols]

    def _subscribe(
        self, channel: str, symbol: str, params: dict[str, Any], req_id: int | None, in_us: int
    ) -> None:
        snapshot = params.get("snapshot", True)
        if not isinstance(snapshot, bool):
            raise _Refused("Malformed request")
        if channel == "instrument":
            self._ack("subscribe", {"channel": channel, "snapshot": snapshot}, req_id, in_us)
            self._exchange.subscribe_instruments(self, with_snapshot=snapshot)
            return
        self._check_symbol(symbol, "level3" if channel == "level3" else "book")
        self.has_subscribed = True
        if channel == "level3":
            self._subscribe_level3(symbol, params, snapshot, req_id, in_us)
            return
        if channel == "trade":
            result = {"channel": channel, "snapshot": snapshot, "symbol": symbol}
            if symbol in self._trades:
                raise _Refused("Already subscribed")
            self._trades.add(symbol)
            self._ack("subscribe", result, req_id, in_us)
            self._exchange.subscribe_trades(self, symbol, with_snapshot=snapshot)
            return
        depth = params.get("depth", BOOK_DEPTHS[0])
        if depth not in BOOK_DEPTHS or isinstance(depth, bool):
            raise _Refused("Subscription depth not supported")
        if symbol in self._books:
            raise _Refused("Already subscribed")
        self._books[symbol] = depth
        result = {"channel": channel, "depth": depth, "snapshot": snapshot, "symbol": symbol}
        self._ack("subscribe", result, req_id, in_us)
        self._exchange.subscribe_book(self, symbol, depth, with_snapshot=snapshot)

    def _subscribe_level3(
        self, symbol: str, params: dict[str, Any], snapshot: bool, req_id: int | None, in_us: int
    ) -> None:
        depth = params.get("depth", LEVEL3_DEPTHS[0])
        if depth not in LEVEL3_DEPTHS or isinstance(depth, bool):
            raise _Refused("Subscription depth not supported")
        if not self._exchange.has_orders:
            raise _Refused(f"level3 is not known of {symbol}: a recording has no single orders")
        if symbol in self._level3:
            raise _Refused("Already subscribed")
        if self._access.is_full(len(self._level3)):
            raise _Refused("Maximum number of symbols exceeded")
        if not self._access.charge(depth, self._now_s):
            raise _TooFast
        self._level3[symbol] = depth
        result = {"channel": "level3", "depth": depth, "snapshot": snapshot, "symbol": symbol}
        self._ack("subscribe", result, req_id, in_us)
        self._exchange.subscribe_level3(self, symbol, depth, with_snapshot=snapshot)

    def _unsubscribe(
        self, channel: str, symbol: str, params: dict[str, Any], req_id: int | None, in_us: int
    ) -> None:
        result: dict[str, Any] = {"channel": channel}
        if channel in {"book", "level3"}:
            held = self._books if channel == "book" else self._level3
            depth = held.get(symbol)
            if depth is None or params.get("depth", depth) != depth:
                raise _Refused("Subscription Not Found")
            del held[symbol]
            exchange = self._exchange
            end = exchange.unsubscribe_book if channel == "book" else exchange.unsubscribe_level3
            end(self, symbol, depth)
            result |= {"depth": depth, "symbol": symbol}
        elif channel == "trade":
            if symbol not in self._trades:
                raise _Refused("Subscription Not Found")
            self._trades.discard(symbol)
            self._exchange.unsubscribe_trades(self, symbol)
            result |= {"symbol": symbol}
        else:
            self._exchange.unsubscribe_instruments(self)
        self._ack("unsubscribe", result, req_id, in_us)

    def _check_symbol(self, symbol: str, channel: str) -> None:
        if symbol not in self._exchange.instruments or self._is_refused(symbol, channel):
            raise _Refused(f"Currency pair not supported {symbol}")

    def _ack(self, method: str, result: dict[str, Any], req_id: int | None, in_us: int) -> None:
        text = wire.ack_frame(method, result, req_id, in_us, self._exchange.clock())
        self.deliver(Frame(text))

    def _refuse(self, method: str | None, error: str, req_id: int | None, in_us: int) -> None:
        text = wire.refusal_frame(method, error, req_id, in_us, self._exchange.clock())
        self.deliver(Frame(text))
