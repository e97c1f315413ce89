"""The lob10 arrays: books and trades of a .npz file as records of their own."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lobdesk.errors import ImportFormatError
from lobdesk.importers import find_format, import_file, list_sources
from lobdesk.index import open_catalog, update_index
from lobdesk.journal import read_events
from lobdesk.paths import DataPaths
from lobdesk.verify import verify_data


def arrays(**changes):
    steps = np.arange(10, dtype=np.int32)
    rows = {
        "recv_ns": np.array([10, 20, 30], np.int64) * 1_000_000_000,
        "exch_ms": np.array([11, 21, 31], np.int64) * 1000,
        "bid_px": np.tile(100 - steps, (3, 1)),
        "ask_px": np.tile(102 + steps, (3, 1)),
        "bid_qty": np.full((3, 10), 5),
        "ask_qty": np.full((3, 10), 7),
        "tr_recv_ns": np.array([20, 25], np.int64) * 1_000_000_000,
        "tr_exch_ms": np.array([21, 26], np.int64) * 1000,
        "tr_px": np.array([102, 100], np.int32),
        "tr_qty": np.array([3, 4]),
        "tr_side": np.array([1, -1], np.int8),
        "price_tick": np.float64(0.25),
        "qty_unit": np.float64(0.001),
    }
    return {name: array for name, array in (rows | changes).items() if array is not None}


def save(folder, **changes):
    path = folder / "x_perp_19700101.npz"
    np.savez_compressed(path, **arrays(**changes))
    return path


@pytest.fixture
def paths(tmp_path) -> DataPaths:
    return DataPaths(tmp_path / "data")


def test_rows_and_trades_come_in_order_of_receipt_in_decimal_digits(paths, tmp_path) -> None:
    file = save(tmp_path)
    assert find_format(file).name == "lob10"

    source = import_file(paths, file).source

    raws = [
        json.loads(e.raw) for e in read_events(paths.source_journal(source.id)) if e.dir == "in"
    ]
    assert ["px" in raw for raw in raws] == [False, True, False, True, False]
    assert raws[1] == {"exch_ms": 21000, "px": 102, "qty": 3, "side": 1}
    assert verify_data(paths).is_good
    update_index(paths.root)
    catalog = open_catalog(paths.root)
    try:
        books, trades = catalog.snapshot_columns("x_perp"), catalog.trade_columns("x_perp")
    finally:
        catalog.close()
    assert books.bid_ticks[0, :2].tolist() == [2500, 2475]
    assert (books.price_precision[0], books.qty_precision[0]) == (2, 3)
    assert (books.exch_ts_us - books.recv_ts_us).tolist() == [1_000_000] * 3
    assert (books.verified == -1).all()
    assert (trades.side.tolist(), trades.price_ticks.tolist()) == ([0, 1], [2550, 2500])


def test_without_exchange_times_the_receipt_stands_and_sideless_trades_are_refused(
    paths, tmp_path
) -> None:
    source = import_file(paths, save(tmp_path, exch_ms=None, tr_exch_ms=None, tr_side=None)).source

    notes = [e.raw for e in read_events(paths.source_journal(source.id)) if e.dir == "note"]
    assert sum("refused_trade" in raw for raw in notes) == 2
    assert verify_data(paths).total.without_checksum == 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"bid_px": None}, "the array bid_px is missing"),
        ({"bid_px": np.full((3, 9), 1)}, r"bid_px: expected integers of shape \(3, 10\)"),
        ({"ask_qty": np.full((3, 10), 0.5)}, "ask_qty: expected integers"),
        ({"recv_ns": np.array([10, 9, 11], np.int64)}, "row 1 of recv_ns: the time of receipt"),
        ({"recv_ns": np.array([-3, 9, 11], np.int64)}, "is no time"),
        ({"price_tick": np.float64(-1)}, "-1.0 is no increment"),
        ({"bid_px": np.full((3, 10), 200, np.int32)}, "row 0: .* not in order"),
        ({"bid_qty": np.full((3, 10), 0)}, "no price or no quantity"),
        ({"tr_qty": np.array([3, 4], object)}, r"is no intact \.npz file"),
    ],
)
def test_other_arrays_are_refused_with_their_name(paths, tmp_path, changes, reason) -> None:
    with pytest.raises(ImportFormatError, match=reason):
        import_file(paths, save(tmp_path, **changes))

    assert list_sources(paths) == []


def test_cut_or_misnamed_file_is_refused(paths, tmp_path) -> None:
    file = save(tmp_path)
    with pytest.raises(ImportFormatError, match="name the file"):
        import_file(paths, file.rename(tmp_path / "x.npz"))
    cut = tmp_path / "x_19700101.npz"
    cut.write_bytes((tmp_path / "x.npz").read_bytes()[:-60])
    with pytest.raises(ImportFormatError, match=r"is no intact \.npz file"):
        import_file(paths, cut)


def test_every_real_file_is_taken_and_verifies(paths, shared) -> None:
    expected = {"bitstamp_btcusd": 4573, "spot_btcusdt": 3150 + 2953, "usdm_btcusdt": 6036}
    for file in sorted((shared / "data" / "lob10").glob("*.npz")):
        if file.name.startswith("cm_"):
            continue  # of the same kind, for the sake of time
        import_file(paths, file)

    report = verify_data(paths)

    assert report.is_good
    assert {name: each.without_checksum for name, each in report.symbols.items()} == expected
