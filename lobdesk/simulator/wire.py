"""Texts of the frames that the simulated exchange sends, digit for digit like Kraken's."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from lobdesk.units import format_rfc3339_us

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lobdesk.records import Instrument, Level
    from lobdesk.simulator.events import TradePrint

HEARTBEAT = '{"channel":"heartbeat"}'
RATE_EXCEEDED = '{"Error":"Exceeded msg rate"}'
API_VERSION = "v2"
SERVER_VERSION = "2.0.10"
# Larger than an int64 on purpose: the real ones are, and a client must not choke on it.
FIRST_CONNECTION_ID = 18_239_578_009_413_566_319


def compact(value: object) -> str:
    """Return JSON without spaces."""
    return json.dumps(value, separators=(",", ":"))


def number_text(mantissa: int, precision: int) -> str:
    """Return a number with exactly ``precision`` digits after the point, never an exponent."""
    if precision == 0:
        return str(mantissa)
    digits = str(mantissa).zfill(precision + 1)
    return f"{digits[:-precision]}.{digits[-precision:]}"


@lru_cache(maxsize=65536)
def _price_text(mantissa: int, precision: int) -> str:
    return number_text(mantissa, precision)


def status_frame(connection: int, system: str = "online") -> str:
    """Return the state of the exchange, the first frame of a connection."""
    data = {
        "version": SERVER_VERSION,
        "system": system,
        "api_version": API_VERSION,
        "connection_id": FIRST_CONNECTION_ID + connection,
    }
    return compact({"channel": "status", "type": "update", "data": [data]})


def book_frame(
    kind: str,
    instrument: Instrument,
    levels: tuple[Iterable[Level], Iterable[Level]],
    checksum: int,
    exch_ts_us: int,
) -> str:
    """Return a ``book`` frame; ``kind`` is ``snapshot`` or ``update``."""
    bids, asks = (_levels_text(side, instrument) for side in levels)
    return (
        f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{instrument.symbol}",'
        f'"bids":[{bids}],"asks":[{asks}],"checksum":{checksum},'
        f'"timestamp":"{format_rfc3339_us(exch_ts_us)}"}}]}}'
    )


def level3_frame(
    kind: str,
    symbol: str,
    entries: tuple[Iterable[str], Iterable[str]],
    checksum: int,
    exch_ts_us: int,
) -> str:
    """Return a ``level3`` frame of entries as ``level3_entry`` makes them."""
    bids, asks = (",".join(side) for side in entries)
    return (
        f'{{"channel":"level3","type":"{kind}","data":[{{"symbol":"{symbol}",'
        f'"checksum":{checksum},"bids":[{bids}],"asks":[{asks}],'
        f'"timestamp":"{format_rfc3339_us(exch_ts_us)}"}}]}}'
    )


def level3_entry(event: str, order_id: str, price: str, qty: str, ts_ns: int) -> str:
    """Return one order of a ``level3`` frame; without ``event`` for a snapshot."""
    head = f'"event":"{event}",' if event else ""
    micros, nanos = divmod(ts_ns, 1000)
    return (
        f'{{{head}"order_id":"{order_id}","limit_price":{price},"order_qty":{qty},'
        f'"timestamp":"{format_rfc3339_us(micros)[:-1]}{nanos:03d}Z"}}'
    )


def trade_frame(
    kind: str, instrument: Instrument, trades: Iterable[TradePrint], shift_us: int = 0
) -> str:
    """Return a ``trade`` frame; ``kind`` is ``snapshot`` or ``update``."""
    data = ",".join(_trade_text(trade, instrument, shift_us) for trade in trades)
    return f'{{"channel":"trade","type":"{kind}","data":[{data}]}}'


def instrument_frame(kind: str, instruments: Iterable[Instrument]) -> str:
    """Return an ``instrument`` frame; its numbers may use exponents, as the exchange's do."""
    pairs = list(instruments)
    assets = sorted({name for pair in pairs for name in pair.symbol.split("/")})
    asset = {"status": "enabled", "precision": 10, "precision_display": 5, "borrowable": False}
    data = {
        "assets": [
            {"id": name, **asset, "collateral_value": 1.0, "margin_rate": 0.02} for name in assets
        ],
        "pairs": [_pair(pair) for pair in pairs],
    }
    return compact({"channel": "instrument", "type": kind, "data": data})


def ack_frame(
    method: str, result: dict[str, Any], req_id: int | None, time_in_us: int, time_out_us: int
) -> str:
    """Return the acknowledgement of one symbol."""
    head: dict[str, Any] = {"method": method}
    if req_id is not None:
        head["req_id"] = req_id
    return compact({**head, "result": result, "success": True, **_times(time_in_us, time_out_us)})


def refusal_frame(
    method: str | None, error: str, req_id: int | None, time_in_us: int, time_out_us: int
) -> str:
    """Return a refusal; as on the exchange, only ``req_id`` tells what was refused."""
    frame: dict[str, Any] = {"error": error}
    if method is not None:
        frame["method"] = method
    if req_id is not None:
        frame["req_id"] = req_id
    return compact({**frame, "success": False, **_times(time_in_us, time_out_us)})


def pong_frame(req_id: int | None, time_in_us: int, time_out_us: int) -> str:
    """Return the answer to a ``ping``."""
    head: dict[str, Any] = {"method": "pong"}
    if req_id is not None:
        head["req_id"] = req_id
    return compact({**head, **_times(time_in_us, time_out_us)})


def _times(time_in_us: int, time_out_us: int) -> dict[str, str]:
    return {
        "time_in": format_rfc3339_us(time_in_us),
        "time_out": format_rfc3339_us(time_out_us),
    }


def _levels_text(levels: Iterable[Level], instrument: Instrument) -> str:
    price_precision, qty_precision = instrument.price_precision, instrument.qty_precision
    return ",".join(
        f'{{"price":{_price_text(price, price_precision)},'
        f'"qty":{number_text(lots, qty_precision)}}}'
        for price, lots in levels
    )


def _trade_text(trade: TradePrint, instrument: Instrument, shift_us: int) -> str:
    return (
        f'{{"symbol":"{instrument.symbol}","side":"{trade.side}",'
        f'"price":{_price_text(trade.price_ticks, instrument.price_precision)},'
        f'"qty":{number_text(trade.qty_lots, instrument.qty_precision)},'
        f'"ord_type":"{trade.ord_type}","trade_id":{trade.trade_id},'
        f'"timestamp":"{format_rfc3339_us(trade.exch_ts_us + shift_us)}"}}'
    )


def _pair(pair: Instrument) -> dict[str, Any]:
    base, _, quote = pair.symbol.partition("/")
    return {
        "symbol": pair.symbol,
        "base": base,
        "quote": quote,
        "status": pair.status or "online",
        "qty_precision": pair.qty_precision,
        "qty_increment": float(pair.qty_increment or 10**-pair.qty_precision),
        "price_precision": pair.price_precision,
        "cost_precision": 5,
        "marginable": False,
        "has_index": True,
        "cost_min": 0.5,
        "tick_size": float(pair.price_increment or 10**-pair.price_precision),
        "price_increment": float(pair.price_increment or 10**-pair.price_precision),
        "qty_min": float(pair.qty_min or 10**-pair.qty_precision),
    }
