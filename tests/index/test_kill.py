"""What is left when the indexer is killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lobdesk.index import open_catalog, update_index
from tests.index.test_update import append_snapshots, plain_journal, seqs

ROUNDS = 12
INDEX = """
import sys
from pathlib import Path
from lobdesk.index import update_index
print("ready", flush=True)
update_index(Path(sys.argv[1]), block_bytes=4000, grace_s=0)
"""


def start(data: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", INDEX, str(data)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.stdout.close()
    return process


@pytest.mark.slow
def test_killed_indexer_leaves_nothing_doubled_or_missing(tmp_path: Path) -> None:
    rng = random.Random(11)
    path = plain_journal(tmp_path, 200)
    count = 200
    update_index(tmp_path)
    killed = 0

    for _ in range(ROUNDS):
        append_snapshots(path, count + 1, 60)
        count += 60
        process = start(tmp_path)
        deadline = time.monotonic() + rng.uniform(0, 0.25)
        while process.poll() is None and time.monotonic() < deadline:
            pass
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
        assert seqs(tmp_path) == list(range(1, count + 1)), "a reader sees each line once"

    assert killed > 0
    update_index(tmp_path, grace_s=0)
    assert seqs(tmp_path, has_tail=False) == list(range(1, count + 1))
    assert not list((tmp_path / "lake").rglob("*.tmp"))


def test_readers_in_other_processes_always_see_each_line_once(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 50)
    update_index(tmp_path)
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from lobdesk.index import open_catalog\n"
        "last = 0\n"
        "for _ in range(15):\n"
        "    with open_catalog(Path(sys.argv[1])) as catalog:\n"
        "        query = 'SELECT count(*), count(DISTINCT seq), max(seq) FROM snapshots'\n"
        "        ((rows, distinct, most),) = catalog.sql(query).fetchall()\n"
        "    assert rows == distinct == most >= last, (rows, distinct, most, last)\n"
        "    last = most\n"
        "print(last)\n"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    count = 50
    while reader.poll() is None and count < 3000:
        append_snapshots(path, count + 1, 7)
        count += 7
        update_index(tmp_path)
    out, err = reader.communicate(timeout=60)

    assert reader.returncode == 0, err
    assert int(out) >= 50
    with open_catalog(tmp_path) as catalog:
        assert catalog.sql("SELECT count(*) FROM snapshots").fetchall() == [(count,)]
