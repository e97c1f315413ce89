"""Fault 18: what the log gives again is what the books were."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict

from lobdesk.engine import BookVerifier
from lobdesk.importers.cbcap import open_cbcap
from lobdesk.journal import SNAPSHOTS, list_symbols, symbol_log_dir
from lobdesk.journal.reader import read_all
from lobdesk.shipped import shipped
from tests.faults.hostile import CAPTURES
from tests.faults.stage import Stage
from tests.faults.trial import Trial, fault
from tests.reference.book import BREAKABLE, ReferenceVerifier

HARMLESS_HERE = {"snapshot_does_not_clear"}
"""No recording shows it; a synthetic case in the tests of the verifier does."""

ELSEWHERE = {"TZ": "Pacific/Chatham", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "7"}


@fault(
    18,
    "replay equality",
    "the log gives every verified book again, also by the slow reference and on another machine; "
    "each broken rule is found",
    quick=True,
)
def replay(trial: Trial) -> None:
    frames = trial.pick(quick=2000, scaled=40_000, soak=1_000_000)
    with Stage(trial.folder) as stage:
        _, url = stage.simulator(trial.pick(quick=2000.0, scaled=trial.rate, soak=trial.rate))
        stage.recorder(url, "--frames", str(frames)).popen.communicate(timeout=900)
        check = stage.verify()
        elsewhere = stage.run("verify", "--data-dir", str(stage.data), "--json", **ELSEWHERE)
        verified, wrong = by_reference(stage)
        digest = live_digest(stage)
    trial.demand(
        f"{check.total.verified:,} verified books given again byte for byte",
        is_met=check.is_good and check.total.verified > 0,
    )
    trial.none(f"of {verified:,} books differ from the slow reference's", wrong)
    total = json.loads(elsewhere.stdout)["total"]
    trial.demand(
        f"digest {digest[:12]}; equal in another locale, time zone and hash seed "
        "(a second machine was not at hand)",
        is_met=total["rederived_equal"] and total["verified"] == check.total.verified,
    )
    broken_rules(trial)


def by_reference(stage: Stage) -> tuple[int, int]:
    """Replay the raw log by the reference and compare its ten best levels with the live books."""
    lines = defaultdict(dict)
    for symbol in list_symbols(stage.root, SNAPSHOTS):
        for line in read_all(symbol_log_dir(stage.root, SNAPSHOTS, symbol)):
            facts = json.loads(line)
            lines[facts["seq"]][symbol] = (facts["bids"], facts["asks"])
    reference, wrong, verified = ReferenceVerifier(), 0, 0
    for event in stage.events():
        if event.dir != "in":
            continue
        _, books = reference.feed(event.raw.encode())
        for symbol, _, state, *_ in books:
            if state != "verified":
                wrong += symbol in lines[event.seq]
                continue
            book = reference.books[symbol]
            mine = tuple([list(level) for level in book.levels(s)[:10]] for s in ("bids", "asks"))
            verified += 1
            wrong += lines[event.seq].pop(symbol, None) != mine
    return verified, wrong + sum(len(left) for left in lines.values())


def live_digest(stage: Stage) -> str:
    digest = hashlib.sha256()
    for symbol in list_symbols(stage.root, SNAPSHOTS):
        for line in read_all(symbol_log_dir(stage.root, SNAPSHOTS, symbol)):
            digest.update(line)
    return digest.hexdigest()


def broken_rules(trial: Trial) -> None:
    """Break each rule on real frames: checksums must tell, where the recordings can."""
    found = 0
    streams = [[f.raw for f in open_cbcap(shipped(name)).frames()] for name in CAPTURES]
    for rule in sorted(BREAKABLE - HARMLESS_HERE):
        reference = ReferenceVerifier(broken={rule}, goes_on=True)
        books = [book for frame in streams[0] for book in reference.feed(frame)[1]]
        found += any(book[2] == "failed" for book in books)
    verifier = BookVerifier()
    good = all(
        book.state == "verified" for frame in streams[0] for book in verifier.feed(frame, 1).books
    )
    trial.all("broken rules found on real frames", found, len(BREAKABLE - HARMLESS_HERE))
    trial.demand("unbroken: all verified" if good else "unbroken: failures", is_met=good)
