"""``lobdesk backtest`` as a process sees it."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from lobdesk.backtest import open_replay
from lobdesk.cli import run_cli
from tests.backtest.markets import LOT, SYMBOL, TICK, save_market
from tests.conftest import DATA

RULES = DATA / "scenarios" / "rules.json"


def records_args(folder: Path) -> list[str]:
    path = save_market(folder)
    names = ["--symbol", SYMBOL, "--tick", TICK, "--lot", LOT, "--data-dir", str(folder)]
    return ["backtest", "--records", str(path), *names, "--param", "qty_lots=100"]


def test_a_run_writes_ledger_figures_and_manifest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli([*records_args(tmp_path), "--json", "--maker-fee", "-0.0001"]) == 0

    facts = json.loads(capsys.readouterr().out)
    folder = Path(facts["path"])
    manifest = json.loads((folder / "manifest.json").read_text())
    metrics = json.loads((folder / "metrics.json").read_text())
    assert facts["run"] == "k0001"
    assert facts["fills"] == metrics["fills"] > 0
    assert facts["fee"] < 0
    assert manifest["state"] == "finished"
    assert manifest["config"]["params"] == {"qty_lots": 100}
    assert manifest["config"]["data"][0]["files"] == ["records.npy"]
    rows = duckdb.sql(f"SELECT * FROM read_parquet('{folder}/fills.parquet')")
    assert rows.shape[0] == metrics["fills"]
    columns = dict(zip(rows.columns, rows.limit(1).fetchall()[0], strict=True))
    assert columns["symbol"] == SYMBOL
    assert columns["side"] in ("buy", "sell")
    assert columns["is_maker"] is True
    orders = duckdb.sql(f"SELECT DISTINCT status FROM read_parquet('{folder}/orders.parquet')")
    assert {row[0] for row in orders.fetchall()} <= {"NEW", "PENDING", "PARTIALLY_FILLED",
                                                     "FILLED", "CANCELED", "EXPIRED"}  # fmt: skip
    equity = duckdb.sql(f"SELECT equity FROM read_parquet('{folder}/equity.parquet')").fetchall()
    assert equity[-1][0] == pytest.approx(metrics["final_pnl"])


def test_the_report_says_how_sharpe_was_sampled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(records_args(tmp_path)) == 0

    out = capsys.readouterr().out
    assert "final PnL" in out
    assert "equity changes each 1 s, 365 days a year" in out
    assert "preset lobdesk, queue risk_averse; latency 5000 us to the exchange" in out


def test_progress_lines_end_with_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli([*records_args(tmp_path), "--progress", "json"]) == 0

    lines = capsys.readouterr().err.splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    assert events[-1]["event"] == "finished"
    assert events[-1]["run"] == "k0001"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--strategy", "join_tuch"], "did you mean 'join_touch'"),
        (["--preset", "lobdes"], "did you mean 'lobdesk'"),
        (["--queue", "powr3"], "did you mean 'power3'"),
        (["--param", "qty_lot=3"], "did you mean 'qty_lots'"),
        (["--maker-fee", "free"], "maker_fee: expected a fraction"),
        (["--strategy", "signal_follower"], "signals: expected a run of kind signals"),
    ],
)
def test_a_wrong_setting_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    assert run_cli([*records_args(tmp_path), *more]) == 2

    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert message in err
    assert not (tmp_path / "runs").exists()


def test_a_parameter_without_a_value_is_a_usage_error(tmp_path: Path) -> None:
    assert run_cli([*records_args(tmp_path), "--param", "qty_lots"]) == 2


def test_a_scenario_document_lists_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["backtest", "--scenario", str(RULES), "--json"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert output["failed"] == {}
    document = json.loads(RULES.read_text())
    assert set(output["results"]) == {each["id"] for each in document["scenarios"]}

    document["scenarios"][0]["expect"]["cash"] = [1]
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(document))
    assert run_cli(["backtest", "--scenario", str(wrong), "--json"]) == 1
    assert list(json.loads(capsys.readouterr().out)["failed"]) == [document["scenarios"][0]["id"]]


def test_a_scenario_that_cannot_run_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(RULES.read_text())
    broken, *others = document["scenarios"]
    broken["model"]["queue"] = "none"
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(document))

    assert run_cli(["backtest", "--scenario", str(file), "--json"]) == 1
    output = json.loads(capsys.readouterr().out)
    assert set(output["results"]) == {each["id"] for each in others}
    assert list(output["failed"]) == [broken["id"]]
    assert output["failed"][broken["id"]][0].startswith("cannot run: queue 'none'")


def test_one_scenario_prints_its_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = json.loads(RULES.read_text())["scenarios"][0]
    file = tmp_path / "one.json"
    file.write_text(json.dumps(scenario))

    assert run_cli(["backtest", "--scenario", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cash"] == [-418.0]


@pytest.mark.parametrize("text", ["{", "[]", "nothing"])
def test_a_broken_scenario_file_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    file = tmp_path / "broken.json"
    file.write_text(text)

    assert run_cli(["backtest", "--scenario", str(file)]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_a_grid_prints_a_table_and_resumes(
    tmp_path: Path, captures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = ["--data-dir", str(tmp_path)]
    assert run_cli(["import", str(captures / "v2_ethusd_d25_20260802.cbcap"), *home]) == 0
    assert run_cli(["index", *home]) == 0
    grid = ["--param", "qty_lots=1000000", "--grid", "queue=log,log2", "--grid", "entry_us=0,5000"]
    capsys.readouterr()

    assert run_cli(["backtest", *home, *grid]) == 0
    out = capsys.readouterr().out
    assert (
        "preset lobdesk, queue varied (n = 3.0); latency varied us to the exchange, 5000 us back"
        in out
    )
    assert len(out.splitlines()) == 4 + 1 + 4

    assert run_cli(["backtest", *home, "--point", "w0001/2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["queue"] == "log2"
    assert run_cli(["backtest", *home, "--resume", "w0001"]) == 1
    assert "w0001: is finished" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--grid", "queue"], "expected KEY=V1,V2"),
        (["--point", "w0001"], "expected SWEEP/N"),
        (["--resume", "w0001", "--queue", "log"], "--queue: does not go with --resume"),
        (["--grid", "queue=log", "--records", __file__], "a grid runs over the index only"),
    ],
)
def test_a_wrong_grid_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], message: str
) -> None:
    assert run_cli(["backtest", *args, "--data-dir", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_latency_tables_come_from_a_file_and_are_repeated_by_a_replay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "latency.json"
    table.write_text('{"submit": [[0, 40000, 70000]], "fill": [[0, 0, 900]]}')
    more = ["--latency-rows", str(table), "--json"]

    assert run_cli([*records_args(tmp_path), *more]) == 0

    facts = json.loads(capsys.readouterr().out)
    assert facts["latency"] == "submit table of 1 rows, fill table of 1 rows"
    orders = Path(facts["path"]) / "orders.parquet"
    waits = duckdb.sql(f"SELECT DISTINCT ack_us - decision_us FROM '{orders}' WHERE ack_us > 0")
    assert waits.fetchall() == [(70_000,)]
    assert open_replay(tmp_path, facts["run"]).digest() == facts["digest"]
    table.write_text("{")
    assert run_cli([*records_args(tmp_path), *more]) == 2
    assert "--latency-rows" in capsys.readouterr().err
    table.write_text("[[5, 4, 3]]")
    assert run_cli([*records_args(tmp_path), *more]) == 2
    assert "latency_rows: row 0" in capsys.readouterr().err
