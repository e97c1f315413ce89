"""Order-level records files: from a source's order log to ``.orders.lobr``, one for each day."""

from __future__ import annotations

import datetime as dt
import hashlib
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec

from lobdesk.index.errors import RecordsError
from lobdesk.index.order_stream import OrderStream
from lobdesk.index.records_file import describe_records, inputs_of, records_path, write_records
from lobdesk.index.stream import STREAM_RULES
from lobdesk.journal import ORDERS, list_segments, read_blocks, symbol_log_dir
from lobdesk.records import OrderChanges
from lobdesk.units import EPOCH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lobdesk.journal import Segment
    from lobdesk.paths import DataPaths

_decoder = msgspec.json.Decoder(OrderChanges)
FINEST = 18
"""Digits in which an increment is noted, whatever the digits of a day's prices."""


def write_order_records(  # noqa: PLR0917 - one call site
    paths: DataPaths,
    symbol: str,
    source: str,
    clock: str,
    base_latency_us: int,
    step: Callable[[int], int],
) -> list[Path]:
    """Bring the order-level files of a symbol up to its order log and return them by day.

    A file is made from all lines up to the end of its day, because orders live on; if one is out of
    date, the log is read from its beginning.

    Raises:
        RecordsError: The source has no order log of the symbol, or a line is none of one.
    """
    days = _days(paths, symbol, source)
    wanted = {}
    digest = hashlib.sha256()
    for day, segments in days.items():
        for block in (block for segment in segments for block in read_blocks(segment)):
            digest.update(block)
        path = records_path(paths, symbol, day, source, by_order=True)
        wanted[day] = (path, _inputs(digest.hexdigest(), clock, base_latency_us, step))
    stale = {day for day, (path, inputs) in wanted.items() if inputs_of(path) != inputs}
    stream = OrderStream(symbol, clock=clock, base_latency_us=base_latency_us)
    for day in days if stale else ():
        for line in _lines(days[day]):
            stream.add(line)
        made = stream.end_day(step)
        if day in stale:
            path, inputs = wanted[day]
            facts = describe_records(
                source, day, made.grid, made.records, made.facts, made.order_ids
            )
            write_records(path, facts | {"inputs": inputs}, made.records, made.order_ids)
    return [path for path, _ in wanted.values()]


def _inputs(
    digest: str, clock: str, base_latency_us: int, step: Callable[[int], int]
) -> dict[str, Any]:
    return {
        "orders": digest,
        "clock": clock,
        "base_latency_us": base_latency_us,
        "increment_e18": step(FINEST),
        "rules": STREAM_RULES,
    }


def _days(paths: DataPaths, symbol: str, source: str) -> dict[int, list[Segment]]:
    root = next((one.path for one in paths.journals() if one.source == source), None)
    segments = list_segments(symbol_log_dir(root, ORDERS, symbol)) if root else []
    if not segments:
        raise RecordsError(
            f"{symbol}: {source} tells of no single orders; l3_fifo needs a source that does"
        )
    return {
        (dt.date.fromisoformat(date) - EPOCH.date()).days: list(found)
        for date, found in groupby(segments, key=lambda segment: segment.date)
    }


def _lines(segments: list[Segment]) -> Iterator[OrderChanges]:
    for segment in segments:
        number, rest = 0, b""
        for block in read_blocks(segment):
            texts = (rest + block).split(b"\n")
            rest = texts.pop()  # without a newline it is not written yet
            for text in texts:
                number += 1
                try:
                    yield _decoder.decode(text)
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise RecordsError(f"{segment.path}:line {number}: {error}") from error
