"""From frames to the journal: raw log first, everything derived behind it."""

from lobdesk.recorder.clock import now
from lobdesk.recorder.health import Health, judge
from lobdesk.recorder.journal_view import BookTail, JournalView, judge_journal, view_journal
from lobdesk.recorder.look import Look, look
from lobdesk.recorder.recorder import Outcome, Recorder
from lobdesk.recorder.state import BookReport, LineReport, RecorderReport, read_report, write_report
from lobdesk.recorder.tally import Tally

__all__ = [
    "BookReport",
    "BookTail",
    "Health",
    "JournalView",
    "LineReport",
    "Look",
    "Outcome",
    "Recorder",
    "RecorderReport",
    "Tally",
    "judge",
    "judge_journal",
    "look",
    "now",
    "read_report",
    "view_journal",
    "write_report",
]
