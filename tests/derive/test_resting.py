"""A book of single orders against lists that are searched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lobdesk.derive.resting import RestingOrder, RestingOrders

PRICES = (99, 100, 101)
STEP = st.tuples(
    st.sampled_from("ampf"), st.integers(0, 7), st.sampled_from(PRICES), st.integers(1, 9)
)


class Plain:
    """Queues as lists of [order, lots]."""

    def __init__(self) -> None:
        self.queues: dict[int, list[list[int]]] = {price: [] for price in PRICES}

    def find(self, number):
        for price, queue in self.queues.items():
            for entry in queue:
                if entry[0] == number:
                    return price, queue, entry
        return None

    def apply(self, what, number, price, lots):
        """Return the event and its place, None if nothing can happen."""
        found = self.find(number)
        if found is None:
            if what != "a":
                return None
            self.queues[price].append([number, lots])
            return ("add", lots, *self.place(number))
        at, queue, entry = found
        if what == "m":
            if at == price and lots <= entry[1]:
                entry[1] = lots
            else:
                queue.remove(entry)
                self.queues[price].append([number, lots])
            return ("modify", lots, *self.place(number))
        if what == "a" or lots > entry[1]:
            return None
        place = self.place(number)
        if what == "f":
            return ("fill", lots, *place)
        entry[1] -= lots
        if entry[1]:
            return ("modify", entry[1], *self.place(number))
        queue.remove(entry)
        return ("delete", lots, *place)

    def place(self, number):
        _, queue, entry = self.find(number)
        ahead = queue[: queue.index(entry)]
        return len(ahead), sum(lots for _, lots in ahead)


@given(st.lists(STEP, max_size=60))
def test_events_places_and_levels_are_those_of_plain_queues(steps) -> None:
    plain, book = Plain(), RestingOrders()
    for what, number, price, lots in steps:
        expected = plain.apply(what, number, price, lots)
        if expected is None:
            continue
        name, order = str(number), RestingOrder(True, price, lots, 5)
        {
            "a": lambda name=name, order=order: book.add(name, order),
            "m": lambda name=name, order=order: book.modify(name, order),
            "p": lambda name=name, lots=lots: book.take(name, lots),
            "f": lambda name=name, lots=lots: book.fill(name, lots),
        }[what]()

        (told,) = book.take_changes()
        assert (told.event, told.qty_lots, told.orders_ahead, told.lots_ahead) == expected
    levels = [(price, sum(lots for _, lots in queue)) for price, queue in plain.queues.items()]
    assert book.levels() == (
        tuple(sorted((level for level in levels if level[1]), reverse=True)),
        (),
    )
    whole = [(c.order_id, c.qty_lots) for c in book.whole()]
    queues = [plain.queues[price] for price in sorted(PRICES, reverse=True)]
    assert whole == [(str(number), lots) for queue in queues for number, lots in queue]
