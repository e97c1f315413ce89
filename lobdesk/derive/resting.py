"""Orders of an order-level source as they rest, and what is told about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lobdesk.derive.levels import Side
from lobdesk.records import OrderChange

if TYPE_CHECKING:
    from lobdesk.records import Level

CLEAR = OrderChange("clear", "", "", 0, 0)


class RestingOrder(NamedTuple):
    """One order in the book."""

    is_bid: bool
    price_ticks: int
    qty_lots: int


class RestingOrders:
    """A book of orders that remembers what was done to it."""

    def __init__(self) -> None:
        self._changes: list[OrderChange] = []
        self._orders: dict[str, RestingOrder] = {}
        self._sides = (Side(is_bid=False), Side(is_bid=True))

    def take_changes(self) -> tuple[OrderChange, ...]:
        """Return what changed since the last call."""
        changes, self._changes = tuple(self._changes), []
        return changes

    def get(self, order_id: str) -> RestingOrder | None:
        """Return an order, None if it does not rest here."""
        return self._orders.get(order_id)

    def side(self, *, is_bid: bool) -> Side:
        """Return the levels of a side."""
        return self._sides[is_bid]

    def levels(self) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return the best bids and asks."""
        return self._sides[True].best(), self._sides[False].best()

    def at(self, *, is_bid: bool, price_ticks: int) -> dict[str, int]:
        """Return the orders at a price with their lots, in the order in which they were added."""
        return {
            order_id: order.qty_lots
            for order_id, order in self._orders.items()
            if order.is_bid == is_bid and order.price_ticks == price_ticks
        }

    def clear(self) -> None:
        """Forget everything."""
        self._orders.clear()
        self._sides = (Side(is_bid=False), Side(is_bid=True))
        self._changes.append(CLEAR)

    def add(self, order_id: str, order: RestingOrder) -> None:
        """Let an order join the end of its level."""
        self._orders[order_id] = order
        self._change(order, order.qty_lots)
        self._tell("add", order_id, order, order.qty_lots)

    def modify(self, order_id: str, order: RestingOrder) -> None:
        """Replace an order; the engine keeps its place if only its lots fell."""
        before = self._orders[order_id]
        is_in_place = before[:2] == order[:2] and order.qty_lots <= before.qty_lots
        if not is_in_place:
            del self._orders[order_id]  # so that it comes last in its level
        self._orders[order_id] = order
        self._change(before, -before.qty_lots)
        self._change(order, order.qty_lots)
        self._tell("modify", order_id, order, order.qty_lots)

    def take(self, order_id: str, lots: int) -> None:
        """Take lots off an order; one without any is gone.

        Raises:
            ValueError: It has fewer.
        """
        order = self._with(order_id, lots)
        left = order._replace(qty_lots=order.qty_lots - lots)
        self._change(order, -lots)
        if left.qty_lots:
            self._orders[order_id] = left
            self._tell("modify", order_id, left, left.qty_lots)
        else:
            del self._orders[order_id]
            self._tell("cancel", order_id, left, 0)

    def fill(self, order_id: str, lots: int) -> None:
        """Tell of an execution, without a change of the book.

        Raises:
            ValueError: The order has fewer lots.
        """
        self._tell("fill", order_id, self._with(order_id, lots), lots)

    def _with(self, order_id: str, lots: int) -> RestingOrder:
        order = self._orders[order_id]
        if lots > order.qty_lots:
            raise ValueError(f"order {order_id} has {order.qty_lots} lots, not {lots}")
        return order

    def _change(self, order: RestingOrder, lots: int) -> None:
        side = self._sides[order.is_bid]
        side.set(order.price_ticks, side.lots(order.price_ticks) + lots)

    def _tell(self, kind: str, order_id: str, order: RestingOrder, lots: int) -> None:
        side = "bid" if order.is_bid else "ask"
        self._changes.append(OrderChange(kind, side, order_id, order.price_ticks, lots))
