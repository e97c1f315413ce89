"""The whole ledger of the engine against that of the slow reference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk.backtest import Backtest, Result
from lobdesk.backtest.model import REASONS, STATUSES
from lobdesk.backtest.scenario import _actions, _market_data
from lobdesk.engine import script
from tests.reference.engine import Reference

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]


def run_fast(scenario: Json) -> Result:
    """Run a scenario with its whole ledger, sampled as it says."""
    instruments = scenario.get("instruments") or [{}]
    data = [_market_data(scenario["feed"], i, each) for i, each in enumerate(instruments)]
    model = dict(scenario["model"])
    model["response_us"] = model.pop("resp_us")
    backtest = Backtest(
        data,
        maker_fee=[each.get("maker") or "0" for each in instruments],
        taker_fee=[each.get("taker") or "0" for each in instruments],
        end_us=scenario["end"],
        sample_us=scenario.get("sample_us", 0),
        **model,
    )
    return backtest.run(script(_actions(scenario["actions"])))


def check_ledgers(result: Result, slow: Reference) -> None:
    """Compare every column of fills, orders and samples, accounts and errors."""
    ticks = [account.tick for account in slow.accounts]
    assert [fill_facts(row) for row in result.fills] == [
        slow_fill(fill, ticks[fill["sym"]]) for fill in slow.fills
    ]
    assert [order_facts(row) for row in result.orders] == [
        slow_order(order) for order in slow.orders.values()
    ]
    assert [list(error) for error in result.errors] == slow.errors
    exact = [name for name in result.equity.dtype.names or () if name != "realized"]
    at = [(result.equity.dtype.names or ()).index(name) for name in exact]
    assert result.equity[exact].tolist() == [tuple(row[i] for i in at) for row in slow.samples]
    units = [account.unit for account in slow.accounts]
    wanted = [float(a.realized) * unit for a, unit in zip(slow.accounts, units, strict=True)]
    got = [account.realized for account in result.accounts]
    assert np.allclose(got, wanted, rtol=1e-9, atol=1e-6 * max(units))
    realized = [fill["realized"] for fill in slow.fills]
    assert np.allclose(result.fills["realized"], realized, rtol=1e-9, atol=1e-6 * max(units))


def fill_facts(row: np.void) -> tuple[Any, ...]:
    return (
        int(row["order_id"]), int(row["symbol"]), int(row["price_ticks"]), int(row["qty_lots"]),
        bool(row["is_maker"]), bool(row["is_certain"]), int(row["exch_ts_us"]),
        int(row["local_ts_us"]), float(row["fee"]), int(row["position_lots"]), float(row["cash"]),
        plain(row["slip_arrival"]), plain(row["slip_decision"]), float(row["ahead_at_arrival"]),
        float(row["ahead_optimistic"]), float(row["ahead_pessimistic"]), int(row["wait_us"]),
    )  # fmt: skip


def slow_fill(fill: Json, tick: float) -> tuple[Any, ...]:
    return (
        fill["order"], fill["sym"], fill["px"], fill["qty"], fill["maker"], fill["certain"],
        fill["exch_us"], fill["local_us"], fill["fee"], fill["position"], fill["cash"],
        scaled(fill["slip_arrival"], tick), scaled(fill["slip_decision"], tick),
        fill["ahead_at_arrival"], float(np.float32(fill["best"])),
        float(np.float32(fill["worst"])), fill["wait_us"],
    )  # fmt: skip


def order_facts(row: np.void) -> tuple[Any, ...]:
    times = ("arrival_us", "ack_us", "first_fill_us", "last_fill_us", "close_us")
    return (
        int(row["order_id"]), int(row["symbol"]), STATUSES[row["status"]], REASONS[row["reason"]],
        REASONS[row["last_reject"]], int(row["price_ticks"]), int(row["leaves_lots"]),
        int(row["filled_lots"]), int(row["decision_us"]), *(int(row[name]) for name in times),
    )  # fmt: skip


def slow_order(order: Any) -> tuple[Any, ...]:
    times = ("arrival", "ack", "first_fill", "last_fill", "close")
    return (
        order.id, order.sym, order.status, order.reason, order.last_reject, order.known_px,
        order.known_leaves, order.filled, order.decision_us,
        *(order.times.get(name, 0) for name in times),
    )  # fmt: skip


def plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def scaled(ticks: float | None, tick: float) -> float | None:
    return None if ticks is None else ticks * tick


def check_scenario(scenario: Json, more: Mapping[str, Any] | None = None) -> int:
    """Run both and compare; returns the number of fills."""
    scenario = scenario | {"model": scenario["model"] | dict(more or {})}
    slow = Reference(scenario).run()
    check_ledgers(run_fast(scenario), slow)
    return len(slow.fills)
