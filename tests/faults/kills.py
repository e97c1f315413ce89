"""Fault 1: the recorder is killed at random times."""

from __future__ import annotations

import random
import signal
import statistics
import time
from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

from lobdesk.journal import SNAPSHOTS, list_symbols, symbol_log_dir
from lobdesk.journal.line import stored_crc
from lobdesk.journal.reader import read_all
from tests.faults import acknowledged
from tests.faults.stage import TEN, Stage, notes, until
from tests.faults.trial import Trial, fault

if TYPE_CHECKING:
    from lobdesk.records import RawEvent

FIRST_FRAME_LIMIT_S = 2.0
KILLING_S = {"quick": 60.0, "scaled": 210.0, "soak": 3600.0}
"""By size, how long is killed at most: on a busy machine each start takes seconds."""

LONGEST_LIFE_S = 0.6
LONG_LIFE_S = 20.0
"""Longer than the recorder goes without a checkpoint."""


@fault(
    1,
    "kill -9",
    "0 acknowledged records lost; at most 1 torn line, cut and reported; first frame within 2 s of "
    "the restart; gaps name the exact interval",
    quick=True,
)
def kill_recorders(trial: Trial) -> None:
    kills = trial.pick(quick=2, scaled=200, soak=200)
    long_lives = trial.pick(quick=0, scaled=2, soak=10)
    rng = random.Random(1)
    ends: list[tuple[int, int]] = []
    torn = 0
    with Stage(trial.folder) as stage:
        _, url = stage.simulator(trial.rate if trial.size != "quick" else 1000)
        started_us: list[int] = []
        end_s = time.monotonic() + KILLING_S[trial.size]
        for number in range(kills):
            if time.monotonic() > end_s:
                break
            recorder = stage.recorder(url)
            started_us.append(recorder.started_us)
            if number % 4:
                size = recorded_bytes(stage)
                until(lambda: recorded_bytes(stage) > size, "a record")  # noqa: B023
            is_long = long_lives > 0 and number % max(1, kills // max(1, long_lives)) == 1
            # The moment of the kill is the point, there is nothing to wait for.
            time.sleep(LONG_LIFE_S if is_long else rng.uniform(0.0, LONGEST_LIFE_S))
            recorder.end(signal.SIGKILL)
            end, is_torn = newest_end(stage)
            torn += is_torn
            ends += [end] if end is not None else []
        last = stage.recorder(url)
        started_us.append(last.started_us)
        stage.until_live()
        last.end()
        check = stage.verify()
        events = stage.events()
        needed, wrong = wrong_gaps(stage, events)
    crcs = {event.seq: event.crc for event in events}
    starts = first_frames_s(events, started_us)
    cuts = [cut for note in notes(events, "start") for cut in note["cuts"]]
    seconds = sum(
        later.mono_us - earlier.mono_us
        for earlier, later in pairwise(events)
        if later.mono_us - earlier.mono_us < 100_000
    )
    rate = sum(event.dir == "in" for event in events) / max(seconds / 1e6, 1.0)
    trial.all("kills", len(started_us) - 1, kills)
    trial.none("whole records lost", sum(crcs.get(seq) != crc for seq, crc in ends))
    trial.demand(
        f"{torn} torn lines, {len(cuts)} cuts reported",
        is_met=sum("events/" in cut["path"] for cut in cuts) == torn,
    )
    trial.below("first frame after at most", max(starts), FIRST_FRAME_LIMIT_S, "s")
    trial.note(f"on the empty journal {starts[0]:.2f} s, median {statistics.median(starts):.2f} s")
    trial.none(f"of {needed:,} gaps missing or inexact", wrong)
    trial.demand(f"journal verifies {check.problems[:1] or ''}".rstrip(), is_met=check.is_good)
    trial.note(f"{len(events):,} records at {rate:,.0f} frames/s, {len(TEN)} symbols")
    if trial.size != "quick":  # tests/derive has a few of these
        with_acknowledgements(trial)


def with_acknowledgements(trial: Trial) -> None:
    """The same with a process that says of each record that its write has returned."""
    kills = trial.pick(quick=1, scaled=30, soak=200)
    findings, is_good = acknowledged.run(kills, seed=1)
    trial.none(f"of {findings.records:,} acknowledged records lost", findings.lost)
    trial.demand("sound at the end" if is_good else "not sound at the end", is_met=is_good)


def recorded_bytes(stage: Stage) -> int:
    files = (stage.root / "events").glob("*/*.jsonl")
    return sum(file.stat().st_size for file in files)


def newest_end(stage: Stage) -> tuple[tuple[int, int] | None, bool]:
    """Return number and checksum of the last whole line, and whether a torn one follows."""
    segments = sorted((stage.root / "events").glob("*/*.jsonl"))
    if not segments:
        return None, False
    data = segments[-1].read_bytes()[-200_000:]
    whole, newline, rest = data.rpartition(b"\n")
    line = whole.rpartition(b"\n")[2] + newline
    seq = int(line.partition(b'"seq":')[2].partition(b",")[0])
    crc = stored_crc(line)
    assert crc is not None
    return (seq, crc), bool(rest)


def first_frames_s(events: list[RawEvent], started_us: list[int]) -> list[float]:
    """Return for each process that came to record how long its first frame took."""
    frames = [event.recv_ts_us for event in events if event.dir == "in"]
    found = []
    for began, following in zip(started_us, [*started_us[1:], 1 << 62], strict=True):
        at = bisect_right(frames, began)
        if at < len(frames) and frames[at] < following:
            found.append((frames[at] - began) / 1e6)
    return found


def wrong_gaps(stage: Stage, events: list[RawEvent]) -> tuple[int, int]:
    """Return how many gaps the restarts must have left, and how many are not named exactly."""
    times = {event.seq: event.recv_ts_us for event in events}
    named = {
        (gap["symbol"], gap["last_verified_seq"], gap["first_verified_seq"]): gap
        for gap in notes(events, "gap")
    }
    starts = [note["_seq"] for note in notes(events, "start")]
    needed: set[tuple[str, int, int]] = set()
    for symbol in list_symbols(stage.root, SNAPSHOTS):
        lines = read_all(symbol_log_dir(stage.root, SNAPSHOTS, symbol))
        seqs = [int(line.partition(b'"seq":')[2].partition(b",")[0]) for line in lines]
        for start in starts:
            at = bisect_right(seqs, start)
            if 0 < at < len(seqs):
                needed.add((symbol, seqs[at - 1], seqs[at]))
    exact = {
        key
        for key in needed
        if key in named
        and (named[key]["from_us"], named[key]["to_us"]) == (times[key[1]], times[key[2]])
    }
    return len(needed), len(needed - exact) + len(named.keys() - needed)
