"""Fault 3: single bits of a stored journal flip, one at a time."""

from __future__ import annotations

import random
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from lobdesk.derive import Recording
from lobdesk.importers.cbcap import open_cbcap
from lobdesk.paths import JournalRoot
from lobdesk.shipped import shipped
from lobdesk.verify import verify_journal
from tests.faults.trial import Trial, fault

CAPTURE = "kraken/v2_btcusd_d10_resync_20260801.cbcap"
FRAMES = 120
NOT_PART_OF_THE_RECORD = {".lock", "derived.json"}


def make_journal(root: Path) -> None:
    """Write a small journal with sealed and plain segments."""
    frames = list(open_cbcap(shipped(CAPTURE)).frames())[:FRAMES]
    with Recording(root, sync_interval_s=None, clock=None, segment_bytes=12_000) as recording:
        for frame in frames:
            event = recording.append(
                "in", frame.raw, recv_ts_us=frame.recv_ts_us, mono_us=frame.mono_us, conn=1
            )
            recording.derive(event)


def is_found(journal: JournalRoot, path: Path, bit: int) -> bool:
    """Flip a bit, verify, put it back; true if verify failed and named the file."""
    original = path.read_bytes()
    flipped = bytearray(original)
    flipped[bit // 8] ^= 1 << bit % 8
    path.write_bytes(flipped)
    try:
        report = verify_journal(journal)
    finally:
        path.write_bytes(original)
    name = path.name.split(".")[0]
    return not report.is_good and any(name in problem for problem in report.problems)


def flip(args: tuple[int, int, int]) -> tuple[int, int, int]:
    """Flip bits and run without damage; return what was found, flips in named files, alarms."""
    seed, flips, clean = args
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "l2"
        make_journal(root)
        journal = JournalRoot("faults", root)
        files = [
            path
            for path in sorted(root.rglob("*"))
            if path.is_file() and path.name not in NOT_PART_OF_THE_RECORD
        ]
        bits = [8 * path.stat().st_size for path in files]
        found = 0
        for _ in range(flips):
            (path,) = rng.choices(files, weights=bits)
            found += is_found(journal, path, rng.randrange(8 * path.stat().st_size))
        alarms = sum(not verify_journal(journal).is_good for _ in range(clean))
    return found, len(files), alarms


@fault(
    3,
    "bit rot",
    "10,000 flipped bits: verify finds each and names its file; 0 alarms in 10,000 runs without",
    quick=True,
)
def rot_bits(trial: Trial) -> None:
    flips = trial.pick(quick=60, scaled=10_000, soak=10_000)
    workers = trial.pick(quick=1, scaled=2, soak=2)
    shares = [(seed, flips // workers, flips // workers) for seed in range(workers)]
    if workers == 1:
        results = [flip(share) for share in shares]
    else:
        with ProcessPoolExecutor(workers) as pool:
            results = list(pool.map(flip, shares))
    trial.all("flips found and named", sum(found for found, _, _ in results), flips)
    trial.none(f"alarms in {flips:,} runs without damage", sum(a for _, _, a in results))
    trial.note(f"{FRAMES} frames in {results[0][1]} plain and sealed files")
