"""JoinTouch as a numba function."""

from __future__ import annotations

from typing import Any

from numba import carray, cfunc, types

from lobdesk.backtest.pointers import COMMAND_DTYPE, ORDER_DTYPE, SYMBOL_DTYPE, VIEW_DTYPE


def numba_maker(qty_lots: int, limit_lots: int) -> Any:
    """Return the compiled function."""

    @cfunc(types.int32(*[types.voidptr] * 8))  # type: ignore[untyped-decorator]
    def on_wake(view_at, symbols_at, _l, orders_at, _t, _f, commands_at, _s):  # type: ignore[no-untyped-def]
        view = carray(view_at, 1, VIEW_DTYPE)[0]
        symbol = carray(symbols_at, 1, SYMBOL_DTYPE)[0]
        orders = carray(orders_at, view.order_count, ORDER_DTYPE)
        commands = carray(commands_at, view.command_capacity, COMMAND_DTYPE)
        if symbol.bid_ticks == 0 or symbol.ask_ticks == 0:
            return 0
        count = 0
        has_bid = has_ask = False
        for order in orders:
            if order.side == 0:
                has_bid = True
                is_there = order.price_ticks == symbol.bid_ticks
            else:
                has_ask = True
                is_there = order.price_ticks == symbol.ask_ticks
            if not is_there and order.status != 0 and order.has_request == 0:
                commands[count].id = order.id
                commands[count].kind = 1
                count += 1
        next_id = view.next_order_id
        for side in range(2):
            has = has_bid if side == 0 else has_ask
            position = symbol.position_lots if side == 0 else -symbol.position_lots
            if not has and position < limit_lots:
                command = commands[count]
                command.id = next_id
                command.price_ticks = symbol.bid_ticks if side == 0 else symbol.ask_ticks
                command.qty_lots = qty_lots
                command.symbol = 0
                command.kind = 0
                command.side = side
                command.type = 0
                command.tif = 3
                next_id += 1
                count += 1
        view.command_count = count
        return 0

    return on_wake
