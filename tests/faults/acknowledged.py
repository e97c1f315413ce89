"""Kill a recording process at random times and look for records that it had acknowledged."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from lobdesk.derive import Recording
from lobdesk.importers.cbcap import open_cbcap
from lobdesk.journal import now_us, read_events
from lobdesk.paths import JournalRoot
from lobdesk.shipped import shipped
from lobdesk.verify import verify_journal

CAPTURE = "kraken/v2_ethusd_d25_20260802.cbcap"
SEGMENT_BYTES = 400_000
START_LIMIT_S = 30


@dataclass
class Findings:
    """What the kills did.

    Attributes:
        kills: Processes that were killed.
        records: Records that were acknowledged.
        lost: Those that are not in the journal.
        torn: Kills that left a torn raw line.
        slowest_start_s: Longest time from starting a process to its first record.
    """

    kills: int = 0
    records: int = 0
    lost: int = 0
    torn: int = 0
    slowest_start_s: float = 0.0


def record_until_killed(root: Path) -> None:
    """Record the capture again and again; acknowledge each record on standard output."""
    frames = [frame.raw for frame in open_cbcap(shipped(CAPTURE)).frames()]
    with Recording(root, segment_bytes=SEGMENT_BYTES) as recording:
        while True:
            for frame in frames:
                recv_ts_us, mono_us = now_us()
                event = recording.append(
                    "in", frame, recv_ts_us=recv_ts_us, mono_us=mono_us, conn=1
                )
                os.write(1, b"%d\n" % event.seq)
                recording.derive(event)


def kill_one(root: Path, delay_s: float, findings: Findings) -> None:
    """Start a recorder, kill it, and check that what it acknowledged is there."""
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.acknowledged", str(root)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], START_LIMIT_S)[0], "the recorder did not start"
    findings.slowest_start_s = max(findings.slowest_start_s, time.monotonic() - started)
    deadline = time.monotonic() + delay_s
    data = b""
    while time.monotonic() < deadline:
        if select.select([process.stdout], [], [], 0.01)[0]:
            data += os.read(process.stdout.fileno(), 1 << 20)
    process.send_signal(signal.SIGKILL)
    data += process.stdout.read()
    process.wait()
    process.stdout.close()
    acknowledged = {int(line) for line in data.split(b"\n")[:-1]}
    newest = max((root / "events").rglob("*.jsonl")).read_bytes()
    findings.torn += not newest.endswith(b"\n")
    present = {event.seq for event in read_events(root, min(acknowledged, default=0))}
    findings.kills += 1
    findings.records += len(acknowledged)
    findings.lost += len(acknowledged - present)


def run(kills: int, seed: int) -> tuple[Findings, bool]:
    """Kill so many times in one journal; return the findings and whether it is sound at the end."""
    rng = random.Random(seed)
    findings = Findings()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "l2"
        for _ in range(kills):
            kill_one(root, rng.uniform(0.0, 0.4), findings)
        with Recording(root):
            pass
        report = verify_journal(JournalRoot("faults", root))
        return findings, report.is_good


if __name__ == "__main__":
    record_until_killed(Path(sys.argv[1]))
