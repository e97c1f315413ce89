"""What a crash or a power cut leaves, and that nothing which was whole is lost."""

from __future__ import annotations

import os
import random

import pytest

from lobdesk.journal import BrokenChainError, read_events
from tests.journal.events import append, last_segment, open_writer, texts, write

TEXTS = [f"record {n} " + "x" * (n % 7) for n in range(6)]


@pytest.fixture
def journal(tmp_path):
    write(tmp_path / "l2", TEXTS)
    return tmp_path / "l2"


def line_ends(data: bytes) -> list[int]:
    return [i + 1 for i, byte in enumerate(data) if byte == 10]


def damaged_tails(data: bytes, start: int):
    """Yield (name, bytes, length of what is whole) for every state of the last records."""
    rng = random.Random(7)
    ends = line_ends(data)
    for cut in range(start, len(data)):
        whole = max((end for end in ends if end <= cut), default=0)
        yield "cut", data[:cut], whole
        yield "zeros", data[:cut] + bytes(len(data) - cut), whole
        yield "noise", data[:cut] + rng.randbytes(len(data) - cut), whole
        yield "hole", data[:cut] + bytes(5000), whole


def test_every_torn_tail_of_the_last_three_records_recovers_to_the_whole_ones(
    journal, monkeypatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _fd: None)  # thousands of them, and no power cut here
    path = last_segment(journal)
    data = path.read_bytes()
    states = list(damaged_tails(data, line_ends(data)[-4]))
    assert len(states) > 1000
    for name, torn, whole in states:
        path.write_bytes(torn)
        for side in path.parent.glob("*.torn"):
            side.unlink()

        writer = open_writer(journal)

        assert path.read_bytes() == data[:whole], name
        if whole < len(torn):
            (cut,) = writer.cuts
            assert (cut.path, cut.offset, cut.length) == (path, whole, len(torn) - whole)
            assert cut.kept_at.read_bytes() == torn[whole:]
        else:
            assert writer.cuts == []
        writer.close()


def test_recording_goes_on_behind_a_torn_tail(journal) -> None:
    path = last_segment(journal)
    path.write_bytes(path.read_bytes()[:-10])

    write(journal, ["next"])

    assert texts(journal) == [*TEXTS[:-1], "next"]
    assert [event.seq for event in read_events(journal)] == [1, 2, 3, 4, 5, 6]


def test_segment_of_which_nothing_is_whole_goes_away(journal) -> None:
    path = last_segment(journal)
    path.write_bytes(path.read_bytes()[:20])

    with open_writer(journal) as writer:
        assert writer.next_seq == 1
        assert not path.exists()
        append(writer, "anew")

    assert texts(journal) == ["anew"]
    assert len(list(path.parent.glob("*.torn"))) == 1


def test_empty_newest_segment_is_replaced(journal) -> None:
    empty = last_segment(journal).parent.parent / "2026-08-02" / "000000000007.jsonl"
    empty.parent.mkdir()
    empty.touch()

    write(journal, ["next"])

    assert texts(journal) == [*TEXTS, "next"]


def test_damage_before_whole_lines_is_not_cut_but_found(journal) -> None:
    path = last_segment(journal)
    data = bytearray(path.read_bytes())
    data[line_ends(bytes(data))[1] + 40] ^= 4
    path.write_bytes(data)

    write(journal, ["next"])

    assert path.read_bytes().startswith(bytes(data))
    with pytest.raises(BrokenChainError, match=r"000000000001\.jsonl:3: ") as raised:
        texts(journal)
    assert raised.value.line_number == 3


def test_every_single_bit_flip_is_found_by_reading(journal) -> None:
    data = last_segment(journal).read_bytes()
    found = 0
    for position in range(len(data)):
        bit = position % 8
        flipped = bytearray(data)
        flipped[position] ^= 1 << bit
        last_segment(journal).write_bytes(flipped)
        try:
            whole = texts(journal) == TEXTS
        except BrokenChainError:
            whole = False
        found += not whole
    assert found == len(data)


def test_reordered_and_dropped_lines_are_found(journal) -> None:
    path = last_segment(journal)
    lines = path.read_bytes().splitlines(keepends=True)

    for damaged in (
        [lines[0], lines[2], lines[1], *lines[3:]],
        [*lines[:2], *lines[3:]],
        [*lines[:3], *lines[2:]],
        lines[1:],
    ):
        path.write_bytes(b"".join(damaged))
        with pytest.raises(BrokenChainError):
            texts(journal)


def test_reading_from_a_sequence_number_proves_the_first_line_too(tmp_path) -> None:
    write(tmp_path, [f"{n:050d}" for n in range(40)], segment_bytes=1000)

    for seq in range(1, 41):
        events = list(read_events(tmp_path, seq))
        assert [event.seq for event in events] == list(range(seq, 41))


def test_reader_stops_at_an_unfinished_last_line(journal) -> None:
    path = last_segment(journal)
    path.write_bytes(path.read_bytes()[:-1])

    assert texts(journal) == TEXTS[:-1]
