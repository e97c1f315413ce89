"""Frames as JSON lines: taken as they are, refused with file and line where damaged."""

from __future__ import annotations

import gzip
import json

import pytest

from lobdesk.errors import ImportFormatError
from lobdesk.importers import find_format, import_file, list_sources
from lobdesk.index import open_catalog, update_index
from lobdesk.journal import read_events
from lobdesk.paths import DataPaths
from lobdesk.verify import verify_data
from tests.book.captures import ETH, read_cbcap

START_NS = 1_785_644_622_000_000_000


@pytest.fixture
def paths(tmp_path) -> DataPaths:
    return DataPaths(tmp_path / "data")


def as_lines(frames: list[bytes]) -> bytes:
    entries = [
        {"recv_ns": START_NS + 1000 * index, "raw": raw.decode()}
        for index, raw in enumerate(frames)
    ]
    return b"".join(json.dumps(e, separators=(",", ":")).encode() + b"\n" for e in entries)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_frames_are_kept_and_verify(paths, captures, tmp_path, pack) -> None:
    frames = read_cbcap(captures / ETH)[:200]
    file = tmp_path / "frames"
    file.write_bytes(pack(as_lines(frames)))

    assert find_format(file).name == "jsonl"
    source = import_file(paths, file).source

    events = [e for e in read_events(paths.source_journal(source.id)) if e.dir == "in"]
    assert [e.raw.encode() for e in events] == frames
    assert events[7].recv_ts_us == START_NS // 1000 + 7
    report = verify_data(paths)
    books = [f for f in frames if f.startswith(b'{"channel":"book"')]
    assert report.is_good
    assert (report.total.verified, report.total.book_frames) == (len(books), len(books))


GOOD = b'{"recv_ns":5000,"raw":"{}"}\n'


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (GOOD + GOOD[:-1], 2, "is cut off"),
        (GOOD + GOOD[:12], 2, "is cut off"),
        (GOOD + b"garbage\n", 2, "expected"),
        (GOOD + b'{"recv_ns":"5","raw":"{}"}\n', 2, "expected"),
        (GOOD + b'{"recv_ns":4999,"raw":"{}"}\n', 2, "goes backwards"),
        (b'{"recv_ns":-1,"raw":"{}"}\n' + GOOD, 1, "no time"),
        (b'{"recv_ns":1,"frame":"{}"}\n', 1, "expected"),
        (b'{"recv_ns":1,"raw":"\xff"}\n', 1, "expected"),
        (gzip.compress(GOOD * 9000)[:-9], None, "compressed data is damaged"),
    ],
)
def test_damage_is_refused_with_file_and_line(paths, tmp_path, data, line, reason) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(data)

    with pytest.raises(ImportFormatError, match=reason) as raised:
        import_file(paths, bad)

    assert str(raised.value).startswith(f"{bad}:line {line or ''}")
    assert list_sources(paths) == []


def test_real_recording_of_ten_pairs_verifies_whole(paths, shared) -> None:
    file = shared / "data" / "kraken" / "derived_v2_multi10_d1000_20210417.jsonl.gz"

    source = import_file(paths, file).source

    report = verify_data(paths)
    assert report.is_good
    assert (source.frames, len(report.symbols)) == (4321, 10)
    assert (report.total.verified, report.total.book_frames) == (4279, 4279)
    update_index(paths.root)
    catalog = open_catalog(paths.root)
    try:
        quality = [catalog.quality(info.symbol) for info in catalog.symbols()]
    finally:
        catalog.close()
    assert sum(entry.verified for entry in quality) == 4279
    assert sum(entry.failed + entry.unverified for entry in quality) == 0
