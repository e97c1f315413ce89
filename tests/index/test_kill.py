"""What is left when the indexer is killed at any moment."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lobdesk.index import open_catalog, update_index
from tests.index import kills
from tests.index.journals import JournalWriter
from tests.index.test_update import append_snapshots, plain_journal

ROUNDS = 2
STRIDE = 29


@pytest.mark.slow
def test_killed_indexer_leaves_nothing_doubled_or_missing(tmp_path: Path) -> None:
    found = kills.run(tmp_path, ROUNDS)

    assert found.killed == ROUNDS


class Crash(BaseException):
    """Ends an update at one file operation and, like a kill, runs no repair."""


def crash_after(operations: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let so many renames and deletions of files happen, and then none."""
    left = itertools.count(operations, -1)

    def limited(name: str) -> None:
        real = getattr(Path, name)

        def operation(path: Path, *args: Any, **options: Any) -> Any:
            if not path.suffix.endswith("wal") and next(left) <= 0:
                raise Crash
            return real(path, *args, **options)

        monkeypatch.setattr(Path, name, operation)

    limited("replace")
    limited("unlink")


def test_crash_before_each_file_operation_is_harmless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update that writes, merges, merges a day and deletes, cut at each of its steps."""
    origin = tmp_path / "origin"
    writer = JournalWriter(origin / "l2", segment_lines=90)
    kills.append(writer, 20)
    update_index(origin)
    kills.append(writer, 240)
    kills.seal_finished(origin)
    for step in itertools.count(1, STRIDE):
        data = Path(shutil.copytree(origin, tmp_path / "data"))
        with monkeypatch.context() as patched:
            crash_after(step, patched)
            try:
                update_index(data, block_bytes=20_000, grace_s=0)
                is_whole = True
            except Crash:
                is_whole = False
        kills.check(data, writer.seq)
        update_index(data, block_bytes=20_000, grace_s=0)
        kills.check(data, writer.seq)
        shutil.rmtree(data)
        if is_whole:
            break
    assert step > 20


def test_readers_in_other_processes_always_see_each_line_once(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 50)
    update_index(tmp_path)
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from lobdesk.index import open_catalog\n"
        "last = 0\n"
        "for _ in range(8):\n"
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
