"""Query results between two processes: plain data, never code."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import msgspec

_INT64 = 1 << 63
_MICROSECOND = dt.timedelta(microseconds=1)


def encode(value: object) -> bytes:
    """Return a value as bytes; exact for everything that DuckDB returns."""
    return msgspec.msgpack.encode(_pack(value))


def decode(data: bytes) -> Any:  # noqa: ANN401 - any plain value
    """Return the value that ``encode`` was given; lists and tuples both become lists."""
    return msgspec.msgpack.decode(data, ext_hook=_unpack)


def _pack(value: object) -> object:
    if value is None or isinstance(value, bool | float | str | bytes):
        return value
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else _ext(7, str(value))
    if isinstance(value, list | tuple):
        return [_pack(one) for one in value]
    if isinstance(value, dict):
        return _ext_bytes(8, encode([[key, one] for key, one in value.items()]))
    return _pack_special(value)


def _pack_special(value: object) -> msgspec.msgpack.Ext:
    if isinstance(value, Decimal):
        return _ext(1, str(value))
    if isinstance(value, dt.date | dt.time):
        code = 2 if isinstance(value, dt.datetime) else 3 if isinstance(value, dt.date) else 4
        return _ext(code, value.isoformat())
    if isinstance(value, dt.timedelta):
        return _ext(5, str(value // _MICROSECOND))
    if isinstance(value, uuid.UUID):
        return _ext(6, str(value))
    return _ext(0, str(value))


def _ext(code: int, text: str) -> msgspec.msgpack.Ext:
    return _ext_bytes(code, text.encode())


def _ext_bytes(code: int, data: bytes) -> msgspec.msgpack.Ext:
    return msgspec.msgpack.Ext(code, data)


def _unpack(code: int, data: memoryview) -> Any:  # noqa: ANN401 - any plain value
    if code == 8:
        return {_hashable(key): value for key, value in decode(bytes(data))}
    text = bytes(data).decode()
    if code == 5:
        return int(text) * _MICROSECOND
    readers: dict[int, Any] = {
        0: str,
        1: Decimal,
        2: dt.datetime.fromisoformat,
        3: dt.date.fromisoformat,
        4: dt.time.fromisoformat,
        6: uuid.UUID,
        7: int,
    }
    return readers[code](text)


def _hashable(key: Any) -> Any:  # noqa: ANN401 - any plain value
    return tuple(key) if isinstance(key, list) else key
