"""Databento's MBP-10: the book at the end of each event, verified by nothing."""

from __future__ import annotations

import json

import pytest

from lobdesk.cli import run_cli
from lobdesk.derive.databento import level_columns
from lobdesk.errors import ImportFormatError
from lobdesk.importers import find_format, import_file, list_sources
from lobdesk.index import open_catalog, update_index
from lobdesk.journal import SNAPSHOTS, read_events, symbol_log_dir
from lobdesk.paths import DataPaths
from lobdesk.verify import verify_data

COLUMNS = ["ts_recv", "ts_event", "action", "flags", *level_columns(), "symbol"]
HEADER = ",".join(COLUMNS)


def row(second, *, flags=128, action="A", symbol="X", **levels) -> str:
    fields = {name: "0" if "_sz_" in name else "" for name in level_columns()}
    fields |= {"bid_px_00": "5.51", "bid_sz_00": "100", **levels}
    fields |= {"ts_recv": f"2025-07-17T08:05:{second:02}.360842448Z", "symbol": symbol}
    fields |= {"ts_event": f"2025-07-17T08:05:{second:02}.360677248Z"}
    fields |= {"action": action, "flags": str(flags)}
    return ",".join(fields[name] for name in COLUMNS)


@pytest.fixture
def paths(tmp_path) -> DataPaths:
    return DataPaths(tmp_path / "data")


def take(paths, tmp_path, *rows):
    file = tmp_path / "mbp.csv"
    file.write_text("".join(f"{text}\n" for text in (HEADER, *rows)))
    assert find_format(file).name == "databento-csv"
    return import_file(paths, file).source


def snapshots(paths, source):
    folder = symbol_log_dir(paths.source_journal(source.id), SNAPSHOTS, "X")
    texts = [f.read_text().splitlines() for f in sorted(folder.rglob("*.jsonl"))]
    return [json.loads(text) for part in texts for text in part]


def test_only_the_end_of_an_event_is_a_book(paths, tmp_path) -> None:
    rows = [
        row(1, action="R", flags=8, bid_px_00="", bid_sz_00="0"),
        row(2, ask_px_00="5.6", ask_sz_00="7"),
        row(3, flags=0, ask_px_00="5.601", ask_sz_00="7"),
        row(4, flags=130),
    ]
    source = take(paths, tmp_path, *rows)

    events = [e.raw for e in read_events(paths.source_journal(source.id)) if e.dir == "in"]
    assert events == rows
    first, second = snapshots(paths, source)
    assert (first["bids"], first["asks"]) == ([[5510, 100]], [[5600, 7]])
    assert (second["asks"], second["price_precision"]) == ([], 3)
    assert (first["verified"], first["checksum"]) == (None, None)
    assert first["recv_ts_us"] - first["exch_ts_us"] == 842 - 677
    report = verify_data(paths)
    assert report.is_good
    assert (report.total.without_checksum, report.total.book_frames) == (2, 0)


def test_clear_and_doubtful_book_are_gaps(paths, tmp_path) -> None:
    rows = [row(1), row(2, action="R"), row(3), row(4, flags=132), row(5)]
    source = take(paths, tmp_path, *rows)

    notes = [e.raw for e in read_events(paths.source_journal(source.id)) if e.dir == "note"]
    causes = [json.loads(raw)["cause"] for raw in notes if '"kind":"gap"' in raw]
    assert causes == ["clear", "maybe_bad_book"]
    assert (verify_data(paths).total.gaps, len(snapshots(paths, source))) == (2, 3)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (f"{HEADER}\n{row(1)}", 2, "is cut off"),
        (f"{HEADER}\n{row(1)[:-30]}\n", 2, "fields instead of"),
        (f"{HEADER}\n{row(1)}\ngarbage\n", 3, "1 fields instead of 45"),
        (f"{HEADER}\n{row(2)}\n{row(1)}\n", 3, "goes backwards"),
        (f"{HEADER}\n{row(1)}\n{row(2, symbol='Y')}\n", 3, "it is of 'Y', not of 'X'"),
        (f"{HEADER}\n{row(1, bid_px_00='5e1')}\n", 2, "not a plain decimal"),
        (f"{HEADER}\n{row(1, bid_px_01='6', bid_sz_01='1')}\n", 2, "not in order"),
        (f"{HEADER}\n{row(1, bid_sz_00='-1')}\n", 2, "is below zero"),
        (f"{HEADER}\n{row(1, flags='?')}\n", 2, "invalid literal"),
        (f"{HEADER}\n{row(1).replace('2025', '1752')[5:]}\n", 2, "is not a time"),
        (f"{HEADER.replace('bid_px_03', 'other')}\n{row(1)}\n", 1, "bid_px_03 is missing"),
        ("ts_recv,ts_event,rtype,order_id,symbol\n", 1, "no MBO or MBP-10 header"),
        (f"{HEADER}\n", None, "no row with a symbol"),
    ],
)
def test_damage_is_refused_with_file_and_line(paths, tmp_path, text, line, reason) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text)

    with pytest.raises(ImportFormatError, match=reason) as raised:
        import_file(paths, file)

    assert str(raised.value).startswith(f"{file}:line {line}: " if line else f"{file}:")
    assert list_sources(paths) == []


def test_real_file_verifies_and_is_indexed(paths, shared, capsys) -> None:
    file = shared / "data" / "databento" / "ARL_20250717_mbp10_reference.csv"

    source = import_file(paths, file).source

    assert source.frames == 3928
    assert run_cli(["verify", "--data-dir", str(paths.root), "--json"]) == 0
    total = json.loads(capsys.readouterr().out)["total"]
    assert (total["without_checksum"], total["unverified"], total["gaps"]) == (3171, 0, 0)
    update_index(paths.root)
    catalog = open_catalog(paths.root)
    try:
        (info,) = catalog.symbols()
        assert (info.symbol, info.rows, info.price_precision) == ("ARL", 3171, 2)
        assert catalog.quality("ARL").crossed == 0
    finally:
        catalog.close()
