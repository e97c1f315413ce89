from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lobdesk.errors import WindowError
from lobdesk.windows import (
    Target,
    TooFewRowsError,
    WindowSpec,
    WindowSpecError,
    WindowStore,
    WindowStoreError,
    build_store,
    compute_features,
    rolling_normalize,
)
from tests.reference import features as reference_features
from tests.reference import windows as reference
from tests.windows.books import Rows, lob10_rows, make_rows

SPEC = WindowSpec(
    window_rows=8,
    norm_window_rows=30,
    norm_min_rows=5,
    targets=("point:3", "mean:3", "point:200ms", "mean:1s"),
)


def rough_rows(seed: int = 4, symbol: str = "BTC/USD") -> Rows:
    """Return rows with every kind of break and with one-sided books."""
    rows = make_rows(400, seed=seed, symbol=symbol, break_chance=0.01)
    rows.bid_lots[60] = rows.bid_ticks[60] = 0
    rows.ask_lots[61:63] = rows.ask_ticks[61:63] = 0
    rows.bid_ticks[120] += 40
    rows.exch_ts_us[170:] += 11_000_000
    rows.exch_ts_us[230] -= 5_000_000
    rows.price_precision[300:] += 1
    return rows


def folder_bytes(store: WindowStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(store.path.iterdir())}


def test_columns_equal_their_slow_twin(tmp_path: Path) -> None:
    rows = rough_rows()

    store = build_store(tmp_path, [rows], SPEC)

    z, ready, vwm, segment = reference.columns(rows, SPEC)
    assert np.array_equal(store.ready, ready)
    assert np.array_equal(store.vwm, vwm, equal_nan=True)
    assert np.array_equal(store.segment, segment)
    assert np.allclose(store.features, z, rtol=1e-6, atol=1e-6)
    assert store.anchors().tolist() == reference.anchors(ready, segment, SPEC.window_rows)
    for target in SPEC.parsed_targets:
        ts_us = rows.exch_ts_us if target.is_time else None
        expected, ends = reference_features.forward_return_bps(
            vwm, target.horizon, target.kind, segment, ts_us
        )
        assert np.allclose(
            store.target(target.name), expected, rtol=1e-10, atol=1e-10, equal_nan=True
        )
        assert np.array_equal(store.target_end(target.name), ends)


def test_columns_equal_the_array_functions_bit_for_bit(tmp_path: Path) -> None:
    rows = make_rows(3000, seed=8)
    spec = WindowSpec(targets=())

    store = build_store(tmp_path, [rows], spec)

    x, vwm = compute_features(*rows.floats())
    z, ready = rolling_normalize(x, window_rows=1000, min_rows=100)
    assert np.array_equal(store.features, z)
    assert np.array_equal(store.ready, ready)
    assert np.array_equal(store.vwm, vwm)


def test_feature_sets_concatenate(tmp_path: Path) -> None:
    rows = rough_rows()
    both = build_store(tmp_path, [rows], replace(SPEC, feature_sets=("state", "ofi10")))
    sides, segment = rows.floats(), reference.segments(rows, SPEC.max_pause_us)

    x = reference_features.state(*sides, rows.exch_ts_us, segment)
    ofi = reference_features.ofi10(*sides)
    ofi[np.flatnonzero(np.diff(segment, prepend=-1))] = 0.0
    x = np.column_stack([x, ofi])
    has_mid = ~np.isnan(x[:, 0])
    z, ready = reference_features.rolling_z(x[has_mid], 30, 5, segment[has_mid])

    assert both.feature_names[:5] == [
        "spread",
        "imbalance_1",
        "imbalance_10",
        "since_row_before",
        "ofi_1",
    ]
    assert np.array_equal(both.ready[has_mid], ready)
    assert np.allclose(both.features[has_mid], z, rtol=1e-5, atol=1e-5)


def test_gathered_windows_are_the_rows_before_and_at_their_anchors(tmp_path: Path) -> None:
    store = build_store(tmp_path, [rough_rows()], SPEC)
    anchors = store.anchors("mean:3", stride=3)

    batch = store.gather(anchors, threads=3)

    assert batch.dtype == np.float32
    assert batch.shape == (len(anchors), 8, 40)
    for window, row in zip(batch, anchors, strict=True):
        assert np.array_equal(window, store.features[row - 7 : row + 1])
    out = np.empty_like(batch)
    assert store.gather(anchors.tolist(), out) is out
    assert np.array_equal(out, batch)


@pytest.mark.parametrize("row", [-1, 6, 400, 2**62])
def test_row_without_a_whole_window_is_refused(tmp_path: Path, row: int) -> None:
    store = build_store(tmp_path, [rough_rows()], SPEC)

    with pytest.raises(ValueError, match=f"row {row} ends no window of 8 rows among 400"):
        store.gather([50, row])


def test_output_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    store = build_store(tmp_path, [rough_rows()], SPEC)

    for shape in ((2, 7, 40), (2, 8, 39), (1, 8, 40), (2, 320)):
        with pytest.raises(ValueError, match="out must have shape"):
            store.gather([50, 51], np.empty(shape, np.float32))
    with pytest.raises(TypeError):
        store.gather([50], np.empty((1, 8, 40)))  # type: ignore[arg-type]


def test_strides_count_from_the_start_of_each_segment(tmp_path: Path) -> None:
    store = build_store(tmp_path, [rough_rows()], SPEC)
    every = store.anchors(stride=1)

    starts = {int(s): int(np.flatnonzero(store.segment == s)[0]) for s in set(store.segment)}
    expected = [t for t in every if (t - starts[int(store.segment[t])]) % 5 == 0]

    assert store.anchors(stride=5).tolist() == expected
    with pytest.raises(ValueError, match="stride is 0"):
        store.anchors(stride=0)


def test_anchors_of_a_target_have_it(tmp_path: Path) -> None:
    store = build_store(tmp_path, [rough_rows()], SPEC)

    anchors = store.anchors("mean:1s")

    assert 0 < len(anchors) < len(store.anchors())
    assert not np.isnan(store.target_mean_1s[anchors]).any()
    assert (store.segment[store.target_end_mean_1s[anchors]] == store.segment[anchors]).all()


def test_first_input_is_the_normalizations_reach(tmp_path: Path) -> None:
    rows = rough_rows()
    store = build_store(tmp_path, [rows], SPEC)
    _, _, vwm, segment = reference.columns(rows, SPEC)
    anchors = store.anchors()

    expected = [reference.first_input(vwm, segment, t, SPEC) for t in anchors]

    assert store.first_input(anchors).tolist() == expected


def test_bytes_depend_on_neither_threads_nor_order(tmp_path: Path) -> None:
    rows = [rough_rows(seed, symbol) for seed, symbol in enumerate(("C/USD", "A/USD", "B/USD"))]

    one = build_store(tmp_path / "one", rows, SPEC, threads=1)
    three = build_store(tmp_path / "three", rows[::-1], SPEC, threads=3)

    assert one.id == three.id
    assert folder_bytes(one) == folder_bytes(three)
    assert one.symbols == ["A/USD", "B/USD", "C/USD"]


def test_id_follows_spec_and_rows(tmp_path: Path) -> None:
    rows = rough_rows()
    other = rough_rows()
    other.ask_lots[399, 0] += 1

    first = build_store(tmp_path, [rows], SPEC)
    again = build_store(tmp_path, [rows], replace(SPEC, targets=(*SPEC.targets[:3], "mean:1000ms")))
    ids = {
        build_store(tmp_path, [other], SPEC).id,
        build_store(tmp_path, [rows], replace(SPEC, vwm_levels=2)).id,
        build_store(tmp_path, [rows], replace(SPEC, targets=SPEC.targets[:2])).id,
    }

    assert again.id == first.id
    assert first.id not in ids
    assert len(ids) == 3


def test_existing_store_is_returned_untouched(tmp_path: Path) -> None:
    first = build_store(tmp_path, [rough_rows()], SPEC)
    before = {path: path.stat().st_mtime_ns for path in first.path.iterdir()}

    build_store(tmp_path, [rough_rows()], SPEC)

    assert {path: path.stat().st_mtime_ns for path in first.path.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == [first.id]


def test_failed_build_leaves_nothing_behind(tmp_path: Path) -> None:
    rows = rough_rows()
    rows.ask_lots[200, 3] = -5

    with pytest.raises(WindowError, match=r"BTC/USD: row 200: ask level 4 has a quantity"):
        build_store(tmp_path, [rows], SPEC)

    assert list(tmp_path.iterdir()) == []


def test_manifest_tells_what_the_store_is_made_of(tmp_path: Path) -> None:
    rows = rough_rows()
    store = build_store(tmp_path, [rows], SPEC)

    manifest = json.loads((store.path / "manifest.json").read_text())

    assert manifest == store.manifest
    assert manifest["rows"] == len(store) == 400
    assert manifest["symbols"] == ["BTC/USD"]
    assert manifest["features"][0] == {"name": "ask_price_1", "unit": "bps from vwm"}
    source = manifest["sources"]["BTC/USD"]
    assert source["sources"] == rows.sources
    assert source["rows"] == 400
    assert source["segments"] == store.segment[-1] + 1
    assert source["crossed_rows"] == 1
    assert WindowSpec(**manifest["spec"]) == replace(SPEC, symbols=("BTC/USD",))
    for name, column in manifest["columns"].items():
        assert getattr(store, name).dtype.str == column["dtype"]


def test_columns_are_read_only_memory_maps(tmp_path: Path) -> None:
    store = WindowStore.open(build_store(tmp_path, [rough_rows()], SPEC).path)

    assert isinstance(store.features, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        store.features[0, 0] = 1.0


def test_unknown_names_bring_the_known_ones(tmp_path: Path) -> None:
    store = build_store(tmp_path, [rough_rows()], SPEC)

    with pytest.raises(AttributeError, match="did you mean 'target_mean_3'"):
        store.target_mean_4  # noqa: B018
    with pytest.raises(WindowError, match=r"did you mean 'mean:3'\? known: point:3, mean:3"):
        store.anchors("mean:33")


def test_folder_that_is_no_store_is_explained(tmp_path: Path) -> None:
    with pytest.raises(WindowStoreError, match="lobdesk build"):
        WindowStore.open(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(WindowStoreError, match="cannot be read"):
        WindowStore.open(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": "other"}')
    with pytest.raises(WindowStoreError, match="not that of a window store"):
        WindowStore.open(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": "lobdesk-windows", "version": 99}')
    with pytest.raises(WindowStoreError, match="format version 99"):
        WindowStore.open(tmp_path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"columns": 3}, r"\$\.columns"),
        ({"columns": {"../../vwm": {"dtype": "<f8", "shape": [400]}}}, "matching regex"),
        ({"columns": {"vwm": {"dtype": "<f8"}}}, "shape"),
        ({"spec": {}}, "window_rows"),
        ({"rows": "400"}, r"\$\.rows"),
    ],
)
def test_damaged_manifest_is_explained(tmp_path: Path, damage: dict, message: str) -> None:
    store = build_store(tmp_path, [rough_rows()], SPEC)
    (store.path / "manifest.json").write_text(json.dumps(store.manifest | damage))

    with pytest.raises(WindowStoreError, match=f"manifest is damaged: .*{message}.*; remove"):
        WindowStore.open(store.path)


def test_damaged_column_is_named(tmp_path: Path) -> None:
    store = build_store(tmp_path, [rough_rows()], SPEC)
    path = store.path / "vwm.npy"
    content = path.read_bytes()

    path.write_bytes(content[:-8])
    with pytest.raises(WindowStoreError, match=r"vwm\.npy: is cut or no NumPy array; remove"):
        WindowStore.open(store.path)
    path.write_bytes(b"")
    with pytest.raises(WindowStoreError, match=r"vwm\.npy: is cut or no NumPy array; remove"):
        WindowStore.open(store.path)
    path.unlink()
    with pytest.raises(WindowStoreError, match=r"vwm\.npy: cannot be read: No such file"):
        WindowStore.open(store.path)
    np.save(path, np.zeros(399))
    with pytest.raises(WindowStoreError, match=r"the manifest says <f8 \[400\]"):
        WindowStore.open(store.path)


def test_too_few_rows_say_how_many_are_needed(tmp_path: Path) -> None:
    long, short = make_rows(400), make_rows(12, symbol="ETH/USD")

    with pytest.raises(TooFewRowsError, match=r"ETH/USD: a window needs 13 rows.*has 12"):
        build_store(tmp_path, [long, short], SPEC)

    assert len(build_store(tmp_path, [make_rows(13)], SPEC).anchors()) == 1


@pytest.mark.parametrize("symbols", [[], ["A", "A"]])
def test_symbols_must_be_different(tmp_path: Path, symbols: list[str]) -> None:
    with pytest.raises(WindowError, match="different symbols"):
        build_store(tmp_path, [make_rows(50, symbol=symbol) for symbol in symbols], SPEC)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"feature_sets": ("deeplob",)}, "did you mean 'deeplob40'"),
        ({"feature_sets": ()}, "names none of deeplob40, ofi10, state"),
        ({"feature_sets": ("ofi10", "ofi10")}, "named twice"),
        ({"window_rows": 0}, "windows.window_rows: 0 is not a whole number from 1"),
        ({"norm_min_rows": 2000}, "norm_min_rows: 2000 is not a whole number from 1 to 1000"),
        ({"vwm_levels": 11}, "vwm_levels: 11 is not a whole number from 1 to 10"),
        ({"stride_rows": True}, "stride_rows"),
        ({"max_pause_us": 1.5}, "max_pause_us"),
        ({"targets": ("median:3",)}, "expected kind:horizon"),
        ({"targets": ("mean:0",)}, "expected kind:horizon"),
        ({"targets": ("mean:3h",)}, "expected kind:horizon"),
        ({"targets": ("mean:90000s",)}, "24 hours"),
        ({"targets": ("mean:1s", "mean:1000ms")}, "'mean:1s' is named twice"),
    ],
)
def test_impossible_choice_is_named(choice: dict, message: str) -> None:
    with pytest.raises(WindowSpecError, match=message) as caught:
        WindowSpec(**choice)
    assert caught.value.exit_code == 2


def test_single_name_stands_for_a_list_of_it() -> None:
    spec = WindowSpec(symbols="BTC/USD", feature_sets="ofi10", targets="mean:1000ms")

    assert spec == WindowSpec(symbols=["BTC/USD"], feature_sets=["ofi10"], targets=["mean:1s"])


def test_horizons_have_one_name() -> None:
    assert Target.parse("mean:2000ms").name == "mean:2s"
    assert Target.parse("mean:1500us").column == "target_mean_1500us"
    assert Target.parse("point:20").end_column == "target_end_point_20"


def test_real_books_build_the_published_targets(shared, tmp_path: Path) -> None:
    names = {"BTC": "cm_btcusd_perp_20240808", "ETH": "cm_ethusd_perp_20240808"}
    folder = shared / "data" / "lob10"
    rows = [lob10_rows(folder / f"{name}.npz", symbol) for symbol, name in names.items()]
    horizons = (10, 20, 30, 50, 100)

    store = build_store(tmp_path, rows, WindowSpec(targets=tuple(f"point:{h}" for h in horizons)))

    for number, name in enumerate(names.values()):
        mine = store.symbol == number
        with np.load(folder / f"{name}.npz") as data:
            for column, horizon in enumerate(horizons):
                returns = store.target(f"point:{horizon}")[mine] / 1e4
                has = ~np.isnan(returns)  # times that go back start segments
                expected = data["ref_ret_vwmid"][:, column]
                assert has.mean() > 0.9
                assert np.abs(returns[has] - expected[has]).max() < 2e-15


def test_imbalance_of_real_books_predicts_their_mid(shared, tmp_path: Path) -> None:
    path = shared / "data" / "lob10" / "cm_ethusd_perp_20240808.npz"
    spec = WindowSpec(feature_sets=("state",), targets=("point:10",))
    store = build_store(tmp_path, [lob10_rows(path, "ETH")], spec)
    anchors = store.anchors("point:10")
    imbalance = store.features[anchors, store.feature_names.index("imbalance_1")]
    returns = store.target("point:10")[anchors]

    correlation = np.corrcoef(imbalance, returns)[0, 1]
    placebo = np.corrcoef(np.roll(imbalance, len(anchors) // 2), returns)[0, 1]

    assert correlation > 0.35
    assert abs(placebo) < 0.05
