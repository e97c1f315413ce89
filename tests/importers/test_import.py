"""Importing: whole or not at all, once, and refused with a place where it is damaged."""

from __future__ import annotations

import json
import os

import pytest

from lobdesk.cli import run_cli
from lobdesk.errors import ImportFormatError
from lobdesk.importers import UnsupportedFormatError, import_file, list_sources
from lobdesk.journal import EVENTS, JournalWriter, read_events
from lobdesk.paths import DataPaths
from lobdesk.verify import verify_data
from tests.book.captures import BTC, ETH, read_cbcap


@pytest.fixture
def paths(tmp_path) -> DataPaths:
    return DataPaths(tmp_path / "data")


def nothing_is_left(paths: DataPaths) -> bool:
    return not list_sources(paths) and paths.journals() == []


def test_every_frame_is_in_the_raw_log_byte_for_byte(paths, captures) -> None:
    for name in (BTC, ETH):
        report = import_file(paths, captures / name)

        root = paths.source_journal(report.source.id)
        received = [e.raw.encode() for e in read_events(root) if e.dir == "in"]
        assert received == read_cbcap(captures / name)
        assert report.source.frames == len(received)


def test_source_is_named_after_venue_pair_start_and_digest(paths, captures) -> None:
    report = import_file(paths, captures / BTC)

    assert report.source.id == "kraken-btc-usd-20260801t025352-cfec8332"
    assert list_sources(paths) == [report.source]


def test_monotonic_clock_gives_derived_times_of_receipt(paths, captures) -> None:
    root = paths.source_journal(import_file(paths, captures / BTC).source.id)
    opened, first, second, *_ = read_events(root)

    assert json.loads(opened.raw)["recv_derived"] is True
    assert first.recv_ts_us == 1785552832693693
    assert (first.mono_us, second.mono_us) == (201603688723, 201603845874)
    assert second.recv_ts_us - first.recv_ts_us == (201603845874000 - 201603688723400) // 1000
    assert first.boot


def test_unix_clock_is_taken_as_it_is(paths, captures) -> None:
    root = paths.source_journal(import_file(paths, captures / ETH).source.id)
    opened, first, *_ = read_events(root)

    assert json.loads(opened.raw)["recv_derived"] is False
    assert (first.recv_ts_us, first.mono_us, first.boot) == (1785644622178672, 0, "")


def test_captures_verify(paths, captures) -> None:
    for name in (BTC, ETH):
        import_file(paths, captures / name)

    report = verify_data(paths)

    assert report.is_good
    assert report.problems == []
    btc, eth = report.symbols["BTC/USD"], report.symbols["ETH/USD"]
    assert (btc.verified, btc.book_frames, btc.resyncs, btc.gaps) == (301, 301, 4, 4)
    assert (eth.verified, eth.book_frames, eth.resyncs, eth.gaps) == (1129, 1129, 0, 0)
    assert report.total.verified == 1430


def test_same_content_is_recognized_under_another_name(paths, captures, tmp_path) -> None:
    first = import_file(paths, captures / BTC)
    other = tmp_path / "renamed.bin"
    other.write_bytes((captures / BTC).read_bytes())

    again = import_file(paths, other)

    assert (first.is_new, again.is_new) == (True, False)
    assert again.source == first.source


@pytest.mark.parametrize("cut", [0, 5, 46, 47, 60, 70, 208, 209, 220, 5000, -1, -5, -300])
def test_truncated_capture_is_refused_whole_with_its_byte(paths, captures, tmp_path, cut) -> None:
    data = (captures / BTC).read_bytes()
    torn = tmp_path / "torn.cbcap"
    torn.write_bytes(data[:cut] if cut >= 0 else data[: len(data) + cut])

    with pytest.raises(ImportFormatError, match=r"torn\.cbcap") as raised:
        import_file(paths, torn)

    assert nothing_is_left(paths)
    if cut > 70:
        assert "byte" in str(raised.value)
    import_file(paths, captures / BTC)
    assert verify_data(paths).is_good


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda d: d.replace(b" 139\n", b" 138\n"), "no newline after the frame's 138 bytes"),
        (lambda d: d.replace(b" 139\n", b" 999999999\n"), "too long"),
        (lambda d: d.replace(b" 139\n", b" -139\n"), "the capture holds no frame"),
        (lambda d: d.replace(b"CBCAP1 kraken BTC/USD", b"CBCAP1 kraken"), "expected CBCAP1"),
        (lambda d: d.replace(b"201603845874000", b"201603845874 00"), "expected <recv_ns>"),
        (lambda d: d.replace(b"201604073826100", b"101604073826100"), "goes backwards"),
    ],
)
def test_damaged_capture_is_refused_with_its_reason(
    paths, captures, tmp_path, damage, reason
) -> None:
    bad = tmp_path / "bad.cbcap"
    bad.write_bytes(damage((captures / BTC).read_bytes()))

    with pytest.raises(ImportFormatError, match=reason):
        import_file(paths, bad)

    assert nothing_is_left(paths)


def test_files_that_are_no_capture_are_refused(paths, tmp_path, captures) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    foreign = tmp_path / "foreign.csv"
    foreign.write_text("a,b\n1,2\n")

    for path, reason in (
        (empty, "the file is empty"),
        (tmp_path, "is a folder"),
        (tmp_path / "absent", "No such file"),
    ):
        with pytest.raises(ImportFormatError, match=reason):
            import_file(paths, path)
    with pytest.raises(
        UnsupportedFormatError, match="no known format; what can be imported: cbcap"
    ):
        import_file(paths, foreign)
    with pytest.raises(UnsupportedFormatError, match="'itch' is not supported"):
        import_file(paths, captures / BTC, format_name="itch")
    with pytest.raises(ImportFormatError, match="expected CBCAP1"):
        import_file(paths, foreign, format_name="cbcap")
    assert nothing_is_left(paths)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to root")
def test_unreadable_file_is_refused(paths, tmp_path) -> None:
    path = tmp_path / "secret.cbcap"
    path.write_bytes(b"CBCAP1 ")
    path.chmod(0)

    with pytest.raises(ImportFormatError, match="Permission denied"):
        import_file(paths, path)


def test_interrupted_import_leaves_nothing_and_its_rest_is_cleared(
    paths, captures, monkeypatch
) -> None:
    def interrupt(*_args, **_keys):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(JournalWriter, "write_derived", interrupt)
        with pytest.raises(KeyboardInterrupt):
            import_file(paths, captures / BTC)
    assert nothing_is_left(paths)
    killed = paths.root / ".importing" / "killed"
    (killed / "l2" / EVENTS).mkdir(parents=True)

    import_file(paths, captures / BTC)

    assert list((paths.root / ".importing").iterdir()) == []


def test_command_prints_one_object_and_recognizes_repeats(paths, captures, capsys) -> None:
    args = ["import", str(captures / BTC), "--data-dir", str(paths.root), "--json"]

    assert [run_cli(args), run_cli(args)] == [0, 0]

    first, again = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["sources"][0]["state"] == "imported"
    assert again["sources"][0]["state"] == "already_imported"
    assert first["sources"][0]["frames"] == 377


def test_command_ends_with_one_line_for_a_bad_file(paths, tmp_path, capsys) -> None:
    bad = tmp_path / "x.cbcap"
    bad.write_bytes(b"nonsense")

    assert run_cli(["import", str(bad), "--data-dir", str(paths.root)]) == 1

    assert capsys.readouterr().err.startswith(f"error: {bad}: its content is of no known format")
