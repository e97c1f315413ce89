"""Random market data and requests for comparing engines, and longer ones for whole runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from lobdesk.backtest import RECORD_DTYPE

START_US = 1_000_000


@st.composite
def feeds(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw rows in exchange order around ten prices, with receipts in any order."""
    rows: list[dict[str, Any]] = []
    now = START_US
    for _ in range(draw(st.integers(1, 40))):
        now += draw(st.integers(0, 4))
        kind = draw(st.sampled_from(["depth"] * 6 + ["trade"] * 3 + ["clear"]))
        row: dict[str, Any] = {"k": kind, "ex": now, "lo": now + draw(st.integers(0, 9)), "sym": 0}
        if kind == "depth":
            row |= {
                "side": draw(st.sampled_from(["bid", "ask"])),
                "px": draw(st.integers(95, 105)),
                "qty": draw(st.integers(0, 12)),
            }
        elif kind == "trade":
            row |= {
                "side": draw(st.sampled_from(["buy", "sell"])),
                "px": draw(st.integers(95, 105)),
                "qty": draw(st.integers(1, 12)),
            }
        else:
            row["side"] = draw(st.sampled_from([None, "bid", "ask"]))
            if row["side"] is not None and draw(st.booleans()):
                row["px"] = draw(st.integers(95, 105))
        rows.append(row)
    return rows


@st.composite
def requests(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw submits, cancels and modifies of a handful of orders."""
    actions: list[dict[str, Any]] = []
    now = START_US
    for _ in range(draw(st.integers(0, 15))):
        now += draw(st.integers(0, 12))
        action: dict[str, Any] = {
            "do": draw(st.sampled_from(["submit"] * 5 + ["cancel", "modify"])),
            "t": now,
            "id": draw(st.integers(1, 8)),
        }
        if action["do"] != "cancel":
            action |= {"px": draw(st.integers(95, 105)), "qty": draw(st.integers(1, 10))}
        if action["do"] == "submit":
            action |= {
                "side": draw(st.sampled_from(["buy", "sell"])),
                "type": draw(st.sampled_from(["limit"] * 5 + ["market"])),
                "tif": draw(st.sampled_from(["GTC", "GTC", "IOC", "FOK", "GTX"])),
                "sym": 0,
            }
            if action["type"] == "market":
                action["px"] = None
        actions.append(action)
    return actions


@st.composite
def scenarios(draw: st.DrawFn, queue: str = "risk_averse") -> dict[str, Any]:
    """Draw a whole scenario."""
    feed = draw(feeds())
    model = {
        "preset": "lobdesk",
        "queue": queue,
        "n": 3,
        "entry_us": draw(st.integers(0, 6)),
        "resp_us": draw(st.integers(0, 6)),
    }
    end = feed[-1]["ex"] + draw(st.integers(0, 40))
    return {"model": model, "feed": feed, "actions": draw(requests()), "probes": [], "end": end}


def random_market(
    rows: int, *, seed: int = 7, mid: int = 60_000, gap_us: int = 4_000
) -> np.ndarray[Any, np.dtype[np.void]]:
    """Return a seeded stream of depth and trade records around a wandering mid."""
    rng = np.random.default_rng(seed)
    records = np.zeros(rows, dtype=RECORD_DTYPE)
    records["exch_ts_us"] = START_US + np.cumsum(rng.integers(0, 2 * gap_us, rows))
    delay = np.maximum.accumulate(records["exch_ts_us"] + rng.integers(500, 6_000, rows))
    records["recv_ts_us"] = delay
    centre = mid + np.cumsum(rng.choice([-1, 0, 0, 0, 1], rows))
    side = rng.integers(0, 2, rows)
    offset = 1 + rng.geometric(0.35, rows).clip(max=10)
    is_trade = rng.random(rows) < 0.08
    sign = np.where(side == 0, -1, 1)
    records["side"] = np.where(is_trade, 1 - side, side)
    records["kind"] = np.where(is_trade, 2, 1)
    records["price_ticks"] = centre + sign * np.where(is_trade, 2, offset)
    quantity = rng.integers(1, 400, rows)
    records["qty_lots"] = np.where(is_trade | (rng.random(rows) > 0.3), quantity, 0)
    records["flags"] = 1
    return records
