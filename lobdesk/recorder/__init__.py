"""From frames to the journal: raw log first, everything derived behind it."""

from lobdesk.recorder.clock import boot_id, now
from lobdesk.recorder.health import Health, judge
from lobdesk.recorder.recorder import Outcome, Recorder
from lobdesk.recorder.state import BookReport, RecorderReport, read_report, write_report

__all__ = [
    "BookReport",
    "Health",
    "Outcome",
    "Recorder",
    "RecorderReport",
    "boot_id",
    "judge",
    "now",
    "read_report",
    "write_report",
]
