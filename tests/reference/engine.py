"""Backtests the slow way: every event in one heap, books as dictionaries, one rule a line.

A scenario has ``model``, ``feed``, ``actions`` and ``end`` as scenario files have, optionally
``instruments``, ``policy`` (a strategy), ``wakes`` and ``wake_on``. Nothing is shared with the
engine; where the two differ, one of them is wrong.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.reference.exchange import Exchange
from tests.reference.levels import FeedBook
from tests.reference.queues import Order

MARKET_AT_EXCHANGE, REQUEST, MARKET_AT_LOCAL, REPORT, STRATEGY, SAMPLE = range(6)
DAY_US = 86_400_000_000
FEE_DIGITS = 10**12


@dataclass
class Account:
    """Of one symbol; exact, in ticks times lots."""

    tick: float = 1.0
    unit: float = 1.0
    position: int = 0
    cash: int = 0
    fee: int = 0  # times FEE_DIGITS
    basis: Fraction = Fraction(0)
    realized: Fraction = Fraction(0)

    def book(self, signed: int, px: int, rate: int) -> Fraction:
        gain = Fraction(0)
        self.cash -= signed * px
        self.fee += abs(signed) * px * rate
        if self.position * signed < 0:
            closed = min(abs(signed), abs(self.position)) * (1 if self.position > 0 else -1)
            average = self.basis / self.position
            gain = closed * (px - average)
            self.basis -= closed * average
            opened = signed + closed
        else:
            opened = signed
        self.basis += opened * px
        self.position += signed
        self.realized += gain
        return gain

    def paid(self, fee: int) -> float:
        return float(fee) / FEE_DIGITS * self.unit

    def equity(self, mid: float | None) -> float:
        twice = 2 * self.cash + self.position * int(2 * (mid or 0))
        return float(twice) * 0.5 * self.unit - self.paid(self.fee)


def interpolate(points: list[tuple[int, int]], at: int) -> int:
    """Return the latency at a time: linear, whole microseconds towards zero, constant outside."""
    points = sorted(points, key=lambda point: point[0])
    if at < points[0][0]:
        return points[0][1]
    before = [i for i, point in enumerate(points) if point[0] <= at][-1]
    if before + 1 == len(points):
        return points[before][1]
    (x, y), (x2, y2) = points[before], points[before + 1]
    return y + math.trunc(Fraction((y2 - y) * (at - x), x2 - x))


class Reference:
    def __init__(self, scenario: dict[str, Any]) -> None:
        self.model = scenario["model"]
        instruments = scenario.get("instruments") or [{}]
        self.exchanges = [Exchange(self, each) for each in instruments]
        window = (self.model.get("window") or 0) if self.model.get("truncate") else 0
        self.books = [FeedBook(window) for _ in instruments]
        self.accounts = [self.account(each) for each in instruments]
        self.rates = [
            {True: self.rate(each.get("maker")), False: self.rate(each.get("taker"))}
            for each in instruments
        ]
        self.orders: dict[int, Order] = {}
        self.fills: list[dict[str, Any]] = []
        self.samples: list[tuple[Any, ...]] = []
        self.errors: list[list[Any]] = []
        self.volumes: dict[int, Fraction] = {}
        self.heap: list[Any] = []
        self.sequence = self.now = 0
        self.last_request = self.last_report = 0
        self.end = scenario["end"]
        times = [row["ex"] for row in scenario["feed"] if row["ex"] is not None]
        for row in scenario["feed"]:
            if row["ex"] is not None:
                self.push(row["ex"], MARKET_AT_EXCHANGE, self.at_exchange, row, row.get("sym") or 0)
            if row["lo"] is not None:
                self.push(row["lo"], MARKET_AT_LOCAL, self.at_local, row, row.get("sym") or 0)
        for action in sorted(scenario["actions"], key=lambda a: a["t"]):
            self.push(action["t"], STRATEGY, self.act, action)
        self.sample_us = scenario.get("sample_us", 0)
        if self.sample_us and times:
            self.push(min(times) + self.sample_us, SAMPLE, self.sample, None)
        self.policy = scenario.get("policy")
        self.events = scenario.get("wake_on", ())
        self.wakes: dict[int, set[str]] = {}
        for time, reason in scenario.get("wakes", ()):
            self.ask_for_wake(time, reason)

    @staticmethod
    def account(instrument: dict[str, Any]) -> Account:
        tick, lot = Fraction(instrument.get("tick") or 1), Fraction(instrument.get("lot") or 1)
        return Account(tick=float(tick), unit=float(tick * lot))

    @staticmethod
    def rate(fee: str | None) -> int:
        return int(Fraction(fee or "0") * FEE_DIGITS)

    @property
    def local(self) -> FeedBook:
        return self.books[0]

    @property
    def position(self) -> int:
        return self.accounts[0].position

    def push(self, time: int, rank: int, handler: Any, what: Any, symbol: int = 0) -> None:
        self.sequence += 1
        heapq.heappush(self.heap, (time, rank, symbol, self.sequence, handler, what))

    def run(self) -> Reference:
        while self.heap and self.heap[0][0] <= self.end:
            self.now, _, _, _, handler, what = heapq.heappop(self.heap)
            handler(what)
        self.check()
        self.take_sample()
        return self

    def check(self) -> None:
        for symbol, account in enumerate(self.accounts):
            mine = [fill for fill in self.fills if fill["sym"] == symbol]
            signs = [1 if self.orders[fill["order"]].side == "buy" else -1 for fill in mine]
            signed = [sign * fill["qty"] for sign, fill in zip(signs, mine, strict=True)]
            assert account.position == sum(signed)
            assert account.cash == -sum(
                q * fill["px"] for q, fill in zip(signed, mine, strict=True)
            )

    # --- latency ---

    def latency(self, way: int, kind: str) -> int:
        kind = "cancel" if kind == "cancel_all" else kind
        tables = self.model.get("latency_rows")
        table = tables.get(kind) if isinstance(tables, dict) else tables
        if table is not None:
            return interpolate([(row[way], row[way + 1] - row[way]) for row in table], self.now)
        constant = self.model[("entry_us", "resp_us")[way]]
        return constant.get(kind, 5000) if isinstance(constant, dict) else constant

    def send(self, order: Order, kind: str, *, answers: str = "", **facts: Any) -> None:
        arrives = self.now + self.latency(1, "fill" if kind == "fill" else answers)
        self.last_report = max(self.last_report, arrives)
        what = {"order": order, "kind": kind, "px": order.px, "leaves": order.leaves,
                "arrival_us": order.arrival_us, **facts}  # fmt: skip
        self.push(self.last_report, REPORT, self.report, what)

    # --- the strategy's side ---

    def ask_for_wake(self, time: int, reason: str) -> None:
        if reason not in ("interval", "time") and reason not in self.events:
            return
        if time not in self.wakes:
            self.wakes[time] = set()
            self.push(time, STRATEGY, self.wake, None)
        self.wakes[time].add(reason)

    def wake(self, _: None) -> None:
        for action in self.policy(self, self.wakes.pop(self.now)):
            self.act(action)

    def act(self, action: dict[str, Any]) -> None:
        if action["do"] == "submit":
            if action["id"] in self.orders:
                self.errors.append([self.now, "ORDER_ID_EXISTS", action["id"]])
                return
            is_market, symbol = action["type"] == "market", action.get("sym") or 0
            tif = "IOC" if is_market and action["tif"] != "FOK" else action["tif"]
            order = Order(
                action["id"], symbol, action["side"], None if is_market else action["px"],
                action["qty"], tif, self.now, self.books[symbol].mid(),
            )  # fmt: skip
            order.leaves = order.known_leaves = order.qty
            order.known_px = order.px or 0
            self.orders[order.id] = order
        elif action["do"] != "cancel_all" and action["id"] not in self.orders:
            self.errors.append([self.now, "ORDER_NOT_FOUND", action["id"]])
            return
        arrives = self.now + self.latency(0, action["do"])
        self.last_request = max(self.last_request, arrives)
        self.push(self.last_request, REQUEST, self.request, action)

    def request(self, action: dict[str, Any]) -> None:
        if action["do"] == "cancel_all":
            for exchange in self.exchanges:
                exchange.cancel_all()
            return
        order = self.orders[action["id"]]
        exchange = self.exchanges[order.sym]
        if action["do"] == "submit":
            exchange.enter(order)
        elif action["do"] == "cancel":
            exchange.cancel(order)
        else:
            exchange.modify(order, action["px"], action["qty"])

    def report(self, what: dict[str, Any]) -> None:
        self.ask_for_wake(self.now, "report")
        order, kind = what["order"], what["kind"]
        order.times.setdefault("ack", self.now)
        if kind == "reject":
            order.last_reject = what["reason"]
            return
        order.times["arrival"] = what["arrival_us"]
        if kind == "fill":
            self.book_fill(order, what)
        else:
            order.known_px = what["px"] or 0
            if kind == "state":
                order.known_leaves = what["leaves"]
                order.status, order.reason = what["status"], what.get("reason")
        if order.status in ("FILLED", "CANCELED", "EXPIRED"):
            order.times.setdefault("close", self.now)

    def book_fill(self, order: Order, what: dict[str, Any]) -> None:
        self.ask_for_wake(self.now, "fill")
        order.known_leaves = what["leaves"]
        order.filled += what["fill"]["qty"]
        order.status = "FILLED" if what["leaves"] == 0 else "PARTIALLY_FILLED"
        order.times.setdefault("first_fill", self.now)
        order.times["last_fill"] = self.now
        fill, account = what["fill"], self.accounts[order.sym]
        rate = self.fee_rate(order.sym, fill, account)
        signed = fill["qty"] if order.side == "buy" else -fill["qty"]
        gain = account.book(signed, fill["px"], rate)
        self.fills.append(
            fill
            | {
                "local_us": self.now,
                "fee": account.paid(fill["qty"] * fill["px"] * rate),
                "realized": float(gain) * account.unit,
                "position": account.position,
                "cash": float(account.cash) * account.unit,
            }
        )

    def fee_rate(self, symbol: int, fill: dict[str, Any], account: Account) -> int:
        tiers = self.model.get("fee_tiers")
        if not tiers:
            return self.rates[symbol][fill["maker"]]
        day = fill["exch_us"] // DAY_US
        volume = sum(value for when, value in self.volumes.items() if day - 30 < when <= day)
        value = Fraction(account.unit) * fill["px"] * fill["qty"]
        self.volumes[day] = self.volumes.get(day, Fraction(0)) + value
        return self.rate(
            [each for each in tiers if each[0] <= volume][-1][1 if fill["maker"] else 2]
        )

    def at_exchange(self, row: dict[str, Any]) -> None:
        self.exchanges[row.get("sym") or 0].on_row(row)

    def at_local(self, row: dict[str, Any]) -> None:
        book = self.books[row.get("sym") or 0]
        best = book.best("bid"), book.best("ask")
        book.on_row(row)
        if row["k"] in ("trade", "fill"):
            self.ask_for_wake(self.now, "trade")
        if best != (book.best("bid"), book.best("ask")):
            self.ask_for_wake(self.now, "best")

    def sample(self, _: None) -> None:
        self.take_sample()
        self.push(self.now + self.sample_us, SAMPLE, self.sample, None)

    def take_sample(self) -> None:
        if self.samples and self.samples[-1][0] == self.now:
            del self.samples[-len(self.accounts) :]
        for symbol, (book, account) in enumerate(zip(self.books, self.accounts, strict=True)):
            self.samples.append(
                (
                    self.now, symbol, book.best("bid") or 0, book.best("ask") or 0,
                    (book.last_mid or 0) * account.tick, account.position,
                    float(account.cash) * account.unit, account.paid(account.fee),
                    float(account.realized) * account.unit, account.equity(book.last_mid),
                )
            )  # fmt: skip
