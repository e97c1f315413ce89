"""Frame to verified book: the engine against the best pure-Python way.

The reference decodes with msgspec (``float_hook=str`` keeps the digits), holds each side as a
sorted list of integer ticks with the digits cached beside it, and takes zlib's CRC-32. Both run
over the recorded frames of the exchange, in turn, in this process; every checksum is compared.

Run: python benchmarks/bench_book.py
"""

from __future__ import annotations

import statistics
import time
import zlib
from bisect import bisect_left
from pathlib import Path

import msgspec

from lobdesk.engine import BookVerifier
from lobdesk.importers.cbcap import open_cbcap

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


if __name__ == "__main__":
    bench("v2_btcusd_d10_resync_20260801.cbcap", 10)
    bench("v2_ethusd_d25_20260802.cbcap", 25)
