"""Fault 14: the exchange closes the connection, again and again."""

from __future__ import annotations

import random
from collections import deque
from itertools import pairwise
from typing import Any

from lobdesk.feed import ReconnectPolicy
from lobdesk.feed.reconnect import BUDGET_ATTEMPTS, BUDGET_WINDOW_S, MAINTENANCE_DELAY_S
from lobdesk.journal import SNAPSHOTS, TRADES, list_symbols, symbol_log_dir
from lobdesk.journal.reader import read_all
from tests.faults.stage import TEN, Stage, notes, until
from tests.faults.trial import Trial, fault

GAP_LIMIT_S = 1.5
HOUR_S = 3600.0


@fault(
    14,
    "reconnect",
    "20 closes in 10 min: gap per drop < 1.5 s; ≤ 120 attempts per 10 min; ≥ 5 s apart in "
    "maintenance; books rebuilt, trades recovered once; two sockets lose 0 frames",
)
def close_again_and_again(trial: Trial) -> None:
    closes = trial.pick(quick=2, scaled=4, soak=20)
    spacing_s = trial.pick(quick=2.0, scaled=12.0, soak=30.0)
    script = [{"do": "close", "at_s": spacing_s * (n + 1)} for n in range(closes)]
    with Stage(trial.folder / "closes") as stage:
        _, url = stage.simulator(trial.rate, faults=script)
        recorder = stage.recorder(url)
        end_s = spacing_s * closes + 120
        until(lambda: (r := stage.report()) and r.connects > closes, "all closes", end_s)
        stage.until_live()
        recorder.end()
        events = stage.events()
        check = stage.verify()
        doubled, missing = trade_ids(stage)
    gaps = notes(events, "gap")
    longest_s = max((gap["to_us"] - gap["from_us"]) / 1e6 for gap in gaps)
    trial.all("gaps named", len(gaps), closes * len(TEN))
    trial.below(f"{closes} closes {spacing_s:g} s apart: gap at most", longest_s, GAP_LIMIT_S, "s")
    trial.demand(
        f"{check.total.failed} failed books, verifies",
        is_met=check.is_good and check.total.failed == 0,
    )
    trial.demand(
        f"{doubled} trades doubled, {missing} holes, each noted",
        is_met=doubled == 0 and missing == len(notes(events, "trade_gap")),
    )
    attempts_of_a_day(trial)
    maintenance(trial)
    two_sockets(trial, closes, spacing_s)


def trade_ids(stage: Stage) -> tuple[int, int]:
    """Return how many trades are there twice, and how many holes their numbers have."""
    doubled = holes = 0
    for symbol in list_symbols(stage.root, TRADES):
        lines = read_all(symbol_log_dir(stage.root, TRADES, symbol))
        ids = [int(line.partition(b'"trade_id":')[2].partition(b",")[0]) for line in lines]
        doubled += len(ids) - len(set(ids))
        ordered = sorted(set(ids))
        holes += sum(b - a > 1 for a, b in pairwise(ordered))
    return doubled, holes


def attempts_of_a_day(trial: Trial) -> None:
    """The policy against an exchange that refuses or drops at once, for a simulated day."""
    most = 0
    for lived_s in (0.0, 0.5, 4.0, 31.0):
        policy = ReconnectPolicy(random.Random(14))
        now_s, times = 0.0, deque[float]()
        while now_s < 24 * HOUR_S:
            now_s += policy.next_delay_s(now_s)
            policy.attempted(now_s)
            times.append(now_s)
            while times[0] <= now_s - BUDGET_WINDOW_S:
                times.popleft()
            most = max(most, len(times))
            now_s += lived_s
            policy.ended(lived_s)
    trial.demand(f"at most {most} attempts in 10 min", is_met=most <= BUDGET_ATTEMPTS)


def maintenance(trial: Trial) -> None:
    closes = trial.pick(quick=0, scaled=2, soak=10)
    if not closes:
        return
    script: list[dict[str, Any]] = [{"do": "maintenance", "at_s": 1.0, "for_s": 60.0 * closes}]
    # Each finds a connection, however long the attempts are apart.
    script += [{"do": "close", "at_s": 1.5 + 6.0 * n} for n in range(closes)]
    with Stage(trial.folder / "maintenance") as stage:
        _, url = stage.simulator(min(trial.rate, 1000), faults=script)
        recorder = stage.recorder(url)
        until(lambda: (r := stage.report()) and r.connects > closes, "all closes", 120.0 * closes)
        recorder.end()
        events = stage.events()
    mono = {event.seq: event.mono_us / 1e6 for event in events}
    opened = [mono[note["_seq"]] for note in notes(events, "open")]
    least_s = min(b - a for a, b in pairwise(opened))
    # The attempt precedes the open connection by a handshake.
    trial.above("maintenance: attempts", least_s + 0.1, MAINTENANCE_DELAY_S, "s apart at least")


def two_sockets(trial: Trial, closes: int, spacing_s: float) -> None:
    """Two connections, of which one at a time is closed: no frame is lost."""
    script = [{"do": "close", "at_s": spacing_s * (n + 1), "line": 1} for n in range(closes)]
    with Stage(trial.folder / "two") as stage:
        _, url = stage.simulator(trial.rate, faults=script)
        recorder = stage.recorder(url, KRAKEN_REDUNDANT="true")
        end_s = spacing_s * closes + 120
        until(lambda: (r := stage.report()) and r.connects > closes + 1, "all closes", end_s)
        recorder.end()
        events = stage.events()
        check = stage.verify()
        lines = sum(
            1
            for symbol in list_symbols(stage.root, SNAPSHOTS)
            for _ in read_all(symbol_log_dir(stage.root, SNAPSHOTS, symbol))
        )
    gaps = notes(events, "gap")
    told = f"{len(gaps)} gaps in {closes} closes, {lines:,} books"
    trial.demand(
        f"two sockets: {told} {check.problems[:1] or ''}".rstrip(),
        is_met=not gaps and check.is_good,
    )
