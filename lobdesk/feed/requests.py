"""Requests to the exchange and its replies to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Param = str | int | float | bool


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """What a successful reply is about.

    Attributes:
        channel: Channel of the subscription.
        symbol: Pair; empty for channels without one.
        warnings: What the exchange remarks.
    """

    channel: str = ""
    symbol: str = ""
    warnings: tuple[str, ...] = ()


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to a request: acknowledgement, refusal, pong or rate limit.

    Attributes:
        method: That of the request, ``pong`` for a ping.
        req_id: That of the request.
        success: None where the exchange says neither.
        error: Why it was refused.
        result: What was acknowledged.
        symbol: Pair of a refusal, where the exchange names it.
        rate_error: Set when requests came too fast; then nothing tells which one it was.
    """

    method: str = ""
    req_id: int | None = None
    success: bool | None = None
    error: str = ""
    result: Ack | None = None
    symbol: str = ""
    rate_error: str = msgspec.field(default="", name="Error")


_decoder = msgspec.json.Decoder(Reply)


def parse_reply(frame: bytes) -> Reply | None:
    """Return a reply, or None if the frame has not the shape of one."""
    try:
        return _decoder.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class _System(msgspec.Struct):
    system: str = ""


class _Status(msgspec.Struct):
    """Of a ``status`` frame only this: its ``connection_id`` need not fit 64 bits."""

    data: list[_System] = []


_status_decoder = msgspec.json.Decoder(_Status)


def is_maintenance(frame: str) -> bool:
    """Tell whether a ``status`` frame announces maintenance."""
    try:
        return any(one.system == "maintenance" for one in _status_decoder.decode(frame).data)
    except msgspec.DecodeError:
        return False


def channel_request(
    method: str,
    channel: str,
    req_id: int,
    *,
    symbols: Iterable[str] = (),
    params: Mapping[str, Param] | None = None,
) -> str:
    """Return the text of a ``subscribe`` or ``unsubscribe`` request.

    Args:
        method: ``subscribe`` or ``unsubscribe``.
        channel: ``book``, ``trade`` or ``instrument``.
        req_id: Number that the reply repeats.
        symbols: Pairs; none for ``instrument``.
        params: Further parameters.
    """
    body: dict[str, object] = {"channel": channel}
    if pairs := list(symbols):
        body["symbol"] = pairs
    body |= params or {}
    request = {"method": method, "params": body, "req_id": req_id}
    return msgspec.json.encode(request).decode()


def ping_request(req_id: int) -> str:
    """Return the text of a ``ping``, whose answer tells the exchange's clock."""
    return f'{{"method":"ping","req_id":{req_id}}}'
