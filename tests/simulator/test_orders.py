"""The order-level book against an obvious list of orders."""

from hypothesis import given
from hypothesis import strategies as st

from lobdesk.simulator.events import ASK, BID
from lobdesk.simulator.orders import Order, OrderBook

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["add", "cancel", "take"]),
        st.sampled_from([BID, ASK]),
        st.integers(1, 6),
        st.integers(1, 9),
    ),
    max_size=60,
)


def test_own_place_in_the_queue_is_known_and_moves_with_trades_and_cancels_ahead() -> None:
    book = OrderBook()
    for order_id, lots in ((1, 5), (2, 7), (3, 4)):
        book.add(Order(order_id, BID, 100, lots))
    assert book.ahead_lots(3) == 12

    book.take(BID, 6)
    assert book.ahead_lots(3) == 6

    book.cancel(2)
    assert book.ahead_lots(3) == 0


def test_trades_reach_the_best_price_and_the_oldest_order_first() -> None:
    book = OrderBook()
    for order_id, price in ((1, 102), (2, 101), (3, 101)):
        book.add(Order(order_id, ASK, price, 5))

    fills = [(order.order_id, price, lots) for order, price, lots in book.take(ASK, 12)]

    assert fills == [(2, 101, 5), (3, 101, 5), (1, 102, 2)]


def test_limit_stops_the_taker() -> None:
    book = OrderBook()
    book.add(Order(1, ASK, 101, 5))
    book.add(Order(2, ASK, 102, 5))

    fills = book.take(ASK, 100, limit_ticks=101)

    assert [lots for _, _, lots in fills] == [5]
    assert book.best(ASK) == 102


@given(ACTIONS)
def test_totals_equal_a_plain_sum_over_orders(actions) -> None:
    book = OrderBook()
    plain: list[Order] = []
    for number, (action, side, price, lots) in enumerate(actions):
        if action == "add":
            order = Order(number, side, price, lots)
            plain.append(order)
            book.add(order)
        elif action == "cancel" and plain:
            order = plain.pop(price % len(plain))
            book.cancel(order.order_id)
        elif action == "take":
            book.take(side, lots)
            plain = [order for order in plain if order.leaves_lots]

    for side in (BID, ASK):
        for price in range(1, 7):
            resting = [o.leaves_lots for o in plain if (o.side, o.price_ticks) == (side, price)]
            assert book.lots(side, price) == sum(resting)
            assert [o.leaves_lots for o in book.queue(side, price)] == resting
