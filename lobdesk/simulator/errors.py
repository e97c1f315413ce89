"""What can be wrong about a simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lobdesk.errors import ImportFormatError, LobdeskError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class SimulatorError(LobdeskError):
    """The simulated exchange cannot run."""


class AddressError(SimulatorError):
    """The simulator cannot listen where it was told to."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        self.host = host
        self.port = port
        hint = "--port 0 takes a free one" if port else "--host must be an address of this machine"
        super().__init__(f"cannot listen on {host}:{port}: {reason}; {hint}")


class UnknownSymbolError(SettingsError):
    """The synthetic market does not trade a symbol."""

    exit_code: ClassVar[int] = 2

    def __init__(self, symbol: str, known: Iterable[str]) -> None:
        self.symbol = symbol
        super().__init__("--symbols", symbol, f"not traded here; known are {', '.join(known)}")


class RecordingError(ImportFormatError):
    """A recording cannot be replayed; says where and why."""


class FaultScriptError(SettingsError):
    """A line of a fault script is wrong."""

    def __init__(self, path: Path, line: int, key: str, reason: str) -> None:
        self.path = path
        self.line = line
        super().__init__(f"{path}:{line}" if line else str(path), key, reason)
