"""From a real recording through the index to a replayed backtest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lobdesk.backtest import Backtest, JoinTouch, MarketData, open_replay
from lobdesk.cli import run_cli
from lobdesk.errors import LobdeskError

CAPTURE = "v2_ethusd_d25_20260802.cbcap"


@pytest.fixture(scope="module")
def data_dir(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    assert run_cli(["import", str(captures / CAPTURE), "--data-dir", str(folder)]) == 0
    assert run_cli(["index", "--data-dir", str(folder)]) == 0
    return folder


def test_a_recording_runs_and_replays(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run_cli(
        ["backtest", "--data-dir", str(data_dir), "--param", "qty_lots=1000000", "--json"]
    )

    facts = json.loads(capsys.readouterr().out)
    assert code == 0
    assert facts["orders"] > 10
    replay = open_replay(data_dir, facts["run"])
    assert replay.digest() == facts["digest"]
    assert replay.symbol == "ETH/USD"


@pytest.fixture(scope="module")
def both_dir(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("both")
    files = [str(captures / name) for name in (CAPTURE, "v2_btcusd_d10_resync_20260801.cbcap")]
    assert run_cli(["import", *files, "--data-dir", str(folder)]) == 0
    assert run_cli(["index", "--data-dir", str(folder)]) == 0
    return folder


def test_several_symbols_in_one_run(both_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run_cli(
        ["backtest", "--data-dir", str(both_dir), "--symbol", "ETH,BTC/USD",
         "--param", "qty_lots=1000", "--json"]
    )  # fmt: skip

    facts = json.loads(capsys.readouterr().out)
    assert code == 0
    data = [MarketData.from_catalog(both_dir, name) for name in ("ETH/USD", "BTC/USD")]
    rules = {"maker_fee": "0.0025", "taker_fee": "0.004"}
    result = Backtest(data, **rules).run(JoinTouch(100_000, 1_000, 10_000))
    assert facts["digest"] == result.digest
    manifest = json.loads((Path(facts["path"]) / "manifest.json").read_text())
    assert manifest["name"] == "join_touch ETH/USD, BTC/USD"
    assert [each["symbol"] for each in manifest["config"]["data"]] == ["ETH/USD", "BTC/USD"]
    assert manifest["inputs"]["rows"] == sum(len(each) for each in data)


def test_a_replay_shows_one_of_several_symbols(both_dir: Path) -> None:
    args = ["backtest", "--data-dir", str(both_dir), "--symbol", "ETH,BTC", "--json"]
    assert run_cli([*args, "--param", "qty_lots=1000000"]) == 0
    replay = open_replay(both_dir, max(run.name for run in (both_dir / "runs").glob("k*")))

    replay.seek(replay.end_us)
    eth = replay.view()
    replay.shown = 1
    btc = replay.view()

    assert (replay.symbol, replay.tick, replay.lot) == ("BTC/USD", "0.1", "0.00000001")
    assert eth.bids != btc.bids
    assert btc.equity == eth.equity == pytest.approx(replay.result.final_equity)
    assert btc.fills == len(replay.result.fills)
    positions = [account.position_lots for account in replay.result.accounts]
    assert [eth.position_lots, btc.position_lots] == positions


def test_a_grid_over_days_needs_a_day_of_all_symbols(
    both_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--data-dir", str(both_dir), "--param", "qty_lots=1000000", "--grid", "day=*"]
    grid = ["backtest", *options, "--symbol"]

    assert run_cli([*grid, "ETH", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["day"] == "2026-08-02"
    assert run_cli([*grid, "ETH,BTC"]) == 2
    assert "pairs that were recorded on one day" in capsys.readouterr().err


def test_runs_from_before_several_symbols_open(data_dir: Path) -> None:
    assert run_cli(["backtest", "--data-dir", str(data_dir), "--param", "qty_lots=1000000"]) == 0
    path = max((data_dir / "runs").glob("k*")) / "manifest.json"
    manifest = json.loads(path.read_text())
    (manifest["config"]["data"],) = manifest["config"]["data"]
    path.write_text(json.dumps(manifest))

    assert open_replay(data_dir, manifest["id"]).digest() == manifest["outputs"]["digest"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--symbol", "ETH,"], "different pairs, separated by commas"),
        (["--symbol", "ETH,ETH"], "different pairs"),
        (["--day", "2026-08-01"], "day: expected a day of its records: 2026-08-02"),
        (["--symbol", "ETH,XYZ/USD"], "XYZ/USD"),
    ],
)
def test_wrong_choices_of_data_are_named(
    data_dir: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    assert run_cli(["backtest", "--data-dir", str(data_dir), *more]) in {1, 2}
    assert message in capsys.readouterr().err


def test_all_rules_can_be_set_in_a_file_and_stand_in_the_report(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "rules.toml"
    config.write_text(
        '[backtest]\nday = "2026-08-02"\nthrough = "cap"\nwindow = 5\ntruncate = true\n'
        'netting_us = 2000\nfee_tiers = [[0, "0.0025", "0.004"], [10000, "0.002", "0.0035"]]\n'
        "[backtest.params]\nqty_lots = 1000000\n"
    )

    assert run_cli(["backtest", "--data-dir", str(data_dir), "--config", str(config)]) == 0

    out = capsys.readouterr().out
    assert "through cap, window 5, truncate True, netting_us 2000" in out
    assert "fees: maker 0.0025 to 0.002, taker 0.004 to 0.0035" in out


def test_the_first_symbol_is_taken_where_none_is_named(data_dir: Path) -> None:
    data = MarketData.from_catalog(data_dir)

    assert data.symbol == "ETH/USD"
    assert len(data) > 1_000
    assert all(path.suffix == ".lobr" for path in data.files)
    assert (data.records["recv_ts_us"] >= data.records["exch_ts_us"]).all()


def test_the_recorded_window_keeps_the_books_uncrossed(data_dir: Path) -> None:
    data = MarketData.from_catalog(data_dir)

    rows = Backtest(data, sample_us=10_000).run(JoinTouch(100_000, 1, 1)).equity

    known = rows[(rows["bid_ticks"] > 0) & (rows["ask_ticks"] > 0)]
    assert len(known) > 1_000
    assert (known["bid_ticks"] < known["ask_ticks"]).all()


def test_a_symbol_may_be_named_without_its_quote(data_dir: Path) -> None:
    assert MarketData.from_catalog(data_dir, "ETH").symbol == "ETH/USD"


def test_an_unknown_symbol_or_empty_folder_is_an_error(data_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(LobdeskError, match="XYZ/USD"):
        MarketData.from_catalog(data_dir, "XYZ/USD")
    with pytest.raises(LobdeskError):
        MarketData.from_catalog(tmp_path)


def test_receipts_are_shifted_as_the_records_were(data_dir: Path) -> None:
    data = MarketData.from_catalog(data_dir)
    ((since_us, added_us),) = data.clock_corrections
    raw = data.records["recv_ts_us"][:3] - added_us

    assert since_us <= raw[0]
    assert added_us > 0
    assert data.to_data_clock(raw).tolist() == data.records["recv_ts_us"][:3].tolist()
