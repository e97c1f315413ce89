"""Order flow of one synthetic pair: who comes when, and what they want.

Orders arrive in bursts (a Hawkes process with a fast and a slow memory). A hidden value wanders
around an anchor and is known to a part of the traders, who lean towards it: they join and improve
the side it favours, leave the other, and hit it. So the imbalance at the touch tells something
about the next move, as it does in real books, and no more than something.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

from lobdesk.simulator.events import (
    ASK,
    BID,
    LevelChange,
    MarketEvent,
    OrderChange,
    TradePrint,
)
from lobdesk.simulator.orders import Order, OrderBook

STANDING_LEVELS = 1100
"""Levels a side that the market starts with and is refilled to: more than the deepest feed."""

FAST_DECAY, SLOW_DECAY = 40.0, 1.5
BRANCHING = 0.35
"""Orders that one order triggers on average, for each of the two memories."""

ORDERS_NEAR_TOUCH = 80
"""With more orders a side than this, more leave than join."""

MARKET_SHARE = 0.08
LEAN = 0.36
"""How far the hidden value moves the probability of a side from one half."""

HISTORY_EVENTS = 4000
"""Events before the first one that is served, so that book and trades look lived in."""

HISTORY_TRADES = 50


@dataclass(frozen=True, slots=True)
class PairSpec:
    """What makes one pair different from another.

    Attributes:
        symbol: Exchange name.
        price_precision: Digits after the point of a price.
        qty_precision: The same of a quantity.
        qty_min: Smallest order, as text.
        anchor_ticks: Price that the hidden value returns to.
        gap_ticks: Typical distance between neighbouring levels.
        swing_ticks: Standard deviation of the hidden value around the anchor.
        order_lots: Median order.
        events_per_s: Mean rate of order events.
    """

    symbol: str
    price_precision: int
    qty_precision: int
    qty_min: str
    anchor_ticks: int
    gap_ticks: float
    swing_ticks: float
    order_lots: float
    events_per_s: float


PAIRS = {
    spec.symbol: spec
    for spec in (
        PairSpec("BTC/USD", 1, 8, "0.0001", 630_000, 9.0, 700.0, 6e6, 45.0),
        PairSpec("ETH/USD", 2, 8, "0.002", 185_000, 6.0, 350.0, 1.1e8, 38.0),
        PairSpec("SOL/USD", 2, 8, "0.05", 15_200, 2.0, 60.0, 1.5e9, 30.0),
        PairSpec("XRP/USD", 5, 8, "10", 112_500, 12.0, 420.0, 9e10, 28.0),
        PairSpec("ADA/USD", 6, 8, "10", 265_000, 35.0, 1100.0, 3e10, 16.0),
        PairSpec("LTC/USD", 2, 8, "0.05", 8_450, 2.0, 40.0, 6e8, 12.0),
        PairSpec("DOGE/USD", 7, 8, "20", 1_020_000, 90.0, 4000.0, 1.5e11, 14.0),
        PairSpec("LINK/USD", 5, 8, "0.5", 1_240_000, 110.0, 5000.0, 3e9, 11.0),
        PairSpec("AVAX/USD", 2, 8, "0.2", 2_150, 2.0, 25.0, 2e9, 9.0),
        PairSpec("DOT/USD", 4, 8, "1", 38_400, 5.0, 180.0, 8e9, 8.0),
    )
}


class OrderFlow:
    """A market of one pair, one event at a time; equal seeds give equal events.

    Attributes:
        spec: What pair it is.
        orders: The book; true queue positions are ``orders.ahead_lots``.
        history: The last trades before the first event.
    """

    def __init__(self, spec: PairSpec, seed: int, start_us: int, activity: float) -> None:
        self.spec = spec
        self.orders = OrderBook()
        self.history: list[TradePrint] = []
        # Not secret, but reproducible: the text is hashed the same way on every machine.
        self._random = random.Random(f"{seed}/{spec.symbol}")  # noqa: S311
        self._start_us = start_us
        self._us_per_s = 1e6 / activity
        self._clock_s = 0.0
        self._last_us = start_us
        self._fast = self._slow = 0.0
        self._base_rate = spec.events_per_s * (1.0 - 2.0 * BRANCHING)
        self._value_ticks = float(spec.anchor_ticks)
        self._next_order = 1
        self._next_trade = 1 + self._random.randrange(10_000_000, 90_000_000)
        self._active: tuple[list[int], list[int]] = ([], [])
        self._stand_up()

    def next_event(self) -> MarketEvent:
        """Advance to the next event."""
        self._advance_clock()
        due_us = self._start_us + int(self._clock_s * self._us_per_s)
        exch_ts_us = self._last_us = max(due_us, self._last_us + 1)
        trades = self._act(exch_ts_us)
        self._refill()
        changes: list[LevelChange] = [
            (side, price, self.orders.lots(side, price)) for side, price in self.orders.changed
        ]
        news = self._take_news()
        return MarketEvent(exch_ts_us, exch_ts_us, self.spec.symbol, changes, trades, news)

    def mid_ticks(self) -> float:
        """Return the middle of the best prices."""
        return (self.orders.best(BID) + self.orders.best(ASK)) / 2

    def imbalance(self) -> float:
        """Return (bid - ask) / (bid + ask) of the best levels' lots, from -1 to 1."""
        bid, ask = (self.orders.lots(side, self.orders.best(side)) for side in (BID, ASK))
        return (bid - ask) / (bid + ask)

    def _take_news(self) -> list[OrderChange]:
        """Return what happened to single orders, and begin anew to note what changes."""
        news, self.orders.news = self.orders.news, []
        self.orders.changed.clear()
        return news

    def _advance_clock(self) -> None:
        draw = self._random
        before_s = self._clock_s
        while True:
            bound = self._base_rate + self._fast + self._slow
            gap_s = draw.expovariate(bound)
            self._clock_s += gap_s
            self._fast *= math.exp(-FAST_DECAY * gap_s)
            self._slow *= math.exp(-SLOW_DECAY * gap_s)
            if draw.random() * bound <= self._base_rate + self._fast + self._slow:
                break
        self._fast += BRANCHING * FAST_DECAY
        self._slow += BRANCHING * SLOW_DECAY
        self._wander(self._clock_s - before_s)

    def _wander(self, elapsed_s: float) -> None:
        pull_per_s = 1 / 120.0
        noise = self.spec.swing_ticks * math.sqrt(2 * pull_per_s * elapsed_s)
        self._value_ticks += (self.spec.anchor_ticks - self._value_ticks) * min(
            1.0, pull_per_s * elapsed_s
        ) + self._random.gauss(0.0, noise)

    def _act(self, exch_ts_us: int) -> list[TradePrint]:
        draw = self._random
        pressure = (self._value_ticks - self.mid_ticks()) / (3.0 * self.spec.gap_ticks)
        lean = LEAN * max(-1.0, min(1.0, pressure))
        if draw.random() < MARKET_SHARE:
            return self._hit(lean, exch_ts_us)
        bids, asks = (len(self._active[side]) for side in (BID, ASK))
        if draw.random() < min(0.8, 0.25 * (bids + asks) / ORDERS_NEAR_TOUCH):
            is_bid = draw.random() < (bids + 1) / (bids + asks + 2) - 0.5 * lean
            self._leave(BID if is_bid else ASK)
        else:
            self._join(0.5 * lean)
        return []

    def _hit(self, lean: float, exch_ts_us: int) -> list[TradePrint]:
        """Send a marketable order; the thin side is hit more often."""
        draw = self._random
        is_buy = draw.random() < 0.5 + lean + 0.12 * self.imbalance()
        side = ASK if is_buy else BID
        best = self.orders.best(side)
        is_limit = draw.random() < 0.7
        takes_all = draw.random() < 0.35
        qty_lots = self.orders.lots(side, best) if takes_all else self._order_lots(1.1)
        worst = self.orders.best(side, 4)
        fills = self.orders.take(side, qty_lots, best if is_limit else worst)
        trades = []
        for order, price, lots in fills:
            if order.order_id not in self.orders.orders:
                self._forget(order)
            trades.append(
                TradePrint(
                    trade_id=self._next_trade,
                    side="buy" if is_buy else "sell",
                    ord_type="limit" if is_limit else "market",
                    price_ticks=price,
                    qty_lots=lots,
                    exch_ts_us=exch_ts_us,
                )
            )
            self._next_trade += 1
        return trades

    def _leave(self, side: int) -> None:
        """Cancel an order, at the touch about half of the time."""
        draw = self._random
        if draw.random() < 0.45:
            price = self.orders.best(side, min(int(draw.expovariate(0.8)), 9))
            queue = self.orders.queue(side, price)
            self._cancel(queue[draw.randrange(len(queue))])
        elif self._active[side]:
            active = self._active[side]
            self._cancel(self.orders.orders[active[draw.randrange(len(active))]])

    def _join(self, lean: float) -> None:
        """Rest a new order: at the best price, inside the spread, or behind."""
        draw = self._random
        side = BID if draw.random() < 0.5 + lean else ASK
        best, other = self.orders.best(side), self.orders.best(1 - side)
        spread = abs(other - best)
        away = -1 if side == BID else 1
        choice = draw.random()
        if spread > 1 and choice < min(0.9, 0.15 + 0.06 * spread):
            inside = spread - 1 if draw.random() < 0.4 else draw.randrange(1, spread)
            price = best - away * inside
        elif choice < 0.80:
            steps = 0 if draw.random() < 0.35 else int(draw.expovariate(0.25))
            jitter = int(draw.expovariate(1 / self.spec.gap_ticks)) if steps else 0
            price = best + away * (int(steps * self.spec.gap_ticks) + jitter)
        else:
            price = best + away * int(self.spec.gap_ticks * draw.paretovariate(1.2))
        # A heavy tail must not leave the book behind: prices stay positive and far ones rare.
        price = max(1, min(price, 2 * self.spec.anchor_ticks))
        self._rest(side, price, self._order_lots(1.0), is_active=True)

    def _rest(self, side: int, price: int, qty_lots: int, *, is_active: bool) -> None:
        order = Order(self._next_order, side, price, qty_lots)
        self._next_order += 1
        self.orders.add(order)
        if is_active:
            self._active[side].append(order.order_id)

    def _cancel(self, order: Order) -> None:
        self.orders.cancel(order.order_id)
        self._forget(order)

    def _forget(self, order: Order) -> None:
        active = self._active[order.side]
        if order.order_id in active:
            active.remove(order.order_id)

    def _order_lots(self, scale: float) -> int:
        draw = self._random
        lots = scale * self.spec.order_lots * draw.lognormvariate(0.0, 1.1)
        if draw.random() < 0.3:
            unit: int = 10 ** max(0, int(math.log10(lots)) - 1)
            return max(unit, int(lots) // unit * unit)
        return max(1, int(lots))

    def _stand_up(self) -> None:
        anchor = self.spec.anchor_ticks
        self._rest(BID, anchor - 1, self._order_lots(1.0), is_active=True)
        self._rest(ASK, anchor + 1, self._order_lots(1.0), is_active=True)
        self._refill()
        past: list[tuple[float, TradePrint]] = []
        for _ in range(HISTORY_EVENTS):
            self._advance_clock()
            past += [(self._clock_s, trade) for trade in self._act(self._start_us)]
        self.history = [
            replace(trade, exch_ts_us=self._start_us - int((self._clock_s - at_s) * self._us_per_s))
            for at_s, trade in past[-HISTORY_TRADES:]
        ]
        self._clock_s = 0.0
        self._refill()
        self._take_news()

    def _refill(self) -> None:
        """Keep more levels than the deepest feed shows; they stand far from the touch."""
        draw = self._random
        for side, away in ((BID, -1), (ASK, 1)):
            while self.orders.depth(side) < STANDING_LEVELS:
                price = self.orders.best(side, self.orders.depth(side) - 1)
                price += away * (1 + int(draw.expovariate(1 / self.spec.gap_ticks)))
                if price < 1:
                    break
                self._rest(side, price, self._order_lots(2.0), is_active=False)
