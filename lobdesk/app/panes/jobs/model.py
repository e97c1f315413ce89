"""Jobs and runs as one list of work, with what each has told about itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lobdesk.app.text import clock_text, duration_text
from lobdesk.app.widgets.chart import ChartView, Curve
from lobdesk.jobs.report import JobReport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lobdesk.jobs import Job, Sample
    from lobdesk.runs import Run

COLUMNS = ("id", "kind", "state", "progress", "eta", "started", "name")
BAR_CELLS = 20
CURVES = re.compile(r"loss|^equity$")
BASELINE = re.compile(r"naive|baseline|majority")
CURVE_STYLES = ("accent", "bid", "ask", "warn")


@dataclass(frozen=True, slots=True)
class Work:
    """One job, or one run that no job in the list made.

    Attributes:
        id: Of the job or run.
        kind: ``build``, ``train``, ….
        name: Arguments of the job, or name of the run.
        state: As the job or run says.
        reason: Why it failed.
        is_job: Whether it can be cancelled.
        is_active: Whether it is not over.
        phase: What it is doing.
        fraction: Share done, None if unknown.
        eta_s: Seconds left, None if unknown.
        created_ts_us: Start.
        pid: Process of a job.
        samples: All progress lines.
        log: Lines for people.
        facts: The newest of everything it told.
    """

    id: str
    kind: str
    name: str
    state: str
    reason: str
    is_job: bool
    is_active: bool
    phase: str
    fraction: float | None
    eta_s: float | None
    created_ts_us: int
    pid: int | None = None
    samples: Sequence[Sample] = ()
    log: Sequence[str] = ()
    facts: dict[str, Any] = field(default_factory=dict)


class WorkList:
    """Merges jobs and runs, newest first, and keeps the reading places of runs."""

    def __init__(self) -> None:
        self._reports: dict[str, JobReport] = {}

    def merge(self, jobs: Sequence[Job], runs: Sequence[Run]) -> list[Work]:
        """Return all work; a run that a job names, or is just making, is part of that job."""
        named = {str(job.facts.get("run", "")) for job in jobs}
        making = {job.kind for job in jobs if job.is_active}
        work = [_from_job(job) for job in jobs]
        work += [
            self._from_run(run)
            for run in runs
            if run.id not in named
            and not (run.manifest.state == "running" and run.manifest.kind in making)
        ]
        return sorted(work, key=lambda entry: entry.created_ts_us, reverse=True)

    def _from_run(self, run: Run) -> Work:
        report = self._reports.setdefault(run.id, JobReport(run.path / "progress.jsonl"))
        report.read()
        manifest = run.manifest
        latest = report.latest
        return Work(
            id=run.id,
            kind=manifest.kind,
            name=manifest.name,
            state=manifest.state,
            reason="",
            is_job=False,
            is_active=False,
            phase=latest.phase if latest else "",
            fraction=1.0 if manifest.state == "finished" else None,
            eta_s=None,
            created_ts_us=manifest.created_ts_us,
            samples=report.samples,
            log=tuple(report.log),
            facts={**report.facts, **_flat(run.metrics())},
        )


def _from_job(job: Job) -> Work:
    return Work(
        id=job.id,
        kind=job.kind,
        name=" ".join(job.args) or "(defaults)",
        state=job.state,
        reason=job.reason,
        is_job=True,
        is_active=job.is_active,
        phase=job.phase,
        fraction=job.fraction,
        eta_s=job.eta_s,
        created_ts_us=job.created_ts_us,
        pid=job.pid,
        samples=job.samples,
        log=job.log,
        facts=job.facts,
    )


def work_row(work: Work) -> tuple[str, ...]:
    """Return the cells of one line of the list."""
    state = f"{work.state} !" if work.state == "failed" else work.state
    if work.fraction is None:
        progress = work.phase if work.is_active else "--"
    else:
        filled = int(work.fraction * BAR_CELLS)
        progress = f"{'█' * filled}{'░' * (BAR_CELLS - filled)} {100 * work.fraction:3.0f}%"
    eta = duration_text(round(work.eta_s * 1e6)) if work.eta_s is not None else "--"
    started = clock_text(work.created_ts_us, digits=0)
    return (work.id, work.kind, state, progress, eta, started, work.name)


def details(work: Work) -> list[tuple[str, str]]:
    """Return names and values for the details view."""
    rows = [("state", work.state)]
    if work.reason:
        rows.append(("reason", work.reason))
    if work.phase and work.is_active:
        rows.append(("phase", work.phase))
    if work.pid is not None and work.is_active:
        rows.append(("process", f"{work.pid}, nice 10"))
    rows.append(("name", work.name))
    for key, value in work.facts.items():
        text = f"{value:.6g}" if isinstance(value, float) else str(value)
        rows.append((key.replace("_", " "), text))
    return rows


def progress_chart(work: Work) -> ChartView:
    """Return the curves of losses (or of a backtest's equity), and the naive baselines."""
    points: dict[str, tuple[list[float], list[float]]] = {}
    for number, sample in enumerate(work.samples):
        step = sample.facts.get("step", sample.facts.get("steps"))
        x = float(step) if isinstance(step, int | float) else float(sample.done or number)
        for key, value in sample.facts.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if is_number and (CURVES.search(key) or BASELINE.search(key)):
                xs, ys = points.setdefault(key, ([], []))
                if not xs or x > xs[-1]:
                    xs.append(x)
                    ys.append(float(value))
    ends = [xs[-1] for xs, _ in points.values()]
    curves = [_curve(i, key, xs, ys, max(ends)) for i, (key, (xs, ys)) in enumerate(points.items())]
    return ChartView(
        curves=curves,
        x_text=lambda x: f"{x:,.0f}",
        y_text=lambda y: f"{y:.4f}",
        empty_text="trainings show their loss here, backtests their equity",
    )


def _curve(number: int, key: str, xs: list[float], ys: list[float], end: float) -> Curve:
    is_baseline = BASELINE.search(key) is not None
    if is_baseline:
        # A baseline does not learn: its last value holds for the whole axis.
        xs, ys = [0.0, end], [ys[-1], ys[-1]]
    return Curve(
        name=key.replace("_", " "),
        xs=np.asarray(xs, dtype=np.float64),
        ys=np.asarray(ys, dtype=np.float64),
        style="dim" if is_baseline else CURVE_STYLES[number % len(CURVE_STYLES)],
        is_dashed=is_baseline,
        note=f"{ys[-1]:.4f}",
    )


def _flat(metrics: dict[str, Any]) -> dict[str, Any]:
    """Return the single values of metrics, one level down as ``a.b``."""
    flat: dict[str, Any] = {}
    for key, value in metrics.items():
        if isinstance(value, dict):
            flat |= {
                f"{key}.{name}": leaf
                for name, leaf in value.items()
                if not isinstance(leaf, dict | list)
            }
        elif not isinstance(value, list):
            flat[key] = value
    return flat
