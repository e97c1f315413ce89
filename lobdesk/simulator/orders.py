"""An order book at order level: every order has an id and a place in its price's queue."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass

from lobdesk.simulator.events import ASK, BID, OrderChange


@dataclass(slots=True)
class Order:
    """One resting order; ``leaves_lots`` falls as it trades."""

    order_id: int
    side: int
    price_ticks: int
    leaves_lots: int


class OrderBook:
    """Orders in price-time priority.

    Attributes:
        orders: Identifier → order, for all resting orders.
        changed: Levels (side, price_ticks) that changed since the caller last cleared it.
        news: What happened to single orders since then, in order.
    """

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.changed: dict[tuple[int, int], None] = {}
        self.news: list[OrderChange] = []
        self._prices: tuple[list[int], list[int]] = ([], [])
        # A dict keeps insertion order, so its first order is the oldest: first in, first out.
        self._queues: tuple[dict[int, dict[int, Order]], dict[int, dict[int, Order]]] = ({}, {})
        self._lots: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def add(self, order: Order) -> None:
        """Put an order at the end of its price's queue."""
        side, price = order.side, order.price_ticks
        queue = self._queues[side].get(price)
        if queue is None:
            queue = self._queues[side][price] = {}
            insort(self._prices[side], price)
            self._lots[side][price] = 0
        queue[order.order_id] = order
        self.orders[order.order_id] = order
        self._lots[side][price] += order.leaves_lots
        self.changed[side, price] = None
        self.news.append(("add", order.order_id, side, price, order.leaves_lots))

    def cancel(self, order_id: int) -> None:
        """Take an order out."""
        order = self.orders[order_id]
        self._reduce(order, order.leaves_lots)

    def take(
        self, side: int, qty_lots: int, limit_ticks: int | None = None
    ) -> list[tuple[Order, int, int]]:
        """Trade against a side's orders, best price and oldest order first.

        Args:
            side: Side of the resting orders.
            qty_lots: Lots to trade at most.
            limit_ticks: Worst price to trade at.

        Returns:
            Filled order, its price and the lots traded, in order.
        """
        fills = []
        while qty_lots and self._prices[side]:
            price = self.best(side)
            if limit_ticks is not None and (
                price > limit_ticks if side == ASK else price < limit_ticks
            ):
                break
            order = next(iter(self._queues[side][price].values()))
            traded = min(qty_lots, order.leaves_lots)
            self._reduce(order, traded)
            qty_lots -= traded
            fills.append((order, price, traded))
        return fills

    def ahead_lots(self, order_id: int) -> int:
        """Return the lots that trade before an order at its price."""
        order = self.orders[order_id]
        ahead = 0
        for other in self._queues[order.side][order.price_ticks].values():
            if other is order:
                return ahead
            ahead += other.leaves_lots
        raise AssertionError("an order is in its queue")

    def best(self, side: int, rank: int = 0) -> int:
        """Return the price of a level, ``rank`` 0 being the best one."""
        prices = self._prices[side]
        return prices[-1 - rank] if side == BID else prices[rank]

    def lots(self, side: int, price_ticks: int) -> int:
        """Return a level's total, 0 if there is none."""
        return self._lots[side].get(price_ticks, 0)

    def depth(self, side: int) -> int:
        """Return the number of levels of a side."""
        return len(self._prices[side])

    def queue(self, side: int, price_ticks: int) -> list[Order]:
        """Return the orders of a level, oldest first."""
        return list(self._queues[side].get(price_ticks, {}).values())

    def _reduce(self, order: Order, lots: int) -> None:
        side, price = order.side, order.price_ticks
        order.leaves_lots -= lots
        self._lots[side][price] -= lots
        self.changed[side, price] = None
        if order.leaves_lots:
            self.news.append(("modify", order.order_id, side, price, order.leaves_lots))
            return
        self.news.append(("delete", order.order_id, side, price, lots))
        del self.orders[order.order_id]
        queue = self._queues[side][price]
        del queue[order.order_id]
        if not queue:
            del self._queues[side][price], self._lots[side][price]
            prices = self._prices[side]
            del prices[bisect_left(prices, price)]
