"""Fault 17: the wall clock is set and slewed."""

from __future__ import annotations

from itertools import pairwise

from tests.faults.endings import faketime_library
from tests.faults.stage import Stage, notes, until
from tests.faults.trial import Trial, fault

HOUR_S = 3600
STEPS_S = (HOUR_S, 0, -HOUR_S, -HOUR_S + 1, 0)
TOLERANCE_US = 100_000
OFFSET_TOLERANCE_US = 250_000
"""The simulated exchange's clock is 0.1 s behind: it stands still that long at the beginning."""


@fault(
    17,
    "clock steps",
    "±1 h and slewed: monotonic order never goes back, one clock record per step > 100 ms and none "
    "for a slew, intervals unharmed; offset to the exchange reported",
)
def set_clock(trial: Trial) -> None:
    library = faketime_library()
    steps = trial.pick(quick=STEPS_S[:1], scaled=STEPS_S, soak=STEPS_S * 5)
    trial.folder.mkdir(parents=True, exist_ok=True)
    clock = trial.folder / "clock"
    clock.write_text("+0s\n")
    with Stage(trial.folder) as stage:
        _, url = stage.simulator(trial.pick(quick=1000.0, scaled=trial.rate, soak=trial.rate))
        recorder = stage.recorder(
            url,
            LD_PRELOAD=library,
            FAKETIME_TIMESTAMP_FILE=str(clock),
            FAKETIME_NO_CACHE="1",
            FAKETIME_DONT_FAKE_MONOTONIC="1",
            KRAKEN_PING_INTERVAL_S="1",
        )
        stage.until_live()
        for at_s in steps:
            clock.write_text(f"{at_s:+d}s\n")
            wait_mono(stage, 1.0)
        until(lambda: is_offset_near(stage, -steps[-1]), "an offset", 60.0)
        offset_us = offset(stage)
        clock.write_text("+0s x1.005\n" if steps[-1] == 0 else f"{steps[-1]:+d}s\n")
        wait_mono(stage, trial.pick(quick=1.0, scaled=5.0, soak=60.0))
        health = stage.run("daemon", "health", "--data-dir", str(stage.data))
        recorder.end()
        events = stage.events()
        check = stage.verify()
    told = [note["step_us"] for note in notes(events, "clock")]
    due = [1e6 * (b - a) for a, b in zip((0, *steps), steps, strict=False)]
    is_exact = len(told) == len(due) and all(
        abs(a - b) < TOLERANCE_US for a, b in zip(told, due, strict=True)
    )
    shown = " ".join(f"{step / 1e6:+,.2f}" for step in told)
    trial.demand(f"{len(due)} steps, clock records {shown} s", is_met=is_exact)
    pairs = list(pairwise(events))
    trial.none("times the monotonic clock goes back", sum(b.mono_us < a.mono_us for a, b in pairs))
    reconnects = len(notes(events, "close")) - 1
    trial.demand(
        f"{reconnects} reconnects, {check.total.gaps} gaps, health {health.returncode}",
        is_met=reconnects == check.total.gaps == health.returncode == 0 and check.is_good,
    )
    trial.demand(
        f"offset to the exchange {(offset_us or 0) / 1e6:,.4f} s of {-steps[-1]} s",
        is_met=offset_us is not None and abs(offset_us + 1e6 * steps[-1]) < OFFSET_TOLERANCE_US,
    )


def offset(stage: Stage) -> int | None:
    report = stage.report()
    return report.lines[0].offset_us if report is not None and report.lines else None


def is_offset_near(stage: Stage, due_s: float) -> bool:
    """Tell whether the offset to the exchange has followed; this machine is both sides."""
    offset_us = offset(stage)
    return offset_us is not None and abs(offset_us - 1e6 * due_s) < OFFSET_TOLERANCE_US


def wait_mono(stage: Stage, seconds: float) -> None:
    """Wait until the recorder has gone on for a time on the clock that nobody sets."""
    report = stage.report()
    assert report is not None
    end_us = report.mono_us + int(seconds * 1e6)
    until(lambda: (r := stage.report()) and r.mono_us > end_us, "time")
