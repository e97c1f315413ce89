"""Going on from a checkpoint gives the bytes that going on from the beginning gives."""

from __future__ import annotations

import random
import shutil

import pytest

from lobdesk.derive import Recording, recording
from lobdesk.derive.checkpoint import CHECKPOINT_NAME, load_checkpoint
from lobdesk.engine import BookVerifier, EngineError
from lobdesk.journal import list_segments, symbol_log_dir
from tests.book.captures import BTC, ETH, read_cbcap
from tests.book.test_verifier_cases import ASKS, BIDS, frame, live, snapshot
from tests.derive.test_recording import CLOCK, SYMBOL, is_sound, logs, take, trades


@pytest.mark.parametrize("name", [BTC, ETH])
def test_loaded_books_go_on_as_if_nothing_had_happened(captures, name) -> None:
    frames = read_cbcap(captures / name)[:250]
    straight, hopping = BookVerifier(), BookVerifier()
    for data in frames:
        moved = BookVerifier()
        moved.load(hopping.dump())
        hopping = moved
        first, second = straight.feed(data, 1), hopping.feed(data, 1)

        assert [b.state for b in first.books] == [b.state for b in second.books]
        assert hopping.dump() == straight.dump()
        for symbol in straight.symbols():
            assert hopping.snapshot_line(symbol, 1) == straight.snapshot_line(symbol, 1)


def test_loaded_suspect_book_stays_suspect_for_its_reason() -> None:
    verifier = live()
    verifier.feed(frame("update", BIDS, crc=1), 0)
    moved = BookVerifier()
    moved.load(verifier.dump())

    (book,) = moved.feed(frame("update", BIDS, crc=1), 0).books

    assert (book.state, book.reason) == ("unverified", "checksum")


def test_damaged_dump_is_refused_or_harmless_and_changes_nothing_then() -> None:
    data = live().dump()
    target = live()
    refused = 0
    for position in range(len(data)):
        for damaged in (data[:position], data[:position] + b"\xff" + data[position + 1 :]):
            before = target.dump()
            try:
                target.load(damaged)
            except EngineError:
                refused += 1
                assert target.dump() == before
            else:
                target.load(data)
    assert refused > len(data)


@pytest.fixture
def often(monkeypatch):
    """Write a checkpoint after every seven events."""
    monkeypatch.setattr(recording, "CHECKPOINT_EVENTS", 7)
    monkeypatch.setattr(recording, "CHECKPOINT_INTERVAL_S", 0.0)


def crash(root, frames):
    """Record and end like a killed process; return the derived logs as they should be."""
    run = Recording(root, sync_interval_s=None, boot="b", clock=CLOCK, segment_bytes=9_000)
    take(run, frames)
    run.journal.close()
    return logs(root)


@pytest.fixture
def frames(captures):
    frames = read_cbcap(captures / BTC)[:80]
    for number in range(4, 80, 9):
        frames.insert(number, trades(number, number + 1, number + 2))
    return frames


def test_checkpoint_is_written_while_recording(tmp_path, often, frames) -> None:
    crash(tmp_path, frames)

    checkpoint = load_checkpoint(tmp_path, 10_000)

    assert checkpoint is not None
    assert checkpoint.seq > 50
    assert checkpoint.symbols[SYMBOL].last_verified_seq > 40


@pytest.mark.parametrize("seed", range(30))
def test_crash_is_repaired_from_any_checkpoint_or_none(tmp_path, often, frames, seed) -> None:
    rng = random.Random(seed)
    root = tmp_path / "l2"
    stop = rng.randrange(5, len(frames))
    first = crash(root, frames[:stop])
    if rng.random() < 0.3:
        (root / CHECKPOINT_NAME).unlink(missing_ok=True)
    elif rng.random() < 0.3:
        damage(root / CHECKPOINT_NAME, rng)
    checkpoint = load_checkpoint(root, 10_000)
    tear_derived(root, rng, checkpoint)

    with Recording(root, clock=CLOCK, sync_interval_s=None, segment_bytes=9_000) as run:
        assert logs(root) == first
        assert run.repair.cuts == []
        take(run, frames)

    assert is_sound(root)


def damage(path, rng) -> None:
    if path.exists():
        data = bytearray(path.read_bytes())
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)


def tear_derived(root, rng, checkpoint) -> None:
    """Cut what no checkpoint has seen, as a killed process may leave it."""
    if checkpoint is None:
        return
    for end in checkpoint.ends:
        segments = list_segments(symbol_log_dir(root, end.log, end.symbol))
        last = segments[-1]
        if last.is_sealed or not end.date:
            continue
        is_seen = (last.date, last.first_seq) == (end.date, end.first_seq)
        data = last.path.read_bytes()
        keep = rng.randrange(end.size if is_seen else 0, len(data) + 1)
        last.path.write_bytes(data[:keep])


def test_start_after_a_crash_leaves_the_next_one_nothing_of_before(tmp_path, frames) -> None:
    repaired = []
    for _ in range(4):
        run = Recording(tmp_path, sync_interval_s=None, boot="b", clock=CLOCK)
        repaired.append(run.repair.lines)
        take(run, frames)
        run.journal.close()

    # Later runs repeat the trades of the first one, so they have fewer lines.
    assert repaired[2] == repaired[3] > 0
    assert is_sound(tmp_path)


def test_checkpoint_of_another_journal_is_not_used(tmp_path, often, frames) -> None:
    crash(tmp_path / "other", [snapshot(BIDS, ASKS), *frames])
    expected = crash(tmp_path / "l2", frames)
    shutil.copy(tmp_path / "other" / CHECKPOINT_NAME, tmp_path / "l2" / CHECKPOINT_NAME)

    with Recording(tmp_path / "l2", clock=CLOCK):
        assert logs(tmp_path / "l2") == expected

    assert is_sound(tmp_path / "l2")


def test_checkpoint_beyond_the_raw_log_is_not_used(tmp_path, often, frames) -> None:
    crash(tmp_path, frames)
    newest = list_segments(tmp_path / "events")[-1].path
    lines = newest.read_bytes().splitlines(keepends=True)
    newest.write_bytes(b"".join(lines[:1]))

    with Recording(tmp_path, clock=CLOCK):
        pass

    assert is_sound(tmp_path)
