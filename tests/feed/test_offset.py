"""The exchange's clock from pings: exact on a symmetric line, bounded by half the round trip."""

from __future__ import annotations

import random

from lobdesk.feed import OffsetProbe
from lobdesk.feed.offset import NOTE_INTERVAL_S
from lobdesk.feed.requests import ping_request
from lobdesk.units import format_rfc3339_us

START_US = 1_785_552_833_000_000


def ask(probe: OffsetProbe, number: int, at_us: int, there_us: int, back_us: int, off_us: int):
    """Send one ping at a wall clock and let the pong come back; the exchange takes 30 us."""
    probe.sent(ping_request(number), at_us, at_us - START_US)
    time_in, time_out = at_us + there_us + off_us, at_us + there_us + off_us + 30
    frame = (
        f'{{"method":"pong","req_id":{number},"time_in":"{format_rfc3339_us(time_in)}",'
        f'"time_out":"{format_rfc3339_us(time_out)}"}}'
    )
    recv_us = at_us + there_us + 30 + back_us
    probe.received(frame, recv_us, recv_us - START_US)


def test_symmetric_line_gives_the_offset_exactly() -> None:
    probe = OffsetProbe(0.0)

    ask(probe, 1, START_US, 20_000, 20_000, -7_000)

    assert probe.best == (-7_000, 40_000)


def test_quickest_of_the_last_pings_counts_and_the_error_is_within_half_its_round_trip() -> None:
    chance = random.Random(3)
    for _ in range(50):
        probe, off_us = OffsetProbe(0.0), chance.randrange(-(10**6), 10**6)
        for number in range(12):
            there, back = (10_000 + int(chance.expovariate(1e-4)) for _ in range(2))
            ask(probe, number, START_US + number * 10**7, there, back, off_us)
        assert abs(probe.best.offset_us - off_us) <= probe.best.round_trip_us / 2


def test_clock_that_is_set_meanwhile_discards_what_was_measured_before() -> None:
    probe = OffsetProbe(0.0)
    ask(probe, 1, START_US, 100, 100, 0)
    hour_us = 3_600_000_000
    probe.sent(ping_request(2), START_US, 1_000_000)
    time_us = START_US + 20_000
    frame = (
        f'{{"method":"pong","req_id":2,"time_in":"{format_rfc3339_us(time_us)}",'
        f'"time_out":"{format_rfc3339_us(time_us)}"}}'
    )

    probe.received(frame, START_US + 40_000 + hour_us, 1_040_000)

    assert probe.best == (-hour_us, 40_000)


def test_notes_come_once_a_minute_with_the_range_and_the_least_lag() -> None:
    probe = OffsetProbe(0.0)
    assert probe.note(0.0) is None
    noted = []
    for number in range(20):
        probe.on_lag(5_000 - number)
        ask(probe, number, START_US + number * 10**7, 20_000, 20_000 + 2 * number, 0)
        facts = probe.note(number * 10.0)
        if facts is not None:
            noted.append((number, facts))

    assert [number for number, _ in noted] == [0, 6, 12, 18]
    assert NOTE_INTERVAL_S == 60.0
    assert noted[1][1] == {
        "offset_us": 0,
        "round_trip_us": 40_000,
        "offset_min_us": -6,
        "offset_max_us": -1,
        "pings": 6,
        "lag_min_us": 4_994,
    }


def test_pong_that_was_not_asked_for_or_is_no_sense_is_ignored() -> None:
    probe = OffsetProbe(0.0)
    for frame in ('{"method":"pong","req_id":5}', "{", '{"req_id":"x"}', '{"time_in":"soon"}'):
        probe.received(frame, START_US, 0)
    ask(probe, 1, START_US, 1, 1, 0)
    ask(probe, 1, START_US, 1, 1, 0)

    assert probe.best is not None
