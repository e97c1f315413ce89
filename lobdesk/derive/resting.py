"""Orders of an order-level source as they rest, and what is told about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lobdesk.derive.levels import Side
from lobdesk.records import OrderChange

if TYPE_CHECKING:
    from lobdesk.records import Level


class RestingOrder(NamedTuple):
    """One order in the book.

    Attributes:
        is_bid: Its side.
        price_ticks: Its price.
        qty_lots: What is left of it.
        ts_ns: When the exchange took it in or amended it last; 0 if not known.
    """

    is_bid: bool
    price_ticks: int
    qty_lots: int
    ts_ns: int = 0

    @property
    def place(self) -> tuple[bool, int]:
        """Side and price: the queue that it stands in."""
        return self.is_bid, self.price_ticks


class RestingOrders:
    """A book of orders, first in first out at each price, that remembers what was done to it."""

    def __init__(self) -> None:
        self._changes: list[OrderChange] = []
        self._orders: dict[str, RestingOrder] = {}
        self._queues: dict[tuple[bool, int], dict[str, None]] = {}
        self._sides = (Side(is_bid=False), Side(is_bid=True))

    def take_changes(self) -> tuple[OrderChange, ...]:
        """Return what changed since the last call."""
        changes, self._changes = tuple(self._changes), []
        return changes

    def whole(self) -> tuple[OrderChange, ...]:
        """Return the book as orders that are added, best level first."""
        self._changes.clear()
        for is_bid in (True, False):
            side = self.side(is_bid=is_bid)
            for ticks in side.all():
                for order_id in self._queues[is_bid, ticks]:
                    self._tell("add", order_id, self._orders[order_id].qty_lots)
        return self.take_changes()

    def get(self, order_id: str) -> RestingOrder | None:
        """Return an order, None if it does not rest here."""
        return self._orders.get(order_id)

    def side(self, *, is_bid: bool) -> Side:
        """Return the levels of a side."""
        return self._sides[is_bid]

    def levels(self) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return the best bids and asks."""
        return self._sides[True].best(), self._sides[False].best()

    def at(self, place: tuple[bool, int]) -> dict[str, int]:
        """Return the orders of a level with their lots, in the order of its queue."""
        queue = self._queues.get(place, {})
        return {order_id: self._orders[order_id].qty_lots for order_id in queue}

    def add(self, order_id: str, order: RestingOrder) -> None:
        """Let an order join the end of its level."""
        self._insert(order_id, order)
        self._tell("add", order_id, order.qty_lots)

    def modify(self, order_id: str, order: RestingOrder) -> None:
        """Replace an order; it keeps its place if only its lots fell."""
        before = self._orders[order_id]
        if before.place == order.place and order.qty_lots <= before.qty_lots:
            self._orders[order_id] = order
            self._change(order, order.qty_lots - before.qty_lots)
        else:
            self._remove(order_id)
            self._insert(order_id, order)
        self._tell("modify", order_id, order.qty_lots)

    def take(self, order_id: str, lots: int) -> None:
        """Take lots off an order; one without any is gone.

        Raises:
            ValueError: It has fewer.
        """
        order = self._with(order_id, lots)
        if lots == order.qty_lots:
            self._tell("delete", order_id, lots)
            self._remove(order_id)
        else:
            self.modify(order_id, order._replace(qty_lots=order.qty_lots - lots))

    def fill(self, order_id: str, lots: int) -> None:
        """Tell of an execution, without a change of the book.

        Raises:
            ValueError: The order has fewer lots.
        """
        self._with(order_id, lots)
        self._tell("fill", order_id, lots)

    def _with(self, order_id: str, lots: int) -> RestingOrder:
        order = self._orders[order_id]
        if lots > order.qty_lots:
            raise ValueError(f"order {order_id} has {order.qty_lots} lots, not {lots}")
        return order

    def _insert(self, order_id: str, order: RestingOrder) -> None:
        self._orders[order_id] = order
        self._queues.setdefault(order.place, {})[order_id] = None
        self._change(order, order.qty_lots)

    def _remove(self, order_id: str) -> None:
        order = self._orders.pop(order_id)
        queue = self._queues[order.place]
        del queue[order_id]
        if not queue:
            del self._queues[order.place]
        self._change(order, -order.qty_lots)

    def _change(self, order: RestingOrder, lots: int) -> None:
        side = self._sides[order.is_bid]
        side.set(order.price_ticks, side.lots(order.price_ticks) + lots)

    def _tell(self, event: str, order_id: str, lots: int) -> None:
        order = self._orders[order_id]
        orders_ahead = lots_ahead = 0
        for other in self._queues[order.place]:
            if other == order_id:
                break
            orders_ahead += 1
            lots_ahead += self._orders[other].qty_lots
        self._changes.append(
            OrderChange(
                event=event,
                side="bid" if order.is_bid else "ask",
                order_id=order_id,
                price_ticks=order.price_ticks,
                qty_lots=lots,
                orders_ahead=orders_ahead,
                lots_ahead=lots_ahead,
                ts_ns=order.ts_ns,
            )
        )
