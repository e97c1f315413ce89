"""What the engine is measured against: hftbacktest in its own process, or our slow reference."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Self

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.peer import Peer


class Hftbacktest:
    """hftbacktest in an environment of its own; each round asks the same."""

    name = "hftbacktest ROIVector"

    def __init__(self, python: str, **request: Any) -> None:
        self.peer = Peer(python)
        self.request = request

    def round(self) -> dict[str, float]:
        return self.peer.ask(**self.request)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.peer.close()


class SlowReference:
    """The slow engine of the tests on the first rows; replay only."""

    name = "slow reference (one heap, Python)"
    ROWS = 20_000

    def __init__(self, records: np.ndarray[Any, Any]) -> None:
        self.feed = [
            {
                "k": "depth" if row["kind"] == 1 else "trade",
                "side": (("bid", "ask") if row["kind"] == 1 else ("buy", "sell"))[row["side"]],
                "px": int(row["price_ticks"]),
                "qty": int(row["qty_lots"]),
                "ex": int(row["exch_ts_us"]),
                "lo": int(row["recv_ts_us"]),
            }
            for row in records[: self.ROWS]
        ]

    def round(self) -> dict[str, float]:
        from tests.reference.engine import Reference

        model = {"entry_us": 5000, "resp_us": 5000}
        start = time.process_time()
        Reference({"model": model, "feed": self.feed, "actions": [], "end": 2**62}).run()
        return {"replay": len(self.feed) / (time.process_time() - start)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to end."""
