"""Many processes read at once, from wherever, while journal and index grow."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lobdesk.cli import run_cli
from lobdesk.index import open_catalog, update_index
from lobdesk.paths import encode_symbol
from tests.conftest import ROOT
from tests.index.journals import JournalWriter, plain_snapshot, plain_trade
from tests.index.test_update import append_snapshots, plain_journal, seqs

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY_US = 86_400_000_000
DEADLINE_S = 120.0
ASK = "SELECT count(*), count(DISTINCT seq), coalesce(max(seq), 0) FROM snapshots"
NOTEBOOK = f"""
import sys, time
from pathlib import Path
from lobdesk.index import open_catalog
last, end = 0, int(sys.argv[2])
deadline = time.monotonic() + float(sys.argv[3])
rounds = 0
while last < end and time.monotonic() < deadline:
    with open_catalog(Path(sys.argv[1])) as catalog:
        ((rows, distinct, most),) = catalog.sql("{ASK}").fetchall()
    assert rows == distinct == most >= last, (rows, distinct, most, last)
    last, rounds = most, rounds + 1
assert last >= end, (last, end)
print(rounds)
"""
OPEN = "    with open_catalog(Path(sys.argv[1])) as catalog:\n        (("
DESK = NOTEBOOK.replace(OPEN, "    catalog.refresh()\n    ((").replace(
    "while last", "catalog = open_catalog(Path(sys.argv[1]))\nwhile last"
)


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def answer(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, err
    assert "lock" not in err.lower()
    return out


@pytest.fixture
def indexer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """``lobdesk index --follow`` on a journal of fifty lines."""
    plain_journal(tmp_path, 50)
    update_index(tmp_path)
    process = start("-m", "lobdesk", "index", "--follow", "--every", "0.1", "--data-dir", tmp_path)
    yield process
    process.kill()
    process.communicate()


def test_desk_notebook_command_line_and_indexer_at_once(
    tmp_path: Path, indexer: subprocess.Popen[str]
) -> None:
    path = next((tmp_path / "l2" / "snapshots").rglob("*.jsonl"))
    count, end = 50, 2000
    readers = [start("-c", script, tmp_path, end, DEADLINE_S) for script in (NOTEBOOK, DESK)]
    commands = []
    deadline = time.monotonic() + DEADLINE_S
    while any(reader.poll() is None for reader in readers) and time.monotonic() < deadline:
        if count < end:
            append_snapshots(path, count + 1, 50)
            count += 50
        if count in {500, 1500}:
            commands.append(
                start("-m", "lobdesk", "sql", "-c", ASK, "--format", "json", "--data-dir", tmp_path)
            )
        time.sleep(0)

    for reader in readers:
        assert int(answer(reader)) >= 1
    for command in commands:
        (row,) = json.loads(answer(command))
        assert len(set(row.values())) == 1, "each line once"
    assert indexer.poll() is None
    indexer.send_signal(signal.SIGTERM)
    _, err = indexer.communicate(timeout=DEADLINE_S)
    assert indexer.returncode == 0, err
    assert "error" not in err
    assert seqs(tmp_path) == list(range(1, end + 1))


def test_line_is_seen_within_two_seconds_of_being_written(
    tmp_path: Path, indexer: subprocess.Popen[str]
) -> None:
    path = next((tmp_path / "l2" / "snapshots").rglob("*.jsonl"))
    with open_catalog(tmp_path) as catalog:
        append_snapshots(path, 51, 1)
        begin_s = time.process_time()
        catalog.refresh()
        assert catalog.sql("SELECT max(seq) FROM snapshots").rows == [(51,)]
        assert time.process_time() - begin_s < 2


def in_namespace(script: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script as the root of a user, mount and process namespace of its own."""
    if (
        shutil.which("unshare") is None
        or subprocess.run(["unshare", "-rmpf", "true"], check=False).returncode
    ):
        pytest.skip("namespaces are not allowed here")
    return subprocess.run(
        ["unshare", "-rmpf", "sh", "-c", script],
        capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip


def test_reader_over_a_read_only_mount_in_another_namespace(tmp_path: Path) -> None:
    """As a container with the data as a read-only volume, while the indexer runs outside."""
    data, volume = tmp_path / "data", tmp_path / "volume"
    path = plain_journal(data, 50)
    volume.mkdir()
    update_index(data)
    (tmp_path / "notebook.py").write_text(NOTEBOOK)
    holder = start(
        "-c",
        "import sys; from pathlib import Path; from lobdesk.index.indexer import Indexer\n"
        "with Indexer(Path(sys.argv[1])) as indexer:\n"
        "    indexer.update(); print('held', flush=True); sys.stdin.read()",
        data,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        append_snapshots(path, 51, 5)
        found = in_namespace(
            f"mount --bind {data} {volume} && mount -o remount,ro,bind {volume} && "
            f"! touch {volume}/x 2>/dev/null && "
            f"{sys.executable} {tmp_path / 'notebook.py'} {volume} 55 60 && "
            f"{sys.executable} -m lobdesk sql -c '{ASK}' --format csv --data-dir {volume}"
        )
    finally:
        holder.kill()
        holder.communicate()

    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines()[-1] == "55,55,55"


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that everybody can reach, unlike the tests' own and maybe this Python's."""
    folder = Path(tempfile.mkdtemp(prefix="lobdesk-user-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    for one in folder.iterdir():  # what was mounted here is gone with its namespace
        one.rmdir()
    folder.rmdir()


def test_reader_of_another_user_needs_read_access_only(tmp_path: Path, reachable: Path) -> None:
    """As a container whose user owns nothing: the parts belong to root, the mount is writable."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("setpriv", "unshare"))):
        pytest.skip("only root can become somebody else")
    data = tmp_path / "data"
    path = plain_journal(data, 50)
    update_index(data)
    append_snapshots(path, 51, 5)
    (data / "notebook.py").write_text(NOTEBOOK)
    places = {data: "data", Path(sys.base_prefix): "base", Path(sys.prefix): "env", ROOT: "code"}
    for name in places.values():
        (reachable / name).mkdir()

    def moved(path: Path) -> str:
        near = [place for place in places if path.is_relative_to(place)]
        if not near:
            return str(path)
        place = max(near, key=lambda one: len(one.parts))
        return str(reachable / places[place] / path.relative_to(place))

    mounts = [f"mount --bind {place} {reachable / name}" for place, name in places.items()]
    paths = [Path(one) for one in sys.path if one]
    user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    python = [
        *user, "env", "PYTHONPATH=" + ":".join(moved(one) for one in paths if one.is_dir()),
        moved(Path(sys.executable).resolve()),
    ]  # fmt: skip
    place = moved(data)
    asked = ["-m", "lobdesk", "sql", "-c", ASK, "--format", "csv", "--data-dir", place]
    script = [
        *mounts,
        f"! {shlex.join([*user, 'touch', f'{place}/x'])} 2>/dev/null",
        shlex.join([*python, f"{place}/notebook.py", place, "55", "60"]),
        shlex.join([*python, *asked]),
        shlex.join([*python, "-m", "lobdesk", "gaps", "--data-dir", place]),
        f"! {shlex.join([*python, '-m', 'lobdesk', 'index', '--data-dir', place])}",
    ]
    command = ["unshare", "-m", "--propagation", "private", "sh", "-ec", " && ".join(script)]

    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")

    assert found.returncode == 0, found.stderr
    assert "55,55,55" in found.stdout.splitlines()
    assert f"{place}/indexer.lock: cannot be written: Permission denied" in found.stderr
    assert "Traceback" not in found.stderr


NAMES = (
    "a?b", "a*b", "with space", "it's", 'say "x"', "dätä-数据", "two\nlines", "100%20", "a[0-9]b",
    "-c",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_data_directory_of_any_name(tmp_path: Path, name: str) -> None:
    data = tmp_path / name
    path = plain_journal(data, 3)
    update_index(data)
    append_snapshots(path, 4, 2)

    assert seqs(data) == [1, 2, 3, 4, 5]
    assert update_index(data).rows == {"snapshots": 2}
    assert seqs(data, has_tail=False) == [1, 2, 3, 4, 5]


def test_journals_may_lie_on_another_disk_behind_links(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, archive = tmp_path / "data", tmp_path / "archive"
    plain_journal(data, 3)
    path = plain_journal(archive / "london", 4)
    (data / "l2" / "snapshots").rename(archive / "snapshots")
    (data / "l2" / "snapshots").symlink_to(archive / "snapshots")
    (data / "sources").mkdir()
    (data / "sources" / "london").symlink_to(archive / "london")
    update_index(data)
    append_snapshots(path, 5, 1)
    query = "SELECT source, count(*) AS n FROM snapshots GROUP BY source ORDER BY source"

    code = run_cli(["sql", "-c", query, "--format", "csv", "--data-dir", str(data)])

    assert (code, *capsys.readouterr()) == (0, "source,n\nlondon,5\nrecorder,3\n", "")


SYMBOLS = (
    "'; DROP TABLE snapshots; --", '"x"', "../../etc/passwd", "..", "a/../b", "*", "?", "[a-z]",
    "a b", "%2F", "X%2FY", "ÄÖ/数", "new\nline", "{v}", "$1", "a.b", "NULL",
)  # fmt: skip


def test_symbols_that_mean_something_to_sql_or_paths(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "data" / "l2")
    for seq, symbol in enumerate(SYMBOLS, 1):
        writer.snapshot(symbol, plain_snapshot(seq, DAY_US), DAY_US)
        writer.trade(symbol, plain_trade(seq, DAY_US, seq), DAY_US)

    assert update_index(tmp_path / "data").rejects == 0

    with open_catalog(tmp_path / "data") as catalog:
        assert {info.symbol for info in catalog.symbols()} == set(SYMBOLS)
        for seq, symbol in enumerate(SYMBOLS, 1):
            assert catalog.snapshot_columns(symbol).seq.tolist() == [seq]
            assert catalog.trade_columns(symbol).seq.tolist() == [seq]
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert len({encode_symbol(symbol) for symbol in SYMBOLS}) == len(SYMBOLS)


def test_query_for_one_symbol_opens_only_its_parts(tmp_path: Path) -> None:
    data = tmp_path / "pair=evil" / "date=never"
    writer = JournalWriter(data / "l2")
    for seq, symbol in enumerate(("A/B", "C/D", "E/F"), 1):
        writer.snapshot(symbol, plain_snapshot(seq, DAY_US), DAY_US)
    update_index(data)

    with open_catalog(data, has_tail=False) as catalog:
        query = "SELECT symbol, seq FROM snapshots WHERE symbol = 'C/D'"
        assert catalog.sql(query).rows == [("C/D", 2)]
        plan = str(catalog.sql(f"EXPLAIN ANALYZE {query}").rows)
    assert "Total Files Read: 1" in plan
