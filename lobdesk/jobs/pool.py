"""The registry of background jobs on disk, and what can be done with them.

``<data>/jobs/<id>/`` holds ``job.json`` (what was started), ``progress.jsonl`` (standard error:
JSON lines and log text), ``result`` (standard output) and ``cancel`` (when cancelling was asked).
A job's state comes from what it wrote and whether it lives, never from an exit code, so any desk
sees the same state as the one that started it.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from lobdesk.errors import JobError
from lobdesk.jobs.process import birth_mark, is_alive, reap, signal_group, start_process
from lobdesk.jobs.report import JobReport, Sample
from lobdesk.paths import DataPaths
from lobdesk.runs import write_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KINDS = ("build", "train", "backtest", "index", "import", "signals")
JOB_ID = re.compile(r"j[0-9]{4,}")
GRACE_S = 5.0
"""How long a job may take to end after SIGTERM before it is killed."""


class JobRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was started.

    Attributes:
        id: ``j`` and a number.
        kind: Name of the command.
        args: Its arguments.
        created_ts_us: Start, wall clock.
        pid: Process, None if it could not be started.
        mark: Tells the process from a later one with the same number.
    """

    id: str
    kind: str
    args: tuple[str, ...]
    created_ts_us: int
    pid: int | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as it is now.

    Attributes:
        id: Identifier.
        kind: Name of the command.
        args: Its arguments.
        state: ``running``, ``cancelling``, ``finished``, ``cancelled`` or ``failed``.
        reason: Why it failed, in one line.
        created_ts_us: Start, wall clock.
        pid: Process, None if it could not be started.
        phase: What it is doing.
        done: Units done of the phase.
        total: Units of the phase, None if unknown.
        eta_s: Seconds the phase still needs, None if unknown.
        facts: The newest value of everything it told.
        samples: All progress lines, oldest first.
        log: Lines for people, oldest first.
    """

    id: str
    kind: str
    args: tuple[str, ...]
    state: str
    reason: str = ""
    created_ts_us: int
    pid: int | None
    phase: str = ""
    done: int = 0
    total: int | None = None
    eta_s: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    samples: Sequence[Sample] = ()
    log: Sequence[str] = ()

    @property
    def is_active(self) -> bool:
        """True while the process runs."""
        return self.state in {"running", "cancelling"}

    @property
    def fraction(self) -> float | None:
        """Share of the phase that is done, None if unknown."""
        if self.state == "finished":
            return 1.0
        return min(1.0, self.done / self.total) if self.total else None


class JobPool:
    """Starts, finds and stops the jobs of one data directory."""

    def __init__(
        self, data_dir: Path, *, launcher: Sequence[str] = (sys.executable, "-m", "lobdesk")
    ) -> None:
        """Open the registry, which need not exist.

        Args:
            data_dir: Data directory; jobs are told to use it.
            launcher: What to put before the command's name.
        """
        self._data_dir = data_dir
        self._folder = DataPaths(data_dir).jobs
        self._launcher = tuple(launcher)
        self._children: dict[str, int] = {}
        self._reports: dict[str, JobReport] = {}
        self._records: dict[str, JobRecord] = {}

    def start(self, kind: str, args: Sequence[str] = ()) -> Job:
        """Start a command as a job.

        Args:
            kind: One of ``KINDS``.
            args: Arguments besides ``--data-dir`` and ``--progress``.

        Raises:
            JobError: The kind is unknown or the process cannot be started.
        """
        if kind not in KINDS:
            raise JobError(f"{kind!r} cannot run as a job; known are {', '.join(KINDS)}")
        record = JobRecord(
            id=self._new_folder(), kind=kind, args=tuple(args), created_ts_us=_now_us()
        )
        folder = self._folder / record.id
        # Written before the start as well: a crash in between leaves a trace, not a riddle.
        write_json(folder / "job.json", msgspec.to_builtins(record))
        data_dir = str(self._data_dir.absolute())
        command = [*self._launcher, kind, *args, "--data-dir", data_dir, "--progress", "json"]
        try:
            pid = start_process(command, stdout=folder / "result", stderr=folder / "progress.jsonl")
        except OSError as error:
            raise JobError(f"{kind} cannot be started: {error}") from error
        self._children[record.id] = pid
        record = msgspec.structs.replace(record, pid=pid, mark=birth_mark(pid))
        write_json(folder / "job.json", msgspec.to_builtins(record))
        self._records[record.id] = record
        return self._status(record)

    def jobs(self) -> list[Job]:
        """Return all jobs as they are now, newest first."""
        if not self._folder.is_dir():
            return []
        ids = sorted(
            (path.name for path in self._folder.iterdir() if JOB_ID.fullmatch(path.name)),
            key=lambda name: int(name[1:]),
            reverse=True,
        )
        return [self._status(record) for name in ids if (record := self._record(name)) is not None]

    def job(self, job_id: str) -> Job:
        """Return one job as it is now.

        Raises:
            JobError: There is no such job.
        """
        record = self._record(job_id) if JOB_ID.fullmatch(job_id) else None
        if record is None:
            raise JobError(f"{job_id!r} is not a job in {self._folder}")
        return self._status(record)

    def cancel(self, job_id: str) -> None:
        """Ask a job to end; one that has not after a grace period is killed at a later look.

        Raises:
            JobError: There is no such job, or it is over.
        """
        job = self.job(job_id)
        if not job.is_active:
            raise JobError(f"{job_id} is {job.state}; there is nothing to cancel")
        marker = self._folder / job_id / "cancel"
        if not marker.exists():
            marker.write_text(f"{_now_us()}\n", encoding="ascii")
        record = self._records[job_id]
        if record.pid is not None:
            signal_group(record.pid, record.mark, signal.SIGTERM)

    def result(self, job_id: str) -> str:
        """Return what the job wrote to standard output so far."""
        path = self._folder / self.job(job_id).id / "result"
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def _new_folder(self) -> str:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            taken = [int(p.name[1:]) for p in self._folder.iterdir() if JOB_ID.fullmatch(p.name)]
            number = max(taken, default=0) + 1
            while True:
                try:
                    (self._folder / f"j{number:04d}").mkdir()
                    return f"j{number:04d}"
                except FileExistsError:
                    number += 1
        except OSError as error:
            raise JobError(f"{self._folder}: a job cannot be created: {error.strerror}") from error

    def _record(self, job_id: str) -> JobRecord | None:
        known = self._records.get(job_id)
        if known is not None and known.pid is not None:
            return known
        path = self._folder / job_id / "job.json"
        try:
            record = msgspec.json.decode(path.read_bytes(), type=JobRecord)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise JobError(f"{path}: {error}") from error
        self._records[job_id] = record
        return record

    def _status(self, record: JobRecord) -> Job:
        child = self._children.get(record.id)
        if child is not None and reap(child):
            del self._children[record.id]
        # Alive is asked before reading: what a process wrote before it ended is then not missed.
        is_running = record.pid is not None and is_alive(record.pid, record.mark)
        report = self._reports.get(record.id)
        if report is None:
            report = JobReport(self._folder / record.id / "progress.jsonl")
            self._reports[record.id] = report
        report.read()
        state, reason = self._judge(record, report, is_running=is_running)
        latest = report.latest
        return Job(
            id=record.id,
            kind=record.kind,
            args=record.args,
            state=state,
            reason=reason,
            created_ts_us=record.created_ts_us,
            pid=record.pid,
            phase=latest.phase if latest else "",
            done=latest.done if latest else 0,
            total=latest.total if latest else None,
            eta_s=report.eta_s(_now_us()) if is_running else None,
            facts=dict(report.facts),
            samples=report.samples,
            log=tuple(report.log),
        )

    def _judge(self, record: JobRecord, report: JobReport, *, is_running: bool) -> tuple[str, str]:
        asked_us = self._cancel_asked_us(record.id)
        if report.final_state is not None:
            reason = report.final_facts.get("reason", report.final_facts.get("error", ""))
            if report.final_state == "failed" and not reason:
                reason = _last_text(report)
            return report.final_state, str(reason)
        if is_running:
            if asked_us is None:
                return "running", ""
            if _now_us() - asked_us > GRACE_S * 1e6 and record.pid is not None:
                signal_group(record.pid, record.mark, signal.SIGKILL)
            return "cancelling", ""
        if asked_us is not None:
            return "cancelled", "ended without a last word after it was asked to stop"
        if record.pid is None:
            return "failed", "the desk stopped before the process was started"
        return "failed", _last_text(report) or "the process ended without a last word"

    def _cancel_asked_us(self, job_id: str) -> int | None:
        try:
            return int((self._folder / job_id / "cancel").read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return None


def read_json_result(text: str) -> dict[str, Any]:
    """Return the one JSON object a finished command printed, empty if it printed none."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _last_text(report: JobReport) -> str:
    return report.rest() or next((line for line in reversed(report.log) if line.strip()), "")


def _now_us() -> int:
    return time.time_ns() // 1000
