"""Fault 19: more frames than can be taken, then a steady few for long."""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import TYPE_CHECKING

from lobdesk.journal import read_events
from lobdesk.units import parse_rfc3339_us
from tests.faults.stage import TEN, Process, Stage, until
from tests.faults.trial import Trial, fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lobdesk.records import RawEvent

OVERLOAD, STEADY = 50_000, 200
DAY_S = 86_400
MIB = 1 << 20
GROWTH_LIMIT, WRITTEN_LIMIT_MS = 0.05, 5.0
RSS_LIMIT_MIB = 300


@fault(
    19,
    "overload",
    "50,000 frames/s for 60 s: 0 lost, lag shown where it is not kept up with; then 24 h at 200/s: "
    "RSS growth < 5 %, descriptors constant, p99 receipt to written < 5 ms",
)
def overload(trial: Trial) -> None:
    flood(trial)
    steady(trial)


def fire(stage: Stage, rate: float, duration_s: float) -> tuple[Process, str]:
    command = [sys.executable, "-m", "tests.faults.gun", str(rate), str(duration_s)]
    gun = stage.start_command(command, name="gun")
    return gun, gun.first_line()


def timed_recorder(stage: Stage, url: str) -> Process:
    result = stage.folder / "timed.json"
    command = [sys.executable, "-m", "tests.faults.timed_daemon", str(result)]
    command += ["daemon", "run", "--data-dir", str(stage.data), "--symbols", ",".join(TEN)]
    command += ["--url", url, "--log", "json"]
    return stage.start_command(command, name="recorder")


def flood(trial: Trial) -> None:
    duration_s = trial.pick(quick=2.0, scaled=10.0, soak=60.0)
    with Stage(trial.folder / "flood") as stage:
        _, url = fire(stage, OVERLOAD, duration_s)
        sent = int(OVERLOAD * duration_s)
        recorder = stage.recorder(url)
        rss, shown_ms = 0, 0.0
        until(lambda: stage.report() is not None, "a recorder")
        began_s = time.monotonic()
        while recorder.is_alive and count_books(stage) < sent:
            rss = max(rss, recorder.rss_bytes())
            shown_ms = max(shown_ms, shown_lag_ms(stage))
            assert time.monotonic() < began_s + 20 * duration_s + 60, "frames are missing"
            time.sleep(0.1)
        took_s = time.monotonic() - began_s
        code = recorder.end()
        lags = lags_us(read_events(stage.root))
        check = stage.verify()
    trial.demand(
        f"{len(lags):,} of {sent:,} frames recorded, exit {code}",
        is_met=len(lags) == sent and code == 0,
    )
    trial.note(f"taken at {sent / took_s:,.0f} frames/s for {took_s:.0f} s")
    most_ms = max(lags) / 1000
    is_shown = most_ms < 1000.0 or shown_ms > 500.0
    trial.demand(
        f"lag up to {most_ms / 1000:.2f} s, shown up to {shown_ms / 1000:.2f} s",
        is_met=is_shown,
    )
    trial.below("RSS at most", rss / MIB, RSS_LIMIT_MIB, "MiB")
    trial.demand(
        "journal verifies" if check.is_good else "journal does not verify", is_met=check.is_good
    )


def shown_lag_ms(stage: Stage) -> float:
    """Return the most that ``status`` shows as the lag of a symbol."""
    report = stage.report()
    books = report.books.values() if report is not None else ()
    return max((book.lag_us / 1000 for book in books if book.lag_us), default=0.0)


def count_books(stage: Stage) -> int:
    report = stage.report()
    # The rest are the status, acknowledgements, one instrument frame, and heartbeats.
    return report.frames - 2 * len(TEN) - 2 if report is not None else 0


def lags_us(events: Iterable[RawEvent]) -> list[int]:
    """Return receipt minus exchange time of each book frame; both clocks are the same here."""
    mark = '"timestamp":"'
    return [
        event.recv_ts_us - parse_rfc3339_us(event.raw.rpartition(mark)[2].partition('"')[0])
        for event in events
        if event.dir == "in" and event.raw.startswith('{"channel":"book"')
    ]


def steady(trial: Trial) -> None:
    duration_s = trial.pick(quick=3.0, scaled=60.0, soak=float(DAY_S))
    with Stage(trial.folder / "steady") as stage:
        _, url = fire(stage, STEADY, duration_s)
        recorder = timed_recorder(stage, url)
        stage.until_live()
        begun_s = time.monotonic()
        settled_s = begun_s + min(60.0, duration_s / 3)
        first: tuple[int, float, float] | None = None
        most, fewest, rss, share = 0, 1 << 30, 0, 0.0
        while time.monotonic() < begun_s + duration_s - 2:
            time.sleep(0.25)
            now = recorder.descriptors()
            most, fewest = max(most, now), min(fewest, now)
            rss, cpu_s, at_s = recorder.rss_bytes(), recorder.cpu_s(), time.monotonic()
            # Caches and the first checkpoint have settled after a part of it.
            if first is None and at_s > settled_s:
                first = (rss, cpu_s, at_s)
            elif first is not None:
                share = (cpu_s - first[1]) / (at_s - first[2])
        assert first is not None
        code = recorder.end()
        took = json.loads((stage.folder / "timed.json").read_text())
        events = stage.events()
    lag_p99_ms = statistics.quantiles(lags_us(events), n=100)[98] / 1000
    growth = 100 * (rss / first[0] - 1)
    trial.below(f"{STEADY}/s for {duration_s:,.0f} s: RSS growth", growth, 100 * GROWTH_LIMIT, "%")
    trial.demand(f"{fewest} to {most} descriptors, exit {code}", is_met=most - fewest <= 1)
    trial.below("p99 receipt to written", took["p99_us"] / 1000, WRITTEN_LIMIT_MS, "ms")
    trial.note(f"p99 sent to stamped {lag_p99_ms:.2f} ms, CPU {share:.1%}, {rss / MIB:.0f} MiB")
