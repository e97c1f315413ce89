from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobdesk import engine
from lobdesk.dataset import volume_weighted_mid
from lobdesk.windows import compute_features
from tests.reference import features as reference
from tests.windows.books import make_rows

NAN = float("nan")


def ladder(*levels: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Return one row of prices and quantities, NaN beyond the given levels."""
    px, qty = np.full((1, 10), NAN), np.full((1, 10), NAN)
    for i, (price, quantity) in enumerate(levels):
        px[0, i], qty[0, i] = price, quantity
    return px, qty


def assert_close_in_ulp(actual: np.ndarray, expected: np.ndarray, ulp: int) -> None:
    assert np.array_equal(np.isnan(actual), np.isnan(expected))
    assert np.nanmax(np.abs(actual - expected) / np.spacing(np.abs(expected) + 1e-300)) <= ulp


def test_a_book_worked_by_hand() -> None:
    bid_px, bid_qty = ladder((99.0, 1.0), (98.0, 7.0))
    ask_px, ask_qty = ladder((101.0, 3.0))

    features, vwm = compute_features(bid_px, bid_qty, ask_px, ask_qty)

    # vwm = (101 * 1 + 99 * 3) / 4 = 99.5
    assert vwm.tolist() == [99.5]
    level_1 = [1.5 / 99.5 * 1e4, np.log(4.0), -0.5 / 99.5 * 1e4, np.log(2.0)]
    level_2 = [0.0, 0.0, -1.5 / 99.5 * 1e4, np.log(8.0)]
    expected = np.array(level_1 + level_2 + [0.0] * 32)
    assert features[0] == pytest.approx(expected, rel=1e-15)


def test_two_levels_weigh_the_sides_averages() -> None:
    bid_px, bid_qty = ladder((99.0, 1.0), (98.0, 3.0))
    ask_px, ask_qty = ladder((101.0, 2.0), (102.0, 2.0))

    mids = volume_weighted_mid(bid_px, bid_qty, ask_px, ask_qty, levels=2)

    # ask 101.5 with 4, bid 98.25 with 4: the middle of the two
    assert mids.tolist() == [99.875]


def test_mid_needs_no_more_levels_than_it_weighs() -> None:
    sides = make_rows(50, seed=4, missing=0.3).floats()

    for levels in (1, 3, 10):
        whole = volume_weighted_mid(*sides, levels=levels)
        cut = volume_weighted_mid(*(side[:, :levels] for side in sides), levels=levels)
        assert cut.tobytes() == whole.tobytes()
    best = volume_weighted_mid(*(side[:, 0] for side in sides))
    assert best.tobytes() == volume_weighted_mid(*sides).tobytes()
    with pytest.raises(ValueError, match="shape"):
        volume_weighted_mid(*(side[:, :2] for side in sides), levels=3)


@pytest.mark.parametrize("levels", [1, 2, 3, 10])
@pytest.mark.parametrize("seed", range(3))
def test_features_equal_their_slow_twin(levels: int, seed: int) -> None:
    sides = make_rows(200, seed=seed, missing=0.5).floats()

    features, vwm = compute_features(*sides, vwm_levels=levels)

    expected, expected_vwm = reference.deeplob40(*sides, levels)
    assert np.array_equal(vwm, expected_vwm)
    assert np.array_equal(features[:, 0::2], expected[:, 0::2])
    assert_close_in_ulp(features[:, 1::2], expected[:, 1::2], ulp=2)


@given(
    quantities=st.lists(
        st.one_of(
            st.floats(0.0, 1e300), st.floats(0.0, 3.0), st.integers(0, 60).map(lambda k: 0.5**k)
        ),
        min_size=10,
        max_size=10,
    )
)
@settings(max_examples=500, deadline=None)
def test_log_quantity_is_exact_to_two_units(quantities: list[float]) -> None:
    qty = np.array([quantities])
    px = 100.0 + np.arange(10.0)[None]

    features, _ = compute_features(200.0 - px, qty, px + 1.0, np.ones((1, 10)))

    assert_close_in_ulp(features[:, 3::4], np.log1p(qty), ulp=2)


def test_ofi_equals_its_slow_twin() -> None:
    sides = make_rows(300, seed=5, missing=0.5).floats()

    features, _ = compute_features(*sides, feature_set="ofi10")

    assert np.array_equal(features, reference.ofi10(*sides))


def test_row_with_an_empty_side_has_no_features() -> None:
    sides = [side.copy() for side in make_rows(5, missing=0.0).floats()]
    sides[0][2] = NAN

    features, vwm = compute_features(*sides)

    assert np.isnan(features[2]).all()
    assert np.isnan(vwm).tolist() == [False, False, True, False, False]
    assert not np.isnan(features[[0, 1, 3, 4]]).any()


def test_any_layout_and_number_type_is_taken() -> None:
    sides = make_rows(20, missing=0.0).floats()
    expected, _ = compute_features(*sides)

    fortran, _ = compute_features(*(np.asfortranarray(side) for side in sides))
    reversed_twice, _ = compute_features(*(side[::-1][::-1] for side in sides))
    lists, _ = compute_features(*(side.tolist() for side in sides))

    assert np.array_equal(fortran, expected)
    assert np.array_equal(reversed_twice, expected)
    assert np.array_equal(lists, expected)


def test_scaling_prices_by_a_power_of_two_changes_no_bit() -> None:
    bid_px, bid_qty, ask_px, ask_qty = make_rows(50, seed=3).floats()
    expected, vwm = compute_features(bid_px, bid_qty, ask_px, ask_qty)

    for k in (-20, -1, 1, 12):
        features, scaled = compute_features(bid_px * 2.0**k, bid_qty, ask_px * 2.0**k, ask_qty)

        assert np.array_equal(features, expected)
        assert np.array_equal(scaled, vwm * 2.0**k)


@pytest.mark.parametrize(
    ("side", "value", "message"),
    [
        (0, -1.0, "row 3: bid level 5 has a price"),
        (0, 0.0, "row 3: bid level 5 has a price"),
        (2, np.inf, "row 3: ask level 5 has a price"),
        (1, -2.0, "row 3: bid level 5 has a quantity"),
        (3, np.inf, "row 3: ask level 5 has a quantity"),
    ],
)
def test_impossible_number_is_refused_by_name(side: int, value: float, message: str) -> None:
    sides = [array.copy() for array in make_rows(6, missing=0.0).floats()]
    sides[side][3, 4] = value

    with pytest.raises(ValueError, match=message):
        compute_features(*sides)


def test_unknown_feature_set_names_the_known_ones() -> None:
    sides = make_rows(2).floats()

    with pytest.raises(ValueError, match=r"did you mean 'deeplob40'\? known: deeplob40, ofi10"):
        compute_features(*sides, feature_set="deeplob")


@pytest.mark.parametrize("shape", [(4,), (4, 9), (3, 10)])
def test_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    sides = list(make_rows(4).floats())
    sides[2] = np.ones(shape)

    with pytest.raises(ValueError, match="must have shape"):
        compute_features(*sides)


@pytest.mark.parametrize("isa", ["base", "avx2", "avx512"])
@pytest.mark.parametrize("rows", [1, 3, 4, 6, 700])
def test_every_instruction_set_gives_the_same_bits(isa: str, rows: int) -> None:
    books = make_rows(rows, seed=rows, missing=0.3)
    books.bid_lots[rows // 2] = 0
    books.price_precision[rows // 3 :] += 2
    segment = np.repeat([0, 1], [rows // 3, rows - rows // 3]).astype(np.int32)

    def build(name: str) -> list[bytes]:
        z, ready = np.empty((rows, 54), np.float32), np.empty(rows, np.bool_)
        vwm = np.empty(rows)
        engine.build_feature_rows(
            **{n: getattr(books, n) for n in ("bid_ticks", "bid_lots", "ask_ticks", "ask_lots")},
            price_precision=books.price_precision,
            qty_precision=books.qty_precision,
            exch_ts_us=books.exch_ts_us,
            segment=segment,
            features=z,
            ready=ready,
            vwm=vwm,
            feature_sets=["deeplob40", "ofi10", "state"],
            vwm_levels=2,
            window_rows=50,
            min_rows=5,
            isa=name,
        )
        return [z.tobytes(), ready.tobytes(), vwm.tobytes()]

    try:
        built = build(isa)
    except ValueError as error:
        pytest.skip(str(error))
    assert built == build("base")


@given(
    lots=st.lists(st.integers(1, 2**63 - 1), min_size=10, max_size=10),
    ticks=st.lists(st.integers(1, 2**62), min_size=10, max_size=10),
    precisions=st.tuples(st.integers(0, 18), st.integers(0, 18)),
)
@settings(max_examples=1000, deadline=None)
def test_integers_become_the_doubles_nearest_to_their_decimals(lots, ticks, precisions) -> None:
    vwm = np.empty(10)
    side = np.zeros((10, 10), np.int64)
    price, qty = side.copy(), side.copy()
    price[:, 0], qty[:, 0] = ticks, lots

    engine.build_feature_rows(
        bid_ticks=price,
        bid_lots=qty,
        ask_ticks=price,
        ask_lots=qty,
        price_precision=np.full(10, precisions[0], np.int8),
        qty_precision=np.full(10, precisions[1], np.int8),
        exch_ts_us=np.zeros(10, np.int64),
        segment=np.zeros(10, np.int32),
        features=np.empty((10, 40), np.float32),
        ready=np.empty(10, np.bool_),
        vwm=vwm,
        feature_sets=["deeplob40"],
        vwm_levels=1,
        window_rows=5,
        min_rows=1,
    )

    for row, (tick, lot) in enumerate(zip(ticks, lots, strict=True)):
        px = float(Fraction(tick) / 10 ** precisions[0])
        q = float(Fraction(lot) / 10 ** precisions[1])
        if lot < 2**53 and tick < 2**53:  # beyond, the integer itself is rounded first
            assert vwm[row] == (px * q + px * q) / (q + q)
        else:
            assert vwm[row] == pytest.approx(px, rel=1e-15)
