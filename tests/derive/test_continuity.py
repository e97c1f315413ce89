"""Two connections to one exchange: every state once, in order, and no hole when one closes."""

from __future__ import annotations

import json
import random
from collections import deque

import pytest
from msgspec.json import decode, encode

from lobdesk.derive import Deriver
from lobdesk.derive.checkpoint import Checkpoint
from lobdesk.derive.continuity import AHEAD, WRITTEN, Continuity
from lobdesk.journal import SNAPSHOTS, TRADES, RawMark, note_text
from lobdesk.records import RawEvent
from lobdesk.simulator import SyntheticMarket
from lobdesk.simulator.exchange import Exchange, Subscriber

SYMBOL = "BTC/USD"


class Line:
    """One connection: what the exchange sent waits here until it arrives."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.conn = 0
        self.subscriber = Subscriber()
        self.waiting: deque[str] = deque()

    def open(self, conn: int) -> None:
        self.conn = conn
        self.exchange.subscribe_instruments(self.subscriber, with_snapshot=True)
        self.subscribe()
        self.exchange.subscribe_trades(self.subscriber, SYMBOL, with_snapshot=True)

    def subscribe(self) -> None:
        self.exchange.subscribe_book(self.subscriber, SYMBOL, 10, with_snapshot=True)

    def close(self) -> None:
        self.exchange.unsubscribe_instruments(self.subscriber)
        self.exchange.unsubscribe_book(self.subscriber, SYMBOL, 10)
        self.exchange.unsubscribe_trades(self.subscriber, SYMBOL)
        self.subscriber = Subscriber()
        self.waiting.clear()
        self.conn = 0

    def collect(self) -> None:
        self.waiting += [frame.text for frame in self.subscriber.outbox]
        self.subscriber.outbox.clear()


class Rig:
    """A market, two lines that may lag and close, one that does not, and the two derivations."""

    def __init__(self, seed: int) -> None:
        market = SyntheticMarket((SYMBOL,), seed=seed, start_us=10**15, activity=1.0)
        self.exchange = Exchange(market, lambda: 10**15)
        self.events = iter(market.events())
        self.lines = [Line(self.exchange), Line(self.exchange)]
        self.calm = Line(self.exchange)
        self.deriver, self.reference = Deriver(), Deriver()
        self.seq = self.conns = 0
        self.log: list[RawEvent] = []
        self.states: list[tuple] = []
        self.trades: list[int] = []
        self.notes: list[dict] = []
        self.expected: list[tuple] = []
        self.expected_trades: list[int] = []
        self.line_seqs: list[int] = []
        self.calm.open(1)

    def event(self, direction: str, raw: str, conn: int) -> RawEvent:
        self.seq += 1
        return RawEvent(
            v=1, seq=self.seq, recv_ts_us=self.seq, mono_us=self.seq, boot="b", conn=conn,
            dir=direction, raw=raw, crc=0,
        )  # fmt: skip

    def take(self, direction: str, raw: str, conn: int) -> None:
        event = self.event(direction, raw, conn)
        self.log.append(event)
        derived = self.deriver.feed(event)
        self.notes += derived.notes
        for log, _, line in derived.lines:
            parsed = json.loads(line)
            if log == SNAPSHOTS:
                self.line_seqs.append(parsed["seq"])
                self.states.append(content(parsed))
            else:
                assert log == TRADES
                self.trades.append(parsed["trade_id"])
        failed = derived.verdict.books if derived.verdict is not None else []
        for book in failed:
            if book.state == "failed":
                self.resync(conn, book.symbol)
        for conn_stranded, symbol in derived.stranded:
            self.resync(conn_stranded, symbol)

    def resync(self, conn: int, symbol: str) -> None:
        """Do what the recorder does: subscribe that book anew on that line."""
        for line in self.lines:
            if line.conn == conn:
                line.collect()
                self.exchange.unsubscribe_book(line.subscriber, symbol, 10)
                line.waiting.append(
                    '{"method":"unsubscribe","result":{"channel":"book","depth":10,'
                    f'"symbol":"{symbol}"}},"success":true}}'
                )
                line.subscribe()

    def open(self, line: Line) -> None:
        self.conns += 1
        self.take("note", note_text("open"), self.conns)
        line.open(self.conns)

    def close(self, line: Line) -> None:
        conn = line.conn
        line.close()
        self.take("note", note_text("close"), conn)

    def step(self) -> None:
        self.exchange.apply(next(self.events))
        for line in [*self.lines, self.calm]:
            line.collect()
        while self.calm.waiting:
            derived = self.reference.feed(self.event("in", self.calm.waiting.popleft(), 1))
            for log, _, line in derived.lines:
                parsed = json.loads(line)
                if log == SNAPSHOTS:
                    self.expected.append(content(parsed))
                else:
                    self.expected_trades.append(parsed["trade_id"])

    def arrive(self, line: Line, most: int) -> None:
        for _ in range(min(most, len(line.waiting))):
            if line.waiting:
                self.take("in", line.waiting.popleft(), line.conn)

    def lose(self, line: Line) -> bool:
        """Lose the next frame of a line if it is an update of the book."""
        if line.waiting and line.waiting[0].startswith('{"channel":"book","type":"update"'):
            line.waiting.popleft()
            return True
        return False

    def settle(self) -> None:
        for _ in range(4):
            for line in self.lines:
                line.collect()
                self.arrive(line, 10**6)


def content(line: dict) -> tuple:
    return (line["exch_ts_us"], line["checksum"], str(line["bids"]), str(line["asks"]))


@pytest.mark.parametrize("seed", range(4))
def test_no_close_of_one_line_is_seen_once_the_other_had_caught_up(seed) -> None:
    chance = random.Random(seed)
    rig = Rig(seed)
    for line in rig.lines:
        rig.open(line)
    closes = 0
    for number in range(1, 1500):
        rig.step()
        for line in chance.sample(rig.lines, 2):
            rig.arrive(line, chance.choice([0, 0, 1, 2, 5, 50]))
        if number % 70 == 0:
            # The other line may lag behind, but it has been level since it was opened.
            victim = rig.lines[closes % 2]
            rig.close(victim)
            closes += 1
            for _ in range(chance.randrange(10)):
                rig.step()
                rig.arrive(rig.lines[closes % 2], chance.choice([0, 1, 5]))
            rig.open(victim)
        if number % 70 == 35:
            rig.settle()
            rig.step()
            rig.settle()
    rig.settle()

    assert closes == 21
    assert [note["kind"] for note in rig.notes] == ["lines"]
    assert rig.states == rig.expected
    assert rig.trades == sorted(set(rig.trades))
    assert rig.trades == rig.expected_trades[-len(rig.trades) :]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_no_state_comes_twice_and_none_is_missing_without_a_note(seed) -> None:
    chance = random.Random(100 + seed)
    rig = Rig(seed)
    drops = 0
    for _ in range(1200):
        rig.step()
        for line in chance.sample(rig.lines, 2):
            if line.conn and chance.random() < 0.01:
                rig.close(line)
            elif not line.conn and chance.random() < 0.2:
                rig.open(line)
            elif line.conn and chance.random() < 0.005:
                rig.resync(line.conn, SYMBOL)
            if seed % 2 and chance.random() < 0.02:
                drops += rig.lose(line)
            rig.arrive(line, chance.choice([0, 0, 1, 2, 5, 50]))
    for line in rig.lines:
        if not line.conn:
            rig.open(line)
    rig.settle()

    assert rig.line_seqs == sorted(set(rig.line_seqs))
    assert len(rig.trades) == len(set(rig.trades))
    gaps = [note for note in rig.notes if note["kind"] == "gap"]
    firsts = {note["first_verified_seq"] for note in gaps}
    places: list[int] = []
    for seq, state in zip(rig.line_seqs, rig.states, strict=True):
        if places and seq not in firsts:
            # A lost frame is not missed if the next one sets the same level again.
            skips = rig.expected[places[-1] + 1 : places[-1] + 2 + 2 * drops].index(state)
            drops -= skips
            places.append(places[-1] + 1 + skips)
        else:
            places.append(place_of(state, rig.expected))
            assert places[-1] >= max(places)
    assert places[-1] == len(rig.expected) - 1
    assert drops >= 0
    assert len(gaps) < 60


def place_of(state: tuple, expected: list[tuple]) -> int:
    """Return where a snapshot's state is in the true sequence; its time may be later."""
    same = [at for at, one in enumerate(expected) if one[2:] == state[2:] and one[0] <= state[0]]
    return same[-1]


@pytest.mark.parametrize("seed", range(2))
def test_going_on_from_a_checkpoint_gives_the_same_lines(seed) -> None:
    chance = random.Random(200 + seed)
    rig = Rig(seed)
    for _ in range(400):
        rig.step()
        for line in chance.sample(rig.lines, 2):
            if line.conn and chance.random() < 0.02:
                rig.close(line)
            elif not line.conn:
                rig.open(line)
            rig.arrive(line, chance.choice([0, 1, 5, 20]))

    straight, hopping = Deriver(), Deriver()
    for number, event in enumerate(rig.log):
        if number % 37 == 0:
            # Through the file's encoding, so that nothing of the state is left out.
            mark = RawMark(seq=0, date="", first_seq=0, offset=0, crc=0)
            checkpoint = Checkpoint(
                v=1, seq=event.seq, mark=mark, ends=[], symbols=hopping.symbols,
                books=hopping.dump(), shared=hopping.dump_shared(), orders=hopping.orders.dump(),
            )  # fmt: skip
            checkpoint = decode(encode(checkpoint), type=Checkpoint)
            hopping = Deriver()
            hopping.load(checkpoint.books, checkpoint.shared)
            hopping.orders.load(checkpoint.orders)
            hopping.symbols.update(checkpoint.symbols)
        assert hopping.feed(event).lines == straight.feed(event).lines


def test_lines_that_never_agree_leave_the_first_one_alone_and_cost_bounded_memory() -> None:
    continuity = Continuity([1])

    for number in range(3 * WRITTEN):
        assert continuity.take(1, f"a{number}", number, 1, anew=False)
        assert not continuity.take(2, f"b{number}", number, 2, anew=number == 0)

    state = continuity.dump()
    assert len(state.keys) == len(state.marks) == 8 * WRITTEN
    assert len(state.followers[2].beyond) == 8 * AHEAD
    continuity.lose(1)
    assert not continuity.is_held
    assert continuity.ahead == [2]


def test_doubled_frame_of_one_of_two_lines_is_written_once() -> None:
    continuity = Continuity([1, 2])

    assert continuity.take(1, "7", 7, 7, anew=False)
    assert not continuity.take(1, "7", 7, 7, anew=False)
    assert not continuity.take(2, "7", 7, 7, anew=False)
    assert continuity.take(2, "8", 8, 8, anew=False)


def test_snapshot_before_the_last_written_state_is_passed_over_once() -> None:
    continuity = Continuity([1])
    assert continuity.take(1, "a", 100, 1, anew=False)
    continuity.lose(1)

    assert not continuity.take(2, "old", 90, 2, anew=True)
    assert continuity.take(2, "the clock was set back", 91, 2, anew=True)
