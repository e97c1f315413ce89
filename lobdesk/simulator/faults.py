"""What goes wrong on purpose: a script of faults, one JSON object a line.

Each line has ``do`` and one trigger, ``after_frames`` (market frames sent to clients so far, with
``symbol`` only that pair's book frames) or ``at_s`` (seconds since the market began). Empty lines
and lines that begin with ``#`` are skipped.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Literal

import msgspec

from lobdesk.errors import did_you_mean
from lobdesk.simulator.errors import FaultScriptError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lobdesk.simulator.exchange import Frame

Action = Literal[
    "drop",
    "duplicate",
    "reorder",
    "corrupt",
    "malformed",
    "close",
    "silence",
    "refuse",
    "maintenance",
    "precision",
]
FRAME_ACTIONS = {"drop", "duplicate", "reorder", "corrupt"}
QUANTITY = re.compile(r'"qty":[\d.]+|(?:(?:add|modify)",|\{)"order_id":[^}]*"order_qty":[\d.]+')
MALFORMED = '{"channel":"book","type":"update","data":[{"symbol":"'


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the script.

    Attributes:
        do: ``drop``, ``duplicate``, ``reorder`` (swap with the next one) or ``corrupt`` (one digit)
            the next frames of a channel; send a ``malformed`` frame; ``close`` all connections;
            keep ``silence`` on them; ``refuse`` a symbol's subscriptions; announce ``maintenance``;
            give a symbol's prices more digits (``precision``).
        after_frames: Trigger: frames sent before.
        at_s: Trigger: seconds since the market began.
        symbol: Pair that the fault is about; empty means any.
        channel: Frames or subscriptions that are hit: ``book`` or ``level3``.
        count: Frames or subscriptions that are hit.
        for_s: How long a silence or maintenance lasts.
        code: WebSocket close code.
        line: Which connection is closed: 1 the one that is open longest, 0 all.
        text: The malformed frame.
        digits: How many digits a price gains.
    """

    do: Action
    after_frames: int | None = None
    at_s: float | None = None
    symbol: str = ""
    channel: Literal["book", "level3"] = "book"
    count: int = 1
    for_s: float = 1.0
    code: int = 1012
    line: int = 0
    text: str = MALFORMED
    digits: int = 1


def load_faults(path: Path) -> list[Fault]:
    """Read a fault script.

    Raises:
        FaultScriptError: The file cannot be read, or a line is wrong; names line and key.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise FaultScriptError(path, 0, "", f"cannot be read: {reason}") from error
    return [
        _parse(path, number, line)
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]


class FaultPlan:
    """A script and how far it has come.

    Attributes:
        done: Action → how often it has struck.
    """

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        self.done: Counter[str] = Counter()
        self._waiting = list(faults)
        self._armed: list[tuple[Fault, int]] = []
        self._seen: Counter[tuple[str, str]] = Counter()
        self._held: Frame | None = None

    def due(self, elapsed_s: float) -> list[Fault]:
        """Return faults of the whole exchange that strike now; arm those that strike frames."""
        struck = [fault for fault in self._waiting if self._is_due(fault, elapsed_s)]
        if not struck:
            return []
        self._waiting = [fault for fault in self._waiting if fault not in struck]
        now = []
        for fault in struck:
            if fault.do in FRAME_ACTIONS or fault.do == "refuse":
                self._armed.append((fault, fault.count))
            else:
                self.done[fault.do] += 1
                now.append(fault)
        return now

    def refuses(self, symbol: str, channel: str = "book") -> bool:
        """Tell whether a subscription is refused now; each refusal uses one of ``count``."""
        return self._strike({"refuse"}, symbol, channel) is not None

    def alter(self, frame: Frame) -> list[Frame]:
        """Return what is sent instead of a frame."""
        self._arm_by_count()
        for channel in ("book", "level3"):
            self._seen[channel, ""] += frame.channel in {channel, "trade"}
        if frame.channel not in {"book", "level3"}:
            return [frame]
        self._seen[frame.channel, frame.symbol] += 1
        is_armed = bool(self._armed)
        fault = self._strike(FRAME_ACTIONS, frame.symbol, frame.channel) if is_armed else None
        action = fault.do if fault is not None else ""
        if action == "drop":
            return []
        if action == "reorder" and self._held is None:
            self._held = frame
            return []
        if action == "corrupt":
            frame = frame._replace(text=corrupt_digit(frame.text))
        released = self._release(frame)
        return [*released, frame] if action == "duplicate" else released

    def _release(self, frame: Frame) -> list[Frame]:
        """Send a frame that was held back after the next one of its symbol."""
        held = self._held
        if held is None or held[1:] != frame[1:]:
            return [frame]
        self._held = None
        return [frame, held]

    def _arm_by_count(self) -> None:
        """Arm what strikes at this very frame, so that a script strikes the same one each time."""
        for fault in [f for f in self._waiting if f.do in FRAME_ACTIONS and self._is_counted(f)]:
            self._waiting.remove(fault)
            self._armed.append((fault, fault.count))

    def _is_counted(self, fault: Fault) -> bool:
        if fault.after_frames is None:
            return False
        return self._seen[fault.channel, fault.symbol] >= fault.after_frames

    def _strike(self, actions: set[str], symbol: str, channel: str) -> Fault | None:
        for at, (fault, left) in enumerate(self._armed):
            is_meant = fault.symbol in {"", symbol} and fault.channel == channel
            if fault.do in actions and is_meant:
                self._armed[at] = (fault, left - 1)
                if left == 1:
                    del self._armed[at]
                self.done[fault.do] += 1
                return fault
        return None

    def _is_due(self, fault: Fault, elapsed_s: float) -> bool:
        is_time = fault.at_s is not None and elapsed_s >= fault.at_s
        return is_time or self._is_counted(fault)


def corrupt_digit(text: str) -> str:
    """Return a frame that differs in one character that matters.

    It is the last digit of the first quantity, or, where all that a level-3 frame does is to delete
    orders, the last one of the first order's name.
    """
    found = QUANTITY.search(text)
    if found is not None:
        end = found.end()
        return f"{text[: end - 1]}{(int(text[end - 1]) + 1) % 10}{text[end:]}"
    end = text.index('"', text.index('"order_id":"') + len('"order_id":"'))
    other = "2" if text[end - 1] != "2" else "3"
    return f"{text[: end - 1]}{other}{text[end:]}"


def _explain(message: str) -> tuple[str, str]:
    """Return key and reason of what msgspec found wrong."""
    reason, _, where = message.partition(" - at `$.")
    _, unknown, name = reason.partition("unknown field `")
    if not unknown:
        return where.rstrip("`"), reason
    key = name.rstrip("`")
    return key, f"unknown key; {did_you_mean(key, Fault.__struct_fields__)}"


def _parse(path: Path, number: int, line: str) -> Fault:
    try:
        fault = msgspec.json.decode(line, type=Fault)
    except msgspec.ValidationError as error:
        raise FaultScriptError(path, number, *_explain(str(error))) from error
    except msgspec.DecodeError as error:
        raise FaultScriptError(path, number, "", f"is not JSON: {error}") from error
    if (fault.after_frames is None) == (fault.at_s is None):
        reason = "give exactly one of after_frames and at_s"
        raise FaultScriptError(path, number, "after_frames", reason)
    for key, least in (("after_frames", 0), ("at_s", 0), ("line", 0), ("count", 1)):
        value = getattr(fault, key)
        if value is not None and value < least:
            raise FaultScriptError(path, number, key, f"{value} is below {least}")
    if fault.do == "precision" and (not fault.symbol or not 1 <= fault.digits <= 3):
        raise FaultScriptError(path, number, "digits", "name a symbol and 1 to 3 digits")
    if fault.for_s <= 0:
        raise FaultScriptError(path, number, "for_s", f"{fault.for_s} is not above 0")
    if fault.do == "close" and not (1000 <= fault.code <= 1014 or 3000 <= fault.code <= 4999):
        raise FaultScriptError(path, number, "code", f"{fault.code} is no close code")
    return fault
