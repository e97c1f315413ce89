"""Jobs are real processes here; each test waits for a state, never for a time."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lobdesk.errors import JobError
from lobdesk.jobs import Job, JobPool
from lobdesk.jobs import pool as pool_module

WORKER = Path(__file__).parent / "worker.py"
LAUNCHER = (sys.executable, str(WORKER))
ROOT = Path(__file__).parents[2]
DEADLINE_S = 20.0


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobPool]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pool = JobPool(tmp_path, launcher=LAUNCHER)
    yield pool
    for job in pool.jobs():
        if job.is_active and job.pid is not None:
            os.killpg(job.pid, signal.SIGKILL)
            wait_for(pool, job.id, is_over)


def wait_for(pool: JobPool, job_id: str, condition: Callable[[Job], bool]) -> Job:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        job = pool.job(job_id)
        if condition(job):
            return job
        time.sleep(0.01)
    raise AssertionError(f"never came true; the job is {pool.job(job_id)}")


def is_over(job: Job) -> bool:
    return not job.is_active


def is_waiting(job: Job) -> bool:
    return job.phase == "waiting"


def test_finished_job_reports_progress_facts_and_result(pool: JobPool) -> None:
    job = wait_for(pool, pool.start("train", ["--finish"]).id, is_over)

    assert job.state == "finished"
    assert (job.done, job.total, job.fraction) == (10, 10, 1.0)
    assert job.facts["run"] == "t0001"
    assert [sample.facts["loss"] for sample in job.samples][-1] == 0.05
    assert "loading" in job.log
    assert pool.result(job.id) == '{"run": "t0001"}\n'


def test_dead_job_without_last_line_failed_whatever_its_exit_code(pool: JobPool) -> None:
    job = wait_for(pool, pool.start("train", ["--die"]).id, is_over)

    assert job.state == "failed"
    assert job.reason == "error: disk is full"


def test_last_line_counts_more_than_exit_code(pool: JobPool) -> None:
    job = wait_for(pool, pool.start("train", ["--lie"]).id, is_over)

    assert job.state == "finished"


def test_cancel_lets_job_end_by_itself(pool: JobPool) -> None:
    job = wait_for(pool, pool.start("build", ["--polite"]).id, is_waiting)

    pool.cancel(job.id)

    ended = wait_for(pool, job.id, is_over)
    assert (ended.state, ended.reason) == ("cancelled", "asked to")


def test_cancel_kills_job_that_ignores_it_after_grace(
    pool: JobPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "GRACE_S", 0.2)
    job = wait_for(pool, pool.start("build", ["--stubborn"]).id, is_waiting)

    pool.cancel(job.id)

    assert pool.job(job.id).state == "cancelling"
    assert wait_for(pool, job.id, is_over).state == "cancelled"


def test_other_desk_finds_and_cancels_running_job(pool: JobPool, tmp_path: Path) -> None:
    job = wait_for(pool, pool.start("build").id, is_waiting)
    other = JobPool(tmp_path, launcher=LAUNCHER)

    assert [(found.id, found.state) for found in other.jobs()] == [(job.id, "running")]
    other.cancel(job.id)

    assert wait_for(pool, job.id, is_over).state == "cancelled"
    with pytest.raises(JobError, match="nothing to cancel"):
        other.cancel(job.id)


def test_job_runs_niced_in_a_session_of_its_own(pool: JobPool) -> None:
    job = wait_for(pool, pool.start("build").id, is_waiting)

    assert job.pid is not None
    assert os.getsid(job.pid) == job.pid != os.getsid(0)
    assert os.getpriority(os.PRIO_PROCESS, job.pid) >= 10


def test_reused_process_number_is_not_taken_for_the_job(pool: JobPool, tmp_path: Path) -> None:
    job = wait_for(pool, pool.start("train", ["--die"]).id, is_over)
    record = tmp_path / "jobs" / job.id / "job.json"
    record.write_text(record.read_text().replace(f'"pid": {job.pid}', f'"pid": {os.getpid()}'))

    found = JobPool(tmp_path, launcher=LAUNCHER).job(job.id)

    assert found.state == "failed"
    with pytest.raises(JobError, match="nothing to cancel"):
        pool.cancel(job.id)


def test_unknown_kind_and_unknown_job_are_refused(pool: JobPool) -> None:
    with pytest.raises(JobError, match="known are build, train"):
        pool.start("dance")
    with pytest.raises(JobError, match="is not a job"):
        pool.job("j0001/../../x")


def test_jobs_are_listed_newest_first(pool: JobPool) -> None:
    first = pool.start("train", ["--finish"]).id
    second = pool.start("train", ["--finish"]).id

    assert [job.id for job in pool.jobs()] == [second, first]
    wait_for(pool, first, is_over)
    wait_for(pool, second, is_over)
