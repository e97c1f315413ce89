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
