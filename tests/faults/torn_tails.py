"""Fault 2: what a power cut may leave of the last records."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lobdesk.importers.cbcap import open_cbcap
from lobdesk.journal import JournalWriter, read_events
from lobdesk.shipped import shipped
from tests.faults.trial import Trial, fault

CAPTURE = "kraken/v2_btcusd_d10_resync_20260801.cbcap"
RECORDS, LAST = 12, 3
GROWN = (1, 17, 511, 4096, 70_000)
MEMORY = Path("/dev/shm")
"""The states are what is tested, not the disk under them."""


@fault(
    2,
    "power loss",
    "every state of the last 3 records recovers to the longest valid prefix; never a record that "
    "was not written; at most 500 ms unsynced",
    quick=True,
)
def lose_power(trial: Trial) -> None:
    step = trial.pick(quick=29, scaled=1, soak=1)
    tries = trial.pick(quick=1, scaled=1, soak=10)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        root = Path(folder) / "l2"
        path = make_journal(root)
        whole = path.read_bytes()
        ends = line_ends(whole)
        states = wrong = invented = 0
        for state in damaged(whole, ends[-1 - LAST], step, tries):
            states += 1
            kept, is_true = recover(root, path, whole, state)
            wrong += kept != expected_records(whole, state)
            invented += not is_true
        trial.all("states recovered to the longest valid prefix", states - wrong, states)
        trial.none("records that were never written", invented)
        text, is_met = lost_names(Path(folder))
        trial.demand(text, is_met=is_met)
    from lobdesk.journal.writer import SYNC_INTERVAL_S

    trial.demand(f"synced each {1000 * SYNC_INTERVAL_S:.0f} ms", is_met=SYNC_INTERVAL_S <= 0.5)


def write_frames(root: Path, records: int, segment_bytes: int = 1 << 20) -> None:
    frames = open_cbcap(shipped(CAPTURE)).frames()
    with JournalWriter(root, sync_interval_s=None, segment_bytes=segment_bytes) as writer:
        for _, frame in zip(range(records), frames, strict=False):
            writer.append("in", frame.raw, recv_ts_us=frame.recv_ts_us, mono_us=1, conn=1)


def make_journal(root: Path) -> Path:
    """Write a journal of one plain segment and return the segment."""
    write_frames(root, RECORDS)
    (path,) = (root / "events").glob("*/*.jsonl")
    return path


def line_ends(data: bytes) -> list[int]:
    return [at + 1 for at, byte in enumerate(data) if byte == ord("\n")]


def damaged(whole: bytes, begin: int, step: int, tries: int) -> Iterator[bytes]:
    """Yield each state that the last records may be in."""
    rng = random.Random(2)
    for at in range(begin, len(whole) + 1, step):
        yield whole[:at]
        yield whole[:at] + bytes(len(whole) - at)
        for _ in range(tries):
            yield whole[:at] + rng.randbytes(len(whole) - at)
            yield whole[:at] + rng.randbytes(rng.choice(GROWN))
        yield whole[:at] + bytes(rng.choice(GROWN))


def expected_records(whole: bytes, state: bytes) -> int:
    """Return how many records lead the state unharmed."""
    same = next(
        (at for at, (a, b) in enumerate(zip(whole, state, strict=False)) if a != b),
        min(len(whole), len(state)),
    )
    return sum(end <= same for end in line_ends(whole))


def recover(root: Path, path: Path, whole: bytes, state: bytes) -> tuple[int, bool]:
    """Open the journal in a state; return the records that it keeps, and whether all are true."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(state)
    JournalWriter(root, sync_interval_s=None).close()
    found = path.read_bytes() if path.exists() else b""
    for rest in path.parent.glob("*.torn"):
        rest.unlink()
    events = list(read_events(root))
    return len(events), whole.startswith(found) and found.count(b"\n") == len(events)


def lost_names(folder: Path) -> tuple[str, bool]:
    """Lose the folder entry of the newest segment, behind a plain and behind a sealed one."""
    good = 0
    for name, segment_bytes, records in (("plain", 1 << 20, 0), ("sealed", 2000, 40)):
        root = folder / name
        write_frames(root, RECORDS + records, segment_bytes)
        before = list(read_events(root))
        newest = max((root / "events").glob("*/*.jsonl"))
        lost = len(newest.read_bytes().splitlines())
        newest.unlink()
        with JournalWriter(root, sync_interval_s=None) as writer:
            good += writer.next_seq == before[-1].seq - lost + 1
            writer.append("in", "x", recv_ts_us=before[-1].recv_ts_us, mono_us=1, conn=1)
        after = list(read_events(root))
        good += after[:-1] == before[:-lost]
        shutil.rmtree(root)
    text = "lost folder entries recovered" if good == 4 else "lost folder entries NOT recovered"
    return text, good == 4
