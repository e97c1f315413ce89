from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobdesk.dataset import forward_return
from lobdesk.engine import time_targets
from tests.reference.features import forward_return_bps


def close(actual: np.ndarray, expected: np.ndarray) -> bool:
    return np.allclose(actual, expected, rtol=1e-10, atol=1e-10, equal_nan=True)


def test_returns_worked_by_hand() -> None:
    vwm = np.array([100.0, 101.0, 99.0, 102.0])

    point = forward_return(vwm, 2)
    mean = forward_return(vwm, 2, kind="mean")

    assert point[:2] == pytest.approx([-100.0, 1 / 101 * 1e4])
    assert mean[:2] == pytest.approx([0.0, -0.5 / 101 * 1e4])
    assert np.isnan(point[2:]).all()
    assert np.isnan(mean[2:]).all()


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_returns_equal_their_slow_twin(data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 40))
    mids = st.sampled_from([100.0, 100.5, 99.0, 61234.5, float("nan")])
    vwm = np.array(data.draw(st.lists(mids, min_size=rows, max_size=rows)))
    steps = st.lists(st.sampled_from([0, 0, 0, 1]), min_size=rows, max_size=rows)
    segment = np.cumsum(data.draw(steps)).astype(np.int32)
    waits = st.lists(st.integers(0, 3), min_size=rows, max_size=rows)
    ts_us = np.cumsum(data.draw(waits)).astype(np.int64)
    horizon = data.draw(st.integers(1, 12))
    kind = data.draw(st.sampled_from(["point", "mean"]))

    by_rows = forward_return(vwm, horizon, kind=kind, segment=segment)
    by_time, ends = time_targets(vwm, segment, ts_us, kind=kind, horizon_us=horizon)

    assert close(by_rows, forward_return_bps(vwm, horizon, kind, segment)[0])
    expected, expected_ends = forward_return_bps(vwm, horizon, kind, segment, ts_us)
    assert close(by_time, expected)
    assert np.array_equal(ends, expected_ends)


def test_quiet_time_is_no_move() -> None:
    vwm, segment = np.array([100.0, 101.0]), np.zeros(2, np.int32)
    ts_us = np.array([0, 5_000_000])

    target, end = time_targets(vwm, segment, ts_us, kind="mean", horizon_us=1_000_000)

    assert target[0] == 0.0
    assert end.tolist() == [0, -1]


def test_mean_keeps_its_digits_at_a_high_price() -> None:
    vwm = 1e9 + np.arange(200) * 2.0**-10

    mean = forward_return(vwm, 100, kind="mean")

    exact = (50.5 * 2.0**-10) / vwm[:100] * 1e4
    assert mean[:100] == pytest.approx(exact, rel=1e-14)


@pytest.mark.parametrize(
    ("horizon", "kind", "message"),
    [
        (0, "point", "at least 1"),
        (-3, "mean", "at least 1"),
        (2.5, "mean", r"^horizon is 2\.5, it must be a whole number$"),
        (2, "median", "'median'"),
    ],
)
def test_wrong_choice_is_refused(horizon: int, kind: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        forward_return(np.ones(5), horizon, kind=kind)


@pytest.mark.parametrize(
    "name",
    ["cm_btcusd_perp_20240808", "spot_btcusdt_20240809", "bitstamp_btcusd_20150501"],
)
def test_targets_equal_those_of_a_recording(shared, name: str) -> None:
    with np.load(shared / "data" / "lob10" / f"{name}.npz") as data:
        ask, bid = data["ask_px"][:, 0].astype(float), data["bid_px"][:, 0].astype(float)
        ask_qty, bid_qty = data["ask_qty"][:, 0].astype(float), data["bid_qty"][:, 0].astype(float)
        vwm = (ask * bid_qty + bid * ask_qty) / (ask_qty + bid_qty)
        mid = (ask + bid) / 2
        for column, horizon in enumerate(data["horizons"].tolist()):
            returns = forward_return(vwm, horizon) / 1e4
            smooth = forward_return(mid, horizon, kind="mean") / 1e4

            expected, smooth_expected = data["ref_ret_vwmid"], data["ref_smooth_mid"]
            for actual, wanted in ((returns, expected), (smooth, smooth_expected)):
                assert np.array_equal(np.isnan(actual), np.isnan(wanted[:, column]))
                assert np.nanmax(np.abs(actual - wanted[:, column])) < 1e-15
