"""Taking a foreign recording into the data directory, whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from lobdesk.derive import Recording
from lobdesk.errors import ImportFormatError, JournalError
from lobdesk.importers.joining import join_captures
from lobdesk.importers.registry import find_format
from lobdesk.journal import is_locked
from lobdesk.progress import NoProgress, Progress
from lobdesk.runs import write_json
from lobdesk.units import format_rfc3339_us

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lobdesk.importers.source import ForeignCapture, ImportedFrame
    from lobdesk.paths import DataPaths

WORK_FOLDER = ".importing"
SOURCE_FILE = "source.json"
UNSAFE = re.compile(r"[^A-Za-z0-9]+")


class SourceInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one imported source; kept as ``source.json`` beside its journal.

    Attributes:
        id: Name of its folder: venue, pairs, start and digest.
        file: Name of the imported file; of several imported as one, all with `` + `` between.
        format: Format it was in.
        sha256: Digest of the file; of several, of their digests.
        bytes: Size of the file.
        frames: Frames it held.
        first_ts_us: Time of receipt of the first one.
        last_ts_us: Of the last one.
        recv_derived: True if the times of receipt were computed from a monotonic clock.
    """

    id: str
    file: str
    format: str
    sha256: str
    bytes: int
    frames: int = 0
    first_ts_us: int = 0
    last_ts_us: int = 0
    recv_derived: bool


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How one import ended.

    Attributes:
        source: What was imported, now or earlier.
        is_new: False if this very file had been imported before; nothing was changed then.
    """

    source: SourceInfo
    is_new: bool


def import_file(
    paths: DataPaths, file: Path, *, format_name: str = "auto", progress: Progress | None = None
) -> ImportReport:
    """Import one file as its own source.

    The journal is built in a folder that no reader looks at and renamed when it is complete, so a
    damaged or interrupted import leaves nothing behind.

    Raises:
        ImportFormatError: The file cannot be read, or is damaged at a place that is named.
        JournalError: The journal cannot be written.
    """
    return import_as_one(paths, [file], format_name=format_name, progress=progress)


def import_as_one(
    paths: DataPaths,
    files: Sequence[Path],
    *,
    format_name: str = "auto",
    progress: Progress | None = None,
) -> ImportReport:
    """Import the files that one recording was cut into as one source; see ``import_file``.

    Raises:
        ImportFormatError: As ``import_file``; or a file is of another recording, begins before the
            one before it ends, or is of a format whose files each begin anew.
        JournalError: The journal cannot be written.
    """
    progress = progress if progress is not None else NoProgress()
    file, entry = files[0], find_format(files[0], format_name)
    digest, size = _digest(files)
    known = find_source(paths, digest)
    if known is not None:
        return ImportReport(known, is_new=False)
    capture = entry.open(file)
    if len(files) > 1:
        others = [(other, find_format(other, entry.name).open(other)) for other in files[1:]]
        capture = join_captures([(file, capture), *others])
    origin = SourceInfo(
        id=_source_id(capture, digest),
        file=" + ".join(each.name for each in files),
        format=entry.name,
        sha256=digest,
        bytes=size,
        recv_derived=capture.is_recv_derived,
    )
    work = _work_folder(paths, origin.id)
    try:
        info = _copy_frames(work, file, capture, origin, progress)
        write_json(work / SOURCE_FILE, msgspec.to_builtins(info))
        _publish(work, paths.sources / origin.id)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return ImportReport(info, is_new=True)


def list_sources(paths: DataPaths) -> list[SourceInfo]:
    """Return all imported sources by name."""
    if not paths.sources.is_dir():
        return []
    return [_read_info(p) for p in sorted(paths.sources.glob(f"*/{SOURCE_FILE}"))]


def find_source(paths: DataPaths, sha256: str) -> SourceInfo | None:
    """Return the source that was made from a file of this digest."""
    return next((info for info in list_sources(paths) if info.sha256 == sha256), None)


def _read_info(path: Path) -> SourceInfo:
    try:
        return msgspec.json.decode(path.read_bytes(), type=SourceInfo)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalError(f"{path}: is no description of a source: {error}") from error


def _digest(files: Sequence[Path]) -> tuple[str, int]:
    """Return the digest of a file, or that of the digests of several, and the size of all."""
    digests = [_digest_of(file) for file in files]
    size = sum(each for _, each in digests)
    if len(digests) == 1:
        return digests[0][0], size
    return hashlib.sha256("\n".join(text for text, _ in digests).encode()).hexdigest(), size


def _digest_of(file: Path) -> tuple[str, int]:
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            return digest, stream.tell()
    except OSError as error:
        raise ImportFormatError(file, "", f"cannot be read: {error.strerror}") from error


def _source_id(capture: ForeignCapture, digest: str) -> str:
    start = UNSAFE.sub("", format_rfc3339_us(capture.start_us).split(".")[0])
    names = [capture.venue, *capture.symbols[:3], start, digest[:8]]
    return "-".join(UNSAFE.sub("-", name).strip("-") for name in names).lower()


def _work_folder(paths: DataPaths, source_id: str) -> Path:
    parent = paths.root / WORK_FOLDER
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for leftover in parent.iterdir():
            if not is_locked(leftover / "l2"):
                shutil.rmtree(leftover, ignore_errors=True)
        work = parent / f"{source_id}.{os.getpid()}.{secrets.token_hex(4)}"
        work.mkdir()
    except OSError as error:
        raise JournalError(f"{parent}: cannot be made: {error.strerror}") from error
    return work


def _copy_frames(
    work: Path, file: Path, capture: ForeignCapture, origin: SourceInfo, progress: Progress
) -> SourceInfo:
    """Write the journal and return the origin with what was counted."""
    boot = f"import-{origin.sha256[:8]}" if capture.has_monotonic_clock else ""
    opened = {**_open_facts(origin), "venue": capture.venue, **capture.facts}
    first_us: int | None = None
    last: ImportedFrame | None = None
    frames = 0
    with Recording(work / "l2", sync_interval_s=None, boot=boot, clock=None) as recording:
        for frame in capture.frames():
            if last is None or frame.conn != last.conn:
                _close(recording, last, "next")
                _note(recording, frame, "open", opened)
            last = frame
            first_us = frame.recv_ts_us if first_us is None else first_us
            _record(recording, frame, file)
            frames += 1
            progress.update("import", frame.position, origin.bytes, frames=frames)
        _close(recording, last, "end")
    last_us = last.recv_ts_us if last else 0
    return msgspec.structs.replace(
        origin, frames=frames, first_ts_us=first_us or 0, last_ts_us=last_us
    )


def _record(recording: Recording, frame: ImportedFrame, file: Path) -> None:
    event = recording.append(
        frame.direction,
        frame.raw,
        recv_ts_us=frame.recv_ts_us,
        mono_us=frame.mono_us,
        conn=frame.conn,
    )
    reading = recording.derive(event).reading
    if reading is not None and reading.kind == "malformed":
        raise ImportFormatError(frame.path or file, frame.where, reading.reason)


def _close(recording: Recording, last: ImportedFrame | None, cause: str) -> None:
    if last is not None:
        _note(recording, last, "close", {"cause": cause})


def _note(recording: Recording, frame: ImportedFrame, kind: str, facts: dict[str, Any]) -> None:
    recording.note(
        kind, recv_ts_us=frame.recv_ts_us, mono_us=frame.mono_us, conn=frame.conn, **facts
    )


def _open_facts(origin: SourceInfo) -> dict[str, str | bool]:
    return {
        "file": origin.file,
        "format": origin.format,
        "sha256": origin.sha256,
        "recv_derived": origin.recv_derived,
    }


def _publish(work: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work.rename(target)
    except OSError as error:
        raise JournalError(
            f"{target}: the import cannot be put in place: {error.strerror}"
        ) from error
