"""Is a recorder alive, and does it record what it should? Answered from its files alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lobdesk.recorder.clock import Stamp
    from lobdesk.recorder.state import RecorderReport

STALE_S = 10.0
"""Reports come each second or so; a heartbeat frame each second."""

PATIENCE_S = 30.0
"""A book that is being rebuilt may take this long before the recorder counts as unhealthy."""


@dataclass(frozen=True, slots=True)
class Health:
    """A verdict.

    Attributes:
        is_running: A recorder is at work.
        is_receiving: And frames arrive.
        unverified: Symbols without a verified book for too long, with the reason.
        reason: Why it is not healthy, empty if it is.
    """

    is_running: bool
    is_receiving: bool
    unverified: dict[str, str]
    reason: str

    @property
    def is_healthy(self) -> bool:
        """Running, receiving, and every book verified."""
        return not self.reason


def judge(report: RecorderReport | None, at: Stamp, boot: str) -> Health:
    """Judge a report.

    Args:
        report: What the recorder last wrote, None if nothing.
        at: The present instant.
        boot: Present boot; a report of an earlier one is an ended recorder's.
    """
    if report is None:
        return Health(False, False, {}, "no recorder has run here")
    if report.ended:
        return Health(False, False, {}, f"the recorder ended: {report.ended}")
    # Monotonic, so that setting the wall clock neither kills nor revives a recorder.
    age_s = (at.mono_us - report.mono_us) / 1e6
    if report.boot != boot or age_s > STALE_S:
        return Health(False, False, {}, "the recorder has stopped without saying so")
    silent_s = (report.written_us - report.last_frame_us) / 1e6 + age_s
    is_receiving = report.is_connected and silent_s <= STALE_S
    if not is_receiving:
        since = f"no frame for {silent_s:.0f} s" if report.last_frame_us else "no frame yet"
        line = "connected" if report.is_connected else "not connected"
        return Health(True, False, {}, f"{since}; {line}")
    if failure := _failure(report):
        return Health(True, True, {}, failure)
    books = {**report.books, **{f"{name} level 3": b for name, b in report.orders.items()}}
    unverified = {
        symbol: book.reason or book.state
        for symbol, book in books.items()
        if book.state != "live"
        and (book.state == "refused" or (at.recv_ts_us - book.since_us) / 1e6 > PATIENCE_S)
    }
    names = ", ".join(f"{symbol} ({why})" for symbol, why in unverified.items())
    return Health(True, True, unverified, f"no verified book: {names}" if unverified else "")


def _failure(report: RecorderReport) -> str:
    """Return what keeps frames from being written or derived; empty if nothing does."""
    if report.write_error:
        lost = f"{report.lost_frames} frames lost so far"
        return f"nothing can be recorded: {report.write_error}; {lost}"
    if report.error:
        return f"only raw frames are recorded: {report.error}"
    if report.suspects:
        return f"the disk did not confirm {', '.join(report.suspects)}; check it, then verify"
    return ""
