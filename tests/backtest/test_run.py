"""Runs: determinism, options, fees, several symbols, ledger rows."""

from __future__ import annotations

import math
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest

from lobdesk.backtest import Backtest, JoinTouch, MarketData
from lobdesk.backtest.errors import OptionError, UnknownNameError
from lobdesk.engine import EngineError, script
from tests.backtest.markets import LOT, TICK, market
from tests.backtest.streams import random_market

MAKER = JoinTouch(interval_us=100_000, qty_lots=100, max_position_lots=1_000)


def test_equal_runs_have_equal_digests_and_others_do_not() -> None:
    first = Backtest(market()).run(MAKER)
    again = Backtest(market()).run(MAKER)
    other = Backtest(market(), response_us=5_001).run(MAKER)

    assert len(first.fills) > 100
    assert again.digest == first.digest
    assert again.state_hash == first.state_hash
    assert other.digest != first.digest


@pytest.mark.parametrize("chunk", [1, 7, 1_000])
def test_chunks_change_nothing(chunk: int) -> None:
    data = market(3_000)
    backtest = Backtest(data)
    whole = backtest.run(MAKER)
    running = backtest.start(MAKER)

    while running.run(backtest.end_us, chunk) == chunk:
        pass

    assert backtest.finish(running).digest == whole.digest


def test_seeking_both_ways_comes_back_to_the_same_states() -> None:
    backtest = Backtest(market())
    running = backtest.start(MAKER, checkpoint_events=5_000)
    running.run(backtest.end_us, 2**62)
    whole = backtest.finish(running)
    rng = np.random.default_rng(3)
    hashes = {}
    for event in rng.integers(0, running.events, 30).tolist():
        running.seek_event(event)
        assert running.events == event
        assert hashes.setdefault(event, running.state_hash()) == running.state_hash()
    for event, known in hashes.items():
        running.seek_event(event)
        assert running.state_hash() == known
        assert len(running.fills()) == running.account(0)[5]
    running.seek_time(backtest.end_us)

    assert backtest.finish(running).digest == whole.digest


def test_fill_rows_add_up() -> None:
    data = market()
    result = Backtest(data, maker_fee="0.0001", taker_fee="0.001").run(MAKER)
    fills, account = result.fills, result.accounts[0]
    unit = float(data.tick * data.lot)
    signed = np.where(fills["side"] == 0, fills["qty_lots"], -fills["qty_lots"])

    assert np.array_equal(fills["position_lots"], np.cumsum(signed))
    assert np.allclose(fills["cash"], -np.cumsum(signed * fills["price_ticks"]) * unit)
    assert account.position_lots == signed.sum()
    assert account.fee == pytest.approx(fills["fee"].sum())
    assert account.realized == pytest.approx(fills["realized"].sum())
    assert fills["realized_total"][-1] == pytest.approx(fills["realized"].sum())
    assert (np.diff(fills["local_ts_us"]) >= 0).all()
    assert (fills["local_ts_us"] - fills["exch_ts_us"] >= 5_000).all()
    assert np.isfinite(result.equity["equity"]).all()
    mid = result.equity["mid"][-1]
    equity = account.cash + account.position_lots * float(data.lot) * mid - account.fee
    assert account.equity == pytest.approx(equity)


def test_ledger_memory_is_not_copied() -> None:
    fills = Backtest(market()).run(MAKER).fills

    assert fills.base is not None
    assert not fills.flags.owndata


def test_realized_and_unrealized_add_up_to_equity() -> None:
    result = Backtest(market()).run(MAKER)
    position, basis = 0, 0.0
    for fill in result.fills:
        sign = 1 if fill["side"] == 0 else -1
        position += sign * int(fill["qty_lots"])
        basis += sign * int(fill["qty_lots"]) * int(fill["price_ticks"])
    mid = result.equity["mid"][-1] / float(TICK)
    total = (position * mid - basis) * float(TICK) * float(LOT)

    assert result.final_equity == pytest.approx(total)


def test_several_symbols_run_side_by_side() -> None:
    one, two = market(5_000, seed=1), market(4_000, seed=2)

    both = Backtest([one, two], maker_fee=["0", "0.001"]).run(MAKER)
    alone = Backtest(one, end_us=max(one.end_us, two.end_us)).run(script([]))

    assert [account.fills > 0 for account in both.accounts] == [True, True]
    assert both.accounts[0].fee == 0
    assert both.accounts[1].fee > 0
    assert set(both.fills["symbol"]) == {0, 1}
    assert alone.equity["mid"][-1] == both.equity["mid"][both.equity["symbol"] == 0][-1]
    with pytest.raises(OptionError, match="one symbol"):
        _ = both.position_lots


def test_symbols_whose_snapshots_have_one_time_run_to_the_end() -> None:
    parts = []
    for seed in (1, 2, 3):
        records = random_market(4_000, seed=seed)
        for name in ("exch_ts_us", "recv_ts_us"):
            records[name][1_000:2_500] = records[name][2_499]
        parts.append(MarketData.from_records(records, symbol=f"S{seed}", tick="0.1", lot="0.001"))

    together = Backtest(parts, sample_us=0).start(script([]))
    together.run(2**62, 2**62)

    assert together.events == 2 * 3 * 4_000
    for i, part in enumerate(parts):
        alone = Backtest(part, sample_us=0).start(script([]))
        alone.run(2**62, 2**62)
        assert together.levels(i, local=True, count=50) == alone.levels(0, local=True, count=50)


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"preset": "hftbacktst"}, "did you mean 'hftbacktest'"),
        ({"queue": "power4"}, "did you mean 'power"),
        ({"entri_us": 5}, "did you mean 'entry_us'"),
        ({"through": "fulll"}, "did you mean 'full'"),
        ({"unknown": "zer"}, "did you mean 'zero'"),
        ({"entry_us": {"sumbit": 1}}, "did you mean 'submit'"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(options: dict[str, Any], hint: str) -> None:
    with pytest.raises(UnknownNameError, match=hint):
        Backtest(market(10), **options)


@pytest.mark.parametrize(
    "options",
    [
        {"maker_fee": "abc"},
        {"maker_fee": "0.00000000000001"},
        {"taker_fee": 2},
        {"maker_fee": ["0", "0"]},
        {"entry_us": -1},
        {"entry_us": True},
        {"window": 0},
        {"truncate": True},
        {"sample_us": -1},
        {"entry_us": 2**61 + 1},
        {"response_us": {"fill": 2**70}},
        {"netting_us": 2**62},
    ],
)
def test_an_impossible_option_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        Backtest(market(10), **options)


@pytest.mark.parametrize(
    ("price", "lots", "reason"),
    [(60_000, 0, "quantity"), (60_000, 2**60, "quantity"), (0, 1, "price"), (2**40, 1, "price")],
)
def test_an_impossible_order_ends_the_run(price: int, lots: int, reason: str) -> None:
    with pytest.raises(EngineError, match=reason):
        Backtest(market(100)).run(script([(1_010_000, 0, 1, 0, 0, price, lots, 0, 0)]))


def test_numbers_of_numpy_and_no_latency_rows_are_taken() -> None:
    data = market(1_000)
    plain = Backtest(data, entry_us=700).run(JoinTouch(100_000, 100, 1_000))

    again = Backtest(data, entry_us=np.int64(700), latency_rows=None).run(
        JoinTouch(np.int64(100_000), np.int32(100), np.int64(1_000))  # type: ignore[arg-type]
    )

    assert again.digest == plain.digest


def test_latencies_differ_by_request() -> None:
    actions = [
        (1_100_000, 0, 1, 0, 0, 50_000, 5, 0, 0),
        (1_200_000, 1, 1, 0, 0, 0, 0, 0, 0),
    ]
    entry = {"submit": 1_000, "cancel": 7_000, "modify": 3}
    response = {"submit": 10, "cancel": 20, "modify": 30, "fill": 40}

    order = (
        Backtest(market(2_000), entry_us=entry, response_us=response).run(script(actions)).orders
    )

    assert order["ack_us"].tolist() == [1_101_010]
    assert order["close_us"].tolist() == [1_207_020]


def test_cancel_all_cancels_what_rests() -> None:
    actions = [
        (1_100_000, 0, 1, 0, 0, 50_000, 5, 0, 0),
        (1_100_000, 0, 2, 0, 1, 70_000, 5, 0, 0),
        (1_200_000, 3, 0, 0, 0, 0, 0, 0, 0),
    ]

    orders = Backtest(market(2_000)).run(script(actions)).orders

    assert orders["status"].tolist() == [4, 4]
    assert orders["close_us"].tolist() == [1_210_000, 1_210_000]


def test_no_data_is_a_run_without_events() -> None:
    empty = MarketData.from_records(random_market(0), symbol="X", tick="1", lot="1")

    result = Backtest(empty).run(MAKER)

    assert result.events == 0
    assert result.final_equity == 0


def test_fills_are_certain_under_the_pessimistic_queue() -> None:
    pessimistic = Backtest(market(), through="cap").run(MAKER)
    hopeful = Backtest(market(), through="cap", queue="log2").run(MAKER)

    assert pessimistic.fills["is_certain"].all()
    assert not hopeful.fills["is_certain"].all()


def test_more_than_the_market_traded_is_not_certain() -> None:
    fills = Backtest(market(), through="full").run(MAKER).fills

    assert fills["is_certain"].any()
    assert not fills["is_certain"].all()


def test_interrupt_ends_a_run_within_a_tenth_of_a_second() -> None:
    backtest = Backtest(market(300_000), sample_us=1)  # each microsecond: would run for minutes
    running = backtest.start(script([]))
    sent: list[float] = []

    def interrupt() -> None:
        while running.now_us == 0:
            pass
        sent.append(time.monotonic())
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        running.run(backtest.end_us, 2**62)
    took = time.monotonic() - sent[0]
    thread.join()

    assert took < 1.0, took  # 0.1 s on an idle machine
    assert math.isfinite(running.account(0)[4])


def test_requests_that_never_left_are_told_in_the_result() -> None:
    same = (1_110_000, 0, 1, 0, 0, 50_000, 5, 0, 0)
    unknown = (1_120_000, 1, 7, 0, 0, 0, 0, 0, 0)

    result = Backtest(market(1_000)).run(script([same, same, unknown]))

    assert result.errors == [(1_110_000, "ORDER_ID_EXISTS", 1), (1_120_000, "ORDER_NOT_FOUND", 7)]


@pytest.mark.parametrize(
    "use",
    [
        lambda engine: engine.fills(),
        lambda engine: engine.orders(),
        lambda engine: engine.equity(),
        lambda engine: engine.errors(),
        lambda engine: engine.order_state(1),
        lambda engine: engine.take_ledger(),
        lambda engine: engine.sample(),
        lambda engine: engine.run(2**62, 1),
        lambda engine: engine.seek_event(0),
    ],
)
def test_an_engine_whose_ledger_was_taken_is_over(use: Any) -> None:
    backtest = Backtest(market(1_000))
    running = backtest.start(MAKER)
    running.run(backtest.end_us, 2**62)
    backtest.finish(running, takes_ledger=True)

    with pytest.raises(EngineError, match="was taken"):
        use(running)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([], "latency_rows: expected at least one row"),
        ({"cancel": []}, "latency_rows.cancel: expected at least one row"),
        ([(5, 4, 6)], "latency_rows: row 0: .*request <= exchange <= response"),
        ([(4, 6, 5)], "latency_rows: row 0: .*request <= exchange <= response"),
        ([(1, 2, 3), (1, 2)], "latency_rows: row 1: .*request <= exchange"),
        ({"fill": [(1, 2, 3), 7]}, "latency_rows.fill: row 1: expected rows of"),
        (
            {"modify": [(9, 9, 9), (8, 9, 9)]},
            "latency_rows.modify: row 1: .*no request time before 9",
        ),
        ([(1, 2, 2**61 + 1)], "latency_rows: row 0: .*from 0 to 2\\^61"),
        ([(-1, 2, 3)], "latency_rows: row 0: .*from 0"),
        ([(1, 2.5, 3)], "latency_rows: row 0: expected whole"),
        ("soon", "latency_rows: expected rows"),
    ],
)
def test_a_malformed_latency_table_names_its_row(rows: Any, text: str) -> None:
    with pytest.raises(OptionError, match=text):
        Backtest(market(10), latency_rows=rows)


def test_a_latency_table_of_an_unknown_kind_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'cancel'"):
        Backtest(market(10), latency_rows={"cancl": [(1, 2, 3)]})


def test_a_latency_table_may_be_an_array_and_equals_its_constant() -> None:
    data = market(2_000)
    constant = Backtest(data, entry_us=2_000, response_us=3_000).run(MAKER)
    rows = np.array([[0, 2_000, 5_000]])
    by_kind = dict.fromkeys(("submit", "cancel", "modify", "fill"), rows)

    assert Backtest(data, latency_rows=rows).run(MAKER).digest == constant.digest
    assert Backtest(data, latency_rows=by_kind).run(MAKER).digest == constant.digest
    some = Backtest(data, latency_rows={"fill": rows})
    assert some.assumptions()["latency"] == "fill table of 1 rows"
    assert some.assumptions()["entry_us"] == 5_000
