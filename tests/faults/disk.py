"""Faults 4 and 5: the disk is full, and the disk does not confirm."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.stage import Process, Stage, notes, now_us, until
from tests.faults.trial import NotRunError, Trial, fault

MIB = 1 << 20
SHIM = Path(__file__).with_name("sync_error.c")


@contextlib.contextmanager
def small_file_system(folder: Path, size_bytes: int) -> Iterator[Path]:
    """Mount one of a given size."""
    place = folder / "small"
    place.mkdir(parents=True)
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mount.returncode != 0:
        raise NotRunError(f"no small file system: {mount.stderr.strip()}; try: unshare -rm")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@fault(
    4,
    "disk full",
    "60 s on a full file system: alive, books verified again, memory bounded, losses counted "
    "exactly, first record within 1 s of space, no torn line inside; also while rotating",
    quick=True,
)
def fill_disk(trial: Trial) -> None:
    full_s = trial.pick(quick=1.0, scaled=15.0, soak=60.0)
    for name, segment_bytes in (("", 256 * MIB), ("rotating: ", 1 * MIB)):
        if trial.size == "quick" and name:
            continue
        with (
            small_file_system(trial.folder / f"disk{segment_bytes}", 96 * MIB) as place,
            Stage(trial.folder / f"stage{segment_bytes}", place / "data") as stage,
        ):
            fill_and_free(trial, stage, place, full_s, name, segment_bytes)


def fill_and_free(
    trial: Trial, stage: Stage, place: Path, full_s: float, name: str, segment_bytes: int
) -> None:
    _, url = stage.simulator(trial.rate)
    recorder = stage.recorder(url, L2_SEGMENT_BYTES=str(segment_bytes))
    stage.until_live()
    ballast = place / "ballast"
    fill(place, ballast)
    until(lambda: stage.log_lines("record not written"), f"{name}a record refused")
    rss = rss_while_full(recorder, place, ballast, full_s)
    before = stage.report()
    freed_us = now_us()
    ballast.unlink()
    until(lambda: (r := stage.report()) and r.written_us > freed_us + 1_500_000, "a report")
    report = stage.until_live()
    code = recorder.end()
    assert before is not None
    events = stage.events()
    final = stage.report()
    assert final is not None
    first_us = next(e.recv_ts_us for e in events if e.recv_ts_us > freed_us and e.dir == "in")
    lost = notes(events, "lost")
    told, frames = (sum(note[key] for note in lost) for key in ("records", "frames"))
    missing = final.frames - sum(event.dir == "in" for event in events)
    check = stage.verify()
    trial.demand(f"{name}alive, exit {code}", is_met=code == 0)
    trial.below(f"{name}first frame", (first_us - freed_us) / 1e6, 1.0, "s after space")
    trial.demand(
        f"{name}{missing:,} frames missing, {frames:,} and {told - frames} other records told lost",
        is_met=0 < missing == frames == final.lost_frames and told == final.lost,
    )
    trial.below(f"{name}RSS at most", rss / MIB, 300, "MiB")
    live = sum(book.state == "live" for book in report.books.values())
    trial.all(f"{name}books live again", live, len(report.books))
    trial.demand(
        f"{name}journal {'verifies' if check.is_good else 'does not verify'}",
        is_met=check.is_good and check.total.failed == 0,
    )


def fill(place: Path, ballast: Path) -> None:
    """Take all the room that is left."""
    with ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            room = max(1, shutil.disk_usage(place).free)
            file.write(bytes(min(room, 4 * MIB)))


def rss_while_full(recorder: Process, place: Path, ballast: Path, full_s: float) -> int:
    """Keep the disk full for a time; return the most memory seen."""
    most = 0
    end_s = time.monotonic() + full_s
    while time.monotonic() < end_s:
        fill(place, ballast)
        most = max(most, recorder.rss_bytes())
        time.sleep(0.05)
    return most


@fault(
    5,
    "EIO on fdatasync",
    "once: never retried and trusted; the segment is named suspect, recording goes on in a new "
    "one, health is not green, nothing is lost",
    quick=True,
)
def refuse_sync(trial: Trial) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise NotRunError("no C compiler for the preloaded fdatasync")
    trial.folder.mkdir(parents=True, exist_ok=True)
    library, flag, log = (trial.folder / name for name in ("fail.so", "fail_now", "syncs"))
    command = [compiler, "-shared", "-fPIC", "-o", str(library), str(SHIM), "-ldl"]
    subprocess.run(command, check=True)
    with Stage(trial.folder) as stage:
        _, url = stage.simulator(trial.pick(quick=1000, scaled=trial.rate, soak=trial.rate))
        recorder = stage.recorder(
            url, LD_PRELOAD=str(library), FAIL_SYNC_ONCE=str(flag), FAIL_SYNC_LOG=str(log)
        )
        stage.until_live()
        flag.touch()
        until(lambda: not flag.exists(), "a sync that failed")
        until(lambda: len(list((stage.root / "events").glob("*/*.jsonl*"))) > 1, "a new segment")
        seen = stage.report()
        assert seen is not None
        stage.until_frames(seen.frames + 500)
        health = stage.run("daemon", "health", "--json", "--data-dir", str(stage.data))
        code = recorder.end()
        events = stage.events()
        check = stage.verify()
    calls = [line.split(" ", 1) for line in log.read_text().splitlines()]
    failed = next(at for at, (verdict, _) in enumerate(calls) if verdict == "EIO")
    path = calls[failed][1]
    suspects = [note["segment"] for note in notes(events, "suspect")]
    later = sum(other == path for _, other in calls[failed + 1 :])
    trial.demand(
        f"suspect segment {suspects or 'not'} named",
        is_met=len(suspects) == 1 and path.endswith(suspects[0]),
    )
    trial.demand(f"synced {later} times more", is_met=later == 0)
    reason = json.loads(health.stdout)["reason"] or "healthy"
    trial.demand(f"health {health.returncode}: {reason}", is_met=health.returncode != 0)
    seqs = [event.seq for event in events]
    trial.none("records lost", seqs[-1] - len(seqs))
    trial.demand(f"exit {code}, journal verifies", is_met=code == 0 and check.is_good)
    trial.note("EIO by a preloaded fdatasync in the real process")
