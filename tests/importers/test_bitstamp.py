"""Bitstamp's order log: a book of single orders, anonymous and incoming ones included."""

from __future__ import annotations

import collections
import json
import lzma

import pytest

from lobdesk.derive.bitstamp import Bitstamp, BookMessage, parse_frame
from lobdesk.errors import ImportFormatError
from lobdesk.importers import find_format, import_file, list_sources
from lobdesk.importers.bitstamp import open_bitstamp
from lobdesk.journal import TRADES, read_events, symbol_log_dir
from lobdesk.paths import DataPaths
from lobdesk.verify import verify_data

BID, ASK = 0, 1
LOG = "bitstamp/btcusd_l3_20150501.log.xz"


def order(what, number, side, price, amount) -> bytes:
    fields = {"price": price, "amount": amount, "datetime": "1", "id": number, "order_type": side}
    return f"order_{what} {json.dumps(fields)}".encode()


def book(bids, asks) -> bytes:
    return f"order_book {json.dumps({'bids': bids, 'asks': asks})}".encode()


def trade(price, amount, number) -> bytes:
    """Numbers as the log prints doubles."""
    return f'trade {{"price": {price:.17g}, "amount": {amount:.17g}, "id": {number}}}'.encode()


class Log:
    """Feeds records a millisecond apart and keeps what was read."""

    def __init__(self) -> None:
        self.dialect = Bitstamp("BTC/USD", 2, 8)
        self.at_us = 0
        self.orders, self.trades, self.notes, self.refused = [], [], [], []

    def __call__(self, *frames: bytes, after_us: int = 1000):
        for frame in frames:
            self.at_us += after_us
            reading = self.dialect.feed(frame, self.at_us)
            assert reading.kind == "book", reading.reason
            changes = [e for told in reading.orders for e in told.events]
            self.orders += [(e.event, e.order_id, e.price_ticks, e.qty_lots) for e in changes]
            self.trades += [(t.side, t.price_ticks, t.qty_lots) for t in reading.trades]
            self.notes += [n for n in reading.notes if n["kind"] == "book_corrected"]
            self.refused += reading.refused
        return self

    def shown(self):
        line = json.loads(self.dialect.snapshot_line("BTC/USD", 1))
        return line["bids"], line["asks"]


START = book([["10.00", "5"]], [["11.03", "7"]])


def test_first_snapshot_begins_the_book_with_anonymous_orders() -> None:
    log = Log()
    before = log.dialect.feed(order("created", 1, BID, "10.00", "2"), 1)
    log(START)

    assert [(b.state, b.reason) for b in before.books] == [("unverified", "no_snapshot")]
    assert log.shown() == ([[1000, 500_000_000]], [[1103, 700_000_000]])
    assert [o[:2] for o in log.orders] == [("add", "1"), ("add", "bid@1000"), ("add", "ask@1103")]


def test_unknown_order_is_taken_off_the_anonymous_one() -> None:
    log = Log()(START, order("deleted", 99, ASK, "11.03", "3"))

    assert log.shown()[1] == [[1103, 400_000_000]]


def test_incoming_order_never_crosses_and_its_maker_is_filled_once() -> None:
    log = Log()(START, order("created", 5, ASK, "10.50", "2"), order("created", 6, BID, "12", "3"))
    assert log.shown()[0] == [[1000, 500_000_000]]

    log(order("deleted", 5, ASK, "10.50", "0"), order("changed", 6, BID, "12", "1"))
    log.orders.clear()
    log(trade(10.50, 2, 1), trade(11.03, 1, 2), order("deleted", 6, BID, "12", "0"))
    log(order("changed", 77, ASK, "11.03", "6"))

    assert log.trades == [("buy", 1050, 200_000_000), ("buy", 1103, 100_000_000)]
    assert [o for o in log.orders if o[0] == "fill"] == [("fill", "ask@1103", 1103, 100_000_000)]
    assert log.shown() == ([[1000, 500_000_000]], [[1103, 600_000_000]])


def test_what_an_incoming_order_has_left_rests_after_its_trade() -> None:
    log = Log()(
        START, order("created", 5, ASK, "10.50", "2"), order("created", 6, BID, "10.60", "3")
    )
    log(order("deleted", 5, ASK, "10.50", "0"))
    assert ("add", "6", 1060, 300_000_000) not in log.orders

    log(order("changed", 6, BID, "10.60", "1"), trade(10.5, 2, 1))

    assert log.orders[-1] == ("add", "6", 1060, 100_000_000)
    assert [o[:2] for o in log.orders if o[0] == "fill"] == [("fill", "5")]


def test_trade_without_orders_is_refused_after_its_time() -> None:
    log = Log()(START, trade(10.5, 2, 1))
    log(order("created", 9, BID, "9.00", "1"), after_us=1_100_000)

    assert (log.trades, log.refused) == ([], [("BTC/USD", "its resting order is not known")])


def test_lost_end_of_an_order_is_found_by_two_snapshots() -> None:
    log = Log()(START, order("created", 5, BID, "10.50", "2"))
    shows = book([["10.00", "5"]], [["11.03", "7"]])
    log(shows)
    assert log.shown()[0][0] == [1050, 200_000_000]

    log(shows)

    assert log.shown()[0] == [[1000, 500_000_000]]
    assert log.orders[-1] == ("delete", "5", 1050, 200_000_000)
    assert [(n["side"], n["price_ticks"], n["lots"]) for n in log.notes] == [
        ("bid", 1050, -200_000_000)
    ]


def test_snapshot_older_than_its_orders_corrects_nothing() -> None:
    log = Log()(START, order("created", 5, BID, "10.50", "2"), START)
    log(order("changed", 5, BID, "10.50", "1"), START)

    assert log.shown()[0][0] == [1050, 100_000_000]
    assert log.notes == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1430438404518 order_created {}", "no Bitstamp record"),
        (b"1430438404518 order_moved {}", "expected <unix_ms> <kind> <object>"),
        (b"1430438404518 trade " + trade(1, 1, 1)[6:].replace(b"1,", b'"x",', 1), "no Bitstamp"),
        (b"1430438404000 " + START, "goes backwards"),
        (b"1430438404518 " + order("created", 2, 7, "1", "1"), "neither 0 nor 1"),
        (b"1430438404518 " + order("created", 1, BID, "1", "1"), "exists already"),
        (b"1430438404518 " + order("created", 2, BID, "-1", "1"), "below zero"),
    ],
)
def test_damage_is_refused_with_file_and_line(tmp_path, line, reason) -> None:
    file = tmp_path / "bad.log"
    good = b"1430438404517 " + order("created", 1, BID, "10.00", "2")
    file.write_bytes(good + b"\n" + line + b"\n")

    with pytest.raises(ImportFormatError, match=reason) as raised:
        import_file(DataPaths(tmp_path / "data"), file, format_name="bitstamp")

    assert str(raised.value).startswith(f"{file}:line 2: ")


def test_cut_xz_is_refused(tmp_path) -> None:
    line = b"1430438404517 " + order("created", 1, BID, "10.00", "2") + b"\n"
    file = tmp_path / "cut.log.xz"
    file.write_bytes(lzma.compress(line * 5000)[:-40])

    with pytest.raises(ImportFormatError, match="compressed data is damaged"):
        open_bitstamp(file)


def test_real_log_agrees_with_its_own_snapshots(shared) -> None:
    """Of 5,010 snapshots after the first, 5 show a state that the orders around do not explain."""
    capture = open_bitstamp(shared / "data" / LOG)
    dialect = Bitstamp("BTC/USD", 2, 8)
    found: collections.Counter[str] = collections.Counter()
    last = collections.deque([((), ())], maxlen=60)
    fills, trades = [], []
    for frame in capture.frames():
        reading = dialect.feed(frame.raw, frame.recv_ts_us)
        found.update(note["kind"] for note in reading.notes)
        changes = [e for told in reading.orders for e in told.events]
        fills += [(e.price_ticks, e.qty_lots) for e in changes if e.event == "fill"]
        trades += [(t.price_ticks, t.qty_lots) for t in reading.trades]
        assert not reading.refused
        message = parse_frame(frame.raw)[1]
        if isinstance(message, BookMessage) and last[-1] != ((), ()):
            shown = tuple(tuple(map(dialect._level, s)) for s in (message.bids, message.asks))
            found[_place(tuple(side[:10] for side in shown), last)] += 1
            found["best"] += [s[:1] for s in shown] == [s[:1] for s in last[-1]]
        if dialect.symbols():
            last.append(dialect._book.levels())
            bids, asks = last[-1]
            assert bids[0][0] < asks[0][0]
    assert found == {
        "precision": 1,
        "equal": 4979,
        "older": 26,
        "other": 5,
        "best": 5005,
        "book_corrected": 36,
    }
    assert len(trades) == 575
    assert sorted(fills) == sorted(trades[1:])  # the first is before the first snapshot


def _place(shown, last) -> str:
    return "equal" if shown == last[-1] else "older" if shown in last else "other"


def test_real_log_is_imported_once_and_verifies(tmp_path, shared) -> None:
    paths = DataPaths(tmp_path / "data")
    file = shared / "data" / LOG
    assert find_format(file).name == "bitstamp"

    source = import_file(paths, file).source

    assert (source.frames, source.id) == (56_000, "bitstamp-btc-usd-20150501t000004-d2950da4")
    assert not import_file(paths, file).is_new
    assert len(list_sources(paths)) == 1
    root = paths.source_journal(source.id)
    with lzma.open(file, "rt") as lines:
        texts = [line.rstrip("\n").partition(" ")[2] for line in lines]
    assert [e.raw for e in read_events(root) if e.dir == "in"] == texts
    folder = symbol_log_dir(root, TRADES, "BTC/USD")
    assert sum(len(f.read_bytes().splitlines()) for f in folder.rglob("*.jsonl")) == 575
    report = verify_data(paths)
    assert (report.is_good, report.total.without_checksum, report.total.unverified) == (
        True,
        55_994,
        6,
    )
