"""What cannot be read is named; what is indexed of it stays, and all else is indexed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lobdesk.index import segments, update_index
from lobdesk.journal import Segment
from tests.index.journals import JournalWriter, plain_snapshot
from tests.index.test_update import append_snapshots, plain_journal, seqs


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_segment_that_is_no_file_is_named_and_keeps_its_rows(tmp_path: Path, kind: str) -> None:
    path = plain_journal(tmp_path, 5)
    update_index(tmp_path)
    aside = path.rename(tmp_path / "aside")
    path.mkdir() if kind == "folder" else os.mkfifo(path)

    report = update_index(tmp_path)

    assert [str(path) in why and "no plain file" in why for why in report.damaged] == [True]
    assert (report.replaced, report.missing) == ([], [])
    assert seqs(tmp_path) == [1, 2, 3, 4, 5]
    path.rmdir() if kind == "folder" else path.unlink()
    aside.rename(path)
    assert update_index(tmp_path).rows == {}


@pytest.mark.parametrize("check", [False, True])
def test_segment_that_cannot_be_read_is_named_and_keeps_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: bool
) -> None:
    path = plain_journal(tmp_path, 5)
    update_index(tmp_path)
    with monkeypatch.context() as patch:

        def refuse(*_: object) -> bytes:
            raise PermissionError(13, "Permission denied")

        patch.setattr(segments, "_read_range", refuse)
        report = update_index(tmp_path, check=check)

    assert report.damaged == [f"recorder:{path}: cannot be read: Permission denied"]
    assert (report.replaced, report.missing) == ([], [])
    assert seqs(tmp_path) == [1, 2, 3, 4, 5]
    assert update_index(tmp_path).rows == {}


@pytest.mark.parametrize("rebuild", [False, True])
def test_folder_that_cannot_be_read_is_named_and_all_else_is_indexed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rebuild: bool
) -> None:
    path = plain_journal(tmp_path, 5)
    JournalWriter(tmp_path / "l2").snapshot("A/B", plain_snapshot(6, 86_400_000_006), 10**11)
    update_index(tmp_path)
    append_snapshots(path, 7, 1)
    shut = tmp_path / "l2" / "snapshots" / "A%2FB"
    real = segments.list_log

    def refuse(folder: Path) -> list[Segment]:
        if folder == shut:
            raise PermissionError(13, "Permission denied", str(folder))
        return real(folder)

    with monkeypatch.context() as patch:
        patch.setattr(segments, "list_log", refuse)
        report = update_index(tmp_path, rebuild=rebuild)

    assert report.damaged == [f"recorder:{shut}: cannot be read: Permission denied"]
    assert not report.is_sound
    assert seqs(tmp_path) == [1, 2, 3, 4, 5, 6, 7]
    assert update_index(tmp_path).damaged == []


def test_file_in_the_place_of_a_day_is_no_day(tmp_path: Path) -> None:
    path = plain_journal(tmp_path, 2)
    (path.parents[1] / "1970-01-03").touch()

    assert update_index(tmp_path).is_sound
    assert seqs(tmp_path) == [1, 2]
