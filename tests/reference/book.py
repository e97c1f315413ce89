"""Kraken's book rules, spelled out: slow, and with each rule breakable on purpose.

Nothing here is shared with the engine: frames go through ``json``, levels live in a dict, the
checksum text is built anew for each message and handed to ``zlib``.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import zlib
from decimal import Decimal

INT64_MAX = 2**63 - 1
BREAKABLE = {
    "never_truncate",
    "first_entry_wins",
    "float_text",
    "bids_first",
    "zero_does_not_delete",
    "snapshot_does_not_clear",
}


class Number(str):
    """A JSON number that keeps its text."""

    __slots__ = ()


class MalformedError(Exception):
    """The bytes are no frame."""


class RefusedError(Exception):
    """A message that must not be applied; the argument is the reason."""


def parse_frame(frame: bytes) -> dict:
    """Return the frame's object with its numbers as text."""

    def unique(pairs):
        members = dict(pairs)
        if len(members) != len(pairs):
            members["\0repeated"] = [key for key, _ in pairs]
        return members

    def no_constant(text):
        raise MalformedError(text)

    try:
        value = json.loads(
            frame.decode(),
            parse_float=Number,
            parse_int=Number,
            parse_constant=no_constant,
            object_pairs_hook=unique,
        )
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise MalformedError(str(error)) from error
    if not isinstance(value, dict):
        raise MalformedError("no object")
    return value


def digits(text: str) -> str:
    """Return a number's text without point and leading zeros."""
    return text.replace(".", "").lstrip("0")


def checksum_text(asks: list[tuple[str, str]], bids: list[tuple[str, str]]) -> str:
    """Return what the checksum is taken over; both sides best first."""
    return "".join(digits(price) + digits(qty) for price, qty in asks[:10] + bids[:10])


def checksum(asks: list[tuple[str, str]], bids: list[tuple[str, str]]) -> int:
    """Return the unsigned checksum."""
    return zlib.crc32(checksum_text(asks, bids).encode())


def fraction_digits(text: str) -> int:
    return len(text.partition(".")[2])


def scale(text: str, precision: int) -> int:
    """Return the number as a count of 10^-precision, or refuse it."""
    if text.startswith("-"):
        raise RefusedError("not_positive")
    if "e" in text.lower():
        raise RefusedError("exponent")
    if fraction_digits(text) > precision:
        raise RefusedError("precision")
    value = int(Decimal(text).scaleb(precision).to_integral_exact()) if len(text) < 25 else None
    if value is None:
        whole, _, fraction = text.partition(".")
        value = int(whole + fraction) * 10 ** (precision - len(fraction))
    if value > INT64_MAX:
        raise RefusedError("overflow")
    return value


class ReferenceBook:
    """One symbol's book as a dict of the price's text."""

    def __init__(self, depth: int, broken: set[str] = frozenset()) -> None:
        assert broken <= BREAKABLE
        self.depth = depth
        self.broken = broken
        self.precisions: tuple[int, int] | None = None
        self.is_inferred = True
        self.state = "none"
        self.suspect_reason = ""
        self.sides: dict[str, dict[int, tuple[int, str, str]]] = {"bids": {}, "asks": {}}

    def levels(self, side: str) -> list[tuple[int, int]]:
        """Return ``(price_ticks, qty_lots)``, best first."""
        entries = self.sides[side]
        return [(ticks, entries[ticks][0]) for ticks in sorted(entries, reverse=side == "bids")]

    def texts(self, side: str) -> list[tuple[str, str]]:
        entries = self.sides[side]
        ordered = sorted(entries, reverse=side == "bids")
        texts = [entries[ticks][1:] for ticks in ordered]
        if "float_text" in self.broken:
            texts = [(str(float(price)), str(float(qty))) for price, qty in texts]
        return texts

    def own_checksum(self) -> int:
        asks, bids = self.texts("asks"), self.texts("bids")
        return checksum(bids, asks) if "bids_first" in self.broken else checksum(asks, bids)

    def apply(self, entry: dict, *, is_snapshot: bool, has_checksum: bool) -> None:
        """Apply one message, wholly or not at all."""
        if not has_checksum:
            raise RefusedError("no_checksum")
        if is_snapshot:
            self.infer(entry)
        if self.precisions is None:
            raise RefusedError("precision")
        changes = [
            (side, *self.convert(level)) for side in ("bids", "asks") for level in entry[side]
        ]
        if is_snapshot and "snapshot_does_not_clear" not in self.broken:
            self.sides = {"bids": {}, "asks": {}}
        touched = set()
        for side, ticks, lots, price, qty in changes:
            if "first_entry_wins" in self.broken and (side, ticks) in touched:
                continue
            touched.add((side, ticks))
            if lots == 0 and "zero_does_not_delete" not in self.broken:
                self.sides[side].pop(ticks, None)
            else:
                self.sides[side][ticks] = (lots, price, qty)
        if "never_truncate" not in self.broken:
            self.truncate()

    def truncate(self) -> None:
        for side in ("bids", "asks"):
            for ticks, _ in self.levels(side)[self.depth :]:
                del self.sides[side][ticks]

    def convert(self, level: dict) -> tuple[int, int, str, str]:
        ticks = scale(level["price"], self.precisions[0])
        lots = scale(level["qty"], self.precisions[1])
        if ticks == 0:
            raise RefusedError("not_positive")
        return ticks, lots, str(level["price"]), str(level["qty"])

    def infer(self, entry: dict) -> None:
        levels = entry["bids"] + entry["asks"]
        if not self.is_inferred or not levels:
            return
        price = max(digits_after_point(level["price"]) for level in levels)
        qty = max(digits_after_point(level["qty"]) for level in levels)
        known = self.precisions
        if max(price, qty) <= 18 and (known is None or price > known[0] or qty > known[1]):
            self.precisions = (price, qty)


def digits_after_point(text: str) -> int:
    return fraction_digits(text.lower().partition("e")[0])


class ReferenceVerifier:
    """All books of one connection.

    Args:
        depth: Until a subscription's answer names one.
        broken: Rules to break.
        goes_on: Apply and compare after a mismatch too, to count how many frames a rule breaks.
    """

    def __init__(
        self, depth: int = 10, broken: set[str] = frozenset(), *, goes_on: bool = False
    ) -> None:
        self.depth = depth
        self.broken = broken
        self.goes_on = goes_on
        self.books: dict[str, ReferenceBook] = {}

    def book(self, symbol: str) -> ReferenceBook:
        return self.books.setdefault(symbol, ReferenceBook(self.depth, self.broken))

    def feed(self, frame: bytes) -> tuple[str, list[tuple]]:
        """Return the kind and for each book message (symbol, is_snapshot, state, reason, …)."""
        try:
            value = parse_frame(frame)
            return self.feed_value(value)
        except MalformedError:
            return "malformed", []

    def feed_value(self, value: dict) -> tuple[str, list[tuple]]:
        check_envelope(value)
        channel = value.get("channel")
        if channel == "book":
            return "book", self.feed_book(value)
        if channel is not None:
            known = ("trade", "instrument", "status", "heartbeat")
            return (channel if channel in known else "other"), []
        if value.get("method") == "pong":
            return "pong", []
        errors = [value.get(key) for key in ("error", "Error", "errorMessage")]
        if any(error is not None for error in errors) or value.get("success") is False:
            return "error", []
        if not value.get("method"):
            return "other", []
        self.on_ack(value)
        return "ack", []

    def on_ack(self, value: dict) -> None:
        result = value.get("result")
        if not isinstance(result, dict):
            return
        demand(is_text(result.get("channel", "")))
        if is_text(result.get("symbol")):
            demand(is_name(result["symbol"]))
        depth = result.get("depth", Number("10"))
        demand(isinstance(depth, Number) and depth.isdigit() and 0 < int(depth) <= 1_000_000)
        if not value.get("success") or result.get("channel") != "book":
            return
        if not is_text(result.get("symbol")):
            return
        book = self.book(result["symbol"])
        if value["method"] == "unsubscribe":
            book.state = "none"
        elif value["method"] == "subscribe" and "depth" in result:
            if int(depth) != book.depth and book.state == "live":
                book.state, book.suspect_reason = "suspect", "subscription"
            book.depth = int(depth)

    def feed_book(self, value: dict) -> list[tuple]:
        check_book_frame(value)
        is_snapshot = value["type"] == "snapshot"
        return [self.feed_entry(entry, is_snapshot) for entry in value["data"]]

    def feed_entry(self, entry: dict, is_snapshot: bool) -> tuple:
        symbol = entry["symbol"]
        book = self.book(symbol)
        expected = unsigned_32(entry.get("checksum"))
        if not is_snapshot and book.state != "live" and not self.goes_on:
            reason = "no_book" if book.state == "none" else book.suspect_reason
            return (symbol, is_snapshot, "unverified", reason, expected, None)
        try:
            book.apply(entry, is_snapshot=is_snapshot, has_checksum=expected is not None)
        except RefusedError as refusal:
            book.state, book.suspect_reason = "suspect", str(refusal)
            return (symbol, is_snapshot, "unverified", str(refusal), expected, None)
        actual = book.own_checksum()
        if actual == expected:
            book.state = "live"
            return (symbol, is_snapshot, "verified", "", expected, actual)
        book.state, book.suspect_reason = "suspect", "checksum"
        return (symbol, is_snapshot, "failed", "checksum", expected, actual)


def unsigned_32(value: object) -> int | None:
    if not isinstance(value, Number) or not value.isdigit():
        return None
    return int(value) if int(value) < 2**32 else None


def demand(condition: object) -> None:
    if not condition:
        raise MalformedError("shape")


def is_text(value: object) -> bool:
    return isinstance(value, str) and not isinstance(value, Number)


def is_name(value: object) -> bool:
    if not is_text(value) or not 1 <= len(value.encode()) <= 64:
        return False
    return all(c >= " " and c != "\x7f" for c in value)


def check_envelope(value: dict) -> None:
    """Raise MalformedError unless the members that name the frame's kind have their types."""
    repeated = value.get("\0repeated", [])
    demand(all(repeated.count(key) < 2 for key in ("channel", "type", "data")))
    demand(all(is_text(value.get(key, "")) for key in ("channel", "type", "method")))
    demand(value.get("channel") != "")
    demand(isinstance(value.get("success", True), bool))


def check_book_frame(value: dict) -> None:
    """Raise MalformedError unless the frame has the shape of a book frame."""
    demand(value.get("type") in ("snapshot", "update"))
    demand(isinstance(value.get("data"), list) and value["data"])
    for entry in value["data"]:
        demand(isinstance(entry, dict))
        repeated = entry.get("\0repeated", [])
        members = ("symbol", "bids", "asks", "checksum", "timestamp")
        demand(all(repeated.count(key) < 2 for key in members))
        demand(is_name(entry.get("symbol")))
        demand(isinstance(entry.get("checksum", Number("0")), Number | None))
        demand("timestamp" not in entry or is_rfc3339(entry["timestamp"]))
        for side in ("bids", "asks"):
            demand(isinstance(entry.get(side), list))
            for level in entry[side]:
                check_level(level)


def check_level(level: object) -> None:
    demand(isinstance(level, dict))
    repeated = level.get("\0repeated", [])
    for key in ("price", "qty"):
        demand(isinstance(level.get(key), Number) and repeated.count(key) < 2)


RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def is_rfc3339(text: object) -> bool:
    match = RFC3339.fullmatch(text) if is_text(text) else None
    if match is None:
        return False
    try:
        dt.datetime.fromisoformat(match[1] + match[3])
    except ValueError:
        return False
    return True
