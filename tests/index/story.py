"""A journal of one pair, told frame by frame, for tests that know the answer beforehand."""

from __future__ import annotations

from pathlib import Path

from tests.index.journals import JournalWriter, compact

T0 = 1_785_600_000_000_000
"""2026-08-01T16:00:00Z."""
SECOND = 1_000_000
PAIR = "ABC/USD"


def book_frame(kind: str = "update", checksum: int = 77) -> str:
    return compact(
        {"channel": "book", "type": kind, "data": [{"symbol": PAIR, "checksum": checksum}]}
    )


class Story:
    """One pair with prices of two digits, quantities of three; times in seconds from T0."""

    def __init__(self, root: Path) -> None:
        self.journal = JournalWriter(root)

    def frame(self, at_s: float, raw: str) -> int:
        return self.journal.frame(raw, T0 + round(at_s * SECOND), derive=False)

    def book(self, at_s: float, bid: int, ask: int, *, kind: str = "update", lots: int = 10) -> int:
        """A book frame and its snapshot: the exchange was 5 ms before us."""
        recv_us = T0 + round(at_s * SECOND)
        seq = self.frame(at_s, book_frame(kind))
        fields = {
            "seq": seq, "exch_ts_us": recv_us - 5000, "recv_ts_us": recv_us, "price_precision": 2,
            "qty_precision": 3, "bids": [[bid, lots], [bid - 5, 100]], "asks": [[ask, 3 * lots]],
            "checksum": 77, "verified": True,
        }  # fmt: skip
        self.journal.snapshot(PAIR, fields, recv_us)
        return seq

    def trades(self, at_s: float, *trades: tuple[int, str, int, int]) -> int:
        """(number, side, ticks, lots) at one exchange time, 5 ms before receipt."""
        recv_us = T0 + round(at_s * SECOND)
        seq = self.frame(
            at_s,
            compact(
                {"channel": "trade", "type": "update",
                 "data": [{"symbol": PAIR, "trade_id": number} for number, *_ in trades]}
            ),
        )  # fmt: skip
        for number, side, ticks, lots in trades:
            fields = {
                "seq": seq, "exch_ts_us": recv_us - 5000, "recv_ts_us": recv_us,
                "trade_id": number, "side": side, "ord_type": "market", "price_ticks": ticks,
                "qty_lots": lots, "price_precision": 2, "qty_precision": 3,
            }  # fmt: skip
            self.journal.trade(PAIR, fields, recv_us)
        return seq

    def gap(self, at_s: float, last: int, first: int, from_s: float, cause: str) -> int:
        fact = {
            "kind": "gap", "symbol": PAIR, "cause": cause, "last_verified_seq": last,
            "first_verified_seq": first, "from_us": T0 + round(from_s * SECOND),
            "to_us": T0 + round(at_s * SECOND),
        }  # fmt: skip
        return self.journal.note(fact, T0 + round(at_s * SECOND))
