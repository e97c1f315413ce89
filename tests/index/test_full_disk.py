"""A disk without room, and a folder that cannot be written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lobdesk.index import update_index
from lobdesk.index.errors import IndexWriteError
from tests.index.test_update import digest, plain_journal

FULL_DISK = """
import hashlib, os, sys
from pathlib import Path
from lobdesk.index import Catalog, open_catalog, update_index
from lobdesk.index.errors import IndexWriteError
journal, data = Path(sys.argv[1]), Path(sys.argv[2])
(data / "l2").symlink_to(journal)
filler = data / "filler"
filler.write_bytes(bytes(1_600_000))
failed = 0
for room in (1_600_000, 1_200_000, 900_000, 0):
    os.truncate(filler, room)
    try:
        update_index(data, block_bytes=500_000)
        break
    except IndexWriteError as error:
        assert "No space left" in str(error) and "lobdesk index" in str(error), error
        failed += 1
        assert not list(data.rglob("*.tmp"))
assert failed, "the disk was never full"
with open_catalog(data, has_tail=False) as catalog:
    print(failed, catalog.sql("SELECT count(*), count(DISTINCT seq) FROM snapshots").rows[0])
"""


def test_full_disk_leaves_the_journal_and_what_was_indexed(tmp_path: Path) -> None:
    """In a namespace of its own with a disk of two megabytes."""
    path = plain_journal(tmp_path / "source", 8000)
    before = path.read_bytes()
    disk = tmp_path / "disk"
    disk.mkdir()
    (tmp_path / "full.py").write_text(FULL_DISK)
    script = (
        f"mount -t tmpfs -o size=2m none {disk} && "
        f"{sys.executable} {tmp_path / 'full.py'} {tmp_path / 'source' / 'l2'} {disk}"
    )
    if shutil.which("unshare") is None:
        pytest.skip("no unshare")
    if subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("namespaces are not allowed here")
    found = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip

    assert found.returncode == 0, found.stderr
    assert "(8000, 8000)" in found.stdout
    assert path.read_bytes() == before


def test_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    plain_journal(tmp_path, 3)
    (tmp_path / "lake").write_text("a file where a folder should be")

    with pytest.raises(IndexWriteError, match=r"lake.*cannot be written.*run: lobdesk index"):
        update_index(tmp_path)
    (tmp_path / "lake").unlink()
    assert update_index(tmp_path).rows == {"snapshots": 3}
    assert digest(tmp_path)
