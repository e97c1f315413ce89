"""Faults 8, 9 and 10: ending, starting again, midnight, and a second recorder."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

from lobdesk.derive.checkpoint import load_checkpoint
from lobdesk.journal import JournalWriter, read_events
from lobdesk.paths import encode_symbol
from lobdesk.units import utc_date
from tests.faults.stage import Stage, notes, now_us, until
from tests.faults.trial import NotRunError, Trial, fault

END_LIMIT_S = 2.0
ALIKE = ("A/B", "A_B", "A%2FB", "a/b", "A/b", "A.B", "A B", "A\\B", "Ä/B", "A/B ", "..", ".")
BEFORE_MIDNIGHT = "2026-02-28 23:59:54"
LIBFAKETIME = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
)


def faketime_library() -> str:
    """Return the library that fakes the wall clock of a real process."""
    found = next((path for path in LIBFAKETIME if Path(path).exists()), None)
    if found is None:
        raise NotRunError("libfaketime is not installed (Debian: faketime)")
    return found


@fault(
    8,
    "SIGTERM",
    "exit 0 within 2 s under load; closing record written, everything synced, checkpoint complete",
    quick=True,
)
def terminate(trial: Trial) -> None:
    rounds = trial.pick(quick=1, scaled=8, soak=20)
    slowest, codes, stops, complete = 0.0, [], 0, 0
    with Stage(trial.folder) as stage:
        _, url = stage.simulator(trial.rate)
        for number in range(rounds):
            recorder = stage.recorder(url)
            report = stage.until_live()
            stage.until_frames(report.frames + 200 * (number + 1))
            sent_s = time.monotonic()
            codes.append(recorder.end(signal.SIGTERM if number % 2 == 0 else signal.SIGINT))
            slowest = max(slowest, time.monotonic() - sent_s)
            last = stage.events()[-1]
            stops += bool(notes([last], "stop"))
            checkpoint = load_checkpoint(stage.root, last.seq)
            complete += checkpoint is not None and checkpoint.seq == last.seq - 1
        check = stage.verify()
    trial.all("exits with 0", codes.count(0), rounds)
    trial.below("slowest", slowest, END_LIMIT_S, "s")
    trial.all("closing records", stops, rounds)
    trial.all("checkpoints that reach the end", complete, rounds)
    trial.demand("journal verifies" if check.is_good else "does not verify", is_met=check.is_good)


@fault(
    9,
    "restart, midnight",
    "same UTC day: appended; over 00:00 UTC nothing lost or doubled; look-alike symbols never "
    "share a file",
    quick=True,
)
def restart_and_rotate(trial: Trial) -> None:
    appended_on_the_same_day(trial)
    never_shared(trial)
    if trial.size != "quick":
        over_midnight(trial)


def appended_on_the_same_day(trial: Trial) -> None:
    rate = trial.pick(quick=1000.0, scaled=trial.rate, soak=trial.rate)
    with Stage(trial.folder / "same") as stage:
        _, url = stage.simulator(rate)
        for _ in range(2):
            recorder = stage.recorder(url)
            stage.until_live()
            recorder.end()
        events = stage.events()
        files = list((stage.root / "events").rglob("*.jsonl*"))
        check = stage.verify()
    is_one = len(files) == 1 or utc_date(events[0].recv_ts_us) != utc_date(events[-1].recv_ts_us)
    seqs = [event.seq for event in events]
    is_whole = seqs == list(range(1, len(seqs) + 1)) and check.is_good
    trial.demand(f"restart: {len(files)} file of {len(seqs):,} records", is_met=is_one and is_whole)


def over_midnight(trial: Trial) -> None:
    library = faketime_library()
    with Stage(trial.folder / "midnight") as stage:
        _, url = stage.simulator(trial.rate)
        recorder = stage.recorder(
            url,
            LD_PRELOAD=library,
            FAKETIME=f"@{BEFORE_MIDNIGHT}",
            FAKETIME_DONT_FAKE_MONOTONIC="1",
            TZ="UTC",
        )
        days = stage.root / "events"
        until(lambda: days.is_dir() and len(list(days.iterdir())) == 2, "the next day")
        stage.until_live()
        until(lambda: list(days.glob("2026-02-28/*.zst")), "the old day sealed")
        recorder.end()
        events = stage.events()
        final = stage.report()
        check = stage.verify()
    assert final is not None
    dates = [utc_date(event.recv_ts_us) for event in events]
    frames = sum(event.dir == "in" for event in events)
    seqs = [event.seq for event in events]
    is_whole = frames == final.frames and seqs == list(range(1, len(seqs) + 1))
    parts = f"{dates.count('2026-02-28'):,} + {dates.count('2026-03-01'):,} records"
    trial.demand(f"midnight: {parts}", is_met=is_whole and len(set(dates)) == 2)
    trial.demand(
        f"{check.total.gaps} gaps, {check.total.unverified} unverified over midnight",
        is_met=check.is_good and check.total.gaps == check.total.unverified == 0,
    )


def never_shared(trial: Trial) -> None:
    root = trial.folder / "alike" / "l2"
    with JournalWriter(root, sync_interval_s=None) as writer:
        for seq, symbol in enumerate(ALIKE, start=1):
            writer.write_derived(
                "snapshots", symbol, f"{symbol}\n".encode(), recv_ts_us=now_us(), seq=seq
            )
    files = list((root / "snapshots").rglob("*.jsonl"))
    own = sum(file.read_bytes().count(b"\n") == 1 for file in files)
    names = {encode_symbol(symbol) for symbol in ALIKE}
    is_inside = all((root / "snapshots") in file.parents for file in files)
    trial.demand(
        f"{own} files for {len(ALIKE)} look-alike symbols",
        is_met=own == len(files) == len(names) == len(ALIKE) and is_inside,
    )


@fault(
    10,
    "second recorder",
    "refused with a clear message, the first one unharmed; a lock left by kill -9 does not block",
)
def start_second(trial: Trial) -> None:
    with Stage(trial.folder) as stage:
        _, url = stage.simulator(trial.pick(quick=1000.0, scaled=trial.rate, soak=trial.rate))
        first = stage.recorder(url)
        before = stage.until_live()
        address = ("--data-dir", str(stage.data), "--url", url)
        second = stage.run("daemon", "run", *address)
        stage.until_frames(before.frames + 200)
        words = second.stderr.strip()
        is_clear = f"process {first.pid} is writing this journal" in words and "\n" not in words
        trial.demand(
            f"second: exit {second.returncode}, {'one clear line' if is_clear else words}",
            is_met=second.returncode == 1 and is_clear,
        )
        first.end(signal.SIGKILL)
        third = stage.recorder(url)
        until(lambda: (r := stage.report()) and r.pid == third.pid and r.frames > 0, "the third")
        code = third.end()
        gaps = [
            note for note in notes(read_events(stage.root), "gap") if note["cause"] != "restart"
        ]
        check = stage.verify()
    trial.demand(f"after kill -9: exit {code}", is_met=code == 0)
    trial.demand(
        f"first one: {len(gaps)} gaps, {check.total.failed} failed",
        is_met=check.is_good and not gaps,
    )
    shutil.rmtree(trial.folder / "data")
