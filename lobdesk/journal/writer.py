"""The one writer of a journal: raw events first, then what is derived from them."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from lobdesk.journal.derived import DerivedEnd, DerivedLogs
from lobdesk.journal.errors import JournalSyncError
from lobdesk.journal.layout import EVENTS, list_segments
from lobdesk.journal.line import SCHEMA_VERSION, compose_line, frame_record, note_text
from lobdesk.journal.lock import WriterLock
from lobdesk.journal.log_writer import LogWriter
from lobdesk.journal.reader import RawMark
from lobdesk.journal.recovery import TornTail, recover_events, refuse_newer
from lobdesk.journal.seal import seal_segment
from lobdesk.records import RawEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobdesk.journal.layout import Segment
    from lobdesk.journal.segment_file import SegmentFile

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 256 * 1024 * 1024
SYNC_INTERVAL_S = 0.5
MARK_EVERY = 1000
MAX_MARKS = 500
"""Places in the raw log that are remembered, one each ``MARK_EVERY`` records."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class JournalWriter:
    """Writes one journal; holds its lock from opening to ``close``.

    Each record is one ``write`` before ``append`` returns, so it survives the end of this process.
    A thread calls ``fdatasync`` at most ``sync_interval_s`` later, so it survives a power cut.
    ``append`` never waits for the disk's confirmation.

    Attributes:
        root: The journal's folder.
        cuts: What recovery cut off when the journal was opened.
        next_seq: Sequence number of the next record.
        suspects: Segments that the disk did not confirm.
        boot: Identifier of this boot, which makes ``mono_us`` comparable.
        on_sync: Called with the seconds that each confirmation of the raw log took.
    """

    def __init__(
        self,
        root: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        sync_interval_s: float | None = SYNC_INTERVAL_S,
        boot: str | None = None,
    ) -> None:
        """Open or make a journal, after cutting off what a crash left.

        Args:
            root: The journal's folder.
            segment_bytes: Size at which a segment is sealed.
            sync_interval_s: Longest time until the disk confirms; None: only on ``sync``.
            boot: None asks the system.

        Raises:
            NewerJournalError: A newer version wrote it; nothing was touched.
            JournalLockedError: Another process writes it.
            JournalReadError: A segment cannot be read or cut.
        """
        self.root = root
        self.boot = boot if boot is not None else boot_id()
        refuse_newer(root)
        self._lock = WriterLock(root)
        try:
            end, cuts = recover_events(root)
            self.cuts: list[TornTail] = cuts
            for cut in self.cuts:
                logger.warning("torn tail cut", extra={"path": str(cut.path), "offset": cut.offset})
            self._io_lock = threading.Lock()
            self._sealer = ThreadPoolExecutor(1, thread_name_prefix="seal")
            self._raw = LogWriter(root / EVENTS, segment_bytes, self._retire)
            self._derived = DerivedLogs(root, segment_bytes, self._retire)
        except BaseException:
            self._lock.release()
            raise
        self.next_seq = end.seq + 1
        self._crc = end.crc
        self._marks: deque[RawMark] = deque(maxlen=MAX_MARKS)
        if end.seq == 0 or self._raw.file is not None:
            self._mark(end.seq, end.crc)
        self._is_dirty = False
        self.on_sync: Callable[[float], None] | None = None
        self.suspects: list[str] = []
        self._unsaid: deque[tuple[Path, OSError]] = deque()
        self._closing = threading.Event()
        self._sync_thread: threading.Thread | None = None
        self._seal_leftovers([root / EVENTS])
        if sync_interval_s is not None:
            self._sync_thread = threading.Thread(
                target=self._sync_loop, args=(sync_interval_s,), name="sync", daemon=True
            )
            self._sync_thread.start()

    def append(
        self,
        direction: str,
        frame: str | bytes,
        *,
        recv_ts_us: int,
        mono_us: int,
        conn: int,
        boot: str | None = None,
    ) -> RawEvent:
        """Append one record and return it; it is in the file when this returns.

        Args:
            direction: ``in``, ``out`` or ``note``.
            frame: Its text. Bytes that are not UTF-8 become a note of kind ``binary``.
            recv_ts_us: Wall clock.
            mono_us: Monotonic clock.
            conn: Connection number.
            boot: What ``mono_us`` belongs to; None: this boot.

        Raises:
            JournalWriteError: The disk is full or failing. Nothing of the record is in the log,
                and its sequence number goes to the next one.
        """
        while self._unsaid:
            self._leave_suspect_segment(recv_ts_us, mono_us, conn)
        direction, raw = frame_record(direction, frame)
        return self._write(direction, raw, recv_ts_us, mono_us, conn, boot)

    def _write(  # noqa: PLR0917 - one call site each
        self, direction: str, raw: str, recv_ts_us: int, mono_us: int, conn: int, boot: str | None
    ) -> RawEvent:
        event = RawEvent(
            v=SCHEMA_VERSION,
            seq=self.next_seq,
            recv_ts_us=recv_ts_us,
            mono_us=mono_us,
            boot=self.boot if boot is None else boot,
            conn=conn,
            dir=direction,
            raw=raw,
            crc=0,
        )
        line, crc = compose_line(event, self._crc)
        self._raw.append(line, event.seq, recv_ts_us)
        if event.seq % MARK_EVERY == 0:
            self._mark(event.seq, crc)
        self._crc = crc
        self.next_seq += 1
        self._is_dirty = True
        return event

    def _mark(self, seq: int, crc: int) -> None:
        date, first_seq, size, _ = self._raw.end
        self._marks.append(RawMark(seq=seq, date=date, first_seq=first_seq, offset=size, crc=crc))

    def mark_before(self, seq: int) -> RawMark | None:
        """Return a known place in the raw log that is not behind the event ``seq``."""
        if seq == self.next_seq - 1 and self._raw.file is not None:
            self._mark(seq, self._crc)
        return next((mark for mark in reversed(self._marks) if mark.seq <= seq), None)

    def derived_ends(self) -> list[DerivedEnd]:
        """Return how far each derived log that this writer has opened reaches."""
        return self._derived.ends()

    def run_behind(self, task: Callable[[], None]) -> None:
        """Run a task in the thread that also seals, after what waits there."""
        self._sealer.submit(task)

    def write_derived(
        self, log: str, symbol: str, line: bytes, *, recv_ts_us: int, seq: int
    ) -> None:
        """Append a line to a symbol's ``snapshots`` or ``trades``.

        A full disk does not raise: the lines wait in memory and follow when there is room. What
        does not fit there is derived again when the journal is next opened.
        """
        self._derived.append(log, symbol, line, recv_ts_us=recv_ts_us, seq=seq)

    def sync_derived(self) -> None:
        """Return when the disk holds the derived lines; blocks.

        Raises:
            JournalWriteError: It does not.
        """
        self._derived.sync()

    @property
    def waiting_derived_bytes(self) -> int:
        """Size of derived lines that the disk has not taken yet."""
        return self._derived.waiting_bytes

    @property
    def is_derived_complete(self) -> bool:
        """False if derived lines were given up and need re-derivation."""
        return self._derived.is_complete

    def sync(self) -> None:
        """Return when the disk holds every record appended before; blocks, so use a thread.

        Raises:
            JournalSyncError: It does not. The next ``append`` leaves this segment for a new one.
        """
        with self._io_lock:
            file = self._raw.file
            if file is None:
                return
            for path, error in tuple(self._unsaid):
                # A record may have been on its way into the segment while the disk failed.
                if path == file.path:
                    raise JournalSyncError(path, error) from error
            if not self._is_dirty:
                return
            self._is_dirty = False
            started_s = time.monotonic()
            try:
                file.sync()
                if self.on_sync is not None:
                    self.on_sync(time.monotonic() - started_s)
            except OSError as error:
                # What the system dropped once it will not write on a second try.
                self._suspect(file.path, error)
                raise JournalSyncError(file.path, error) from error

    def _sync_loop(self, interval_s: float) -> None:
        while not self._closing.wait(interval_s):
            try:
                self.sync()
            except JournalSyncError as error:
                logger.error("segment not confirmed by the disk", extra={"reason": str(error)})  # noqa: TRY400

    def _leave_suspect_segment(self, recv_ts_us: int, mono_us: int, conn: int) -> None:
        path, error = self._unsaid[0]
        if self._raw.file is not None and self._raw.file.path == path:
            self._raw.rotate()
        name = str(path.relative_to(self.root))
        raw = note_text("suspect", segment=name, reason=error.strerror)
        self._write("note", raw, recv_ts_us, mono_us, conn, None)
        self._unsaid.popleft()

    def _suspect(self, path: Path, error: OSError) -> None:
        self.suspects.append(str(path.relative_to(self.root)))
        self._unsaid.append((path, error))

    def _is_suspect(self, path: Path) -> bool:
        return str(path.relative_to(self.root)) in self.suspects

    def _retire(self, file: SegmentFile) -> None:
        self._sealer.submit(self._retire_now, file)

    def _retire_now(self, file: SegmentFile) -> None:
        # What is sealed must never say more than the raw log on the disk.
        with contextlib.suppress(JournalSyncError):
            self.sync()
        with self._io_lock:
            try:
                if not self._is_suspect(file.path):
                    file.sync()
            except OSError as error:
                self._suspect(file.path, error)
            finally:
                file.close()
        # A suspect one stays as it is: `verify` and the next start read what the disk really has.
        if not self._is_suspect(file.path):
            self._seal(file.path)

    def _seal(self, path: Path) -> None:
        segments = [s for s in list_segments(path.parents[1]) if s.plain_path == path]
        for segment in segments:
            self._seal_one(segment)

    def _seal_one(self, segment: Segment) -> None:
        try:
            if segment.is_sealed:
                segment.plain_path.unlink(missing_ok=True)
            else:
                seal_segment(segment)
        except OSError as error:
            # The plain file stays and is sealed at the next start; what a full disk holds of the
            # compressed one would only keep it full.
            for hidden in segment.path.parent.glob(f".{segment.sealed_path.name}.tmp"):
                hidden.unlink(missing_ok=True)
            logger.warning(
                "segment not sealed", extra={"path": str(segment.path), "reason": error.strerror}
            )

    def seal_derived(self) -> None:
        """Seal derived segments that a crash left unsealed, once they have been made whole."""
        self._seal_leftovers(self._derived.log_dirs())

    def _seal_leftovers(self, log_dirs: list[Path]) -> None:
        for log_dir in log_dirs:
            # In the thread that seals, which may be writing one of them right now.
            self._sealer.submit(_remove_hidden, log_dir)
            for segment in list_segments(log_dir)[:-1]:
                if segment.plain_path.exists():
                    self._sealer.submit(self._seal, segment.plain_path)

    def close(self) -> None:
        """Write out, sync, finish sealing and give the lock back.

        Raises:
            JournalSyncError: The disk does not confirm the last records.
        """
        if self._closing.is_set():
            return
        self._closing.set()
        try:
            if self._sync_thread is not None:
                self._sync_thread.join()
            self._derived.close()
            self.sync()
            if self._unsaid:
                raise JournalSyncError(*self._unsaid[-1])
        finally:
            self._sealer.shutdown(wait=True)
            self._raw.close()
            self._lock.release()

    def __enter__(self) -> JournalWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _remove_hidden(log_dir: Path) -> None:
    for hidden in log_dir.glob("*/.*.tmp"):
        hidden.unlink(missing_ok=True)


def boot_id() -> str:
    """Return the identifier of this boot; a random one where the system has none."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return str(uuid.uuid4())


def now_us() -> tuple[int, int]:
    """Return the wall clock and the monotonic clock in microseconds."""
    return time.time_ns() // 1000, time.monotonic_ns() // 1000
