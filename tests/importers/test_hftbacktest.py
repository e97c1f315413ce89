"""Binance as hftbacktest records it: kept raw, followed by sequence, verified by nothing."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from lobdesk.cli import run_cli
from lobdesk.errors import ImportFormatError
from lobdesk.importers import find_format, import_as_one, import_file, list_sources
from lobdesk.index import open_catalog, update_index
from lobdesk.journal import EVENTS, SNAPSHOTS, TRADES, read_all, read_events, symbol_log_dir
from lobdesk.paths import DataPaths
from lobdesk.verify import verify_data

START_NS = 1_723_161_253_000_000_000


def update(first, last, bids=(), asks=(), **more):
    data = {"e": "depthUpdate", "E": 1723161255000 + last, "s": "X", "U": first, "u": last}
    return {"stream": "x@depth", "data": {**data, **more, "b": list(bids), "a": list(asks)}}


def snapshot(last):
    return {"lastUpdateId": last, "bids": [["9.50", "1.000"]], "asks": [["10.00", "2.000"]]}


def trade(number, **more):
    data = {"e": "trade", "E": 1723161255500, "s": "X", "t": number, "p": "9.750", "q": "0.10"}
    return {"stream": "x@trade", "data": {**data, "T": 1723161255400, "m": True, **more}}


def as_lines(messages) -> bytes:
    return b"".join(
        b"%d %b\n" % (START_NS + 1_000_000 * i, json.dumps(message).encode())
        for i, message in enumerate(messages)
    )


@pytest.fixture
def paths(tmp_path) -> DataPaths:
    return DataPaths(tmp_path / "data")


def take(paths, tmp_path, messages, pack=gzip.compress):
    file = tmp_path / "x.gz"
    file.write_bytes(pack(as_lines(messages)))
    assert find_format(file).name == "hftbacktest"
    return import_file(paths, file).source


def lines(paths, source, log):
    folder = symbol_log_dir(paths.source_journal(source.id), log, "X")
    texts = [f.read_text().splitlines() for f in sorted(folder.rglob("*.jsonl"))]
    return [json.loads(text) for part in texts for text in part]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_snapshot_is_joined_with_the_updates_that_came_before_it(paths, tmp_path, pack) -> None:
    messages = [
        update(1, 5, bids=[["9.50", "7"]]),
        update(6, 9, bids=[["9.60", "3"]], asks=[["10.00", "0"], ["10.10", "4"]]),
        snapshot(7),
        update(10, 12, bids=[["9.60", "0.000"]]),
    ]
    source = take(paths, tmp_path, messages, pack)

    events = [e for e in read_events(paths.source_journal(source.id)) if e.dir == "in"]
    assert [json.loads(e.raw) for e in events] == messages
    joined, after = lines(paths, source, SNAPSHOTS)
    assert (joined["price_precision"], joined["qty_precision"]) == (1, 0)
    assert (joined["bids"], joined["asks"]) == ([[96, 3], [95, 1]], [[101, 4]])
    assert (after["bids"], after["exch_ts_us"]) == ([[95, 1]], 1723161255012000)
    assert (after["checksum"], after["verified"]) == (None, None)
    report = verify_data(paths)
    assert report.is_good
    assert (report.total.verified, report.total.without_checksum) == (0, 2)
    assert report.total.unverified == 2


def test_hole_in_the_chain_ends_the_book_until_a_snapshot(paths, tmp_path) -> None:
    messages = [snapshot(7), update(8, 9), update(11, 12), snapshot(11), update(13, 13)]
    source = take(paths, tmp_path, messages)

    notes = [e.raw for e in read_events(paths.source_journal(source.id)) if e.dir == "note"]
    gaps = [json.loads(raw) for raw in notes if '"kind":"gap"' in raw]
    assert [(g["cause"], g["last_verified_seq"], g["first_verified_seq"]) for g in gaps] == [
        ("sequence", 4, 6)
    ]
    assert len(lines(paths, source, SNAPSHOTS)) == 4


def test_snapshot_older_than_the_updates_makes_no_book(paths, tmp_path) -> None:
    take(paths, tmp_path, [update(9, 10), snapshot(7), update(11, 12)])

    total = verify_data(paths).total
    assert (total.without_checksum, total.unverified) == (0, 3)


def test_futures_follow_the_previous_number(paths, tmp_path) -> None:
    messages = [snapshot(7), update(8, 9, pu=6), update(15, 20, pu=9), update(30, 31, pu=29)]
    take(paths, tmp_path, messages)

    total = verify_data(paths).total
    assert (total.without_checksum, total.unverified) == (3, 1)


def test_trades_name_the_aggressor_and_keep_their_number(paths, tmp_path) -> None:
    source = take(paths, tmp_path, [trade(5), trade(6, m=False), trade(7, X="NA"), trade(6)])

    sold, bought = lines(paths, source, TRADES)
    assert (sold["side"], bought["side"], sold["trade_id"]) == ("sell", "buy", 5)
    assert (sold["price_ticks"], sold["price_precision"], sold["qty_lots"]) == (975, 2, 1)
    assert sold["exch_ts_us"] == 1723161255400000
    assert verify_data(paths).is_good


def test_damaged_open_note_is_a_finding_of_verify(paths, tmp_path) -> None:
    source = take(paths, tmp_path, [snapshot(7), update(8, 9)])
    (segment,) = (paths.source_journal(source.id) / EVENTS).rglob("*.jsonl")
    data = segment.read_bytes()
    segment.write_bytes(data.replace(rb"price_precision", rb"price_precisiom", 1))

    report = verify_data(paths)

    assert not report.total.chain_ok
    assert not report.total.rederived_equal


GOOD = as_lines([snapshot(7)])


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (GOOD + as_lines([trade(1)])[:-1], 2, "is cut off"),
        (GOOD + b"garbage\n", 2, "expected <recv_unix_ns> <frame>"),
        (GOOD + b"1723161253000000001 {garbage}\n", 2, "no Binance frame"),
        (GOOD + b"1723161252999999999 {1}\n", 2, "goes backwards"),
        (GOOD + as_lines([update(1, 2, bids=[["1e5", "1"]])]), 2, "not a plain decimal"),
        (GOOD + as_lines([update(1, 2, bids=[["-1", "1"]])]), 2, "is below zero"),
        (as_lines([trade(1), trade(2, s="Y")]), 2, "only one can be read"),
        (as_lines([trade(1), trade("x")]), 2, "no Binance frame"),
        (as_lines([trade(1), trade(2, T=None)]), 2, "no Binance frame"),
        (GOOD, None, "no line names a symbol"),
        (gzip.compress(GOOD * 999)[:-9], None, "compressed data is damaged"),
    ],
)
def test_damage_is_refused_with_file_and_line(paths, tmp_path, data, line, reason) -> None:
    file = tmp_path / "bad.gz"
    file.write_bytes(data)

    with pytest.raises(ImportFormatError, match=reason) as raised:
        import_file(paths, file)

    assert str(raised.value).startswith(f"{file}:line {line}: " if line else f"{file}:")
    assert list_sources(paths) == []


@pytest.mark.parametrize(
    ("name", "symbol", "rows", "unverified", "trades"),
    [
        ("spot_btcusdt_20240808", "BTCUSDT", 3449, 3, 9757),
        ("spot_btcusdt_20240809", "BTCUSDT", 0, 3044, 10147),
        ("cm_btcusd_perp_20240808", "BTCUSD_PERP", 26823, 25, 2286),
    ],
)
def test_real_recordings_verify_and_are_indexed(
    paths, shared, capsys, name, symbol, rows, unverified, trades
) -> None:
    import_file(paths, shared / "data" / "binance" / f"{name}.gz")

    assert run_cli(["verify", "--data-dir", str(paths.root), "--json"]) == 0
    total = json.loads(capsys.readouterr().out)["total"]
    assert (total["verified"], total["failed"], total["gaps"]) == (0, 0, 0)
    assert (total["without_checksum"], total["unverified"]) == (rows, unverified)
    update_index(paths.root)
    catalog = open_catalog(paths.root)
    try:
        (info,) = catalog.symbols()
        assert (info.symbol, info.rows, info.trades) == (symbol, rows, trades)
        assert catalog.quality(symbol).crossed == 0
    finally:
        catalog.close()


def test_top_of_book_is_that_of_the_venues_own_ticker(paths, shared) -> None:
    file = shared / "data" / "binance" / "spot_btcusdt_20240808.gz"
    source = import_file(paths, file).source
    events = {e.seq: e.raw for e in read_events(paths.source_journal(source.id)) if e.dir == "in"}
    tickers = {}
    for raw in events.values():
        if '"btcusdt@bookTicker"' in raw:
            data = json.loads(raw)["data"]
            tickers[data["u"]] = (data["b"], data["B"], data["a"], data["A"])
    folder = symbol_log_dir(paths.source_journal(source.id), SNAPSHOTS, "BTCUSDT")
    compared = 0
    for path in folder.rglob("*.jsonl"):
        for row in map(json.loads, path.read_text().splitlines()):
            ticker = tickers.get(json.loads(events[row["seq"]]).get("data", {}).get("u"))
            if ticker is None:
                continue
            scales = (10 ** row["price_precision"], 10 ** row["qty_precision"])
            best = [*row["bids"][0], *row["asks"][0]]
            assert [round(float(n) * scales[i % 2]) for i, n in enumerate(ticker)] == best
            compared += 1
    assert compared > 500


SPOT = ("spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz")


def test_two_files_as_one_are_one_book(paths, tmp_path, capsys) -> None:
    parts = [[snapshot(7), update(8, 9)], [update(10, 11), update(13, 14)]]
    files = []
    for number, part in enumerate(parts):
        file = tmp_path / f"part{number}.txt"
        data = as_lines(part)
        file.write_bytes(data if number == 0 else data.replace(b"17231612", b"17231613"))
        files.append(file)

    report = import_as_one(paths, files)

    assert (report.source.file, report.source.frames) == ("part0.txt + part1.txt", 4)
    total = verify_data(paths).total
    assert (total.without_checksum, total.unverified, total.gaps) == (3, 1, 0)
    arguments = ["import", "--as-one", *map(str, files), "--data-dir", str(paths.root)]
    assert run_cli(arguments) == 0
    assert "part0.txt + part1.txt: already imported" in capsys.readouterr().out
    assert import_file(paths, files[0]).is_new
    with pytest.raises(ImportFormatError, match=r"part0\.txt:line 1: begins before the file"):
        import_as_one(paths, files[::-1])


def test_files_of_different_recordings_are_no_one(paths, tmp_path, captures) -> None:
    files = [tmp_path / "x.txt", tmp_path / "y.txt"]
    files[0].write_bytes(as_lines([trade(1)]))
    files[1].write_bytes(as_lines([trade(2, s="Y")]))
    with pytest.raises(ImportFormatError, match=r"y\.txt: is of another recording than x\.txt"):
        import_as_one(paths, files)
    frames = [captures / "v2_btcusd_d10_resync_20260801.cbcap"] * 2
    with pytest.raises(ImportFormatError, match="each file of its format begins anew"):
        import_as_one(paths, frames)


def test_real_book_goes_on_over_the_day_change(paths, shared) -> None:
    """The second file has no snapshot: alone it makes no book, behind the first it does.

    The changes of the ten levels are those of an independent reconstruction, both days, row by row.
    """
    files = [shared / "data" / "binance" / name for name in SPOT]

    source = import_as_one(paths, files).source

    assert source.frames == 41_249 + 58_325
    report = verify_data(paths)
    assert (report.is_good, report.total.gaps) == (True, 0)
    expected = [state for name in SPOT for state in _reference(shared, name)]
    states = _states(paths, source)
    assert len(states) == len(expected)
    assert [
        n for n, pair in enumerate(zip(states, expected, strict=True)) if pair[0] != pair[1]
    ] == []


def test_futures_book_is_that_of_an_independent_reconstruction(paths, shared) -> None:
    source = import_file(paths, shared / "data" / "binance" / "cm_btcusd_perp_20240808.gz").source

    states = _states(paths, source, "BTCUSD_PERP", digits=(1, 0))

    # Its first row is the REST snapshot alone; ours begins with the updates that go beyond it.
    assert states == _reference(shared, "cm_btcusd_perp_20240808.gz")[1:]


def _states(paths, source, symbol="BTCUSDT", digits=(2, 8)):
    """The ten levels a side wherever they changed, in the digits of the reference."""
    folder = symbol_log_dir(paths.source_journal(source.id), SNAPSHOTS, symbol)
    found: list = []
    for row in map(json.loads, read_all(folder)):
        tick = 10 ** (digits[0] - row["price_precision"])
        lot = 10 ** (digits[1] - row["qty_precision"])
        sides = [[[p * tick, q * lot] for p, q in row[side]] for side in ("bids", "asks")]
        if not found or found[-1] != sides:
            found.append(sides)
    return found


def _reference(shared, name):
    with np.load(shared / "data" / "lob10" / name.replace(".gz", ".npz")) as arrays:
        return np.stack(
            [
                np.stack([arrays[f"{side}_px"], arrays[f"{side}_qty"]], axis=2)
                for side in ("bid", "ask")
            ],
            axis=1,
        ).tolist()
