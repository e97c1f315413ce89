"""Faults 6, 7 and 20: the indexer is slow or killed, and audits run while frames come in."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
from typing import TYPE_CHECKING

from lobdesk.index import open_catalog
from tests.faults.stage import Process, Stage, until
from tests.faults.trial import Trial, fault

if TYPE_CHECKING:
    from pathlib import Path

TABLES = ("raw_events", "snapshots", "trades", "gaps")
MIB = 1 << 20
BUSY = 2.0
"""Load for each core beyond which the time that a process was given counts, not the clock's."""

AUDITING_S = {"quick": 60.0, "scaled": 200.0, "soak": 3600.0}
"""By size, how long is audited at most."""

RSS_LIMIT_MIB = 300
CATCH_UP_ROWS_PER_S = 100_000
AUDITS = (
    "SELECT count(*), count(DISTINCT seq), max(seq) FROM raw_events",
    "SELECT symbol, count(*), min(exch_ts), max(exch_ts) FROM snapshots GROUP BY symbol",
    "SELECT symbol, sum(qty_lots), max(price_ticks) FROM trades GROUP BY symbol",
    "SELECT channel, dir, count(*) FROM raw_events GROUP BY ALL ORDER BY ALL",
    "SELECT * FROM gaps",
)


def digest(data: Path) -> dict[str, tuple[int, int, int]]:
    """Return of each table rows, distinct keys and a digest of all values, in no order."""
    found = {}
    with open_catalog(data) as catalog:
        for table in TABLES:
            text = (
                "SELECT count(*), count(DISTINCT t::VARCHAR), bit_xor(hash(t::VARCHAR)) "
                f"FROM {table} t"
            )
            ((rows, distinct, value),) = catalog.sql(text).fetchall()
            found[table] = (rows, distinct, value or 0)
    return found


def index(stage: Stage, *args: str) -> float:
    """Run the indexer to its end and return how long it took."""
    began_s = time.monotonic()
    done = stage.run("index", "--data-dir", str(stage.data), *args)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - began_s


def start_indexer(stage: Stage) -> Process:
    return stage.start("index", "--data-dir", str(stage.data), name="indexer")


def compare_with_rebuild(trial: Trial, stage: Stage) -> dict[str, tuple[int, int, int]]:
    """Index what is left, then all of it anew, and demand the same rows."""
    index(stage)
    kept = digest(stage.data)
    index(stage, "--rebuild")
    again = digest(stage.data)
    rows = sum(count for count, _, _ in kept.values())
    same = "digest equal to a rebuild" if kept == again else "digest differs from a rebuild"
    trial.demand(f"{rows:,} rows, {same}", is_met=kept == again)
    return kept


@fault(
    6,
    "slow indexer",
    "stalled 10 min: 0 records lost, RSS of the recorder < 300 MB; catches up at 100,000 rows/s; "
    "then equal to a rebuild",
)
def stall_indexer(trial: Trial) -> None:
    stalled_s = trial.pick(quick=2.0, scaled=30.0, soak=600.0)
    with Stage(trial.folder) as stage:
        _, url = stage.simulator(trial.rate)
        recorder = stage.recorder(url)
        stage.until_frames(2000)
        indexer = start_indexer(stage)
        until((stage.data / "indexer.lock").exists, "the indexer")
        indexer.popen.send_signal(signal.SIGSTOP)
        before, rss = stage.report(), 0
        end_s = time.monotonic() + stalled_s
        while time.monotonic() < end_s:
            rss = max(rss, recorder.rss_bytes())
            time.sleep(0.1)
        after = stage.report()
        resumed_s = time.monotonic()
        indexer.popen.send_signal(signal.SIGCONT)
        busy_s = cpu_s_until_end(indexer)
        # It takes what was there when it looked, which may be before it was stalled: the next one,
        # start included, does the rest.
        busy_s += cpu_s_until_end(start_indexer(stage))
        took_s = time.monotonic() - resumed_s
        rows = rows_indexed(stage)
        code = recorder.end()
        assert before is not None
        assert after is not None
        seconds = (after.mono_us - before.mono_us) / 1e6
        trial.note(f"{(after.frames - before.frames) / seconds:,.0f} frames/s meanwhile")
        # Where many others want the cores, the time it was given counts.
        is_busy = os.getloadavg()[0] > BUSY * (os.cpu_count() or 1)
        what = f"catch-up in {took_s:.1f} s, {busy_s:.1f} s of CPU{' which counts' * is_busy}:"
        trial.above(what, rows / (busy_s if is_busy else took_s), CATCH_UP_ROWS_PER_S, "rows/s")
        trial.demand(f"exit {code}, {after.lost} records lost", is_met=code == after.lost == 0)
        trial.below("RSS of the recorder at most", rss / MIB, RSS_LIMIT_MIB, "MiB")
        compare_with_rebuild(trial, stage)
        check = stage.verify()
        trial.demand(f"{check.total.gaps} gaps", is_met=check.is_good and check.total.gaps == 0)


def cpu_s_until_end(process: Process) -> float:
    """Return the processor time that a process takes from now to its end."""
    begun_s = latest_s = process.cpu_s()
    end_s = time.monotonic() + 300.0
    while process.is_alive:
        assert time.monotonic() < end_s, "the indexer did not end"
        with contextlib.suppress(OSError, IndexError):
            latest_s = max(latest_s, process.cpu_s())
        time.sleep(0.01)
    process.popen.communicate()
    return latest_s - begun_s


def rows_indexed(stage: Stage) -> int:
    """Return the rows of all tables that parts hold, without what a reader adds itself."""
    with open_catalog(stage.data) as catalog:
        ((rows,),) = catalog.sql("SELECT coalesce(sum(rows), 0) FROM segments").fetchall()
    return int(rows)


@fault(
    7,
    "indexer killed",
    "50 kills while a recorder writes: 0 rows doubled or missing; index deleted and rebuilt: same "
    "rows and digest",
)
def kill_indexers(trial: Trial) -> None:
    kills = trial.pick(quick=2, scaled=50, soak=50)
    rng = random.Random(7)
    killed = started = 0
    longest_s = 0.9
    with Stage(trial.folder) as stage:
        _, url = stage.simulator(min(trial.rate, 2000))
        recorder = stage.recorder(url)
        stage.until_frames(500)
        while killed < kills and started < 4 * kills:
            started += 1
            indexer = start_indexer(stage)
            time.sleep(rng.uniform(0.2, longest_s))  # the moment of the kill is the point
            is_at_work = indexer.is_alive
            killed += is_at_work
            # Close around the time that one takes here, so that early and late moments are hit.
            longest_s = min(2.0, longest_s * 1.1) if is_at_work else max(0.25, longest_s * 0.9)
            indexer.end(signal.SIGKILL)
        recorder.end()
        kept = compare_with_rebuild(trial, stage)
        events = len(stage.events())
        lines = sum(
            path.read_bytes().count(b"\n") for path in (stage.root / "snapshots").rglob("*.jsonl")
        )
    trial.demand(f"{killed} of {kills} killed at work", is_met=killed == kills)
    rows = (kept["raw_events"][0], kept["snapshots"][0])
    trial.demand(
        f"{rows[0]:,} events and {rows[1]:,} snapshots of {events:,} and {lines:,}",
        is_met=rows == (events, lines),
    )
    doubled = sum(count - distinct for count, distinct, _ in kept.values())
    trial.none("rows doubled", doubled)


@fault(
    20,
    "readers",
    "100 SQL audits while recording: 0 errors, 0 effect on loss",
)
def read_while_writing(trial: Trial) -> None:
    audits = trial.pick(quick=3, scaled=100, soak=100)
    failed = shrunk = last = done_audits = 0
    with Stage(trial.folder) as stage:
        _, url = stage.simulator(min(trial.rate, 2000))
        recorder = stage.recorder(url)
        stage.until_frames(500)
        before = stage.report()
        index(stage)
        end_s = time.monotonic() + AUDITING_S[trial.size]
        for number in range(audits):
            if time.monotonic() > end_s:
                break
            done_audits += 1
            if number % 10 == 5:
                index(stage)
            text = AUDITS[number % len(AUDITS)]
            done = stage.run("sql", "--data-dir", str(stage.data), "-c", text, "--format", "json")
            failed += done.returncode != 0
            if done.returncode != 0:
                sys.stderr.write(done.stderr)
            if number % len(AUDITS) == 0 and done.returncode == 0:
                rows, distinct, most = first_row(done.stdout)
                shrunk += not (rows == distinct == most >= last)
                last = most
        after = stage.report()
        code = recorder.end()
        assert before is not None
        assert after is not None
        seconds = (after.mono_us - before.mono_us) / 1e6
        check = stage.verify()
    trial.all("audits", done_audits, audits)
    trial.none("errors in them", failed)
    trial.none("audits with a wrong count", shrunk)
    trial.demand(
        f"{after.lost} records lost, {check.total.gaps} gaps, exit {code}",
        is_met=after.lost == check.total.gaps == code == 0 and check.is_good,
    )
    trial.note(f"{(after.frames - before.frames) / seconds:,.0f} frames/s meanwhile")


def first_row(text: str) -> tuple[int, int, int]:
    import json

    (row,) = json.loads(text)
    rows, distinct, most = row.values()
    return rows, distinct, most
