"""One log as a sequence of segments: rotation at UTC midnight and by size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.journal.layout import list_segments, segment_path
from lobdesk.journal.segment_file import SegmentFile
from lobdesk.units import US_PER_DAY, parse_rfc3339_us, utc_date

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class LogWriter:
    """Appends lines to the newest segment of a log.

    A date folder is only ever left for a later one: a wall clock that is set back changes nothing.
    Lines of one sequence number stay in one segment.
    """

    def __init__(
        self, log_dir: Path, segment_bytes: int, retire: Callable[[SegmentFile], None]
    ) -> None:
        """Continue a log.

        Args:
            log_dir: Its folder, which need not exist.
            segment_bytes: Size above which the next line starts a new segment.
            retire: Takes over a segment that is left, to sync, close and seal it.
        """
        self._log_dir = log_dir
        self._segment_bytes = segment_bytes
        self._retire = retire
        self._file: SegmentFile | None = None
        self._day_end_us = 0
        self._date = ""
        self._last_seq = 0
        self._continue()

    def _continue(self) -> None:
        segments = list_segments(self._log_dir)
        if not segments:
            return
        last = segments[-1]
        self._date = last.date
        if not last.is_sealed:
            self._file = SegmentFile(last.path)
        self._day_end_us = _day_end_us(last.date)

    @property
    def file(self) -> SegmentFile | None:
        """The segment that grows, None before the first line."""
        return self._file

    @property
    def end(self) -> tuple[str, int, int, int]:
        """Date and first seq of the growing segment, its size, and the last seq written to it."""
        if self._file is None:
            return ("", 0, 0, self._last_seq)
        return (self._date, int(self._file.path.stem), self._file.size, self._last_seq)

    def append(self, line: bytes, seq: int, recv_ts_us: int) -> None:
        """Append a line, rotating before it where that is due.

        Raises:
            JournalWriteError: Nothing of the line is in the log.
        """
        file = self._file
        if (
            file is None
            or recv_ts_us >= self._day_end_us
            or (file.size + len(line) > self._segment_bytes and file.size > 0)
        ) and (file is None or seq != self._last_seq):
            file = self._rotate(seq, recv_ts_us)
        assert file is not None  # noqa: S101 - for the type checker
        file.append(line)
        self._last_seq = seq

    def rotate(self) -> None:
        """Leave the present segment; the next line starts a new one."""
        if self._file is not None:
            self._retire(self._file)
            self._file = None

    def _rotate(self, seq: int, recv_ts_us: int) -> SegmentFile:
        date = max(utc_date(recv_ts_us), self._date)
        old = self._file
        if old is not None and old.size == 0:
            old.close()
            old.path.unlink(missing_ok=True)
            old = None
        # The new file first: if it cannot be made, the old one goes on.
        self._file = SegmentFile(segment_path(self._log_dir, date, seq))
        self._date = date
        self._day_end_us = _day_end_us(date)
        if old is not None:
            self._retire(old)
        return self._file

    def close(self) -> None:
        """Close the growing segment without sealing it; the next start continues it."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _day_end_us(date: str) -> int:
    return parse_rfc3339_us(f"{date}T00:00:00Z") + US_PER_DAY
