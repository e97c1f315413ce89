"""Random market data and requests for comparing engines, and longer ones for whole runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from lobdesk.backtest import RECORD_DTYPE

START_US = 1_000_000


@st.composite
def feeds(draw: st.DrawFn, *, evicts: bool = False) -> list[dict[str, Any]]:
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
            if evicts:
                row["flags"] = draw(st.sampled_from([0, 0, 0, 4]))
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
def requests(
    draw: st.DrawFn, *, cancels_all: bool = False, symbols: int = 1
) -> list[dict[str, Any]]:
    """Draw submits, cancels and modifies of a handful of orders."""
    actions: list[dict[str, Any]] = []
    kinds = ["submit"] * 5 + ["cancel", "modify"] + ["cancel_all"] * cancels_all
    now = START_US
    for _ in range(draw(st.integers(0, 15))):
        now += draw(st.integers(0, 12))
        action: dict[str, Any] = {
            "do": draw(st.sampled_from(kinds)),
            "t": now,
            "id": draw(st.integers(1, 8)),
        }
        if action["do"] in ("submit", "modify"):
            action |= {"px": draw(st.integers(95, 105)), "qty": draw(st.integers(1, 10))}
        if action["do"] == "submit":
            action |= {
                "side": draw(st.sampled_from(["buy", "sell"])),
                "type": draw(st.sampled_from(["limit"] * 5 + ["market"])),
                "tif": draw(st.sampled_from(["GTC", "GTC", "IOC", "FOK", "GTX"])),
                "sym": draw(st.integers(0, symbols - 1)),
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


@st.composite
def order_feeds(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw single orders that come, change, execute and go, with clears and snapshots between."""
    rows: list[dict[str, Any]] = []
    now = START_US
    for _ in range(draw(st.integers(1, 40))):
        now += draw(st.integers(0, 4))
        kinds = ["add"] * 6 + ["cancel", "modify", "fill"] * 2 + ["clear"]
        kind = draw(st.sampled_from(kinds)) if rows else "add"
        row: dict[str, Any] = {"k": kind, "ex": now, "sym": 0}
        row["lo"] = now + draw(st.integers(0, 9))
        if row["k"] == "clear":
            row["side"] = draw(st.sampled_from([None, "bid", "ask"]))
        else:
            row |= {
                "side": draw(st.sampled_from(["bid", "ask"])),
                "px": draw(st.integers(97, 103)),
                "qty": draw(st.integers(1, 12)),
                "oid": draw(st.integers(1, 8)),
                "flags": draw(st.sampled_from([0, 0, 2])),
            }
        rows.append(row)
    return rows


@st.composite
def latency_tables(draw: st.DrawFn) -> list[list[int]]:
    """Draw a table whose exchange times need not rise."""
    requests_us = draw(st.lists(st.integers(START_US - 5, START_US + 80), min_size=1, max_size=4))
    latencies = st.tuples(st.integers(0, 9), st.integers(0, 9))
    rows = []
    for request in sorted(requests_us):
        entry, response = draw(latencies)
        rows.append([request, request + entry, request + entry + response])
    return rows


KINDS = ("submit", "cancel", "modify", "fill")
LATENCIES = st.one_of(
    st.integers(0, 6), st.fixed_dictionaries(dict.fromkeys(KINDS[:3], st.integers(0, 9)))
)


@st.composite
def models(draw: st.DrawFn, queues: tuple[str, ...], presets: tuple[str, ...]) -> dict[str, Any]:
    """Draw rules: every option, mostly away from its default."""
    model: dict[str, Any] = {
        "preset": draw(st.sampled_from(presets)),
        "queue": draw(st.sampled_from(queues)),
        "n": draw(st.sampled_from([1, 2.5, 3])),
        "entry_us": draw(LATENCIES),
        "resp_us": draw(LATENCIES),
        "through": draw(st.sampled_from(["full", "cap"])),
        "unknown": draw(st.sampled_from(["zero", "defer"])),
        "window": draw(st.sampled_from([None, 1, 2, 4])),
        "netting_us": draw(st.sampled_from([0, 5, 30])),
    }
    model["truncate"] = model["window"] is not None and draw(st.booleans())
    one, each = latency_tables(), st.dictionaries(st.sampled_from(KINDS), latency_tables())
    model["latency_rows"] = draw(st.one_of(st.none(), one, each))
    if draw(st.booleans()):
        model["fee_tiers"] = [[0, "0.002", "0.004"], [2_000, "0", "0.001"], [5_000, "-0.0003", "0"]]
    return model


@st.composite
def full_scenarios(
    draw: st.DrawFn, queues: tuple[str, ...], *, by_order: bool = False
) -> dict[str, Any]:
    """Draw rules, fees, one or two symbols, their feeds and requests."""
    presets = ("lobdesk", "lobdesk", "hftbacktest", "hftbacktest_partial")
    instruments = [{"tick": "0.5", "lot": "0.25", "maker": "-0.0001", "taker": "0.0007"}]
    if draw(st.booleans()):
        instruments.append({"tick": "1", "lot": "1", "maker": "0.001", "taker": "0.002"})
    feed: list[dict[str, Any]] = []
    for symbol in range(len(instruments)):
        rows = draw(order_feeds() if by_order else feeds(evicts=True))
        feed += [row | {"sym": symbol} for row in rows]
    actions = draw(requests(cancels_all=True, symbols=len(instruments)))
    end = max(row["ex"] for row in feed) + draw(st.integers(0, 60))
    return {
        "model": draw(models(queues, presets)),
        "instruments": instruments,
        "feed": feed,
        "actions": actions,
        "end": end,
        "sample_us": draw(st.sampled_from([0, 1, 7])),
    }


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
