from pathlib import Path

import pytest

from lobdesk.errors import RunError
from lobdesk.runs import create_run, list_runs, open_run


def test_a_run_round_trips_through_its_folder(tmp_path: Path) -> None:
    run = create_run(tmp_path, "backtest", name="demo", config={"symbol": "BTC/USD"})
    run.finish("finished", metrics={"pnl": 1.5}, outputs={"digest": "ab"})

    again = open_run(tmp_path, run.id)
    assert again.manifest == run.manifest
    assert again.manifest.state == "finished"
    assert again.metrics() == {"pnl": 1.5}


def test_numbers_are_never_shared_even_between_kinds(tmp_path: Path) -> None:
    ids = [create_run(tmp_path, kind, name="", config={}).id for kind in ("train", "backtest")]
    assert ids == ["t0001", "k0002"]


def test_runs_are_listed_newest_first_and_by_kind(tmp_path: Path) -> None:
    for kind in ("train", "backtest", "train"):
        create_run(tmp_path, kind, name="", config={})
    assert [run.id for run in list_runs(tmp_path)] == ["t0003", "k0002", "t0001"]
    assert [run.id for run in list_runs(tmp_path, "train")] == ["t0003", "t0001"]


@pytest.mark.parametrize("run_id", ["t0009", "../t0001", "", "manifest.json"])
def test_what_is_no_run_is_refused(tmp_path: Path, run_id: str) -> None:
    create_run(tmp_path, "train", name="", config={})
    with pytest.raises(RunError, match="is not a run"):
        open_run(tmp_path, run_id)


def test_a_damaged_manifest_names_the_file(tmp_path: Path) -> None:
    run = create_run(tmp_path, "train", name="", config={})
    (run.path / "manifest.json").write_text("{")
    with pytest.raises(RunError, match=r"manifest\.json"):
        open_run(tmp_path, run.id)


def test_a_folder_that_cannot_be_made_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunError, match="cannot be created"):
        create_run(tmp_path / "runs", "train", name="", config={})
