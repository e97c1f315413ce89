"""Frames of the level-3 channel for tests."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

from tests.reference.level3 import ReferenceLevel3

if TYPE_CHECKING:
    from collections.abc import Sequence
Order = dict[str, str]


def stamp(ts_ns: int) -> str:
    """Return a time with nine decimals."""
    seconds, nanos = divmod(ts_ns, 10**9)
    whole = dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{nanos:09d}Z"


def add(order_id: str, price: str, qty: str, ts_ns: int) -> Order:
    """Return a new order; the numbers are texts that reach the frame as they are."""
    return {"event": "add", "id": order_id, "price": price, "qty": qty, "at": stamp(ts_ns)}


def modify(order_id: str, price: str, qty: str, ts_ns: int) -> Order:
    """Return a changed order."""
    return add(order_id, price, qty, ts_ns) | {"event": "modify"}


def delete(order_id: str) -> Order:
    """Return a deletion that names nothing but the order."""
    return {"event": "delete", "id": order_id}


def _text(order: Order, kind: str) -> str:
    fields = f'"event":"{order["event"]}",' if kind == "update" else ""
    fields += f'"order_id":{json.dumps(order["id"])}'
    if "price" in order:
        fields += f',"limit_price":{order["price"]},"order_qty":{order["qty"]}'
        fields += f',"timestamp":"{order["at"]}"'
    return "{" + fields + "}"


def frame(
    kind: str,
    bids: Sequence[Order] = (),
    asks: Sequence[Order] = (),
    *,
    crc: int,
    symbol: str = "BTC/USD",
    time: bool = True,
) -> bytes:
    """Return a frame with one message."""
    sides = [",".join(_text(order, kind) for order in side) for side in (bids, asks)]
    tail = f',"timestamp":"{stamp(5_000_000_000)}"' if time else ""
    return (
        f'{{"channel":"level3","type":"{kind}","data":[{{"symbol":"{symbol}","checksum":{crc},'
        f'"bids":[{sides[0]}],"asks":[{sides[1]}]{tail}}}]}}'
    ).encode()


def snapshot(
    bids: Sequence[Order] = (),
    asks: Sequence[Order] = (),
    *,
    crc: int | None = None,
    symbol: str = "BTC/USD",
    time: bool = True,
) -> bytes:
    """Return a snapshot, by default with its true checksum."""
    crc = checksum(bids, asks) if crc is None else crc
    return frame("snapshot", bids, asks, crc=crc, symbol=symbol, time=time)


def checksum(bids: Sequence[Order], asks: Sequence[Order] = ()) -> int:
    """Return the checksum of a book of these orders, in this order."""
    reference = ReferenceLevel3(1000, (8, 8))
    reference.apply(frame("snapshot", bids, asks, crc=0))
    return reference.checksum()
