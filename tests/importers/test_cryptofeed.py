"""Kraken v1 as cryptofeed records it: kept raw, verified by v1's own checksums."""

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

CONNECT = "wss://ws.kraken.com <-> 1618678132.5\n"
SENT = 'wss://ws.kraken.com <- 1618678132.6: {"event":"subscribe"}\n'
ACK = (
    '1618678132.7: {"channelID":992,"channelName":"book-10","event":"subscriptionStatus",'
    '"pair":"XBT/USD","status":"subscribed","subscription":{"depth":10,"name":"book"}}\n'
)
SNAPSHOT = (
    '1618678132.8: [992,{"as":[["0.05010","0.00000500","1618678132.1"]],'
    '"bs":[["0.05000","0.00000500","1618678132.2"]]},"book-10","XBT/USD"]\n'
)
"""With the update: ask 5010 500, bid 4990 700; the checksum is of ``50105004990700``."""
UPDATE = (
    '1618678132.9: [992,{"b":[["0.05000","0.00000000","1618678132.3"],'
    '["0.04990","0.00000700","1618678132.4"]],"c":"2156877229"},"book-10","XBT/USD"]\n'
)
TRADE = (
    '1618678133: [993,[["0.05010","0.00000100","1618678132.45","b","m",""]],"trade","XBT/USD"]\n'
)
HEAD = CONNECT + SENT + ACK


@pytest.fixture
def paths(tmp_path) -> DataPaths:
    return DataPaths(tmp_path / "data")


def take(paths, tmp_path, text):
    file = tmp_path / "KRAKEN.ws.1.0"
    file.write_text(text)
    return import_file(paths, file).source


def lines(paths, source, log, symbol="BTC/USD"):
    folder = symbol_log_dir(paths.source_journal(source.id), log, symbol)
    return [
        json.loads(x)
        for f in sorted(folder.rglob("*.jsonl"))
        for x in f.read_text().split("\n")[:-1]
    ]


def test_frames_stay_as_they_were_and_only_checksums_verify(paths, tmp_path) -> None:
    source = take(paths, tmp_path, HEAD + SNAPSHOT + UPDATE + "\n" + TRADE)

    events = [e for e in read_events(paths.source_journal(source.id)) if e.dir != "note"]
    assert [e.dir for e in events] == ["out", "in", "in", "in", "in"]
    assert events[2].raw == SNAPSHOT.partition(": ")[2][:-1]
    first, second = lines(paths, source, SNAPSHOTS)
    assert (first["checksum"], first["verified"]) == (None, None)
    assert (second["checksum"], second["verified"]) == (2156877229, True)
    assert (first["exch_ts_us"], first["recv_ts_us"]) == (1618678132200000, 1618678132800000)
    assert second["bids"] == [[4990, 700]]
    (trade,) = lines(paths, source, TRADES)
    assert (trade["trade_id"], trade["side"], trade["ord_type"]) == (0, "buy", "market")
    assert (trade["price_ticks"], trade["qty_lots"]) == (5010, 100)
    report = verify_data(paths)
    assert report.is_good
    total = report.total
    assert (total.verified, total.book_frames, total.without_checksum) == (1, 1, 1)


def test_wrong_checksum_fails_and_ends_the_book(paths, tmp_path) -> None:
    source = take(paths, tmp_path, HEAD + SNAPSHOT + UPDATE.replace("2156877229", "5") + UPDATE)

    assert len(lines(paths, source, SNAPSHOTS)) == 1
    report = verify_data(paths)
    assert (report.total.failed, report.total.unverified, report.is_good) == (1, 1, False)


def test_reconnect_is_a_gap(paths, tmp_path) -> None:
    again = SNAPSHOT.replace("132.8", "135.8").replace("132.1", "135.1")
    text = HEAD + SNAPSHOT + UPDATE + CONNECT.replace("132.5", "135.5") + again
    source = take(paths, tmp_path, text)

    notes = [
        json.loads(e.raw) for e in read_events(paths.source_journal(source.id)) if e.dir == "note"
    ]
    assert [n["kind"] for n in notes] == [
        "open", "precision", "close", "open", "precision", "gap", "close",
    ]  # fmt: skip
    assert verify_data(paths).total.gaps == 1


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (HEAD + SNAPSHOT[:-1], 4, "is cut off"),
        (HEAD + "garbage\n", 4, "expected <unix_s>: <frame>"),
        (HEAD + SNAPSHOT[:60] + "\n", 4, "no Kraken v1 frame"),
        (HEAD + SNAPSHOT.replace("132.8", "132.4"), 4, "goes backwards"),
        (HEAD + SNAPSHOT.replace('"0.05010"', '"5e-2"'), 4, "is no level"),
        (HEAD + SNAPSHOT.replace("XBT/USD", "XBT"), 4, "is no pair"),
        (ACK, 1, "expected wss://"),
        (CONNECT.replace("kraken", "bitfinex") + ACK, 1, "only recordings of wss://ws.kraken.com"),
    ],
)
def test_damage_is_refused_with_file_and_line(paths, tmp_path, text, line, reason) -> None:
    file = tmp_path / "bad.txt"
    file.write_text(text)

    with pytest.raises(ImportFormatError, match=reason) as raised:
        import_file(paths, file, format_name="cryptofeed")

    assert str(raised.value).startswith(f"{file}:line {line}: ")
    assert list_sources(paths) == []
    assert paths.journals() == []


def test_connection_without_frames_is_refused(paths, tmp_path) -> None:
    with pytest.raises(ImportFormatError, match="holds no frame"):
        take(paths, tmp_path, CONNECT)


def test_real_recordings_verify_and_are_indexed(paths, shared, capsys) -> None:
    folder = shared / "data" / "kraken"
    for name in ("v1_multi10_book1000_20210417.txt", "v1_multi10_trades_20210417.txt"):
        assert find_format(folder / name).name == "cryptofeed"
        import_file(paths, folder / name)

    assert run_cli(["verify", "--data-dir", str(paths.root), "--json"]) == 0
    total = json.loads(capsys.readouterr().out)["total"]
    assert (total["verified"], total["book_frames"]) == (4269, 4269)
    assert (total["without_checksum"], total["resyncs"], total["gaps"]) == (10, 0, 0)
    update_index(paths.root)
    catalog = open_catalog(paths.root)
    try:
        symbols = catalog.symbols()
        quality = [catalog.quality(info.symbol) for info in symbols]
    finally:
        catalog.close()
    assert (len(symbols), sum(info.rows for info in symbols)) == (10, 4279)
    assert sum(info.trades for info in symbols) == 10
    assert sum(entry.verified for entry in quality) == 4269
    assert sum(entry.without_checksum for entry in quality) == 10
