"""The quick part of the fault tests."""

from __future__ import annotations

import pytest

from tests.faults import catalogue
from tests.faults.trial import FAULTS, Trial, run_fault

QUICK = [fault for fault in FAULTS.values() if fault.is_quick]
LOAD = 500.0
"""Frames a second: other tests run beside these."""


def test_every_fault_of_the_study_has_its_test() -> None:
    assert sorted(FAULTS) == list(range(1, catalogue.COUNT + 1))


@pytest.mark.slow
@pytest.mark.parametrize("number", sorted(fault.number for fault in QUICK))
def test_fault_does_no_harm(number, tmp_path) -> None:
    outcome = run_fault(FAULTS[number], Trial(tmp_path / "fault", "quick", LOAD))

    if outcome.verdict == "not run":
        pytest.skip("; ".join(outcome.figures))
    assert outcome.verdict == "pass", outcome.line()
