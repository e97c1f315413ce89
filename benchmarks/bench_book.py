"""Frame to verified book: the engine against the best pure-Python way.

The reference decodes with msgspec (``float_hook=str`` keeps the digits), holds each side as a
sorted list of integer ticks with the digits cached beside it, and takes zlib's CRC-32. Both run
over the recorded frames of the exchange, in turn, in this process; every checksum is compared.

Run: python benchmarks/bench_book.py
"""

from __future__ import annotations

import itertools
import statistics
import time
import zlib
from bisect import bisect_left
from pathlib import Path

import msgspec

from lobdesk.engine import BookVerifier
from lobdesk.importers.cbcap import open_cbcap
from lobdesk.simulator import SyntheticMarket
from lobdesk.simulator.exchange import Exchange, Subscriber

CAPTURES = Path(__file__).parents[1] / "assets" / "kraken"
ROUNDS = 15
REPEATS = 10


class PythonSide:
    """Sorted keys (bids negated, so that the best is first) and the digits of each level."""

    __slots__ = ("digits", "keys", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.digits: list[str] = []

    def apply(self, levels) -> None:
        keys, digits, sign = self.keys, self.digits, self.sign
        for level in levels:
            price = level["price"].replace(".", "")
            qty = level["qty"].replace(".", "").lstrip("0")
            key = sign * int(price)
            at = bisect_left(keys, key)
            is_known = at < len(keys) and keys[at] == key
            if not qty:
                if is_known:
                    del keys[at], digits[at]
            elif is_known:
                digits[at] = price.lstrip("0") + qty
            else:
                keys.insert(at, key)
                digits.insert(at, price.lstrip("0") + qty)


class PythonVerifier:
    """What a careful Python programmer would write."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.decode = msgspec.json.Decoder(float_hook=str).decode
        self.bids, self.asks = PythonSide(-1), PythonSide(1)

    def feed(self, frame: bytes) -> bool | None:
        message = self.decode(frame)
        if message.get("channel") != "book":
            return None
        (entry,) = message["data"]
        if message["type"] == "snapshot":
            self.bids, self.asks = PythonSide(-1), PythonSide(1)
        for side, levels in ((self.bids, entry["bids"]), (self.asks, entry["asks"])):
            if levels:
                side.apply(levels)
                del side.keys[self.depth :], side.digits[self.depth :]
        text = "".join(self.asks.digits[:10]) + "".join(self.bids.digits[:10])
        return zlib.crc32(text.encode()) == entry["checksum"]


def run_native(frames: list[bytes]) -> tuple[float, int]:
    verifier, verified = BookVerifier(), 0
    started = time.process_time()
    for frame in frames:
        for book in verifier.feed(frame, 0).books:
            verified += book.state == "verified"
    return time.process_time() - started, verified


def run_native_many(frames: list[bytes]) -> tuple[float, int]:
    verifier = BookVerifier()
    started = time.process_time()
    verified, failed, unverified = verifier.feed_many(frames, 0)
    assert failed == unverified == 0
    return time.process_time() - started, verified


def run_native_feed(frames: list[bytes]) -> float:
    feed = BookVerifier().feed
    started = time.process_time()
    for frame in frames:
        feed(frame, 0)
    return time.process_time() - started


def run_python(frames: list[bytes], depth: int) -> tuple[float, int]:
    feed, verified = PythonVerifier(depth).feed, 0
    started = time.process_time()
    for frame in frames:
        verified += feed(frame) is True
    return time.process_time() - started, verified


def bench(name: str, depth: int) -> None:
    frames = [frame.raw for frame in open_cbcap(CAPTURES / name).frames()] * REPEATS
    batches, feeds, natives, pythons = [], [], [], []
    for _ in range(ROUNDS):
        many_s, many_verified = run_native_many(frames)
        batches.append(many_s)
        feeds.append(run_native_feed(frames))
        native_s, native_verified = run_native(frames)
        python_s, python_verified = run_python(frames, depth)
        assert many_verified == native_verified == python_verified > 0
        natives.append(native_s)
        pythons.append(python_s)
    many_us, feed_us, native_us, python_us = (
        statistics.median(times) / len(frames) * 1e6 for times in (batches, feeds, natives, pythons)
    )
    print(f"{name}: {len(frames):,} frames, every checksum compared")
    print(f"  python, msgspec and bisect        {python_us:6.2f} µs/frame")
    for way, own_us in (
        ("engine, many frames a call", many_us),
        ("engine, one frame a call", feed_us),
        ("engine, one a call, verdict read", native_us),
    ):
        print(f"  {way:<32}  {own_us:6.2f} µs/frame  ratio {python_us / own_us:5.1f} x")


class PythonQueues:
    """Level 3 as a careful Python programmer would keep it: a dict per price, in queue order."""

    __slots__ = ("by_id", "keys", "queues", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.queues: dict[int, dict[str, str]] = {}
        self.by_id: dict[str, int] = {}

    def apply(self, orders, depth: int) -> None:
        keys, queues, by_id, sign = self.keys, self.queues, self.by_id, self.sign
        for order in orders:
            name, event = order["order_id"], order.get("event", "add")
            if event != "add" and name in by_id and event == "delete":
                self.remove(name)
                continue
            price = order["limit_price"].replace(".", "")
            key = sign * int(price)
            if by_id.get(name, key) != key:
                self.remove(name)
            queue = queues.get(key)
            if queue is None:
                queue = queues[key] = {}
                keys.insert(bisect_left(keys, key), key)
            by_id[name] = key
            queue[name] = price.lstrip("0") + order["order_qty"].replace(".", "").lstrip("0")
        for key in keys[depth:]:
            for name in queues.pop(key):
                del by_id[name]
        del keys[depth:]

    def remove(self, name: str) -> None:
        key = self.by_id.pop(name)
        queue = self.queues[key]
        del queue[name]
        if not queue:
            del self.queues[key]
            del self.keys[bisect_left(self.keys, key)]

    def text(self) -> str:
        return "".join("".join(self.queues[key].values()) for key in self.keys[:10])


def run_python_level3(frames: list[bytes], depth: int) -> tuple[float, int]:
    decode, verified = msgspec.json.Decoder(float_hook=str).decode, 0
    bids, asks = PythonQueues(-1), PythonQueues(1)
    started = time.process_time()
    for frame in frames:
        message = decode(frame)
        (entry,) = message["data"]
        if message["type"] == "snapshot":
            bids, asks = PythonQueues(-1), PythonQueues(1)
        bids.apply(entry["bids"], depth)
        asks.apply(entry["asks"], depth)
        verified += zlib.crc32((asks.text() + bids.text()).encode()) == entry["checksum"]
    return time.process_time() - started, verified


def run_native_level3(frames: list[bytes], depth: int, *, writes: bool) -> tuple[float, int]:
    verifier, verified = BookVerifier(depth=depth), 0
    verifier.set_instrument("BTC/USD", 1, 8)
    started = time.process_time()
    for frame in frames:
        for book in verifier.feed(frame, 0).level3:
            verified += book.state == "verified"
            if writes:
                book.line(1)
    return time.process_time() - started, verified


def run_native_level3_many(frames: list[bytes], depth: int) -> tuple[float, int]:
    verifier = BookVerifier(depth=depth)
    verifier.set_instrument("BTC/USD", 1, 8)
    started = time.process_time()
    verified, _, _ = verifier.feed_many(frames, 0)
    return time.process_time() - started, verified


def level3_frames(depth: int, events: int) -> list[bytes]:
    """Return frames of the simulated market: real ones are not at hand."""
    market = SyntheticMarket(["BTC/USD"], seed=5, start_us=1_800_000_000_000_000)
    exchange, subscriber = Exchange(market, lambda: 0), Subscriber()
    exchange.subscribe_level3(subscriber, "BTC/USD", depth, with_snapshot=True)
    for event in itertools.islice(market.events(), events):
        exchange.apply(event)
    return [frame.text.encode() for frame in subscriber.outbox]


def bench_level3(depth: int) -> None:
    frames = level3_frames(depth, 20_000)
    pythons, batches, natives, writings = [], [], [], []
    for _ in range(ROUNDS):
        python_s, python_verified = run_python_level3(frames, depth)
        native_s, native_verified = run_native_level3(frames, depth, writes=False)
        many_s, many_verified = run_native_level3_many(frames, depth)
        writing_s, _ = run_native_level3(frames, depth, writes=True)
        assert python_verified == native_verified == many_verified == len(frames)
        pythons.append(python_s)
        batches.append(many_s)
        natives.append(native_s)
        writings.append(writing_s)
    python_us, many_us, native_us, writing_us = (
        statistics.median(times) / len(frames) * 1e6
        for times in (pythons, batches, natives, writings)
    )
    print(f"level 3, simulated, depth {depth}: {len(frames):,} frames, every checksum compared")
    print(f"  python, msgspec and dicts         {python_us:6.2f} µs/frame")
    for way, own_us in (
        ("engine, many frames a call", many_us),
        ("engine, one a call, verdict read", native_us),
        ("engine, and its line of the log", writing_us),
    ):
        print(f"  {way:<32}  {own_us:6.2f} µs/frame  ratio {python_us / own_us:5.1f} x")


if __name__ == "__main__":
    bench("v2_btcusd_d10_resync_20260801.cbcap", 10)
    bench("v2_ethusd_d25_20260802.cbcap", 25)
    for level3_depth in (10, 100):
        bench_level3(level3_depth)
