"""A recorder as its files show it: its own report, or the journal's end where that is no help."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lobdesk.recorder.health import STALE_S, Health, judge
from lobdesk.recorder.journal_view import JournalView, judge_journal, view_journal
from lobdesk.recorder.state import RecorderReport, read_report

if TYPE_CHECKING:
    from pathlib import Path

    from lobdesk.recorder.clock import Stamp


class Look(NamedTuple):
    """What was found.

    Attributes:
        report: What the recorder last said about itself; None if nothing, or nothing readable.
        journal: The journal's end; None if the report was enough, or there is no journal.
        health: The verdict.
        doubt: Why the report was not enough; empty if it was.
        age_s: How old the report is, by the monotonic clock; None if it was not enough.
    """

    report: RecorderReport | None
    journal: JournalView | None
    health: Health
    doubt: str
    age_s: float | None = None


def look(root: Path, at: Stamp, boot: str) -> Look:
    """Look at a recorder through its files; nothing is written and no process is asked.

    The report is enough while it is fresh by the monotonic clock, or if the recorder ended with it.
    Otherwise the journal decides: a report may be missing, torn, left behind by a crash, from
    another host or another boot, or no longer be replaced because the disk is full.

    Args:
        root: The journal's folder.
        at: The present instant.
        boot: The present boot.

    Raises:
        JournalReadError: A file cannot be read.
    """
    report = read_report(root)
    doubt = _doubt(report, at, boot)
    if report is not None and not (doubt or report.ended):
        age_s = (at.mono_us - report.mono_us) / 1e6
        return Look(report, None, judge(report, at, boot), "", age_s)
    view = view_journal(root)
    if view is None and report is not None:
        return Look(report, None, judge(report, at, boot), doubt)
    if report is not None and not doubt:
        if not _is_outlived(report, view):
            return Look(report, None, judge(report, at, boot), "")
        doubt = "the report is of a recorder that ended before"
    return Look(report, view, judge_journal(view, at.recv_ts_us), doubt)


def _doubt(report: RecorderReport | None, at: Stamp, boot: str) -> str:
    if report is None:
        return "there is no readable report"
    if report.ended:
        return ""
    if report.boot != boot:
        return "the report is of another host or an earlier boot"
    age_s = (at.mono_us - report.mono_us) / 1e6
    return f"the report is {age_s:.0f} s old" if age_s > STALE_S else ""


def _is_outlived(report: RecorderReport, view: JournalView | None) -> bool:
    return view is not None and view.last_us - report.written_us > STALE_S * 1e6
