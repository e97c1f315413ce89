"""One lost frame of level 3: found at the next one, exactly if the ten best levels differ then."""

from __future__ import annotations

import itertools

import pytest

from lobdesk.engine import BookVerifier
from lobdesk.simulator import SyntheticMarket
from lobdesk.simulator.exchange import Exchange, Subscriber
from tests.reference.level3 import ReferenceLevel3

SYMBOL = "BTC/USD"
PRECISIONS = (1, 8)
FRAMES = 160


def frames(depth: int) -> list[bytes]:
    market = SyntheticMarket((SYMBOL,), seed=11, start_us=1_767_225_600_000_000)
    exchange, listener = Exchange(market, lambda: 0), Subscriber()
    exchange.subscribe_level3(listener, SYMBOL, depth, with_snapshot=True)
    for event in market.events():
        exchange.apply(event)
        if len(listener.outbox) >= FRAMES:
            break
    return [frame.text.encode() for frame in listener.outbox]


def copy_of(book: ReferenceLevel3) -> ReferenceLevel3:
    made = ReferenceLevel3(book.depth, book.precisions)
    made.orders = list(book.orders)
    return made


def best_ten(book: ReferenceLevel3) -> list:
    """Return the orders of the ten best levels in queue order, without their names."""
    return [
        [(price, [order.qty_lots for order in queue]) for price, queue in book.levels(side)[:10]]
        for side in ("bids", "asks")
    ]


@pytest.mark.parametrize("depth", [10, 100])
def test_a_lost_frame_shows_at_the_next_one_if_the_ten_best_levels_differ(depth) -> None:
    sent = frames(depth)
    native, true = BookVerifier(depth=depth), ReferenceLevel3(depth, PRECISIONS)
    native.set_instrument(SYMBOL, *PRECISIONS)
    found = unseen = 0
    for lost, after in itertools.pairwise(sent):
        if true.has_book:
            hurt = BookVerifier(depth=depth)
            hurt.load(native.dump())
            hurt_reference, unhurt = copy_of(true), copy_of(true)
            for frame in (lost, after):
                unhurt.apply(frame)
            hurt_reference.apply(after)

            (book,) = hurt.feed(after, 1).level3

            differs = best_ten(hurt_reference) != best_ten(unhurt)
            assert (book.state == "failed") == differs, after
            found += differs
            unseen += not differs and hurt_reference.queues() != unhurt.queues()
        assert native.feed(lost, 1).level3[0].state == "verified"
        assert true.feed(lost)[0] == "verified"
    assert found > FRAMES / 3
    # Behind the ten best levels nothing shows until those levels come up.
    assert (unseen > 0) == (depth > 10)
