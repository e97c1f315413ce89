"""Flip single bits of a stored journal, one at a time, and count how many `verify` finds and names.

Run: python -m tests.soak.bit_flips [FLIPS] [SEED]
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

from lobdesk.derive import Recording
from lobdesk.importers.cbcap import open_cbcap
from lobdesk.paths import JournalRoot
from lobdesk.shipped import shipped
from lobdesk.verify import verify_journal

CAPTURE = "kraken/v2_btcusd_d10_resync_20260801.cbcap"
FRAMES = 120
NOT_PART_OF_THE_RECORD = {".lock", "derived.json"}
CLEAN_RUN_EVERY = 10


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


def main() -> int:
    flips = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "l2"
        make_journal(root)
        journal = JournalRoot("soak", root)
        files = [
            path
            for path in sorted(root.rglob("*"))
            if path.is_file() and path.name not in NOT_PART_OF_THE_RECORD
        ]
        bits = [8 * path.stat().st_size for path in files]
        found = clean = alarms = 0
        for number in range(flips):
            (path,) = rng.choices(files, weights=bits)
            found += is_found(journal, path, rng.randrange(8 * path.stat().st_size))
            if number % CLEAN_RUN_EVERY == 0:
                clean += 1
                alarms += not verify_journal(journal).is_good
    sys.stdout.write(
        f"{found:,} of {flips:,} flipped bits found and named over {len(files)} files\n"
    )
    sys.stdout.write(f"{alarms:,} false alarms in {clean:,} runs without damage\n")
    return 0 if found == flips and alarms == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
