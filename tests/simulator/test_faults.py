"""Fault scripts: reading them, and what they do to frames."""

import re

import pytest

from lobdesk.errors import SettingsError
from lobdesk.simulator.exchange import Frame
from lobdesk.simulator.faults import Fault, FaultPlan, corrupt_digit, load_faults

BOOK = '{"channel":"book","data":[{"bids":[{"price":1.5,"qty":0.25}],"asks":[]}]}'


def frames(count: int) -> list[Frame]:
    return [Frame(f"{number}", "book", "A/B") for number in range(count)]


def run(plan: FaultPlan, sent: list[Frame]) -> list[str]:
    received = []
    for frame in sent:
        received += [altered.text for altered in plan.alter(frame)]
    return received


def test_dropped_frame_is_missing() -> None:
    plan = FaultPlan([Fault(do="drop", after_frames=2)])

    assert run(plan, frames(5)) == ["0", "1", "3", "4"]


def test_duplicated_frame_comes_twice() -> None:
    plan = FaultPlan([Fault(do="duplicate", after_frames=1, count=2)])

    assert run(plan, frames(4)) == ["0", "1", "1", "2", "2", "3"]


def test_reordered_frame_changes_places_with_the_next() -> None:
    plan = FaultPlan([Fault(do="reorder", after_frames=1)])

    assert run(plan, frames(4)) == ["0", "2", "1", "3"]


def test_reordered_frame_waits_for_the_next_one_of_its_symbol() -> None:
    plan = FaultPlan([Fault(do="reorder", after_frames=0, symbol="A/B")])
    sent = [Frame("1", "book", "A/B"), Frame("2", "book", "C/D"), Frame("3", "book", "A/B")]

    assert run(plan, sent) == ["2", "3", "1"]


def test_fault_of_one_symbol_leaves_the_others_alone() -> None:
    plan = FaultPlan([Fault(do="drop", after_frames=0, symbol="C/D")])
    sent = [Frame("ab", "book", "A/B"), Frame("cd", "book", "C/D"), Frame("cd2", "book", "C/D")]

    assert run(plan, sent) == ["ab", "cd2"]


def test_corrupted_frame_differs_in_one_digit() -> None:
    assert corrupt_digit(BOOK) == BOOK.replace("0.25", "0.26")


def test_refusals_are_counted() -> None:
    plan = FaultPlan([Fault(do="refuse", at_s=0.0, symbol="A/B", count=2)])
    plan.due(0.0)

    assert [plan.refuses(symbol) for symbol in ("C/D", "A/B", "A/B", "A/B")] == [
        False,
        True,
        True,
        False,
    ]


def test_fault_at_a_time_waits_for_it() -> None:
    plan = FaultPlan([Fault(do="close", at_s=1.0)])

    assert plan.due(0.9) == []
    assert [fault.do for fault in plan.due(1.0)] == ["close"]
    assert plan.due(2.0) == []


def test_script_skips_comments_and_empty_lines(tmp_path) -> None:
    script = tmp_path / "faults.jsonl"
    script.write_text('# storm\n\n{"do":"drop","after_frames":3,"count":2}\n')

    assert load_faults(script) == [Fault(do="drop", after_frames=3, count=2)]


@pytest.mark.parametrize(
    ("line", "key", "reason"),
    [
        ('{"do":"explode","at_s":1}', "do", "Invalid enum value"),
        ('{"do":"drop","at_s":"x"}', "at_s", "Expected `float | null`"),
        ('{"do":"drop","at_s":-1}', "at_s", "below 0"),
        ('{"do":"drop"}', "after_frames", "exactly one of"),
        ('{"do":"drop","at_s":1,"after_frames":1}', "after_frames", "exactly one of"),
        ('{"do":"drop","at_s":1,"count":0}', "count", "below 1"),
        ('{"do":"silence","at_s":1,"for_s":0}', "for_s", "not above 0"),
        ('{"do":"close","at_s":1,"code":7}', "code", "no close code"),
        ('{"do":"drop","at":1}', "at", "unknown key; did you mean 'at_s'?"),
        ("drop everything", "", "is not JSON"),
    ],
)
def test_wrong_line_is_named_with_file_line_and_key(tmp_path, line, key, reason) -> None:
    script = tmp_path / "faults.jsonl"
    script.write_text(f"# first\n{line}\n")

    with pytest.raises(SettingsError, match=re.escape(reason)) as caught:
        load_faults(script)

    assert str(caught.value).startswith(f"{script}:2: {key}")
    assert caught.value.exit_code == 2


def test_missing_script_is_an_error_of_one_line(tmp_path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load_faults(tmp_path / "none")
