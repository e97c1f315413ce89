"""Kill -9 of the indexer at random moments: ``python -m tests.index.kills [rounds] [seed]``.

A journal with all three logs grows over several days, its finished segments are sealed, and each
round a new indexer is started and killed. After every kill a reader must see each line once; at
the end the index must equal one that was built at once.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from lobdesk.index import open_catalog, update_index
from lobdesk.journal import EVENTS, SNAPSHOTS, TRADES, list_segments, list_symbols
from lobdesk.journal.seal import seal_segment
from lobdesk.paths import DataPaths
from tests.index.journals import JournalWriter, plain_snapshot, plain_trade

DAY_US = 86_400_000_000
LINES = 60
LINES_PER_DAY = 240
SYMBOLS = ("X/Y", "A/B")
SHORT_S = 0.1
"""Within this time of its start an indexer is killed at first; few can be done by then."""

INDEX = """
import sys
from pathlib import Path
from lobdesk.index import update_index
print("ready", flush=True)
update_index(Path(sys.argv[1]), block_bytes=4000, grace_s=0)
"""


@dataclass
class Kills:
    """What happened: indexers started, and how many of them died before they ended."""

    rounds: int
    killed: int
    lines: int


def run(data: Path, rounds: int, seed: int = 11) -> Kills:
    """Kill indexers of a new data directory until so many died at work.

    Raises:
        AssertionError: A reader saw a line twice or not at all.
    """
    rng = random.Random(seed)
    writer = JournalWriter(data / "l2", segment_lines=50)
    append(writer, LINES)
    update_index(data)
    killed, longest_s, begun = 0, SHORT_S, 0
    while killed < rounds and begun < 3 * rounds:
        begun += 1
        append(writer, LINES)
        if rng.random() < 0.7:
            seal_finished(data)
        begin_s = time.monotonic()
        if kill_one(data, rng.uniform(0, longest_s)):
            killed += 1
            longest_s *= 1.2  # until some come to their end, so that every moment is hit
        else:
            longest_s = min(longest_s, time.monotonic() - begin_s)
        check(data, writer.seq)
    update_index(data, block_bytes=4000, grace_s=0)
    check(data, writer.seq)
    check_rebuilt(data)
    return Kills(begun, killed, writer.seq)


def append(writer: JournalWriter, count: int) -> None:
    for _ in range(count):
        ts_us = DAY_US * (1 + writer.seq // LINES_PER_DAY) + writer.seq
        seq = writer.note({"kind": "test"}, ts_us)
        symbol = SYMBOLS[seq % 2]
        writer.snapshot(symbol, plain_snapshot(seq, ts_us), ts_us)
        writer.trade(symbol, plain_trade(seq, ts_us, seq), ts_us)


def seal_finished(data: Path) -> None:
    root = DataPaths(data).recorder_journal
    logs = [root / EVENTS]
    logs += [
        root / kind / path.name for kind in (SNAPSHOTS, TRADES) for path in (root / kind).iterdir()
    ]
    assert len(list_symbols(root, SNAPSHOTS)) == len(SYMBOLS)
    for log in logs:
        for segment in list_segments(log)[:-1]:
            if not segment.is_sealed:
                seal_segment(segment)


def kill_one(data: Path, after_s: float) -> bool:
    """Start an indexer, kill it after a while, and tell whether it was still at work."""
    process = subprocess.Popen(
        [sys.executable, "-c", INDEX, str(data)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.stdout.close()
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    return process.wait() != 0


def check(data: Path, lines: int) -> None:
    with open_catalog(data) as catalog:
        for table in ("raw_events", "snapshots", "trades"):
            query = f"SELECT count(*), count(DISTINCT seq), min(seq), max(seq) FROM {table}"
            (found,) = catalog.sql(query).fetchall()
            assert found == (lines, lines, 1, lines), f"{table}: {found}, expected {lines} lines"


def check_rebuilt(data: Path) -> None:
    """Compare with an index of the same journal that is built at once."""
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder)
        (other / "l2").symlink_to((data / "l2").resolve())
        update_index(other)
        with open_catalog(data) as one, open_catalog(other) as two:
            assert one.digests() == two.digests()
    assert not list((data / "lake").rglob("*.tmp"))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 11
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), rounds, seed)
    sys.stdout.write(
        f"{found.rounds} rounds, {found.killed} killed at work, {found.lines:,} lines in each of "
        "three logs: nothing doubled or missing, same digests as an index built at once\n"
    )


if __name__ == "__main__":
    main()
