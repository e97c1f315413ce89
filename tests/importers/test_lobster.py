"""LOBSTER file pairs: the book rows, checked against the messages between them."""

from __future__ import annotations

import json

import pytest

from lobdesk.cli import run_cli
from lobdesk.errors import ImportFormatError
from lobdesk.importers import find_format, import_file, list_sources
from lobdesk.index import open_catalog, update_index
from lobdesk.journal import SNAPSHOTS, TRADES, read_events, symbol_log_dir
from lobdesk.paths import DataPaths
from lobdesk.verify import verify_data

NO_ASK, NO_BID = "9999999999,0", "-9999999999,0"
MESSAGES = [
    "34200.000001,1,11,5,1001000,-1",
    "34200.000001500,1,12,7,1000000,1",
    "34200.2,1,13,4,999000,1",
    "34200.3,4,12,3,1000000,1",
    "34200.4,5,0,9,1000500,-1",
    "34200.5,3,12,4,1000000,1",
    "34200.6,6,-1,50,1000000,-1",
]
BOOKS = [
    f"1001000,5,{NO_BID},{NO_ASK},{NO_BID}",
    f"1001000,5,1000000,7,{NO_ASK},{NO_BID}",
    f"1001000,5,1000000,7,{NO_ASK},999000,4",
    f"1001000,5,1000000,4,{NO_ASK},999000,4",
    f"1001000,5,1000000,4,{NO_ASK},999000,4",
    f"1001000,5,999000,4,{NO_ASK},998000,6",
    f"1001000,5,999000,4,{NO_ASK},998000,6",
]
MESSAGES[6] = MESSAGES[6].replace(",-1,50", ",0,50")
UTC_0930_US = 1340285400_000000
"""2012-06-21 09:30 in New York, where the clock was four hours behind UTC."""


@pytest.fixture
def paths(tmp_path) -> DataPaths:
    return DataPaths(tmp_path / "data")


def write_pair(folder, messages, books, *, date="2012-06-21"):
    file = folder / f"X_{date}_34200000_57600000_message_2.csv"
    file.write_text("\n".join(messages))
    file.with_name(file.name.replace("message", "orderbook")).write_text("\n".join(books))
    return file


def lines(paths, source, log, symbol="X"):
    folder = symbol_log_dir(paths.source_journal(source.id), log, symbol)
    texts = [f.read_text().splitlines() for f in sorted(folder.rglob("*.jsonl"))]
    return [json.loads(text) for part in texts for text in part]


def test_rows_become_snapshots_and_executions_trades(paths, tmp_path) -> None:
    file = write_pair(tmp_path, MESSAGES, BOOKS)
    assert find_format(file).name == "lobster"

    source = import_file(paths, file).source

    assert source.recv_derived
    events = [e.raw for e in read_events(paths.source_journal(source.id)) if e.dir == "in"]
    assert events == [f"{m}\n{b}" for m, b in zip(MESSAGES, BOOKS, strict=True)]
    rows = lines(paths, source, SNAPSHOTS)
    assert [row["exch_ts_us"] - UTC_0930_US for row in rows[:3]] == [1, 1, 200_000]
    assert (rows[0]["bids"], rows[0]["asks"]) == ([], [[1001000, 5]])
    assert rows[5]["bids"] == [[999000, 4], [998000, 6]]
    assert all(row["verified"] is None and row["checksum"] is None for row in rows)
    assert (rows[0]["price_precision"], rows[0]["qty_precision"]) == (4, 0)
    sold, hidden = lines(paths, source, TRADES)
    assert (sold["side"], sold["price_ticks"], sold["qty_lots"]) == ("sell", 1000000, 3)
    assert (hidden["side"], hidden["price_ticks"], hidden["trade_id"]) == ("buy", 1000500, 0)
    report = verify_data(paths)
    assert report.is_good
    assert (report.total.without_checksum, report.total.book_frames) == (7, 0)


def test_winter_day_is_five_hours_behind(paths, tmp_path) -> None:
    file = write_pair(tmp_path, MESSAGES, BOOKS, date="2012-12-21")

    assert import_file(paths, file).source.first_ts_us == 1356100200_000001


def changed(rows, index, text):
    return [*rows[:index], text, *rows[index + 1 :]]


@pytest.mark.parametrize(
    ("messages", "books", "line", "reason"),
    [
        (changed(MESSAGES, 3, "garbage"), BOOKS, 4, "expected <seconds>,<type>"),
        (changed(MESSAGES, 3, MESSAGES[3][:-2]), BOOKS, 4, "expected <seconds>,<type>"),
        (changed(MESSAGES, 3, MESSAGES[0]), BOOKS, 4, "goes backwards"),
        (changed(MESSAGES, 3, MESSAGES[3].replace(",3,", ",2,")), BOOKS, 4, "message tells"),
        (changed(MESSAGES, 3, MESSAGES[3].replace(",3,", ",8,")), BOOKS, 4, "takes more than"),
        (MESSAGES, changed(BOOKS, 4, BOOKS[4].replace("999000,4", "999000,5")), 5, "tells"),
        (MESSAGES, changed(BOOKS, 5, "1001000,5,999000,4"), 6, "has 1 levels, the first 2"),
        (MESSAGES, changed(BOOKS, 5, "1001000,5,999000"), 6, "expected <ask>,<size>"),
        (MESSAGES, changed(BOOKS, 0, "a,b,c,d"), 1, "expected <ask>,<size>"),
        (MESSAGES, changed(BOOKS, 6, BOOKS[6][:-3]), 7, "expected <ask>|not in order|tells"),
        (MESSAGES[:5], BOOKS, 6, "ends before the other"),
        (MESSAGES, BOOKS[:5], 6, "ends before the other"),
    ],
)
def test_damage_is_refused_with_file_and_line(
    paths, tmp_path, messages, books, line, reason
) -> None:
    file = write_pair(tmp_path, messages, books)

    with pytest.raises(ImportFormatError, match=reason) as raised:
        import_file(paths, file)

    assert f".csv:line {line}: " in str(raised.value)
    assert list_sources(paths) == []


def test_pair_must_be_whole_and_its_name_tell_the_day(paths, tmp_path) -> None:
    file = write_pair(tmp_path, MESSAGES, BOOKS)
    book = file.with_name(file.name.replace("message", "orderbook"))
    nameless = tmp_path / "message.csv"
    nameless.write_text("\n".join(MESSAGES))
    no_day = write_pair(tmp_path, MESSAGES, BOOKS, date="2012-13-21")

    for path, reason in (
        (book, "name the file"),
        (nameless, "name the file"),
        (no_day, "2012-13-21 in its name is no date"),
    ):
        with pytest.raises(ImportFormatError, match=reason):
            import_file(paths, path)
    book.unlink()
    with pytest.raises(ImportFormatError, match="is not beside it"):
        import_file(paths, file)
    assert list_sources(paths) == []


def test_real_recording_agrees_row_by_row_and_is_indexed(paths, shared, capsys) -> None:
    file = shared / "data" / "lobster" / "AAPL_2012-06-21_message_10_first1k.csv"

    source = import_file(paths, file).source

    assert source.frames == 999
    assert run_cli(["verify", "--data-dir", str(paths.root), "--json"]) == 0
    total = json.loads(capsys.readouterr().out)["total"]
    assert (total["without_checksum"], total["unverified"], total["gaps"]) == (999, 0, 0)
    update_index(paths.root)
    catalog = open_catalog(paths.root)
    try:
        (info,) = catalog.symbols()
        assert (info.symbol, info.rows, info.trades) == ("AAPL", 999, 98 + 61)
        assert (info.first_ts_us, catalog.quality("AAPL").crossed) == (UTC_0930_US + 4241, 0)
    finally:
        catalog.close()
