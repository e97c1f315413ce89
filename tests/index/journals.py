"""Journals for tests, written line by line as docs/journal.md says, by a slow and obvious book."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import zstandard

from lobdesk.paths import encode_symbol
from lobdesk.units import parse_rfc3339_us, to_mantissa, utc_date

DEFAULT_START_US = 1_785_552_833_000_000


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def read_cbcap(path: Path) -> list[tuple[int, str]]:
    """Return (recv_ts_us, frame); a monotonic clock counts from the header's start."""
    data = path.read_bytes()
    head, _, rest = data.partition(b"\n")
    start_us = int(head.split()[-1]) // 1000
    frames, first_ns = [], None
    while rest:
        line, _, rest = rest.partition(b"\n")
        recv_ns, length = map(int, line.split())
        first_ns = recv_ns if first_ns is None else first_ns
        is_unix = first_ns > 10**18
        recv_us = recv_ns // 1000 if is_unix else start_us + (recv_ns - first_ns) // 1000
        frames.append((recv_us, rest[:length].decode()))
        rest = rest[length + 1 :]
    return frames


@dataclass
class SlowBook:
    depth: int
    bids: dict[Decimal, str] = field(default_factory=dict)
    asks: dict[Decimal, str] = field(default_factory=dict)
    texts: dict[Decimal, str] = field(default_factory=dict)

    def apply(self, entry: dict[str, Any], *, is_snapshot: bool) -> None:
        if is_snapshot:
            self.bids, self.asks = {}, {}
        for side, levels in (("bids", self.bids), ("asks", self.asks)):
            for level in entry.get(side, []):
                price = Decimal(level["price"])
                self.texts[price] = level["price"]
                if Decimal(level["qty"]) == 0:
                    levels.pop(price, None)
                else:
                    levels[price] = level["qty"]
        for price in sorted(self.bids)[: -self.depth]:
            del self.bids[price]
        for price in sorted(self.asks)[self.depth :]:
            del self.asks[price]

    def top(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        bids = [(self.texts[p], self.bids[p]) for p in sorted(self.bids, reverse=True)[:10]]
        asks = [(self.texts[p], self.asks[p]) for p in sorted(self.asks)[:10]]
        return bids, asks

    def checksum(self) -> int:
        bids, asks = self.top()
        digits = "".join(
            text.replace(".", "").lstrip("0") for level in asks + bids for text in level
        )
        return zlib.crc32(digits.encode())


class JournalWriter:
    """Writes one journal root; rotates each log after ``segment_lines`` lines."""

    def __init__(self, root: Path, *, segment_lines: int = 10**9) -> None:
        self.root = root
        self.segment_lines = segment_lines
        self.seq = 0
        self.crc = 0
        self.open: dict[str, tuple[Path, int]] = {}
        self.books: dict[str, SlowBook] = {}

    def frame(
        self,
        raw: str,
        recv_us: int,
        *,
        direction: str = "in",
        derive: bool = True,
        conn: int = 1,
        mono_us: int | None = None,
        boot: str = "b00t",
    ) -> int:
        self.seq += 1
        mono_us = recv_us - 10**15 if mono_us is None else mono_us
        event = {
            "v": 1, "seq": self.seq, "recv_ts_us": recv_us, "mono_us": mono_us,
            "boot": boot, "conn": conn, "dir": direction, "raw": raw,
        }  # fmt: skip
        head = compact(event)[:-1] + ","
        self.crc = zlib.crc32(f"{self.crc}\n{head}".encode())
        self.write("events", head + f'"crc":{self.crc}' + "}", recv_us, self.seq)
        if derive and direction == "in":
            self._derive(raw, recv_us)
        return self.seq

    def note(self, fact: dict[str, Any], recv_us: int) -> int:
        return self.frame(compact(fact), recv_us, direction="note")

    def write(self, log: str, line: str, recv_us: int, seq: int) -> None:
        date = utc_date(recv_us)
        path, count = self.open.get(log, (None, 0))
        if path is None or count >= self.segment_lines or path.parent.name != date:
            path, count = self.root / log / date / f"{seq:012d}.jsonl", 0
            path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
        self.open[log] = (path, count + 1)

    def snapshot(self, symbol: str, fields: dict[str, Any], recv_us: int) -> None:
        line = {"v": 1, "symbol": symbol, **fields}
        self.write(f"snapshots/{encode_symbol(symbol)}", compact(line), recv_us, fields["seq"])

    def trade(self, symbol: str, fields: dict[str, Any], recv_us: int) -> None:
        line = {"v": 1, "symbol": symbol, **fields}
        self.write(f"trades/{encode_symbol(symbol)}", compact(line), recv_us, fields["seq"])

    def _derive(self, raw: str, recv_us: int) -> None:
        message = json.loads(raw, parse_float=str, parse_int=str)
        if message.get("channel") == "book":
            for entry in message["data"]:
                self._book(entry, recv_us, is_snapshot=message["type"] == "snapshot")
        if message.get("channel") == "trade":
            for entry in message["data"]:
                self._trade(entry, recv_us)

    def _book(self, entry: dict[str, Any], recv_us: int, *, is_snapshot: bool) -> None:
        symbol = entry["symbol"]
        depth = max(10, len(entry["bids"])) if is_snapshot else 0
        if is_snapshot:
            self.books[symbol] = SlowBook(depth)
        book = self.books[symbol]
        book.apply(entry, is_snapshot=is_snapshot)
        assert book.checksum() == int(entry["checksum"])
        bids, asks = book.top()
        price, qty = precisions(bids + asks)
        fields = {
            "seq": self.seq, "exch_ts_us": exchange_us(entry, recv_us), "recv_ts_us": recv_us,
            "price_precision": price, "qty_precision": qty,
            "bids": [[to_mantissa(p, price), to_mantissa(q, qty)] for p, q in bids],
            "asks": [[to_mantissa(p, price), to_mantissa(q, qty)] for p, q in asks],
            "checksum": int(entry["checksum"]), "verified": True,
        }  # fmt: skip
        self.snapshot(symbol, fields, recv_us)

    def _trade(self, entry: dict[str, Any], recv_us: int) -> None:
        price, qty = precisions([(entry["price"], entry["qty"])])
        fields = {
            "seq": self.seq, "exch_ts_us": exchange_us(entry, recv_us), "recv_ts_us": recv_us,
            "trade_id": int(entry["trade_id"]), "side": entry["side"],
            "ord_type": entry["ord_type"], "price_ticks": to_mantissa(entry["price"], price),
            "qty_lots": to_mantissa(entry["qty"], qty), "price_precision": price,
            "qty_precision": qty,
        }  # fmt: skip
        self.trade(entry["symbol"], fields, recv_us)


def precisions(levels: list[tuple[str, str]]) -> tuple[int, int]:
    price = max(len(p.partition(".")[2]) for p, _ in levels)
    qty = max(len(q.partition(".")[2]) for _, q in levels)
    return price, qty


def exchange_us(entry: dict[str, Any], recv_us: int) -> int:
    text = entry.get("timestamp")
    return parse_rfc3339_us(text) if text else recv_us


def write_capture(path: Path, root: Path, **options: Any) -> JournalWriter:
    writer = JournalWriter(root, **options)
    for recv_us, frame in read_cbcap(path):
        writer.frame(frame, recv_us)
    return writer


def seal(path: Path, frame_bytes: int = 1 << 16) -> Path:
    """Compress a segment into independent frames of whole lines, as a recorder does."""
    data = path.read_bytes()
    sealed = path.with_name(path.name + ".zst")
    compressor = zstandard.ZstdCompressor(level=1)
    frames, begin = [], 0
    while begin < len(data):
        cut = data.rfind(b"\n", begin, begin + frame_bytes) + 1
        end = cut if cut > begin else len(data)
        frames.append(compressor.compress(data[begin:end]))
        begin = end
    sealed.write_bytes(b"".join(frames))
    path.unlink()
    return sealed


def levels(best: int, step: int, lots: int = 100) -> list[list[int]]:
    return [[best + step * i, lots + i] for i in range(10)]


def plain_snapshot(seq: int, ts_us: int, *, bid: int = 1000, ask: int = 1001) -> dict[str, Any]:
    """Fields of a snapshot of a source without checksums."""
    return {
        "seq": seq, "exch_ts_us": ts_us, "recv_ts_us": ts_us + 500, "price_precision": 2,
        "qty_precision": 3, "bids": levels(bid, -1), "asks": levels(ask, 1), "checksum": None,
        "verified": None,
    }  # fmt: skip


def plain_trade(seq: int, ts_us: int, trade_id: int, *, side: str = "buy") -> dict[str, Any]:
    return {
        "seq": seq, "exch_ts_us": ts_us, "recv_ts_us": ts_us + 500, "trade_id": trade_id,
        "side": side, "ord_type": "market", "price_ticks": 1001, "qty_lots": 5,
        "price_precision": 2, "qty_precision": 3,
    }  # fmt: skip
