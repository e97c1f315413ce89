from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobdesk import engine
from tests.index.journals import compact, plain_snapshot, plain_trade

SNAPSHOT = compact({"v": 1, "symbol": "BTC/USD", **plain_snapshot(7, 1_000_000)})
TRADE = compact({"v": 1, "symbol": "BTC/USD", **plain_trade(7, 1_000_000, 3)})


def event(raw: str, **changes: object) -> str:
    fields = {
        "v": 1, "seq": 5, "recv_ts_us": 6, "mono_us": 7, "boot": "b", "conn": 1, "dir": "in",
        "raw": raw, "crc": 9,
    }  # fmt: skip
    return compact(fields | changes)


def frames(found: dict[str, Any]) -> list[str]:
    return engine.frame_texts(found["raw"], found["raw_begin"]).tolist()


def facts(raw: str) -> tuple[str | None, str | None, str | None]:
    found = engine.scan_events(event(raw).encode() + b"\n")
    names = [*found["names"], None]
    return tuple(names[found[key][0]] for key in ("channel", "type", "symbol"))


def test_columns_equal_what_a_json_parser_reads(recorded: Path) -> None:
    path = next((recorded / "l2" / "snapshots").rglob("*.jsonl"))
    lines = [json.loads(line) for line in path.read_text().splitlines()]

    found = engine.scan_snapshots(path.read_bytes(), symbol="ETH/USD")

    assert found["rejects"] == []
    for key in ("seq", "exch_ts_us", "recv_ts_us", "price_precision", "qty_precision", "checksum"):
        assert found[key].tolist() == [line[key] for line in lines]
    for side in ("bid", "ask"):
        pairs = np.stack([found[f"{side}_ticks"], found[f"{side}_lots"]], axis=2)
        assert pairs.tolist() == [line[f"{side}s"] for line in lines]


def test_events_give_back_each_frame_and_its_place(recorded: Path) -> None:
    path = next((recorded / "l2" / "events").rglob("*.jsonl"))
    data = path.read_bytes()

    found = engine.scan_events(data, base_offset=100)

    lines = data.splitlines(keepends=True)
    assert frames(found) == [json.loads(line)["raw"] for line in lines]
    assert found["length"].tolist() == [len(line) for line in lines]
    places = zip(found["offset"] - 100, found["length"], strict=True)
    assert [data[o : o + n] for o, n in places] == lines


def test_missing_levels_are_zero() -> None:
    fields = plain_snapshot(7, 1) | {"bids": [[10, 2]], "asks": []}
    line = compact({"v": 1, "symbol": "BTC/USD", **fields})

    found = engine.scan_snapshots(line.encode(), symbol="BTC/USD")

    assert found["bid_ticks"].tolist() == [[10] + [0] * 9]
    assert not found["ask_ticks"].any()
    assert not found["ask_lots"].any()
    assert found["checksum"].tolist() == [-1]
    assert found["verified"].tolist() == [-1]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", 'expected {"v":'),
        ("{}", 'expected {"v":'),
        (SNAPSHOT[:-1], "expected null}"),
        (SNAPSHOT + " ", "text after the object"),
        (SNAPSHOT.replace('"v":1', '"v":2'), "schema version"),
        (SNAPSHOT.replace("BTC", "ETH"), "symbol is not that of the folder"),
        (SNAPSHOT.replace('"seq":7', '"seq":07'), "expected an integer"),
        (SNAPSHOT.replace('"seq":7', '"seq":7.0'), "exch_ts_us"),
        (SNAPSHOT.replace('"seq":7', '"seq":-7'), "out of range"),
        (SNAPSHOT.replace("1000000", "9223372036854775808"), "beyond 64 bits"),
        (SNAPSHOT.replace('_precision":2', '_precision":19'), "out of range"),
        (SNAPSHOT.replace("[999,101]", "[1000,101]"), "not best first"),
        (SNAPSHOT.replace("[1002,101]", "[1001,101]"), "not best first"),
        (SNAPSHOT.replace("[999,101]", "[999,0]"), "out of range"),
        (SNAPSHOT.replace('"bids":[', '"bids":[[1001,5],'), "more than ten levels"),
        (SNAPSHOT.replace('"verified":null', '"verified":false'), "expected true}"),
        (SNAPSHOT.replace('"checksum":null', '"checksum":4294967296'), "out of range"),
    ],
)
def test_snapshot_line_that_does_not_fit_is_rejected_with_its_reason(
    line: str, reason: str
) -> None:
    data = f"{SNAPSHOT}\n{line}\n{SNAPSHOT}\n".encode()

    found = engine.scan_snapshots(data, symbol="BTC/USD", base_offset=10)

    ((offset, length, why),) = found["rejects"]
    assert reason in why
    assert offset == 10 + len(SNAPSHOT) + 1
    assert length == len(line.encode()) + 1
    assert found["seq"].tolist() == [7, 7]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (TRADE.replace("buy", "hold"), "neither buy nor sell"),
        (TRADE.replace('"qty_lots":5', '"qty_lots":0'), "out of range"),
        (TRADE.replace("market", "mar\\qket"), "unknown escape"),
        (TRADE[:40], "exch_ts_us"),
    ],
)
def test_trade_line_that_does_not_fit_is_rejected(line: str, reason: str) -> None:
    found = engine.scan_trades(f"{line}\n{TRADE}\n".encode(), symbol="BTC/USD")

    assert [reason in why for _, _, why in found["rejects"]] == [True]
    assert found["trade_id"].tolist() == [3]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (event("{}", dir="up"), "none of in, out, note"),
        (event("{}", crc=-1), "out of range"),
        (event("x").replace('"x"', '"\\ud800"'), "half of a surrogate pair"),
        (event("x").replace('"x"', '"\\u12g4"'), "broken \\u escape"),
        (event("x").replace('"x"', '"a\tb"'), "control character"),
        (event("x").partition(',"crc"')[0][:-1], "string without an end"),
    ],
)
def test_event_line_that_does_not_fit_is_rejected(line: str, reason: str) -> None:
    found = engine.scan_events(f"{line}\n{event('ok')}\n".encode())

    assert [reason in why for _, _, why in found["rejects"]] == [True]
    assert frames(found) == ["ok"]


def test_bytes_that_are_no_text_are_rejected() -> None:
    line = event("x").encode().replace(b'"x"', b'"\xff"')

    found = engine.scan_events(line + b"\n" + event("é☃😀").encode())

    assert [why.partition(" at ")[0] for _, _, why in found["rejects"]] == ["not UTF-8"]
    assert frames(found) == ["é☃😀"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('{"channel":"book","type":"update","data":[{"symbol":"BTC/USD"}]}',
         ("book", "update", "BTC/USD")),
        (' { "channel" : "book" , "data" : [ { "x":[1,{"symbol":"no"}], "symbol":"A/B" } ] } ',
         ("book", None, "A/B")),
        ('{"channel":"heartbeat"}', ("heartbeat", None, None)),
        ('{"method":"subscribe","params":{"channel":"book","symbol":["ETH/USD","X"]}}',
         ("book", "subscribe", "ETH/USD")),
        ('{"method":"subscribe","result":{"channel":"book","symbol":"X/Y"},"success":true}',
         ("book", "subscribe", "X/Y")),
        ('{"kind":"gap","symbol":"X/Y"}', (None, "gap", "X/Y")),
        ('{"channel":"bo\\u006fk"}', ("book", None, None)),
        ('["not","an","object"]', (None, None, None)),
        ('{"channel":', (None, None, None)),
        ("", (None, None, None)),
    ],
)  # fmt: skip
def test_facts_of_a_frame(raw: str, expected: tuple[str | None, ...]) -> None:
    assert facts(raw) == expected


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(SNAPSHOT) - 1), st.integers(0, 255))
def test_changed_byte_is_rejected_or_read_as_json_reads_it(place: int, byte: int) -> None:
    line = bytearray(SNAPSHOT.encode())
    line[place] = byte

    found = engine.scan_snapshots(bytes(line), symbol="BTC/USD")

    if byte == ord("\n"):
        assert len(found["rejects"]) == 2 or place == len(line) - 1
        return
    assert len(found["rejects"]) + len(found["seq"]) == 1
    if len(found["seq"]):
        parsed = json.loads(bytes(line))
        assert parsed["seq"] == found["seq"][0]
        assert parsed["bids"] == np.stack([found["bid_ticks"], found["bid_lots"]], 2)[0].tolist()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_lines_or_rejects(data: bytes) -> None:
    for scan in (
        lambda: engine.scan_snapshots(data, symbol="X"),
        lambda: engine.scan_trades(data, symbol="X"),
        lambda: engine.scan_events(data),
    ):
        found = scan()
        covered = sum(length for _, length, _ in found["rejects"]) + int(found["length"].sum())
        assert covered == len(data)


@settings(max_examples=200, deadline=None)
@given(st.text() | st.text(alphabet='"\\\\ab', min_size=16) | st.text('"a\n\\', min_size=16))
def test_any_text_survives_as_raw(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    for ascii_only in (True, False):
        fields = json.loads(event(""))
        line = json.dumps(fields | {"raw": text}, separators=(",", ":"), ensure_ascii=ascii_only)
        assert frames(engine.scan_events(line.encode())) == [text]


def test_columns_of_a_query_are_taken_without_python_objects() -> None:
    con = duckdb.connect()
    found = engine.take_arrow(
        con.sql(
            "SELECT range AS a, (range % 7)::TINYINT AS b, (range % 5)::UTINYINT AS c, "
            "range::INTEGER AS d, [range, -range]::BIGINT[2] AS e FROM range(10000) "
            "WHERE range % 3 = 1"
        )
    )

    expected = np.arange(1, 10000, 3)
    assert {name: column.dtype.name for name, column in found.items()} == {
        "a": "int64", "b": "int8", "c": "uint8", "d": "int32", "e": "int64",
    }  # fmt: skip
    assert np.array_equal(found["a"], expected)
    assert np.array_equal(found["b"], expected % 7)
    assert np.array_equal(found["e"], np.stack([expected, -expected], axis=1))
    for query, reason in (
        ("SELECT 'x' AS t", "column t: format u"),
        ("SELECT 1.5::DOUBLE AS f", "no column of integers"),
        ("SELECT NULL::BIGINT AS n", "column n holds nulls"),
    ):
        with pytest.raises(engine.EngineError, match=reason):
            engine.take_arrow(con.sql(query))
