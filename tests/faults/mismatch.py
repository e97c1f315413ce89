"""Fault 11: checksums that do not agree."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from lobdesk.engine import BookVerifier
from tests.faults.stage import TEN, Stage, notes, until
from tests.faults.trial import Trial, fault

if TYPE_CHECKING:
    from lobdesk.records import RawEvent

VICTIM = "ETH/USD"
BACK_LIMIT_S = 1.0
PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)
TOLERANCE_S = 0.35


@fault(
    11,
    "checksum mismatch",
    "found at that message; only that symbol resubscribes, the others lose 0 messages; one resync "
    "in flight; verified ≤ 1 s after; 5 failures → 0.5 s … 8 s → reconnect",
    quick=True,
)
def corrupt_digits(trial: Trial) -> None:
    hits = trial.pick(quick=2, scaled=6, soak=100)
    # More than five failures within a few seconds each are answered with pauses: see below.
    spacing_s = trial.pick(quick=0.5, scaled=5.5, soak=6.0)
    script = [{"do": "corrupt", "at_s": (n + 1) * spacing_s, "symbol": VICTIM} for n in range(hits)]
    with Stage(trial.folder / "single") as stage:
        _, url = stage.simulator(trial.rate, faults=script)
        recorder = stage.recorder(url)
        until(
            lambda: (r := stage.report()) and r.books and r.books[VICTIM].failed >= hits,
            f"{hits} mismatches",
            600.0,
        )
        stage.until_live()
        recorder.end()
        events = stage.events()
        check = stage.verify()
    gaps = notes(events, "gap")
    others = {gap["symbol"] for gap in gaps} - {VICTIM}
    counts = [check.symbols[f"{name}/USD"] for name in TEN if f"{name}/USD" != VICTIM]
    lost = sum(count.failed + count.unverified + count.gaps for count in counts)
    sent = requests(events)
    asked = Counter(symbol for method, symbols in sent for symbol in symbols if "un" in method)
    trial.all("mismatches found at their message", found_at_once(events), hits)
    trial.demand(f"resubscribed: {dict(asked)}", is_met=asked == {VICTIM: hits})
    trial.none("messages of other symbols lost", lost + len(others))
    trial.all("marked in one gap each", len(gaps), hits)
    trial.demand(f"at most {in_flight(events)} resync in flight", is_met=in_flight(events) == 1)
    back_s = max((gap["to_us"] - gap["from_us"]) / 1e6 for gap in gaps)
    trial.below("verified again after at most", back_s, BACK_LIMIT_S, "s")
    trial.demand(
        "journal tells it all", is_met=check.total.chain_ok and check.total.rederived_equal
    )
    if trial.size != "quick":
        fail_again_and_again(trial)


def requests(events: list[RawEvent]) -> list[tuple[str, list[str]]]:
    """Return method and symbols of each book request."""
    found = []
    for event in events:
        if event.dir == "out":
            request = json.loads(event.raw)
            params = request.get("params", {})
            if params.get("channel") == "book":
                found.append((request["method"], params["symbol"]))
    return found


def found_at_once(events: list[RawEvent]) -> int:
    """Count mismatches after which the book was live until the very message before."""
    verifier, found, live = BookVerifier(), 0, False
    for event in events:
        if event.dir != "in":
            continue
        for book in verifier.feed(event.raw.encode(), event.recv_ts_us).books:
            if book.symbol == VICTIM:
                found += live and book.state == "failed"
                live = book.state == "verified"
    return found


def in_flight(events: list[RawEvent]) -> int:
    """Return the most subscriptions of the victim that were unanswered at a time."""
    waiting = most = 0
    for event in events:
        if VICTIM not in event.raw or '"book"' not in event.raw:
            continue
        if event.dir == "out" and '"method":"subscribe"' in event.raw:
            waiting += 1
            most = max(most, waiting)
        elif event.dir == "in" and event.raw.startswith('{"method":"subscribe"'):
            waiting -= 1
    return most


def fail_again_and_again(trial: Trial) -> None:
    """Damage every frame of the victim: attempts get rarer, then the connection is renewed."""
    script = [{"do": "corrupt", "after_frames": 200, "symbol": VICTIM, "count": 1_000_000}]
    with Stage(trial.folder / "again") as stage:
        _, url = stage.simulator(min(trial.rate, 500), faults=script)
        recorder = stage.recorder(url)
        until(lambda: (r := stage.report()) and r.connects >= 2, "a new connection", 120.0)
        recorder.end()
        events = stage.events()
    renewed = next(note["_seq"] for note in notes(events, "close"))
    times = [
        event.mono_us / 1e6
        for event in events
        if event.dir == "out" and '"unsubscribe"' in event.raw and event.seq < renewed
    ]
    pauses = [b - a for a, b in pairwise(times)]
    at_once = [pause for pause in pauses if pause < TOLERANCE_S]
    slow = [pause for pause in pauses if pause >= TOLERANCE_S]
    expected = [*PAUSES_S, *[PAUSES_S[-1]] * len(slow)]
    as_told = all(
        abs(pause - due) < TOLERANCE_S for pause, due in zip(slow, expected, strict=False)
    )
    shown = " ".join(f"{pause:.1f}" for pause in slow)
    trial.demand(
        f"{len(at_once) + 1} attempts at once, then after {shown} s, then a new connection",
        is_met=as_told and 4 <= len(at_once) <= 5 and len(slow) >= len(PAUSES_S),
    )
