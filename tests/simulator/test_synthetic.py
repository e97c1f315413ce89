"""The synthetic market: reproducible, plausible, and with something to learn in it."""

from itertools import islice, pairwise

import pytest

from lobdesk.errors import SettingsError
from lobdesk.simulator.events import ASK, BID
from lobdesk.simulator.synthetic import SyntheticMarket

START_US = 1_767_225_600_000_000


def market(seed: int = 7, symbols=("BTC/USD",), activity: float = 1.0) -> SyntheticMarket:
    return SyntheticMarket(symbols, seed=seed, start_us=START_US, activity=activity)


def test_same_seed_makes_the_same_events() -> None:
    assert market().opening() == market().opening()
    assert list(islice(market().events(), 500)) == list(islice(market().events(), 500))


def test_another_seed_makes_other_events() -> None:
    assert list(islice(market(7).events(), 50)) != list(islice(market(8).events(), 50))


def test_pair_does_not_depend_on_which_others_trade() -> None:
    both = market(symbols=("BTC/USD", "ETH/USD"))
    of_eth = [event for event in islice(both.events(), 1000) if event.symbol == "ETH/USD"]

    assert of_eth == list(islice(market(symbols=("ETH/USD",)).events(), len(of_eth)))


def test_times_of_a_pair_rise_strictly_and_start_after_the_beginning() -> None:
    times = [event.exch_ts_us for event in islice(market(activity=100.0).events(), 3000)]

    assert times[0] > START_US
    assert all(later > earlier for earlier, later in pairwise(times))


def test_activity_multiplies_the_rate() -> None:
    calm, busy = (
        list(islice(market(activity=activity).events(), 4000))[-1].exch_ts_us - START_US
        for activity in (1.0, 50.0)
    )

    assert calm / busy == pytest.approx(50.0, rel=1e-3)


def test_book_is_never_crossed_and_stays_deep() -> None:
    made = market()
    flow = made.flows["BTC/USD"]

    for _ in islice(made.events(), 20_000):
        assert flow.orders.best(BID) < flow.orders.best(ASK)
        assert min(flow.orders.depth(BID), flow.orders.depth(ASK)) >= 1000


def test_trade_numbers_have_no_gap_from_the_history_on() -> None:
    made = market()
    (opening,) = made.opening()
    ids = [trade.trade_id for trade in opening.trades]
    assert len(ids) == 50

    for event in islice(made.events(), 5000):
        ids += [trade.trade_id for trade in event.trades]

    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert len(ids) > 100


def test_trades_take_what_the_book_loses() -> None:
    made = market()
    lots = {(side, price): qty for side, price, qty in made.opening()[0].changes}
    traded = 0

    for event in islice(made.events(), 3000):
        for trade in event.trades:
            key = (ASK if trade.side == "buy" else BID, trade.price_ticks)
            lots[key] -= trade.qty_lots
            traded += 1
        for side, price, qty in event.changes:
            if any(trade.price_ticks == price for trade in event.trades):
                assert lots[side, price] == qty
            lots[side, price] = qty

    assert traded > 100


def test_imbalance_at_the_touch_tells_something_about_the_next_move() -> None:
    made = market(seed=11)
    flow = made.flows["BTC/USD"]
    rows = [(flow.imbalance(), flow.mid_ticks()) for _ in islice(made.events(), 20_000)]

    right = wrong = 0
    for (imbalance, now), (_, later) in zip(rows, rows[50:], strict=False):
        agrees = imbalance * (later - now)
        right += agrees > 0
        wrong += agrees < 0

    assert 0.54 < right / (right + wrong) < 0.75


def test_unknown_pair_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="FOO/USD: not traded here; known are BTC/USD"):
        market(symbols=("FOO/USD",))
