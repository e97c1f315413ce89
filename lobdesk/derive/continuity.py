"""One symbol over several connections: which of their frames tell something new.

Each connection has a verified book of its own. All of them say the same in the same order, earlier
or later, so the states that were written are one sequence, and each connection is at a place in
it. Only a connection whose book *is* the last written state may go on with its next frame: that
proves that nothing lies between. A frame is known by its text, the state after a snapshot by its
exchange time and checksum.
"""

from __future__ import annotations

import struct
import zlib
from collections import deque
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

WRITTEN = 1024
"""States that are remembered; a connection that lags by more is lost sight of."""

AHEAD = 256
"""Frames that are remembered of a connection whose place is not known, or ahead."""

UNKNOWN = -1


class FollowerState(msgspec.Struct, frozen=True, array_like=True):
    """A connection in a checkpoint: ``[place, beyond]``."""

    place: int
    beyond: bytes


class ContinuityState(msgspec.Struct, frozen=True, array_like=True):
    """A symbol in a checkpoint, lists of numbers as eight bytes each."""

    head: int
    head_ts_us: int
    keys: bytes
    marks: bytes
    followers: dict[int, FollowerState]
    passed_over: list[int]


class _Follower:
    """A connection's place: that of its last frame that was written, and its frames after it."""

    __slots__ = ("beyond", "place")

    def __init__(self, place: int = UNKNOWN, beyond: Iterable[int] = ()) -> None:
        self.place = place
        self.beyond = deque(beyond, AHEAD)

    @property
    def holds(self) -> bool:
        return self.place != UNKNOWN and not self.beyond


class Continuity:
    """What was written of one symbol, and where each connection is."""

    def __init__(self, holders: Iterable[int] = ()) -> None:
        """Begin.

        Args:
            holders: Connections whose book is the last written state.
        """
        self._head = self._head_ts_us = 0
        self._passed_over: set[int] = set()
        self._ring: deque[tuple[int, int]] = deque()
        self._places: dict[int, int] = {}
        self._marks: dict[int, int] = {}
        self._followers = {conn: _Follower(0) for conn in holders}

    @property
    def is_held(self) -> bool:
        """Whether a connection can go on from the last written state, now or when it gets there."""
        return any(follower.holds for follower in self._followers.values())

    @property
    def ahead(self) -> list[int]:
        """Connections with verified frames that do not follow from the last written state."""
        return [conn for conn, follower in self._followers.items() if follower.beyond]

    def take(self, conn: int, text: str, exch_ts_us: int, checksum: int, *, anew: bool) -> bool:
        """Take a verified frame and tell whether its state is to be written.

        Args:
            conn: Connection.
            text: The frame.
            exch_ts_us: Its exchange time.
            checksum: Of the book after it.
            anew: It is a snapshot and replaced the book.
        """
        key = zlib.crc32(text.encode()) << 32 | checksum
        mark = (exch_ts_us & 0xFFFFFFFF) << 32 | checksum
        follower = self._followers.get(conn)
        if follower is None or anew:
            is_new = self._begin(conn, mark, exch_ts_us)
        else:
            is_new = self._go_on(follower, key)
        if is_new:
            self._write(conn, key, mark)
            self._head_ts_us = exch_ts_us
        return is_new

    def _begin(self, conn: int, mark: int, exch_ts_us: int) -> bool:
        self._followers.pop(conn, None)
        is_held = self.is_held
        follower = self._followers[conn] = _Follower(self._marks.get(mark, UNKNOWN))
        if is_held or UNKNOWN < follower.place < self._head:
            return False
        if exch_ts_us < self._head_ts_us and conn not in self._passed_over:
            # A line that lags: it will come to the last written state. But an exchange's clock may
            # be set back, so only once.
            self._passed_over.add(conn)
            return False
        return True

    def _go_on(self, follower: _Follower, key: int) -> bool:
        place = self._places.get(key)
        if place is not None:
            follower.place = place
            follower.beyond.clear()
            return False
        if follower.holds and follower.place == self._head:
            return True
        if not follower.beyond:
            # It was behind, and has a frame that the others did not have.
            follower.place = UNKNOWN
        follower.beyond.append(key)
        return False

    def lose(self, conn: int) -> None:
        """Forget a connection: its book is not verified any more."""
        self._followers.pop(conn, None)

    def _write(self, conn: int, key: int, mark: int) -> None:
        self._head += 1
        self._passed_over.clear()
        self._remember(key, mark, self._head)
        for other, follower in self._followers.items():
            if other == conn:
                follower.place = self._head
            elif key in follower.beyond:
                while follower.beyond.popleft() != key:
                    pass
                follower.place = self._head

    def _remember(self, key: int, mark: int, place: int) -> None:
        self._ring.append((key, mark))
        self._places[key] = self._marks[mark] = place
        if len(self._ring) > WRITTEN:
            old_key, old_mark = self._ring.popleft()
            oldest = place - WRITTEN
            if self._places.get(old_key) == oldest:
                del self._places[old_key]
            if self._marks.get(old_mark) == oldest:
                del self._marks[old_mark]

    def dump(self) -> ContinuityState:
        """Return everything, for ``load``."""
        return ContinuityState(
            self._head,
            self._head_ts_us,
            _pack([key for key, _ in self._ring]),
            _pack([mark for _, mark in self._ring]),
            {
                conn: FollowerState(follower.place, _pack(follower.beyond))
                for conn, follower in self._followers.items()
            },
            sorted(self._passed_over),
        )

    @classmethod
    def load(cls, state: ContinuityState) -> Continuity:
        """Return what ``dump`` described."""
        made = cls()
        made._head, made._head_ts_us = state.head, state.head_ts_us
        made._passed_over = set(state.passed_over)
        pairs = list(zip(_unpack(state.keys), _unpack(state.marks), strict=True))
        for place, (key, mark) in enumerate(pairs, start=state.head - len(pairs) + 1):
            made._remember(key, mark, place)
        made._followers = {
            conn: _Follower(follower.place, _unpack(follower.beyond))
            for conn, follower in state.followers.items()
        }
        return made


def _pack(numbers: Iterable[int]) -> bytes:
    listed = list(numbers)
    return struct.pack(f"<{len(listed)}Q", *listed)


def _unpack(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(data) // 8}Q", data)
