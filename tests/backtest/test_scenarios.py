"""Hand-worked scenarios: those of the project, and the shared ones where they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lobdesk.backtest import run_scenario
from lobdesk.backtest.errors import ScenarioError, UnknownNameError
from lobdesk.backtest.scenario import find_differences
from tests.conftest import DATA, SHARED


def load(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    scenarios: list[dict[str, Any]] = document["scenarios"]
    return scenarios


OWN = load(DATA / "scenarios" / "rules.json") + load(DATA / "scenarios" / "edges.json")
OTHERS = load(SHARED / "acceptance" / "engine_scenarios.json")


@pytest.mark.parametrize("scenario", OWN, ids=[each["id"] for each in OWN])
def test_rule_gives_the_result_worked_out_by_hand(scenario: dict[str, Any]) -> None:
    assert find_differences(run_scenario(scenario), scenario["expect"]) == []


@pytest.mark.parametrize("scenario", OTHERS, ids=[each["id"] for each in OTHERS])
def test_shared_scenario_gives_the_expected_result(shared: Path, scenario: dict[str, Any]) -> None:
    assert find_differences(run_scenario(scenario), scenario["expect"]) == []


def changed(**parts: Any) -> dict[str, Any]:
    return json.loads(json.dumps(OWN[0])) | parts


def test_a_wrong_expectation_is_found() -> None:
    output = run_scenario(OWN[0])

    assert find_differences(output, {"cash": [-417]}) == ["cash is [-418.0], expected [-417]"]
    assert find_differences(output, {"fills": []}) == ["2 fills, expected 0"]
    assert find_differences(output, {"raises": True})
    assert find_differences(output, {"orders": {"1": {"status": "NEW"}}})
    assert find_differences(output, {"orders": {"7": {"status": "NEW"}}})


def test_null_is_the_same_as_a_missing_key() -> None:
    plain = OWN[0]
    feed = [each | {"oid": None, "flags": None, "sym": None} for each in plain["feed"]]
    model = plain["model"] | {"n": None, "window": None, "latency_rows": None}
    actions = [each | {"sym": None, "tif": None} for each in plain["actions"]]
    nulls = {"feed": feed, "model": model, "actions": actions, "probes": None}
    instruments = [{"tick": "1", "lot": "1", "maker": None, "taker": None}]

    assert run_scenario(changed(**nulls, instruments=instruments)) == run_scenario(plain)


def test_an_end_is_needed() -> None:
    scenario = changed()
    del scenario["end"]

    with pytest.raises(ScenarioError, match="the key 'end' is missing"):
        run_scenario(scenario)


def test_refused_data_name_the_row() -> None:
    feed = [*OWN[0]["feed"], OWN[0]["feed"][0] | {"ex": 5}]

    assert (
        "row 4: exch_ts_us 5 is before the row above" in run_scenario(changed(feed=feed))["raised"]
    )


def test_an_action_that_cannot_be_read_names_itself() -> None:
    with pytest.raises(ScenarioError, match="action 0"):
        run_scenario(changed(actions=[{"do": "buy", "t": 1}]))


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        ({"preset": "lobdesc"}, "did you mean 'lobdesk'"),
        ({"queue": "risk_avers"}, "did you mean 'risk_averse'"),
        ({"enrty_us": 1}, "did you mean 'entry_us'"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(model: dict[str, Any], hint: str) -> None:
    with pytest.raises(UnknownNameError, match=hint):
        run_scenario(changed(model=model))
