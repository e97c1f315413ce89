from __future__ import annotations

import csv
import io
import json
import shlex
import shutil
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from lobdesk.cli import cli, run_cli

Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *args: object) -> tuple[int, str, str]:
    code = run_cli([str(arg) for arg in args])
    out, err = capsys.readouterr()
    return code, out, err


def test_index_prints_one_object(recorded: Path, capsys: Capture) -> None:
    code, out, _ = run(capsys, "index", "--data-dir", recorded, "--json")

    assert code == 0
    report = json.loads(out)
    assert report["rows"] == {"raw_events": 1547, "snapshots": 1430}
    assert report["totals"] == report["rows"]
    assert set(report) == {
        "rows", "rejects", "bytes", "parts", "merged", "replaced", "missing", "damaged", "lost",
        "repaired", "removed", "is_published", "totals", "seconds",
    }  # fmt: skip
    code, out, _ = run(capsys, "index", "--data-dir", recorded)
    assert "1,430 rows  (+0)" in out


def test_index_reports_progress_as_json_lines(recorded: Path, capsys: Capture) -> None:
    code, _, err = run(capsys, "index", "--data-dir", recorded, "--progress", "json", "--json")

    events = [json.loads(line) for line in err.splitlines()]
    assert code == 0
    assert events[-1]["event"] == "finished"
    assert events[-1]["rows"] == 1547 + 1430
    assert any(event["event"] == "progress" for event in events)


def test_index_warns_of_rejects(recorded: Path, capsys: Capture) -> None:
    path = next((recorded / "l2" / "events").rglob("*.jsonl"))
    path.write_bytes(b"broken\n" + path.read_bytes())

    code, _, err = run(capsys, "index", "--data-dir", recorded)

    assert code == 4
    assert "1 lines were rejected; see: lobdesk sql rejects" in err


def test_sql_lists_its_queries(capsys: Capture) -> None:
    code, out, _ = run(capsys, "sql")

    assert code == 0
    assert len(out.splitlines()) >= 12
    assert any(line.startswith("checksum_failures  ") for line in out.splitlines())


def test_json_is_one_array_of_exact_values(indexed: Path, capsys: Capture) -> None:
    query = (
        "SELECT symbol, best_bid, seq, 170141183460469231731687303715884105727 AS big, "
        "NULL AS nothing, exch_ts, 'NaN'::DOUBLE AS nan, bid_ticks[1:2] AS two, seq "
        "FROM snapshots WHERE symbol = 'BTC/USD' ORDER BY seq LIMIT 1"
    )

    code, out, err = run(capsys, "sql", "-c", query, "--format", "json", "--data-dir", indexed)

    assert (code, err) == (0, "")
    assert json.loads(out) == [
        {
            "symbol": "BTC/USD", "best_bid": "63004.9", "seq": 3,
            "big": 170141183460469231731687303715884105727, "nothing": None,
            "exch_ts": "2026-08-01T02:53:53.398143", "nan": "NaN", "two": [630049, 630033],
            "seq_2": 3,
        }
    ]  # fmt: skip


def test_json_is_the_form_of_answers_list_and_description(indexed: Path, capsys: Capture) -> None:
    _, listed, err = run(capsys, "sql", "--json")
    _, described, _ = run(capsys, "sql", "spread", "--describe", "--json")
    _, answer, _ = run(capsys, "sql", "spread", "--json", "--data-dir", indexed)

    assert err == ""
    assert json.loads(described) in json.loads(listed)
    assert set(json.loads(described)) == {"name", "text", "answers", "parameters", "columns"}
    assert [one["name"] for one in json.loads(described)["columns"]] == list(json.loads(answer)[0])


def test_empty_json_is_an_empty_array(indexed: Path, capsys: Capture) -> None:
    _, out, _ = run(capsys, "sql", "-c", "FROM gaps", "--format", "json", "--data-dir", indexed)

    assert json.loads(out) == []


def test_csv_and_jsonl_hold_every_row(indexed: Path, capsys: Capture) -> None:
    query = "SELECT seq, best_bid, crossed, mid FROM snapshots ORDER BY source, seq"

    _, out, err = run(capsys, "sql", "-c", query, "--format", "csv", "--data-dir", indexed)
    rows = list(csv.DictReader(io.StringIO(out)))
    _, lines, _ = run(capsys, "sql", "-c", query, "--format", "jsonl", "--data-dir", indexed)
    objects = [json.loads(line) for line in lines.splitlines()]

    assert err == ""
    assert len(rows) == len(objects) == 1430
    assert [int(row["seq"]) for row in rows] == [one["seq"] for one in objects]
    assert [Decimal(row["best_bid"]) for row in rows] == [Decimal(o["best_bid"]) for o in objects]
    assert [float(row["mid"]) for row in rows] == [one["mid"] for one in objects]
    assert {row["crossed"] for row in rows} == {"false"}


@pytest.mark.parametrize("form", ["table", "csv", "json", "jsonl"])
def test_cut_answer_says_so(indexed: Path, capsys: Capture, form: str) -> None:
    args = ("sql", "-c", "SELECT seq FROM snapshots", "--format", form, "--data-dir", indexed)

    _, out, err = run(capsys, *args, "--limit", 3)

    assert "cut after 3 rows" in err
    assert "cut" not in out


def test_table_is_cut_by_default(indexed: Path, capsys: Capture) -> None:
    _, out, err = run(capsys, "sql", "-c", "FROM snapshots", "--data-dir", indexed)

    assert "cut after 100 rows" in err
    assert len(out.splitlines()) == 102


def test_binary_answers_need_a_file_and_fill_it(
    indexed: Path, capsys: Capture, tmp_path: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    args = ("sql", "-c", "FROM snapshots", "--data-dir", indexed)
    assert run(capsys, *args, "--format", "parquet")[0] == 2
    for form in ("parquet", "arrow"):
        target = tmp_path / f"out.{form}"
        code, out, err = run(capsys, *args, "--format", form, "-o", target)
        assert (code, out) == (0, "")
        assert "1,430 rows" in err
    assert pq.read_metadata(tmp_path / "out.parquet").num_rows == 1430
    with pa.ipc.open_file(str(tmp_path / "out.arrow")) as reader:
        assert reader.read_all().num_rows == 1430


@pytest.mark.parametrize("form", ["parquet", "arrow", "csv"])
def test_full_disk_keeps_the_earlier_answer_and_leaves_no_part(
    indexed: Path, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    target = tmp_path / "out"
    target.write_text("earlier")

    def fail(path: Path, _target: Path) -> None:
        path.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    args = ("sql", "-c", "FROM snapshots", "--format", form, "-o", target, "--data-dir", indexed)
    code, _, err = run(capsys, *args)

    assert (code, err.splitlines()[-1]) == (
        1, f"error: {target}: cannot be written: No space left on device",
    )  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert target.read_text() == "earlier"


@pytest.mark.parametrize("form", ["parquet", "table"])
def test_answer_that_lacks_the_newest_lines_says_so(
    indexed: Path, capsys: Capture, tmp_path: Path, form: str
) -> None:
    data = Path(shutil.copytree(indexed, tmp_path / "data"))
    with next((data / "l2" / "snapshots").rglob("*.jsonl")).open("a") as stream:
        stream.write('{"v":9}\n')  # of a newer version, which no reader here understands

    args = ("-c", "SELECT 1", "--format", form, "-o", tmp_path / "out", "--data-dir", data)
    code, _, err = run(capsys, "sql", *args)

    assert code == 0
    assert "warning: 8 bytes of the journal are not in the index yet" in err


def test_query_comes_from_a_file(indexed: Path, capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "query.sql"
    file.write_text("SELECT count(*) AS n FROM snapshots")

    code, out, _ = run(capsys, "sql", "-f", file, "--format", "json", "--data-dir", indexed)

    assert code == 0
    assert json.loads(out) == [{"n": 1430}]


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (("-c", "SELEC 1"), 1, "syntax error"),
        (("-c", "SELECT nope FROM snapshots"), 1, "nope"),
        (("-c", "DROP VIEW snapshots"), 1, "only SELECT is allowed"),
        (("sprad",), 2, "did you mean 'spread'"),
        (("SELECT 1",), 2, "SQL goes behind -c"),
        (("spread", "-c", "SELECT 1"), 2, "one of"),
        (("-c", "SELECT 1", "--describe"), 2, "--describe goes with NAME"),
        (("spread", "--symbol", "DOGE"), 2, "'DOGE' is not indexed; indexed are: BTC/USD, ETH/USD"),
        (("spread", "--source", "bct"), 2, "source 'bct' is not indexed; did you mean 'btc'?"),
        (("-c", "SELECT 1", "--source", "x"), 2, "source 'x' is not indexed; known are btc, "),
        (("spread", "--from", "yesterday"), 2, "--from: 'yesterday' is not a time"),
        (("spread", "--to", "2026-08-01"), 2, "--to: '2026-08-01' has no offset"),
        (("spread", "--from", "5", "--to", "5"), 2, "--to: is not after --from"),
        (("spread", "--json", "--format", "csv"), 2, "--json: does not go with --format csv"),
        (("spread", "--timeout", "nan"), 2, "--timeout"),
        (("spread", "--timeout", "inf"), 2, "--timeout"),
        (("spread", "--param", "bar_s=1"), 2, "no parameter 'bar_s'; it has: max_pause_s"),
        (("spread", "--param", "max_pause_s=x"), 2, "a number above zero is expected"),
        (("spread", "--param", "max_pause_s=1", "--param", "max_pause_s=2"), 2, "given twice"),
        (("spread", "--param", "max_pause_s"), 2, "is not NAME=VALUE; spread has: max_pause_s"),
        (("-c", "SELECT '\udcff'"), 1, "is not UTF-8 text"),
        (("spread", "--symbol", "\udcff"), 2, "is not UTF-8 text"),
        (("-f", "/nonexistent.sql"), 2, "cannot be read"),
        (("spread", "-o", "/nonexistent/x"), 2, "--output: there is no folder /nonexistent"),
        (("spread", "--format", "parquet", "-o", "/nonexistent/x"), 2, "no folder /nonexistent"),
    ],
)
def test_mistakes_are_one_line(
    indexed: Path, capsys: Capture, args: tuple[str, ...], code: int, text: str
) -> None:
    found, out, err = run(capsys, "sql", *args, "--data-dir", indexed)

    assert (found, out) == (code, "")
    assert len(err.splitlines()) == 1
    assert text in err


def test_missing_index_says_what_to_run(tmp_path: Path, capsys: Capture) -> None:
    code, _, err = run(capsys, "sql", "-c", "SELECT 1", "--data-dir", tmp_path)

    assert code == 1
    assert "run: lobdesk index" in err


def test_control_characters_of_a_frame_do_not_reach_the_terminal(
    indexed: Path, capsys: Capture
) -> None:
    _, out, _ = run(capsys, "sql", "-c", "SELECT chr(27) || '[2J' AS evil", "--data-dir", indexed)

    assert "\x1b" not in out


def test_shipped_query_takes_scope_and_parameters(indexed: Path, capsys: Capture) -> None:
    args = ("sql", "microprice_bars", "--format", "json", "--data-dir", indexed)

    _, out, _ = run(capsys, *args, "--symbol", "btc", "--param", "bar_s=10",
                    "--from", "2026-08-01T02:54:00Z", "--to", "2026-08-01T02:54:20Z")  # fmt: skip

    bars = json.loads(out)
    assert [bar["begin"] for bar in bars] == ["2026-08-01T02:54:00", "2026-08-01T02:54:10"]
    assert {bar["symbol"] for bar in bars} == {"BTC/USD"}
    for wrong, text in (("bar_s=-1", "above zero"), ("bar=1", "bar_s"), ("bar_s", "NAME=VALUE")):
        code, _, err = run(capsys, *args, "--param", wrong)
        assert (code > 0, text in err) == (True, True)


def test_shipped_query_is_described(capsys: Capture) -> None:
    code, out, _ = run(capsys, "sql", "spread", "--describe")

    assert code == 0
    assert "max_pause_s" in out
    assert "p50_bps            bps" in out


def test_gaps_are_listed(tmp_path: Path, captures: Path, capsys: Capture) -> None:
    capture = captures / "v2_btcusd_d10_resync_20260801.cbcap"
    assert run(capsys, "import", capture, "--data-dir", tmp_path)[0] == 0
    assert run(capsys, "index", "--data-dir", tmp_path)[0] == 0

    code, out, _ = run(capsys, "gaps", "btc", "--data-dir", tmp_path, "--json")
    gaps = json.loads(out)["gaps"]
    _, lines, _ = run(capsys, "gaps", "--data-dir", tmp_path)

    assert code == 0
    assert len(gaps) == len(lines.partition("\n\n")[2].splitlines()) == 4
    assert {gap["cause"] for gap in gaps} == {"unsubscribed"}
    assert all(gap["to_us"] > gap["from_us"] for gap in gaps)
    code, out, err = run(capsys, "gaps", "DOGE", "--data-dir", tmp_path)
    assert (code, out) == (2, "")
    assert err == "error: 'DOGE' is not indexed; indexed are: BTC/USD\n"


def test_imported_captures_agree_with_verify(
    tmp_path: Path, captures: Path, capsys: Capture
) -> None:
    run(capsys, "import", *sorted(captures.glob("*.cbcap")), "--data-dir", tmp_path)
    run(capsys, "index", "--data-dir", tmp_path)
    _, out, _ = run(capsys, "verify", "--data-dir", tmp_path, "--json")
    verified = json.loads(out)["symbols"]

    from lobdesk.index import open_catalog

    with open_catalog(tmp_path) as catalog:
        for symbol, expected in verified.items():
            found = catalog.quality(symbol)
            for name in ("book_frames", "verified", "failed", "unverified", "gaps"):
                assert getattr(found, name) == expected[name], (symbol, name)


@pytest.mark.parametrize("every", ["nan", "inf", "0"])
def test_interval_of_an_indexer_is_a_number_of_seconds(
    tmp_path: Path, capsys: Capture, every: str
) -> None:
    code, _, err = run(capsys, "index", "--follow", "--every", every, "--data-dir", tmp_path)

    assert (code, len(err.splitlines())) == (2, 1)
    assert "--every" in err


def test_names_of_queries_are_completed(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("COMP_WORDS", "lobdesk sql mis")
    monkeypatch.setenv("COMP_CWORD", "2")
    monkeypatch.setenv("_LOBDESK_COMPLETE", "bash_complete")

    with pytest.raises(SystemExit):
        cli.main(prog_name="lobdesk", complete_var="_LOBDESK_COMPLETE")

    assert capsys.readouterr().out == "plain,missing_events\nplain,missing_trades\n"


def test_list_of_queries_fits_the_terminal_and_says_what_else_can_be_asked(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    _, out, err = run(capsys, "sql")

    assert max(map(len, out.splitlines())) <= 60
    assert "raw_events, snapshots, trades" in err
    assert "lobdesk sql -c" in err


def test_row_of_an_audit_comes_with_the_command_that_shows_its_line(
    indexed: Path, capsys: Capture
) -> None:
    args = ("--param", "silent_s=1", "--data-dir", indexed)
    _, _, err = run(capsys, "sql", "stale_feed", *args)

    command = shlex.split(err.splitlines()[0].partition("lobdesk ")[2])
    assert command[0] == "at"
    code, out, _ = run(capsys, *command)
    assert (code, json.loads(out)["seq"]) == (0, int(command[command.index("--seq") + 1]))
    assert "lobdesk at" not in run(capsys, "sql", "overview", "--data-dir", indexed)[2]
    assert run(capsys, "sql", "stale_feed", "--format", "json", *args)[2] == ""


def test_folder_that_is_not_there_is_no_journal_and_an_empty_one_is_named(
    tmp_path: Path, capsys: Capture
) -> None:
    missing = tmp_path / "typo"
    code, _, err = run(capsys, "index", "--data-dir", missing)
    assert (code, missing.exists()) == (2, False)
    assert err.startswith(f"error: index: {missing}: there is no such folder")

    code, _, err = run(capsys, "index", "--data-dir", tmp_path)
    assert code == 0
    assert f"warning: {tmp_path}: the journal is empty" in err
