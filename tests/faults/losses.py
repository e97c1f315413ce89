"""Fault 12: frames are dropped, doubled and swapped at depth 10."""

from __future__ import annotations

import random
from itertools import islice
from typing import TYPE_CHECKING

from lobdesk.engine import BookVerifier
from lobdesk.importers.cbcap import open_cbcap
from lobdesk.shipped import shipped
from lobdesk.simulator import SyntheticMarket
from lobdesk.simulator.exchange import Exchange
from lobdesk.simulator.session import Session
from tests.faults.stage import Stage, notes, until
from tests.faults.trial import Trial, fault

if TYPE_CHECKING:
    from collections.abc import Callable

CAPTURE = "kraken/v2_btcusd_d10_resync_20260801.cbcap"
START_US = 1_767_225_600_000_000
MARK_EVERY = 50
SYMBOL = "BTC/USD"
NEAR_US = 900_000
"""Less than half of the time between two hits on a recorder's line."""

Levels = tuple[list[tuple[int, int]], list[tuple[int, int]]]


class Stream:
    """Frames of one symbol, the true book after each, and places to start from."""

    def __init__(self, frames: list[bytes]) -> None:
        self.frames: list[bytes] = []
        self.truth: list[Levels] = []
        self.is_snapshot: list[bool] = []
        self.marks: list[bytes] = []
        verifier = BookVerifier()
        for frame in frames:
            books = verifier.feed(frame, 1).books
            if not books or books[0].symbol != SYMBOL:
                continue
            assert books[0].state == "verified"
            self.frames.append(frame)
            self.truth.append(verifier.levels(SYMBOL))
            self.is_snapshot.append(books[0].is_snapshot)
            if len(self.frames) % MARK_EVERY == 1:
                self.marks.append(verifier.dump())

    def verifier_before(self, at: int) -> BookVerifier:
        """Return the books as they are when frame ``at`` comes."""
        mark = (at - 1) // MARK_EVERY
        verifier = BookVerifier()
        verifier.load(self.marks[mark])
        for frame in self.frames[mark * MARK_EVERY + 1 : at]:
            verifier.feed(frame, 1)
        return verifier


def recorded() -> Stream:
    return Stream([frame.raw for frame in open_cbcap(shipped(CAPTURE)).frames()])


def synthetic(count: int) -> Stream:
    market = SyntheticMarket((SYMBOL,), seed=12, start_us=START_US)
    exchange = Exchange(market, lambda: market.start_us)
    session = Session(exchange, 1)
    session.handle(
        '{"method":"subscribe","req_id":1,"params":{"channel":"book","symbol":["BTC/USD"],'
        '"depth":10}}',
        0.0,
    )
    for event in islice(market.events(), count):
        exchange.apply(event)
    return Stream([frame.text.encode() for frame in session.outbox if frame.channel == "book"])


def dropped(at: int) -> list[int]:
    return [at + 1]


def doubled(at: int) -> list[int]:
    return [at, at, at + 1]


def swapped(at: int) -> list[int]:
    return [at + 1, at, at + 2]


@fault(
    12,
    "lost frames",
    "1,000 frames dropped, doubled or swapped at depth 10: each that changes the book found "
    "within 1 message, 0 false alarms",
    quick=True,
)
def lose_frames(trial: Trial) -> None:
    trials = trial.pick(quick=300, scaled=1000, soak=100_000)
    rng = random.Random(12)
    streams = [recorded(), synthetic(trial.pick(quick=400, scaled=3000, soak=20_000))]
    ways: list[Callable[[int], list[int]]] = [dropped, doubled, swapped]
    changed = found = alarms = 0
    for number in range(trials):
        stream = streams[number % len(streams)]
        at = rng.randrange(1, len(stream.frames) - 3)
        is_changed, is_found, is_alarm = play(stream, at, ways[number % len(ways)](at))
        changed += is_changed
        found += is_found
        alarms += is_alarm
    trial.all("changed books found at the next message", found, changed)
    trial.none(f"false alarms in {trials:,} trials", alarms)
    if trial.size != "quick":
        lose_frames_of_a_recorder(trial)


def play(stream: Stream, at: int, order: list[int]) -> tuple[bool, bool, bool]:
    """Feed frames in an order: is the book ever wrong, is it found at once, is there an alarm?"""
    verifier = stream.verifier_before(at)
    for index in order:
        (book,) = verifier.feed(stream.frames[index], 1).books
        is_verified = book.state == "verified"
        # A book that is suspect has no levels to show; then its checksum was compared.
        is_right = book.actual == book.expected
        if is_verified and verifier.levels(SYMBOL) != stream.truth[index]:
            return True, False, False
        if not is_verified:
            return True, not is_right, is_right
    return False, False, False


def lose_frames_of_a_recorder(trial: Trial) -> None:
    """The same on the line of a real recorder."""
    count = trial.pick(quick=1, scaled=10, soak=60)
    actions = ("drop", "duplicate", "reorder")
    symbols = ("BTC/USD", "SOL/USD", "XRP/USD")
    script = [
        {"do": actions[n % 3], "at_s": 1 + 2.0 * n, "symbol": symbols[n // 3 % 3]}
        for n in range(count)
    ]
    with Stage(trial.folder) as stage:
        _, url = stage.simulator(trial.rate, faults=script)
        recorder = stage.recorder(url)
        begun = stage.until_live()
        end_us = begun.written_us + int((3 + 2 * count) * 1e6)
        until(lambda: (r := stage.report()) and r.written_us > end_us, "the script's end", 900)
        stage.until_live()
        recorder.end()
        events = stage.events()
        check = stage.verify()
    gaps = notes(events, "gap")
    slowest_s = max(((gap["to_us"] - gap["from_us"]) / 1e6 for gap in gaps), default=0.0)
    begun_us = events[0].recv_ts_us
    due = [(fault["symbol"], int(1e6 * float(fault["at_s"]))) for fault in script]
    strange = strangers([(gap["symbol"], gap["from_us"] - begun_us) for gap in gaps], due)
    trial.demand(
        f"recorder: {count} hits, {len(gaps)} gaps, each ≤ {slowest_s:.3f} s, "
        f"{strange} without a hit",
        is_met=check.total.chain_ok
        and check.total.rederived_equal
        and strange == 0 < len(gaps) <= count,
    )


def strangers(gaps: list[tuple[str, int]], hits: list[tuple[str, int]]) -> int:
    """Count the gaps that no hit of that symbol explains; their clocks began apart.

    The best of all shifts between the clocks counts, each that lays one gap on one hit.
    """
    fewest = len(gaps)
    for _, gap_us in gaps:
        for _, hit_us in hits:
            left = list(hits)
            strange = 0
            for symbol, at_us in gaps:
                due_us = at_us - gap_us + hit_us
                found = [h for h in left if h[0] == symbol and abs(h[1] - due_us) < NEAR_US]
                strange += not found
                left = [hit for hit in left if hit not in found[:1]]
            fewest = min(fewest, strange)
    return fewest
