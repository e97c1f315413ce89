"""From frames to the journal: raw log first, everything derived behind it."""

from lobdesk.recorder.clock import now
from lobdesk.recorder.health import Health, judge
from lobdesk.recorder.recorder import Outcome, Recorder
from lobdesk.recorder.state import BookReport, LineReport, RecorderReport, read_report, write_report
from lobdesk.recorder.tally import Tally

__all__ = [
    "BookReport",
    "Health",
    "LineReport",
    "Outcome",
    "Recorder",
    "RecorderReport",
    "Tally",
    "judge",
    "now",
    "read_report",
    "write_report",
]
