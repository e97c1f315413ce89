"""Nothing after a row may change anything at or before it, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lobdesk.dataset import forward_return
from lobdesk.windows import (
    WindowSpec,
    WindowStore,
    build_store,
    compute_features,
    rolling_normalize,
)
from tests.windows.books import Rows, lob10_rows, make_rows

SPEC = WindowSpec(
    feature_sets=("deeplob40", "ofi10", "state"),
    window_rows=5,
    norm_window_rows=20,
    norm_min_rows=4,
    targets=("point:3", "mean:3", "point:300ms", "mean:300ms"),
)
INPUTS = ("features", "ready", "vwm", "exch_ts_us", "recv_ts_us", "seq", "segment")
ROWS = 120
FUTURES = ("other books", "no books", "crossed", "removed", "doubled", "breaks", "times", "huge")


def store_of(folder: Path, *rows: Rows, spec: WindowSpec = SPEC) -> WindowStore:
    return build_store(folder, rows, spec)


def with_future(rows: Rows, t: int, future: str, seed: int) -> Rows:
    """Return the rows with everything after row t replaced."""
    past, after = np.arange(t + 1), np.arange(t + 1, len(rows))
    if future == "removed":
        return rows.take(past)
    if future == "doubled":
        return rows.take(np.concatenate([past, np.repeat(after, 2)]))
    changed = rows.take(slice(None))
    if future == "other books":
        other = make_rows(len(rows), seed=seed + 1000, price_ticks=9_000_000)
        for name in ("bid_ticks", "bid_lots", "ask_ticks", "ask_lots", "exch_ts_us"):
            getattr(changed, name)[after] = getattr(other, name)[after]
    elif future == "no books":
        changed.ask_lots[after] = 0
        changed.bid_lots[after] = 0
    elif future == "crossed":
        changed.bid_ticks[after] += 1000
    elif future == "breaks":
        changed.starts_segment[after] = True
    elif future == "times":
        changed.exch_ts_us[after] = np.random.default_rng(seed).permutation(rows.exch_ts_us[after])
        changed.recv_ts_us[after] -= 10**9
    elif future == "huge":
        changed.ask_lots[after] *= 10**4
        changed.price_precision[after] = 4
    return changed


def assert_same_past(actual: WindowStore, expected: WindowStore, rows: int) -> None:
    for name in INPUTS:
        assert getattr(actual, name)[:rows].tobytes() == getattr(expected, name)[:rows].tobytes()
    anchors = expected.anchors()
    assert np.array_equal(actual.anchors()[: (anchors < rows).sum()], anchors[anchors < rows])


@pytest.mark.parametrize("future", FUTURES)
@pytest.mark.parametrize("t", [12, 19, 20, 21, 60, ROWS - 2])
def test_inputs_do_not_see_the_future(tmp_path: Path, future: str, t: int) -> None:
    rows = make_rows(ROWS, seed=t, break_chance=0.02 if t > 21 else 0.0)

    expected = store_of(tmp_path / "as it was", rows)
    actual = store_of(tmp_path / "changed", with_future(rows, t, future, seed=t))

    assert_same_past(actual, expected, t + 1)


@given(seed=st.integers(0, 10**6), t=st.integers(15, ROWS - 2), future=st.sampled_from(FUTURES))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_inputs_do_not_see_any_future(tmp_path: Path, seed: int, t: int, future: str) -> None:
    rows = make_rows(ROWS, seed=seed)

    assert_same_past(
        store_of(tmp_path, with_future(rows, t, future, seed)), store_of(tmp_path, rows), t + 1
    )


@given(t=st.integers(0, 199), seed=st.integers(0, 1000))
@settings(max_examples=100, deadline=None)
def test_array_functions_do_not_see_the_future(t: int, seed: int) -> None:
    sides = make_rows(200, seed=seed).floats()
    changed = [side.copy() for side in sides]
    for side in changed:
        side[t + 1 :] = np.nan
    past = slice(0, t + 1)

    features, vwm = compute_features(*sides)
    changed_features, changed_vwm = compute_features(*changed)
    z, ready = rolling_normalize(features, window_rows=30, min_rows=5)
    noise = features.copy()
    noise[t + 1 :] = 1e18
    changed_z, changed_ready = rolling_normalize(noise, window_rows=30, min_rows=5)

    assert changed_features[past].tobytes() == features[past].tobytes()
    assert changed_vwm[past].tobytes() == vwm[past].tobytes()
    assert changed_z[past].tobytes() == z[past].tobytes()
    assert changed_ready[past].tobytes() == ready[past].tobytes()


@pytest.mark.parametrize("target", SPEC.targets)
def test_target_depends_on_exactly_its_own_rows(tmp_path: Path, target: str) -> None:
    rows = make_rows(ROWS, seed=1, missing=0.0)
    before = store_of(tmp_path, rows)
    returns, ends = np.array(before.target(target)), np.array(before.target_end(target))
    has = ~np.isnan(returns)
    kind = target.partition(":")[0]

    for changed_row in (0, 1, 40, 41, 77, ROWS - 1):
        changed = rows.take(slice(None))
        changed.bid_ticks[changed_row] -= 500
        changed.ask_ticks[changed_row] += 700
        after = store_of(tmp_path, changed).target(target)

        number = np.arange(ROWS)
        if kind == "point":
            depends = (number == changed_row) | (ends == changed_row)
        else:
            depends = (number <= changed_row) & (changed_row <= ends)
        if kind == "point" or target.endswith("ms"):  # a row whose target ends with itself is 0
            depends &= ends != number
        differs = after != returns
        assert np.array_equal(np.isnan(after), np.isnan(returns))
        assert np.array_equal(differs[has], depends[has])


def test_inputs_change_from_the_changed_row_on_and_not_longer_than_they_look(
    tmp_path: Path,
) -> None:
    rows = make_rows(ROWS, seed=2, missing=0.0)
    changed = rows.take(slice(None))
    changed.ask_lots[50] *= 3

    before, after = store_of(tmp_path, rows), store_of(tmp_path, changed)

    differs = (before.features != after.features).any(axis=1)
    assert not differs[:50].any()
    assert differs[50:70].all()
    # Row 70 looks at rows 50 to 69, row 71 no longer at 50; the blocks it merges hold only its own
    # window, so the bits are the same again. The flow of row 51 also looks back to row 50.
    assert not differs[72:].any()


def test_first_input_is_the_earliest_row_that_matters(tmp_path: Path) -> None:
    rows = make_rows(ROWS, seed=6, missing=0.0)
    spec = WindowSpec(window_rows=5, norm_window_rows=20, norm_min_rows=4, targets=())
    before = store_of(tmp_path, rows, spec=spec)
    anchor = 80
    first = int(before.first_input([anchor])[0])

    for row, is_used in ((first - 1, False), (first, True)):
        changed = rows.take(slice(None))
        changed.ask_lots[row] *= 3
        after = store_of(tmp_path, changed, spec=spec)
        assert (after.gather([anchor]) != before.gather([anchor])).any() == is_used


def test_every_prefix_is_the_beginning_of_the_whole(tmp_path: Path) -> None:
    rows = make_rows(ROWS, seed=3, break_chance=0.02)
    whole = store_of(tmp_path, rows)

    for end in range(40, ROWS, 7):
        part = store_of(tmp_path, rows.take(slice(0, end)))
        assert_same_past(part, whole, end)
        for target in SPEC.targets:
            known = np.flatnonzero(~np.isnan(part.target(target)))
            # A row with the time of the last one may still follow; then the horizon is not closed.
            closed = known[part.target_end(target)[known] < end - 1]
            assert np.array_equal(part.target(target)[closed], whole.target(target)[closed])


def test_other_symbols_change_no_bit(tmp_path: Path) -> None:
    btc, eth, ada = (
        make_rows(ROWS, seed=i, symbol=name)
        for i, name in enumerate(("BTC/USD", "ETH/USD", "ADA/USD"))
    )
    alone = store_of(tmp_path, eth)
    among = store_of(tmp_path, btc, eth, ada)
    mine = among.symbol == among.symbols.index("ETH/USD")
    offset = int(np.flatnonzero(mine)[0])

    for name in ("features", "ready", "vwm", "exch_ts_us", "recv_ts_us", "seq"):
        assert getattr(among, name)[mine].tobytes() == getattr(alone, name).tobytes()
    for target in SPEC.targets:
        assert among.target(target)[mine].tobytes() == alone.target(target).tobytes()
        ends, alone_ends = among.target_end(target)[mine], alone.target_end(target)
        assert np.array_equal(np.where(ends < 0, -1, ends - offset), alone_ends)
    anchors = among.anchors()
    assert np.array_equal(anchors[mine[anchors]] - offset, alone.anchors())


def test_windows_and_targets_stay_in_their_segment(tmp_path: Path) -> None:
    rows = make_rows(800, seed=9, break_chance=0.02, missing=0.0)
    store = store_of(tmp_path, rows)
    lengths = np.bincount(store.segment)

    expected = np.maximum(lengths - SPEC.norm_min_rows - SPEC.window_rows + 1, 0)
    with_target = np.maximum(expected - 3, 0)

    assert np.array_equal(
        np.bincount(store.segment[store.anchors()], minlength=len(lengths)), expected
    )
    assert np.array_equal(
        np.bincount(store.segment[store.anchors("point:3")], minlength=len(lengths)), with_target
    )
    for anchor in store.anchors():
        assert len(set(store.segment[anchor - 4 : anchor + 1].tolist())) == 1


def test_two_segments_of_ten_rows_give_the_windows_counted_by_hand(tmp_path: Path) -> None:
    rows = make_rows(20, seed=1, missing=0.0)
    rows.starts_segment[10] = True
    spec = WindowSpec(window_rows=4, norm_window_rows=5, norm_min_rows=1, targets=("point:2",))

    store = store_of(tmp_path, rows, spec=spec)

    # Row 0 of each segment is never ready: nothing came before it.
    assert store.anchors("point:2").tolist() == [4, 5, 6, 7, 14, 15, 16, 17]


def test_scaling_prices_by_a_power_of_two_changes_no_bit(tmp_path: Path) -> None:
    rows = make_rows(ROWS, seed=4)
    scaled = rows.take(slice(None))
    scaled.bid_ticks[:] *= 8
    scaled.ask_ticks[:] *= 8

    before, after = store_of(tmp_path, rows), store_of(tmp_path, scaled)

    assert after.features.tobytes() == before.features.tobytes()
    assert np.array_equal(after.vwm, before.vwm * 8, equal_nan=True)
    for target in SPEC.targets:
        assert after.target(target).tobytes() == before.target(target).tobytes()


def rows_that_change(target: Callable[[np.ndarray], np.ndarray], row: int) -> list[int]:
    """Return which targets change when the mid of one row does."""
    vwm = 100.0 + np.random.default_rng(0).normal(size=60)
    changed = vwm.copy()
    changed[row] += 1.0
    before, after = target(vwm), target(changed)
    is_same = (before == after) | (np.isnan(before) & np.isnan(after))
    return np.flatnonzero(~is_same).tolist()


def smoothed_past(vwm: np.ndarray) -> np.ndarray:
    """A published label that looks like a forward return and lies wholly in the past."""
    smooth = np.full(len(vwm), np.nan)
    smooth[4:] = np.convolve(vwm, np.ones(5) / 5, mode="valid")
    change = np.full(len(vwm), np.nan)
    change[9:] = smooth[9:] / smooth[4:-5] - 1
    return change


def test_a_target_made_of_the_past_would_be_caught() -> None:
    assert max(rows_that_change(smoothed_past, 30)) > 30
    for kind in ("point", "mean"):
        rows = rows_that_change(lambda vwm, kind=kind: forward_return(vwm, 5, kind=kind), 30)
        assert rows == ([25, 30] if kind == "point" else list(range(25, 31)))


def test_real_books_do_not_see_the_future(shared, tmp_path: Path) -> None:
    rows = lob10_rows(shared / "data" / "lob10" / "spot_btcusdt_20240808.npz", "BTC")
    spec = WindowSpec(feature_sets=("deeplob40", "ofi10", "state"))
    expected = store_of(tmp_path, rows, spec=spec)

    for t in (999, 1000, 1500, len(rows) - 2):
        for future in FUTURES:
            changed = store_of(tmp_path, with_future(rows, t, future, seed=t), spec=spec)
            assert_same_past(changed, expected, t + 1)
