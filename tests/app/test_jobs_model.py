from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from lobdesk.app.panes.jobs.model import WorkList, details, progress_chart, work_row
from lobdesk.jobs import Job, Sample
from lobdesk.runs import create_run


def job(**changes: object) -> Job:
    facts = {
        "id": "j0001", "kind": "train", "args": ("--model", "deeplob"), "state": "running",
        "created_ts_us": 2, "pid": 42, **changes,
    }  # fmt: skip
    return Job(**facts)  # type: ignore[arg-type]


def sample(step: int, **facts: float) -> Sample:
    return Sample(ts_us=step, phase="train", done=step, total=10, facts=facts)


def test_run_of_a_job_is_shown_once(tmp_path: Path) -> None:
    run = create_run(tmp_path, "train", name="deeplob", config={})
    other = create_run(tmp_path, "train", name="linear", config={})
    other.finish("finished")
    making = create_run(tmp_path, "train", name="busy", config={})

    work = WorkList().merge([job(facts={"run": run.id})], [run, other, making])

    assert {entry.id for entry in work} == {"j0001", other.id}


def test_run_without_job_shows_its_own_progress_and_metrics(tmp_path: Path) -> None:
    run = create_run(tmp_path, "train", name="deeplob", config={})
    line = {"event": "progress", "ts_us": 1, "phase": "fit", "done": 1, "total": 2, "loss": 0.5}
    (run.path / "progress.jsonl").write_text(json.dumps(line) + "\n")
    run.finish("finished", metrics={"val": {"mcc": 0.2}, "folds": [1, 2]})

    (work,) = WorkList().merge([], [run])

    assert work.state == "finished"
    assert dict(details(work))["val.mcc"] == "0.2"
    assert progress_chart(work).curves[0].ys.tolist() == [0.5]


def test_naive_baseline_is_a_dashed_level_over_the_whole_axis() -> None:
    samples = [sample(s, train_loss=1 / (s + 1), naive_loss=0.69) for s in range(10)]
    (work,) = WorkList().merge([job(samples=samples)], [])

    curves = {curve.name: curve for curve in progress_chart(work).curves}

    assert curves["naive loss"].is_dashed
    assert curves["naive loss"].xs.tolist() == [0.0, 9.0]
    assert not curves["train loss"].is_dashed
    assert np.all(np.diff(curves["train loss"].ys) < 0)


def test_list_row_says_state_and_progress_in_words() -> None:
    (running,) = WorkList().merge([job(done=3, total=10, eta_s=61.0)], [])
    (failed,) = WorkList().merge([job(state="failed", reason="disk is full")], [])

    assert "30%" in work_row(running)[3]
    assert work_row(running)[4] == "61.0 s"
    assert work_row(failed)[2] == "failed !"
    assert dict(details(failed))["reason"] == "disk is full"
