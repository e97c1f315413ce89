"""How far the exchange's clock is from ours, estimated from pings as NTP does it."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import msgspec

from lobdesk.units import parse_rfc3339_us

SAMPLES = 8
"""The sample with the shortest round trip among so many counts: queues only ever add delay."""

NOTE_INTERVAL_S = 60.0
MAX_PENDING = 16


class Offset(NamedTuple):
    """An estimate.

    Attributes:
        offset_us: The exchange's clock minus ours; off by at most half the round trip.
        round_trip_us: Time on the way there and back, without the exchange's own.
    """

    offset_us: int
    round_trip_us: int


class _Pong(msgspec.Struct):
    req_id: int = 0
    time_in: str = ""
    time_out: str = ""


class _Ping(msgspec.Struct):
    req_id: int = 0
    method: str = ""


_ping = msgspec.json.Decoder(_Ping)
_pong = msgspec.json.Decoder(_Pong)


class OffsetProbe:
    """Takes pings and pongs of one connection, and the lag of its frames.

    Attributes:
        best: The present estimate; None before the first pong.
    """

    def __init__(self, now_s: float) -> None:
        """Begin; the first note is due after the first pong.

        Args:
            now_s: A monotonic clock.
        """
        self.best: Offset | None = None
        self._samples: deque[Offset] = deque(maxlen=SAMPLES)
        self._pending: dict[int, tuple[int, int]] = {}
        self._next_note_s = now_s
        self._since_note: list[Offset] = []
        self._lag_min_us: int | None = None

    def sent(self, text: str, recv_ts_us: int, mono_us: int) -> None:
        """Hear of a request; only pings count."""
        if not text.startswith('{"method":"ping"'):
            return
        if len(self._pending) >= MAX_PENDING:
            self._pending.clear()
        self._pending[_ping.decode(text).req_id] = (recv_ts_us, mono_us)

    def received(self, frame: str, recv_ts_us: int, mono_us: int) -> None:
        """Hear of a pong, with the clocks at its receipt."""
        try:
            pong = _pong.decode(frame)
            there_us, back_us = parse_rfc3339_us(pong.time_in), parse_rfc3339_us(pong.time_out)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
            return
        sent = self._pending.pop(pong.req_id, None)
        if sent is None:
            return
        elapsed_us = mono_us - sent[1]
        # The wall clock may have been set meanwhile; the monotonic one tells what passed.
        sent_us = recv_ts_us - elapsed_us
        sample = Offset(
            offset_us=(there_us - sent_us + back_us - recv_ts_us) // 2,
            round_trip_us=max(0, elapsed_us - (back_us - there_us)),
        )
        if abs(recv_ts_us - mono_us - (sent[0] - sent[1])) > 1000:
            self.clock_was_set()
        self._samples.append(sample)
        self._since_note.append(sample)
        self.best = min(self._samples, key=lambda one: one.round_trip_us)

    def clock_was_set(self) -> None:
        """Forget estimates of the clock as it was."""
        self._samples.clear()
        self._lag_min_us = None

    def on_lag(self, lag_us: int) -> None:
        """Hear of a frame's receipt minus its exchange time: the way here, less the offset."""
        if self._lag_min_us is None or lag_us < self._lag_min_us:
            self._lag_min_us = lag_us

    def note(self, now_s: float) -> dict[str, int] | None:
        """Return the facts of a note where one is due: at most one a minute."""
        if self.best is None or not self._since_note or now_s < self._next_note_s:
            return None
        offsets = [sample.offset_us for sample in self._since_note]
        facts = {
            "offset_us": self.best.offset_us,
            "round_trip_us": self.best.round_trip_us,
            "offset_min_us": min(offsets),
            "offset_max_us": max(offsets),
            "pings": len(offsets),
        }
        if self._lag_min_us is not None:
            facts["lag_min_us"] = self._lag_min_us
        self._next_note_s = now_s + NOTE_INTERVAL_S
        self._since_note.clear()
        self._lag_min_us = None
        return facts
