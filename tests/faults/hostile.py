"""Fault 16: frames that are wrong in every way."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable

from lobdesk.engine import BookVerifier
from lobdesk.importers.cbcap import open_cbcap
from lobdesk.shipped import shipped
from tests.book.test_verifier_random import check_books, forget_suspects, mutate
from tests.book.test_verifier_real import tuples
from tests.faults.refusals import scripted
from tests.faults.scripted import pack
from tests.faults.stage import Stage, until
from tests.faults.trial import Trial, fault
from tests.reference.book import ReferenceVerifier

CAPTURES = (
    "kraken/v2_btcusd_d10_resync_20260801.cbcap",
    "kraken/v2_ethusd_d25_20260802.cbcap",
)
BLOCK = 100
SHARE = 0.5
"""Of the frames of a block that are damaged."""

BIG_BYTES = 2_000_000
END = b"the end"
NUMBER = re.compile(rb'("(?:price|qty)":)[0-9.]+')
CHECKSUM = re.compile(rb'"checksum":\d+')


def swap(pattern: re.Pattern[bytes], text: bytes):
    return lambda frame, rng: pattern.sub(text, frame, count=1)


def doubled_entry(frame: bytes, rng: random.Random) -> bytes:
    head, mark, rest = frame.partition(b'"data":[')
    return head + mark + rest[:-2] + b"," + rest if mark else frame


KINDS = {
    "any": mutate,
    "truncated": lambda frame, rng: frame[: rng.randrange(len(frame))],
    "NULs": lambda frame, rng: frame.replace(b",", b"\0", rng.randrange(1, 4)),
    "wrong type": lambda frame, rng: frame.replace(b'"bids":[', b'"bids":{', 1),
    "text for a number": swap(NUMBER, rb'\g<1>"1.5"'),
    "null checksum": swap(CHECKSUM, b'"checksum":null'),
    "checksum -1": swap(CHECKSUM, b'"checksum":-1'),
    "checksum 2^32": swap(CHECKSUM, b'"checksum":4294967296'),
    "exponent": swap(NUMBER, rb"\g<1>1e5"),
    "30 digits": swap(NUMBER, rb"\g<1>123456789012345678901234567890"),
    "above int64": swap(NUMBER, rb"\g<1>92233720368.54775808"),
    "foreign symbol": lambda frame, rng: re.sub(rb'"symbol":"[^"]*"', b'"symbol":"X/Y"', frame),
    "empty data": lambda frame, rng: re.sub(rb'"data":\[.*\]', b'"data":[]', frame),
    "two entries": doubled_entry,
    "update first": lambda frame, rng: frame.replace(b'"snapshot"', b'"update"', 1),
}


@fault(
    16,
    "hostile frames",
    "1,000,000 mutated frames: 0 crashes, 0 wrong books against the reference on a sample; each "
    "recorded raw and counted",
    quick=True,
)
def send_nonsense(trial: Trial) -> None:
    wanted = trial.pick(quick=6000, scaled=1_000_000, soak=10_000_000)
    sample_every = trial.pick(quick=6, scaled=40, soak=40)
    streams = [[f.raw for f in open_cbcap(shipped(name)).frames()] for name in CAPTURES]
    rng = random.Random(16)
    mutated = blocks = compared = wrong = verified = 0
    kinds: Counter[str] = Counter()
    while mutated < wanted:
        stream = streams[blocks % 2]
        at = rng.randrange(max(1, len(stream) - BLOCK)) if blocks % 4 > 1 else 0
        block = [stream[0], *stream[at : at + BLOCK]]
        damaged = [damage(frame, rng, kinds) for frame in block]
        mutated += sum(a != b for a, b in zip(block, damaged, strict=True))
        if blocks % sample_every == 0:
            wrong += not agrees(damaged)
            compared += len(damaged)
        else:
            verified += judge(damaged)
        blocks += 1
    trial.demand(f"{mutated:,} mutated frames of {len(kinds)} kinds, 0 crashes", is_met=True)
    trial.none(f"wrong blocks in {compared:,} frames compared with the reference", wrong)
    trial.demand(f"{verified:,} books verified in between", is_met=verified > 0)
    record_nonsense(trial, streams[0], rng)


def damage(frame: bytes, rng: random.Random, kinds: Counter[str]) -> bytes:
    if rng.random() > SHARE:
        return frame
    kind = rng.choice(list(KINDS))
    kinds[kind] += 1
    return KINDS[kind](frame, rng)


def judge(frames: list[bytes]) -> int:
    verifier = BookVerifier()
    return sum(
        book.state == "verified" for frame in frames for book in verifier.feed(frame, 1).books
    )


def agrees(frames: list[bytes]) -> bool:
    """Tell whether engine and reference agree on every frame and book."""
    native, reference = BookVerifier(), ReferenceVerifier()
    for frame in frames:
        verdict = native.feed(frame, 1)
        kind, expected = reference.feed(frame)
        if (verdict.kind == "malformed") != (kind == "malformed"):
            return False
        if verdict.kind == "malformed":
            forget_suspects(reference, verdict)
        if kind == "book" and tuples(verdict) != expected:
            return False
        try:
            check_books(native, reference)
        except AssertionError:
            return False
    return True


def record_nonsense(trial: Trial, stream: list[bytes], rng: random.Random) -> None:
    """Send such frames to a real recorder: each is in the raw log, byte for byte, and counted."""
    count = trial.pick(quick=300, scaled=20_000, soak=200_000)
    frames = [KINDS[rng.choice(list(KINDS))](rng.choice(stream), rng) for _ in range(count)]
    frames = [frame for frame in frames if frame]
    frames.append(b'{"channel":"book","data":"' + b"x" * BIG_BYTES + b'"}')
    trial.folder.mkdir(parents=True, exist_ok=True)
    texts = trial.folder / "texts"
    texts.write_bytes(pack(frames))
    with Stage(trial.folder) as stage:
        _, url = scripted(stage, texts=str(texts))
        recorder = stage.recorder(url)
        stage.until_live()
        until(has_ended(stage), "all texts recorded", 300.0)
        until(lambda: (r := stage.report()) and not r.queued and r.malformed > 0, "judged")
        code = recorder.end()
        report = stage.report()
        raw = Counter(frames_of(stage))
        check = stage.verify()
    assert report is not None
    missing = sum((Counter(frames) - raw).values())
    verifier = BookVerifier()
    malformed = sum(verifier.feed(frame, 1).kind == "malformed" for frame in frames)
    trial.none(f"of {len(frames):,} such frames not recorded as they were", missing)
    trial.demand(
        f"{report.malformed:,} of {malformed:,} counted malformed, exit {code}",
        is_met=report.malformed == malformed and code == 0,
    )
    trial.demand(
        "chain and re-derivation hold" if check.total.rederived_equal else "not derived equally",
        is_met=check.total.chain_ok and check.total.rederived_equal,
    )


def frames_of(stage: Stage) -> list[bytes]:
    """Return all frames received, those that are no text as well."""
    import base64
    import json

    found = []
    for event in stage.events():
        if event.dir == "in":
            found.append(event.raw.encode())
        elif event.dir == "note" and '"kind":"binary"' in event.raw:
            found.append(base64.b64decode(json.loads(event.raw)["base64"]))
    return found


def has_ended(stage: Stage) -> Callable[[], bool]:
    """Return what tells whether the last of the texts is recorded; each byte is looked at once."""
    seen = 0

    def look() -> bool:
        nonlocal seen
        (segment,) = (stage.root / "events").glob("*/*.jsonl")
        with segment.open("rb") as file:
            file.seek(max(0, seen - len(END)))
            found = END in file.read()
            seen = file.tell()
        return found

    return look
