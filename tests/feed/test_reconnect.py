"""Pauses between connection attempts."""

import random

from lobdesk.feed.reconnect import (
    BUDGET_ATTEMPTS,
    BUDGET_WINDOW_S,
    STABLE_S,
    AttemptBudget,
    ReconnectPolicy,
)


def test_first_attempts_follow_at_once_then_pauses_grow_to_a_minute() -> None:
    policy = ReconnectPolicy(random.Random(1))
    delays, now_s = [], 0.0

    for _ in range(12):
        delays.append(policy.next_delay_s(now_s))
        now_s += delays[-1]
        policy.attempted(now_s)

    assert delays[:3] == [0.0, 0.0, 0.0]
    bounds = [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert all(0.75 * b <= d <= b for b, d in zip(bounds, delays[3:], strict=True))


def test_connection_that_lived_resets_the_pauses() -> None:
    policy = ReconnectPolicy()
    for _ in range(8):
        policy.attempted(0.0)

    policy.ended(STABLE_S - 1)
    assert policy.next_delay_s(1.0) > 0
    policy.ended(STABLE_S)
    assert policy.next_delay_s(1.0) == 0.0


def test_ten_minutes_never_see_more_attempts_than_allowed() -> None:
    policy = ReconnectPolicy()
    attempts_s, now_s = [], 0.0

    for _ in range(400):
        now_s += policy.next_delay_s(now_s)
        policy.attempted(now_s)
        attempts_s.append(now_s)
        policy.ended(STABLE_S)  # every connection counts as a success: no other pause applies

    most = max(
        sum(start <= at < start + BUDGET_WINDOW_S for at in attempts_s) for start in attempts_s
    )
    assert most == BUDGET_ATTEMPTS


def test_maintenance_keeps_attempts_five_seconds_apart() -> None:
    policy = ReconnectPolicy()
    policy.attempted(10.0)

    assert policy.next_delay_s(11.0, in_maintenance=True) == 4.0
    assert policy.next_delay_s(16.0, in_maintenance=True) == 0.0


def test_two_lines_share_the_attempts_of_ten_minutes() -> None:
    budget = AttemptBudget()
    lines = [ReconnectPolicy(budget=budget), ReconnectPolicy(budget=budget)]
    due_s, attempts_s = [0.0, 0.0], []

    for _ in range(400):
        line = due_s.index(min(due_s))
        now_s = due_s[line]
        due_s[line] = now_s + lines[line].reserve(now_s)
        attempts_s.append(due_s[line])
        lines[line].ended(STABLE_S)

    most = max(
        sum(start <= at < start + BUDGET_WINDOW_S for at in attempts_s) for start in attempts_s
    )
    assert most == BUDGET_ATTEMPTS


def test_two_lines_are_five_seconds_apart_in_maintenance() -> None:
    budget = AttemptBudget()
    first, second = ReconnectPolicy(budget=budget), ReconnectPolicy(budget=budget)
    first.attempted(0.0)

    assert first.reserve(1.0, in_maintenance=True) == 4.0
    assert second.reserve(1.0, in_maintenance=True) == 9.0
