"""A killed recorder loses nothing that it had acknowledged."""

from __future__ import annotations

from tests.faults.acknowledged import run


def test_killed_recorder_loses_no_acknowledged_record() -> None:
    findings, is_good = run(4, seed=3)

    assert findings.kills == 4
    assert findings.records > 100
    assert findings.lost == 0
    assert is_good
