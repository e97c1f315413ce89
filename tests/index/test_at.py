"""``lobdesk at``: from a time or a row to the book and to the journal's line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lobdesk.index import update_index
from lobdesk.journal import Segment as JournalSegment
from lobdesk.journal.seal import seal_segment
from lobdesk.units import format_rfc3339_us
from tests.index.story import SECOND, T0, Story
from tests.index.test_cli import Capture, run


def test_book_at_an_instant_is_shown(indexed: Path, capsys: Capture) -> None:
    code, out, _ = run(capsys, "at", "BTC/USD", "2026-08-01T02:53:53.5Z", "--data-dir", indexed)
    assert code == 0
    assert "verified" in out.splitlines()[0]
    assert "ask             63005.0              2.07265551" in out
    assert len(out.splitlines()) == 21

    _, out, _ = run(capsys, "at", "BTC", "1785552833500000", "--data-dir", indexed, "--json")
    assert json.loads(out)["bids"][0] == [630049, 1876947]


def test_row_leads_to_its_line_and_to_the_book_at_that_event(
    recorded: Path, capsys: Capture
) -> None:
    run(capsys, "index", "--data-dir", recorded)
    query = "SELECT source, seq, bid_ticks[1] FROM snapshots WHERE symbol = 'ETH/USD' ORDER BY seq"
    _, out, _ = run(capsys, "sql", "-c", query, "--format", "json", "--limit", 700, "--data-dir",
                    recorded)  # fmt: skip
    row = json.loads(out)[-1]
    file = next((recorded / "l2" / "events").rglob("*.jsonl"))
    data = file.read_bytes()
    lines = data.splitlines(keepends=True)
    number = next(i for i, line in enumerate(lines) if f'"seq":{row["seq"]},'.encode() in line)
    offset = sum(len(line) for line in lines[:number])
    at_args = ("at", "eth", "--seq", row["seq"], "--data-dir", recorded)

    _, book, _ = run(capsys, *at_args, "--json")
    _, plain, where = run(capsys, *at_args, "--raw")
    seal_segment(JournalSegment(1, file.parent.name, file, is_sealed=False))
    _, sealed, sealed_where = run(capsys, *at_args, "--raw")
    _, as_json, _ = run(capsys, *at_args, "--raw", "--json")

    assert json.loads(book)["seq"] == row["seq"]
    assert json.loads(book)["bids"][0][0] == row["bid_ticks[1]"]
    assert plain == sealed == lines[number].decode()
    assert where == f"{file}:{number + 1}:{offset}\n"
    assert sealed_where == f"{file}.zst:{number + 1}:{offset}\n"
    assert json.loads(as_json) == {
        "source": "recorder", "seq": row["seq"], "file": f"{file}.zst", "line": number + 1,
        "offset": offset, "length": len(lines[number]), "text": lines[number].decode().rstrip(),
    }  # fmt: skip


def test_time_leads_to_the_frame_that_made_the_book(indexed: Path, capsys: Capture) -> None:
    code, out, _ = run(
        capsys, "at", "BTC", "2026-08-01T02:53:53.5Z", "--raw", "--data-dir", indexed
    )

    assert code == 0
    raw = json.loads(json.loads(out)["raw"])
    assert raw["data"][0]["symbol"] == "BTC/USD"
    assert raw["data"][0]["timestamp"] <= "2026-08-01T02:53:53.5"


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (("BTC",), 2, "either TIME or --seq"),
        (("BTC", "2026-08-01T02:53:53Z", "--seq", "3"), 2, "either TIME or --seq"),
        (("BTC", "--seq", "1"), 1, "the first book is after event 1"),
        ((), 2, "name a SYMBOL"),
        (("--seq", "3"), 2, "name a SYMBOL"),
        (("--seq", "3", "--raw"), 2, "name one with --source: btc, recorder"),
        (("--seq", "3", "--raw", "--source", "bct"), 2, "'bct' is not indexed; did you mean 'btc'"),
        (("BTC", "--seq", "99999", "--raw"), 1, "btc: event 99999: the index has no such event"),
        (
            ("BTC", "--seq", "99999"),
            1,
            "btc: event 99999: the index has no such event; the last is 377",
        ),
        (("BTC", "--seq", "3", "--source", "bct"), 2, "did you mean 'btc'"),
    ],
)
def test_event_that_is_not_there_is_said_in_one_line(
    indexed: Path, capsys: Capture, args: tuple[str, ...], code: int, text: str
) -> None:
    found, out, err = run(capsys, "at", *args, "--data-dir", indexed)

    assert (found, out) == (code, "")
    assert text in err
    assert len(err.splitlines()) == 1


def test_event_of_several_sources_needs_its_source(recorded: Path, capsys: Capture) -> None:
    shutil.copytree(recorded / "sources" / "btc", recorded / "sources" / "again")
    run(capsys, "index", "--data-dir", recorded)

    code, _, err = run(capsys, "at", "BTC", "--seq", 9, "--data-dir", recorded)
    assert (code, "name one with --source: again, btc" in err) == (2, True)
    assert run(capsys, "at", "BTC", "--seq", 9, "--source", "btc", "--data-dir", recorded)[0] == 0


@pytest.mark.parametrize(
    ("symbol", "time", "code", "text"),
    [
        ("BTC/USD", "2020-01-01T00:00:00Z", 1, "the first book is after 2020-01-01"),
        ("BTC/USD", "yesterday", 2, "TIME"),
        ("BTC/USD", "2026-08-01T02:53:53", 2, "no offset"),
        ("DOGE/USD", "2026-08-01T02:53:53Z", 2, "BTC/USD, ETH/USD"),
    ],
)
def test_no_book_is_said_in_one_line(
    indexed: Path, capsys: Capture, symbol: str, time: str, code: int, text: str
) -> None:
    found, out, err = run(capsys, "at", symbol, time, "--data-dir", indexed)

    assert (found, out) == (code, "")
    assert text in err
    assert len(err.splitlines()) == 1


def test_book_says_where_it_is_from_and_whether_it_stood(tmp_path: Path, capsys: Capture) -> None:
    told = Story(tmp_path / "l2")
    told.book(0, 9999, 10001, kind="snapshot")
    last = told.book(1, 9998, 10002)
    beat = told.frame(20, "{}")
    first = told.book(30, 9000, 9010, kind="snapshot")
    told.gap(30, last, first, 1, "checksum")
    told.book(60, 9000, 9010)
    update_index(tmp_path)

    def at(*args: object) -> tuple[str, str]:
        code, out, err = run(capsys, "at", "abc", *args, "--data-dir", tmp_path)
        assert code == 0
        return out.splitlines()[0], err

    def seconds(number: float) -> str:
        return format_rfc3339_us(T0 + round(number * SECOND))

    head, err = at(seconds(0.5))
    assert head.endswith("event 1 of recorder  verified")
    assert err == ""
    for args in ((seconds(5),), ("--seq", beat)):
        head, err = at(*args)
        assert f"event {last} of recorder" in head
        assert "no verified book is known there (checksum until 2026-08-01T16:00:30.0" in err
    _, _, err = run(capsys, "at", "abc", seconds(5), "--raw", "--data-dir", tmp_path)
    assert "no verified book is known there (checksum until" in err
    assert at("--seq", last)[1] == at(seconds(0.995))[1] == at("--seq", first)[1] == ""
    assert at(seconds(50))[1] == "warning: this book is 20.005 s old at that time\n"
    assert "this is the last book of recorder, 10.005 s before that time" in at(seconds(70))[1]


def test_line_of_an_event_needs_no_pair_and_no_book(tmp_path: Path, capsys: Capture) -> None:
    told = Story(tmp_path / "l2")
    beat = told.frame(0, '{"channel":"heartbeat"}')
    deal = told.trades(1, (1, "buy", 5, 1))
    update_index(tmp_path)

    def at(*args: object) -> tuple[int, str, str]:
        return run(capsys, "at", *args, "--data-dir", tmp_path)

    assert "heartbeat" in at("--seq", beat, "--raw")[1]
    for names in (("--source", "recorder"), ("abc",), ("abc", "--source", "recorder")):
        assert '"trade_id' in at(*names, "--seq", deal, "--raw")[1].replace("\\", "")
    code, out, err = at("abc", "--seq", deal)
    assert (code, out, err) == (1, "", "error: ABC/USD: has no books\n")


def test_source_with_trades_alone_does_not_hide_the_one_with_books(
    tmp_path: Path, capsys: Capture
) -> None:
    Story(tmp_path / "l2").book(0, 9999, 10001, kind="snapshot")
    Story(tmp_path / "sources" / "deals" / "l2").trades(0, (1, "buy", 5, 1))
    update_index(tmp_path)

    code, out, _ = run(capsys, "at", "abc", "--seq", 1, "--data-dir", tmp_path)

    assert (code, "event 1 of recorder" in out) == (0, True)
    assert run(capsys, "at", "abc", "--seq", 1, "--raw", "--data-dir", tmp_path)[0] == 2


def test_line_of_a_journal_that_changed_since_is_not_shown_for_another(
    tmp_path: Path, capsys: Capture
) -> None:
    told = Story(tmp_path / "l2")
    for second in range(3):
        told.frame(second, "{}")
    update_index(tmp_path)
    path = next((tmp_path / "l2" / "events").rglob("*.jsonl"))
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))

    code, out, err = run(capsys, "at", "--seq", 2, "--raw", "--data-dir", tmp_path)

    assert (code, out) == (1, "")
    assert "has another line there now; run: lobdesk index" in err
