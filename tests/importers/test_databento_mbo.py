"""Databento's MBO: a book from single orders, equal to the MBP-10 view of the same day."""

from __future__ import annotations

import collections
import csv
import json

import pytest

from lobdesk.derive.databento_mbo import NEEDED, DatabentoOrders
from lobdesk.errors import ImportFormatError
from lobdesk.importers import find_format, import_file
from lobdesk.importers.databento import open_databento
from lobdesk.journal import ORDERS, symbol_log_dir
from lobdesk.paths import DataPaths
from lobdesk.verify import verify_data

HEADER = ",".join(NEEDED)
MBO, MBP = "databento/ARL_20250717_mbo.csv", "databento/ARL_20250717_mbp10_reference.csv"


def row(second, action, side="B", price="5.51", size=100, order=1, *, flags=128) -> str:
    at = f"2025-07-17T08:05:{second:02}"
    fields = [f"{at}.000002Z", f"{at}.000001Z", action, side, price, size, order, flags, "X"]
    return ",".join(map(str, fields))


CLEAR = row(0, "R", "N", "", 0, 0)


def read(*rows):
    dialect = DatabentoOrders("X", HEADER, 2)
    readings = [dialect.feed(text.encode(), 1) for text in rows]
    return dialect, readings


def events(readings):
    return [(e.event, e.order_id, e.qty_lots) for r in readings for o in r.orders for e in o.events]


def test_each_row_changes_its_order() -> None:
    dialect, readings = read(
        CLEAR,
        row(1, "A", size=100, order=7),
        row(2, "F", size=30, order=7, flags=0),
        row(2, "C", size=30, order=7),
        row(3, "M", size=60, order=7),
        row(4, "M", size=80, order=7),
        row(5, "C", size=80, order=7),
    )

    assert events(readings) == [
        ("add", "7", 100),
        ("fill", "7", 30),
        ("modify", "7", 70),
        ("modify", "7", 60),
        ("modify", "7", 80),
        ("delete", "7", 80),
    ]
    assert [len(r.books) for r in readings] == [0, 1, 0, 1, 1, 1, 1]
    assert b'"bids":[],"asks":[]' in dialect.snapshot_line("X", 1)


def test_order_log_follows_from_the_raw_log(tmp_path) -> None:
    paths = DataPaths(tmp_path / "data")
    file = tmp_path / "mbo.csv"
    rows = [HEADER, CLEAR, row(1, "A", size=7), row(2, "A", "A", "5.6", 3, 2), row(3, "C", size=2)]
    file.write_text("".join(f"{text}\n" for text in rows))
    root = paths.source_journal(import_file(paths, file).source.id)
    (log,) = symbol_log_dir(root, ORDERS, "X").rglob("*.jsonl")
    told = [json.loads(line) for line in log.read_bytes().splitlines()]

    assert [(line["type"], line["verified"]) for line in told] == [
        ("snapshot", None),
        *[("update", None)] * 3,
    ]
    at_ns = 1752739501000001000
    assert told[1]["events"] == [["add", "bid", "1", 551, 7, 0, 0, at_ns]]
    assert told[3]["events"] == [["modify", "bid", "1", 551, 5, 0, 0, at_ns]]
    assert verify_data(paths).is_good
    log.write_bytes(log.read_bytes().replace(b"551,7,0", b"551,8,0"))
    assert not verify_data(paths).total.rederived_equal


def test_trade_names_its_aggressor_or_is_refused() -> None:
    _, readings = read(CLEAR, row(1, "T", "A", size=5, order=0), row(2, "T", "N", order=0))

    assert [(t.side, t.qty_lots) for r in readings for t in r.trades] == [("sell", 5)]
    assert readings[2].refused == [("X", "without an aggressor")]


def test_book_without_a_beginning_or_in_doubt_writes_nothing() -> None:
    _, readings = read(row(1, "A"), CLEAR, row(2, "A", order=2), row(3, "A", order=3, flags=132))

    books = [(b.state, b.reason) for r in readings for b in r.books]
    assert books == [
        ("unverified", "no_snapshot"),
        ("unchecked", ""),
        ("unverified", "maybe_bad_book"),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (row(2, "C", order=9), "does not rest at this price"),
        (row(2, "C", price="5.52"), "does not rest at this price"),
        (row(2, "C", size=101), "has 100 lots, not 101"),
        (row(2, "F", size=101), "has 100 lots, not 101"),
        (row(2, "M", size=0), "has no size"),
        (row(2, "A"), "rests already"),
        (row(2, "A", "N", order=2), "of side 'N' is unknown"),
        (row(2, "Z", order=2), "action 'Z'"),
        (row(2, "A", price="1e2", order=2), "not a plain decimal"),
        (row(2, "A", size="-1", order=2), "below zero"),
        (row(2, "A", order=2)[:-1] + "Y", "it is of 'Y', not of 'X'"),
        (row(0, "A", order=2), "goes backwards"),
        (row(2, "A", order=2)[:-30], "fields instead of 9"),
    ],
)
def test_damage_is_refused_with_file_and_line(tmp_path, text, reason) -> None:
    file = tmp_path / "mbo.csv"
    file.write_text("".join(f"{line}\n" for line in (HEADER, CLEAR, row(1, "A"), text)))
    assert find_format(file).name == "databento-csv"

    with pytest.raises(ImportFormatError, match=reason) as raised:
        import_file(DataPaths(tmp_path / "data"), file)

    assert str(raised.value).startswith(f"{file}:line 4: ")


def test_view_of_the_real_orders_is_the_reference_row_for_row(shared) -> None:
    """The reference folds trade, fill and cancel into one row; it has no row of other changes.

    All 3,928 rows are found in order, and 3,917 show the book after the order's row; 11 trades show
    it after the fill and the cancel that follow. What the reference leaves out changes nothing in
    its ten levels (1,936 rows), or is a fill and cancel of such a trade (11 each).
    """
    capture = open_databento(shared / "data" / MBO)
    dialect = DatabentoOrders("ARL", capture.facts["columns"], capture.facts["price_precision"])
    with (shared / "data" / MBP).open() as file:
        reference = list(csv.DictReader(file))
    names = str(capture.facts["columns"]).split(",")
    found: collections.Counter[tuple[str, str]] = collections.Counter()
    waiting = None
    expected = iter(reference)
    following = next(expected)
    before = ((), ())
    for frame in capture.frames():
        fields = dict(zip(names, frame.raw.decode().split(","), strict=True))
        dialect.feed(frame.raw, frame.recv_ts_us)
        after = dialect._book.levels()
        if waiting is not None and fields["action"] == "C" and waiting == after:
            found["C", "of the trade"] += 1
            waiting = None
        elif following is not None and _key(fields) == _key(following):
            shown = _levels(following, capture.facts["price_precision"])
            found[fields["action"], "equal" if shown == after else "later"] += 1
            waiting = None if shown == after else shown
            following = next(expected, None)
        else:
            found[fields["action"], "changed" if after != before else "unchanged"] += 1
        before = after
    assert following is None
    assert waiting is None
    assert found == {
        ("R", "equal"): 1,
        ("A", "equal"): 2003,
        ("C", "equal"): 1878,
        ("T", "equal"): 35,
        ("T", "later"): 11,
        ("C", "of the trade"): 11,
        ("F", "unchanged"): 11,
        ("A", "unchanged"): 912,
        ("C", "unchanged"): 1024,
    }


def _key(fields):
    price = float(fields["price"]) if fields["price"] else None
    return (fields["ts_event"], fields["action"], fields["sequence"], price, fields["size"])


def _levels(fields, digits):
    return tuple(
        tuple(
            (
                round(float(fields[f"{side}_px_{n:02}"]) * 10**digits),
                int(fields[f"{side}_sz_{n:02}"]),
            )
            for n in range(10)
            if fields[f"{side}_px_{n:02}"]
        )
        for side in ("bid", "ask")
    )


def test_real_file_verifies(tmp_path, shared) -> None:
    paths = DataPaths(tmp_path / "data")

    source = import_file(paths, shared / "data" / MBO).source

    assert source.frames == 5886
    report = verify_data(paths)
    assert (report.is_good, report.total.without_checksum) == (True, 4215)
