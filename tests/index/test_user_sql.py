from __future__ import annotations

import datetime as dt
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from decimal import Decimal
from pathlib import Path

import pytest

from lobdesk.cli import run_cli
from lobdesk.index import fence, run_user_sql, user_sql, worker
from lobdesk.index.errors import (
    FenceError,
    IndexMissingError,
    QueryCancelledError,
    QueryError,
    QueryTimeoutError,
)
from lobdesk.index.queries import load_query
from lobdesk.index.result import left_out_note
from lobdesk.index.user_sql import write_user_sql
from lobdesk.index.wire import decode

pytestmark = pytest.mark.skipif(fence.landlock_abi() < 1, reason="this kernel has no Landlock")


def files(data: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in data.rglob("*") if p.is_file()}


def test_rows_arrive_as_exact_python_values(indexed: Path) -> None:
    found = run_user_sql(
        indexed,
        "SELECT 1::HUGEINT << 100 AS big, 0.10::DECIMAL(38,18) AS price, DATE '2026-08-01' AS day, "
        "TIMESTAMP '2026-08-01 00:00:00.000001' AS at, [1, NULL] AS many, {'a': 1.5} AS one, "
        "'é\x00'::VARCHAR AS text, NULL AS nothing, true AS yes, 'x'::BLOB AS bytes, "
        "INTERVAL 1 HOUR AS wait, MAP {'k': 2} AS pairs, '1-2-3'::VARCHAR AS plain",
    )

    row = dict(zip(found.columns, found.fetchall()[0], strict=True))
    assert row["big"] == 1 << 100
    assert row["price"] == Decimal("0.1")
    assert row["day"] == dt.date(2026, 8, 1)
    assert row["at"] == dt.datetime(2026, 8, 1, microsecond=1)  # noqa: DTZ001
    assert row["many"] == [1, None]
    assert row["one"] == {"a": 1.5}
    assert row["wait"] == dt.timedelta(hours=1)
    assert row["pairs"] == {"k": 2}
    assert (row["nothing"], row["yes"], row["bytes"]) == (None, True, b"x")


def test_result_is_cut_at_the_limit_and_says_so(indexed: Path) -> None:
    cut = run_user_sql(indexed, "FROM snapshots", limit=5000 - 4000)
    whole = run_user_sql(indexed, "FROM snapshots", limit=None)

    assert (len(cut.rows), cut.is_cut) == (1000, True)
    assert (len(whole.rows), whole.is_cut) == (1430, False)
    assert run_user_sql(indexed, "SELECT 1", limit=1).is_cut is False
    assert run_user_sql(indexed, "SELECT 1", limit=0).is_cut is True


def test_unknown_query_name_suggests_one() -> None:
    with pytest.raises(QueryError, match="did you mean 'spread'"):
        load_query("sprad")


ATTACKS = {
    "copy": "COPY (SELECT 1) TO '{victim}'",
    "copy in a CTE": "WITH x AS (COPY (SELECT 1) TO '{victim}') SELECT 1",
    "explain analyze copy": "EXPLAIN ANALYZE COPY (SELECT 1) TO '{victim}'",
    "copy over a segment": "WITH x AS (COPY (SELECT 1) TO '{segment}') SELECT 1",
    "attach": "ATTACH '{victim}' AS other",
    "attach the catalogue": "ATTACH '{catalog}' AS other",
    "second statement": "SELECT 1; COPY (SELECT 1) TO '{victim}'",
    "create": "CREATE TABLE t AS SELECT 1",
    "drop": "DROP VIEW snapshots",
    "insert": "INSERT INTO tail.trades SELECT * FROM trades",
    "insert in a CTE": "WITH x AS (INSERT INTO tail.rejects VALUES ('a','b',1,1,'c')) SELECT 1",
    "setting": "SET enable_external_access = true",
    "setting unlock": "SET lock_configuration = false",
    "pragma": "PRAGMA enable_profiling",
    "install": "INSTALL httpfs",
    "load": "LOAD '{victim}'",
    "export": "EXPORT DATABASE '{victim}'",
    "logging": "CALL enable_logging(storage = 'file', storage_path = '{victim}')",
    "csv": "SELECT * FROM read_csv('/etc/passwd')",
    "file as a table": "SELECT * FROM '/etc/passwd'",
    "text": "SELECT * FROM read_text('/etc/passwd')",
    "blob": "SELECT * FROM read_blob('{segment}')",
    "json": "SELECT * FROM read_json('{segment}')",
    "glob": "SELECT * FROM glob('/etc/*')",
    "environment": "SELECT * FROM read_text('/proc/self/environ')",
    "getenv": "SELECT getenv('HOME')",
    "other file": "SELECT * FROM read_parquet('{outside}')",
    "up and out": "SELECT * FROM read_parquet('{part}/../../../../../../../{outside}')",
    "python variable": "SELECT * FROM con",
    "python object": "SELECT * FROM request",
    "prepare": "PREPARE p AS SELECT 1",
    "vacuum": "VACUUM",
    "nothing": "  -- only a comment",
    "sniff": "SELECT * FROM sniff_csv('/etc/passwd')",
    "copy without a temporary file": (
        "WITH x AS (COPY (SELECT 1) TO '{segment}' (USE_TMP_FILE false)) SELECT 1"
    ),
    "attach beside the journal": "ATTACH '{segment}.duckdb' AS other",
    "delete in a CTE": "WITH x AS (DELETE FROM tail.trades RETURNING *) SELECT * FROM x",
    "link": "SELECT * FROM read_parquet('{link}')",
    "metadata of a file": "SELECT * FROM parquet_metadata('{outside}')",
    "table by name": "SELECT * FROM query_table(['/etc/passwd'])",
    "web": "SELECT * FROM read_csv('http://127.0.0.1:9/x.csv')",
    "variable": "SET VARIABLE symbol = 'BTC/USD'",
    "query function": "SELECT * FROM query('COPY (SELECT 1) TO ''{victim}''')",
}


@pytest.mark.parametrize("text", ATTACKS.values(), ids=ATTACKS.keys())
def test_attack_is_refused_and_nothing_changes(indexed: Path, tmp_path: Path, text: str) -> None:
    outside = tmp_path / "outside.parquet"
    part = next((indexed / "lake").rglob("*.parquet"))
    outside.write_bytes(part.read_bytes())
    link = tmp_path / "link.parquet"
    link.symlink_to(outside)
    segment = next((indexed / "l2" / "events").rglob("*.jsonl"))
    filled = text.format(
        victim=tmp_path / "victim", segment=segment, outside=outside, part=part, link=link,
        catalog=indexed / "catalog.duckdb",
    )  # fmt: skip
    before = files(indexed)

    with pytest.raises(QueryError) as caught:
        run_user_sql(indexed, filled)

    assert "\n" not in str(caught.value)
    assert files(indexed) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.parquet", "outside.parquet"]


PROBE = """
import sys
from pathlib import Path
from lobdesk.index import fence, worker
from lobdesk.paths import DataPaths
data, temp, outside = map(Path, sys.argv[1:])
fence.confine(readable=worker.readable(DataPaths(data)), writable=[temp])
def outcome(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return "done"
import duckdb, socket
part = next((data / "lake" / "v1").rglob("*.parquet"))
print(outcome(lambda: (temp / "mine").write_text("x")))
print(outcome(lambda: part.read_bytes()))
print(outcome(lambda: part.write_bytes(b"x")))
print(outcome(lambda: part.unlink()))
print(outcome(lambda: (data / "new").write_text("x")))
print(outcome(lambda: outside.read_text()))
print(outcome(lambda: outside.write_text("x")))
print(outcome(lambda: Path("/etc/passwd").read_text()))
print(outcome(lambda: socket.create_connection(("127.0.0.1", 9), timeout=1)))
con = duckdb.connect(config={"threads": "4", "temp_directory": str(temp)})
for target in (part, outside, data / "new"):
    try:
        con.execute(f"COPY (SELECT range AS i FROM range(100000)) TO '{target}'")
        print("done")
    except duckdb.Error as error:
        print("refused")
"""


def test_fence_alone_stops_writing_even_without_duckdb_settings(
    recorded: Path, tmp_path: Path
) -> None:
    from lobdesk.index import update_index

    update_index(recorded)
    before = files(recorded)
    temp, outside = tmp_path / "temp", tmp_path / "outside"
    temp.mkdir()
    outside.write_text("secret")

    process = subprocess.run(
        [sys.executable, "-c", PROBE, recorded, temp, outside],
        capture_output=True,
        text=True,
        check=False,
        env={"OPENBLAS_NUM_THREADS": "1", "PATH": "", "PYTHONPATH": ":".join(sys.path)},
    )

    assert process.returncode == 0, process.stderr
    found = process.stdout.split()
    denied = "PermissionError"
    assert found[:8] == ["done", "done", denied, denied, denied, denied, denied, denied]
    assert found[8] in {denied, "ConnectionRefusedError"}  # networks are fenced from version 4
    assert found[9:] == ["refused"] * 3
    assert files(recorded) == before
    assert outside.read_text() == "secret"


def test_query_is_killed_at_its_deadline(indexed: Path) -> None:
    begin = time.monotonic()

    with pytest.raises(QueryTimeoutError):
        run_user_sql(indexed, "SELECT sum(a.range * b.range) FROM range(1000000) a, "
                     "range(1000000) b", timeout_s=1.5)  # fmt: skip

    assert time.monotonic() - begin < 10


def test_query_is_cancelled_from_another_thread(indexed: Path) -> None:
    cancel = threading.Event()
    timer = threading.Timer(0.8, cancel.set)
    timer.start()

    with pytest.raises(QueryCancelledError):
        run_user_sql(indexed, "SELECT sum(a.range * b.range) FROM range(1000000) a, "
                     "range(1000000) b", cancel=cancel)  # fmt: skip

    timer.join()


GREEDY = {
    "repeat": ("SELECT length(repeat('x', 20000000000))", "."),
    "list": ("SELECT list(range) FROM range(3000000000)", "more than the 2GB of memory and 4GB"),
    "endless": (
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
        "stopped after 2 s",
    ),
    "one operation": (
        "SELECT md5(repeat('x', 4000000000)) FROM range(99)",
        "stopped after 2 s|2GB",
    ),
    "series": ("SELECT generate_series(1, 1000000000000)", "larger than"),
    "regex": ("SELECT regexp_matches('a', '((a{1,1000}){1,1000}){1,1000}')", "repetition"),
    "deep": ("SELECT " + "(" * 5000 + "1" + ")" * 5000, "depth"),
    "deep tables": (
        "FROM " + "(SELECT * FROM " * 3000 + "range(1)" + ")" * 3000,
        "too deeply|depth",
    ),
}


@pytest.mark.parametrize(("text", "reason"), GREEDY.values(), ids=GREEDY.keys())
def test_greedy_query_fails_within_its_bounds_and_leaves_nothing(
    indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    begin = time.monotonic()

    with pytest.raises(QueryError, match=reason):
        run_user_sql(indexed, text, timeout_s=2 if "stopped" in reason else 30)

    assert time.monotonic() - begin < 40
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT sum(a.range * b.range) FROM range(9000000) a, range(9000000) b",
        "SELECT md5(repeat('x', 2000000000)) FROM range(1000)",
    ],
    ids=["many rows", "one operation"],
)
def test_interrupt_kills_the_process_and_exits_with_130(
    indexed: Path, tmp_path: Path, text: str
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "lobdesk", "sql", "-c", text, "--data-dir", indexed],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 30
    while len(workers := children.read_text().split()) != 1 or not _is_busy(workers[0]):
        assert time.monotonic() < deadline
    (worker,) = workers

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)

    assert (process.returncode, err.strip()) == (130, "interrupted")
    assert not Path(f"/proc/{worker}").exists()
    assert list(tmp_path.iterdir()) == []


def _is_busy(pid: str) -> bool:
    """Tell whether the query's process has DuckDB's threads, so is behind its fence."""
    try:
        return len(list(Path(f"/proc/{pid}/task").iterdir())) > 1
    except OSError:
        return False


def test_endless_answer_is_written_in_pieces_and_never_half(
    indexed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out.csv"

    code = run_cli(
        ["sql", "-c", "FROM range(1000000000000)", "--format", "csv", "-o", str(target),
         "--timeout", "2", "--data-dir", str(indexed)]
    )  # fmt: skip

    assert code == 1
    assert "stopped after 2 s" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_rows_beyond_memory_are_refused(indexed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_sql, "MOST_ROWS", 10)

    assert len(run_user_sql(indexed, "FROM range(10)", limit=None).rows) == 10
    with pytest.raises(QueryError, match="more than 10 rows do not go into memory"):
        run_user_sql(indexed, "FROM range(11)", limit=None)


def test_no_fence_means_no_query_unless_asked_for(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_sql, "landlock_abi", lambda: 0)

    with pytest.raises(FenceError, match="--unsafe-sql"):
        run_user_sql(indexed, "SELECT 1")
    assert run_user_sql(indexed, "SELECT 1", is_unsafe=True).rows == [(1,)]
    with pytest.raises(QueryError, match="only"):
        run_user_sql(indexed, "COPY (SELECT 1) TO '/tmp/x'", is_unsafe=True)


def test_missing_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(IndexMissingError, match="run: lobdesk index"):
        run_user_sql(tmp_path, "SELECT 1")


def test_time_with_a_zone_is_refused_with_a_way_out(indexed: Path) -> None:
    with pytest.raises(QueryError, match="cast times with a zone"):
        run_user_sql(indexed, "SELECT now() AS moment")


def test_parquet_result_is_complete(indexed: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    target = tmp_path / "out.parquet"

    assert write_user_sql(indexed, "FROM snapshots -- all", target) == (1430, False, "")
    assert pq.read_metadata(target).num_rows == 1430
    assert write_user_sql(indexed, "FROM snapshots;", target, limit=10) == (10, True, "")
    assert pq.read_metadata(target).num_rows == 10
    with pytest.raises(QueryError):
        write_user_sql(indexed, "SELECT 1) TO '/tmp/x'; --", target)


def test_folder_whose_name_looks_like_a_pattern_is_read(indexed: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(indexed, tmp_path / "a ?[x]*'"))

    assert run_user_sql(data, "SELECT count(*) FROM snapshots").rows == [(1430,)]
    with pytest.raises(QueryError):
        run_user_sql(data, "FROM read_text('catalog.duckdb')")


def test_rows_of_any_length_arrive_in_bounded_pieces(
    indexed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[int] = []

    def measured(data: bytes) -> object:
        lengths.append(len(data))
        return decode(data)

    monkeypatch.setattr(user_sql.wire, "decode", measured)

    found = run_user_sql(indexed, "SELECT repeat('x', 1000000) FROM range(300)", limit=None)

    assert [len(row[0]) for row in found.rows] == [1_000_000] * 300
    assert max(lengths) < worker.MESSAGE_BYTES + 1_000_000
    with pytest.raises(QueryError, match=r"a row of 100,000,0.. bytes is longer than"):
        run_user_sql(indexed, "SELECT repeat('x', 100000000)")


def test_little_that_is_left_out_is_not_rounded_to_nothing() -> None:
    assert left_out_note(0) == ""
    assert left_out_note(1200).startswith("1,200 bytes of the journal")
    assert left_out_note(70_400_000).startswith("70.4 MB of the journal")
