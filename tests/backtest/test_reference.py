"""The engine against the one-heap reference, and properties of any run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobdesk.backtest import run_scenario
from tests.backtest.ledgers import check_scenario, run_fast
from tests.backtest.streams import full_scenarios, scenarios
from tests.reference.engine import Reference

KEYS = (
    "order",
    "px",
    "qty",
    "maker",
    "certain",
    "exch_us",
    "local_us",
    "slip_arrival",
    "slip_decision",
    "fee",
)


def compare(scenario: dict[str, Any]) -> None:
    wanted = Reference(scenario).run()
    got = run_scenario(scenario)
    assert [[fill[key] for key in KEYS] for fill in got["fills"]] == [
        [fill[key] for key in KEYS] for fill in wanted.fills
    ]
    assert got["orders"] == {
        str(order.id): {
            "status": order.status,
            "leaves": order.known_leaves,
            "reason": order.reason,
            "last_reject": order.last_reject,
        }
        for order in wanted.orders.values()
    }
    assert got["errors"] == wanted.errors
    for symbol, account in enumerate(wanted.accounts):
        assert got["position"][symbol] == account.position
        assert got["cash"][symbol] == float(account.cash) * account.unit
        assert got["fee"][symbol] == account.paid(account.fee)
        assert got["realized"][symbol] == pytest.approx(
            float(account.realized) * account.unit, rel=1e-12, abs=1e-9
        )
        assert got["equity"][symbol] == account.equity(wanted.books[symbol].last_mid)


@settings(max_examples=150, deadline=None)
@given(scenarios())
def test_random_streams_give_the_reference_ledger(scenario: dict[str, Any]) -> None:
    compare(scenario)


@settings(max_examples=100, deadline=None)
@given(scenarios(queue="power3"))
def test_probabilistic_queue_gives_the_reference_ledger(scenario: dict[str, Any]) -> None:
    compare(scenario)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["risk_averse", "power3"]).flatmap(scenarios), st.integers(1, 30))
def test_netting_both_ways_gives_the_reference_ledger(
    scenario: dict[str, Any], netting_us: int
) -> None:
    compare(scenario | {"model": scenario["model"] | {"netting_us": netting_us}})


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["risk_averse", "power3"]).flatmap(scenarios))
def test_certain_fills_are_those_of_the_last_in_the_queue_who_gets_what_was_traded(
    scenario: dict[str, Any],
) -> None:
    first = next((a for a in scenario["actions"] if a["do"] == "submit"), None)
    alone = scenario | {"actions": [] if first is None else [first | {"tif": "GTX"}]}
    least = {"queue": "risk_averse", "through": "cap"}

    told = run_scenario(alone)["fills"]
    true = run_scenario(alone | {"model": scenario["model"] | least})["fills"]

    for fill in told:
        if fill["certain"]:
            at = fill["exch_us"]
            certain = sum(f["qty"] for f in told if f["exch_us"] <= at and f["certain"])
            assert certain <= sum(f["qty"] for f in true if f["exch_us"] <= at)


@settings(max_examples=100, deadline=None)
@given(scenarios(), st.integers(0, 200), st.data())
def test_changing_the_future_changes_no_fill_of_the_past(
    scenario: dict[str, Any], after: int, data: st.DataObject
) -> None:
    cut_us = 1_000_000 + after
    changed = []
    for row in scenario["feed"]:
        late = row["ex"] > cut_us and row["k"] != "clear"
        changed.append(row | {"qty": data.draw(st.integers(1, 12))} if late else row)

    before = run_scenario(scenario)["fills"]
    other = run_scenario(scenario | {"feed": changed})["fills"]

    def past(fills: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [fill for fill in fills if fill["exch_us"] <= cut_us]

    assert past(other) == past(before)


@settings(max_examples=50, deadline=None)
@given(scenarios())
@pytest.mark.parametrize("preset", ["hftbacktest", "hftbacktest_partial"])
def test_position_and_cash_are_sums_of_fills(preset: str, scenario: dict[str, Any]) -> None:
    scenario = scenario | {"model": scenario["model"] | {"preset": preset}}
    sides = {a["id"]: a["side"] for a in reversed(scenario["actions"]) if a["do"] == "submit"}
    got = run_scenario(scenario)
    signed = [f["qty"] if sides[f["order"]] == "buy" else -f["qty"] for f in got["fills"]]
    assert got["position"] == [sum(signed)]
    assert got["cash"] == [-sum(q * f["px"] for q, f in zip(signed, got["fills"], strict=True))]


LEVEL2 = ("risk_averse", "power", "power2", "power3", "log", "log2")


@settings(max_examples=150, deadline=None)
@given(full_scenarios(LEVEL2))
def test_all_rules_together_give_the_whole_ledger_of_the_reference(
    scenario: dict[str, Any],
) -> None:
    check_scenario(scenario)


@settings(max_examples=150, deadline=None)
@given(full_scenarios(("l3_fifo", "l3_fifo", "risk_averse", "power3"), by_order=True))
def test_order_level_feeds_give_the_whole_ledger_of_the_reference(
    scenario: dict[str, Any],
) -> None:
    check_scenario(scenario)


def test_an_unknown_worst_place_stays_unknown_when_an_order_leaves() -> None:
    def add(ts_us: int, side: str, px: int, oid: int) -> dict[str, Any]:
        return {"k": "add", "ex": ts_us, "lo": ts_us, "side": side, "px": px, "qty": 1,
                "oid": oid, "sym": 0, "flags": 0}  # fmt: skip

    # The ask that our sell joins is gone: it waits at a level that nothing has shown since.
    sell = {"do": "submit", "t": 1_010, "id": 4, "side": "sell", "px": 98, "qty": 1,
            "type": "limit", "tif": "GTC", "sym": 0}  # fmt: skip
    feed = [add(1_000, "ask", 98, 2), add(1_003, "bid", 98, 1), add(1_017, "ask", 97, 1)]
    feed += [add(1_020, "bid", 97, 2), add(1_020, "ask", 103, 1) | {"k": "fill"}]
    model = {"queue": "l3_fifo", "entry_us": {"cancel": 8, "submit": 0}, "resp_us": 0}
    scenario = {"model": model, "instruments": [{}], "feed": feed, "end": 1_020,
                "actions": [{"do": "cancel_all", "t": 1_010, "id": 1}, sell]}  # fmt: skip

    assert check_scenario(scenario) == 1
    assert run_fast(scenario).fills["ahead_pessimistic"].tolist() == [np.inf]
