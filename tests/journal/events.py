"""Small journals for tests."""

from __future__ import annotations

from pathlib import Path

from lobdesk.journal import EVENTS, JournalWriter, list_segments, read_events

DAY_US = 86_400_000_000
START_US = 20_666 * DAY_US + 3_600_000_000  # 2026-08-01 01:00 UTC


def open_writer(root: Path, **options) -> JournalWriter:
    return JournalWriter(root, sync_interval_s=None, boot="b", **options)


def append(writer: JournalWriter, text: str, *, at_us: int = START_US, direction: str = "in"):
    return writer.append(direction, text, recv_ts_us=at_us, mono_us=1, conn=1)


def write(root: Path, texts: list[str], **options) -> None:
    with open_writer(root, **options) as writer:
        for text in texts:
            append(writer, text)


def texts(root: Path) -> list[str]:
    return [event.raw for event in read_events(root)]


def last_segment(root: Path) -> Path:
    return list_segments(root / EVENTS)[-1].path
