"""The fuzzers' corpus, without the fuzzers: the engine and the slow reference agree on it."""

from __future__ import annotations

import zipfile

from lobdesk.engine import BookVerifier
from tests.book.test_verifier_random import check_books, forget_suspects
from tests.book.test_verifier_real import tuples
from tests.fuzz.__main__ import HERE
from tests.reference.book import ReferenceVerifier


def test_engine_and_reference_agree_on_every_input_of_the_corpus() -> None:
    frames = verified = 0
    with zipfile.ZipFile(HERE / "frames.zip") as corpus:
        inputs = [corpus.read(name) for name in corpus.namelist()[::3]]
    for data in inputs:
        native, reference = BookVerifier(), ReferenceVerifier()
        for frame in data.split(b"\n"):
            verdict = native.feed(frame, 1)
            kind, expected = reference.feed(frame)
            # The reference looks into book frames only; of the others it knows the envelope.
            if kind in {"book", "malformed"}:
                assert verdict.kind == kind, frame
            if kind == "instrument":
                break
            if verdict.kind == "malformed":
                forget_suspects(reference, verdict)
            if kind == "book":
                assert tuples(verdict) == expected, frame
            check_books(native, reference)
            frames += 1
            verified += sum(book.state == "verified" for book in verdict.books)
    assert frames > 150, frames
    assert verified > 5, verified
