"""Everything lobdesk raises on purpose.

LobdeskError
├── SettingsError           a setting, flag or configuration file is wrong       exit 2
│   └── MissingExtraError   an optional part is not installed                    exit 2
├── FeedError               what an exchange sent, or that it sent nothing       exit 3
├── JournalError            the JSONL logs                                       exit 1
├── IntegrityError          stored data contradict themselves                    exit 4
├── ImportFormatError       a foreign file cannot be read as what it should be   exit 1
├── CatalogError            the index and SQL over it                            exit 1
├── WindowError             features, normalization, window stores               exit 1
├── DatasetError            targets and splits                                   exit 1
├── TrainingError           models, runs, checkpoints                            exit 1
├── BacktestError           market data, scenarios, orders, strategies           exit 1
├── JobError                background workers                                   exit 1
├── RunError                the registry of runs                                 exit 1
├── EngineNotBuiltError     the native module is missing                         exit 1
└── EngineError             the native engine (defined there)                    exit 1
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

NEAR_ENOUGH = 0.5


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that a mistyped one most likely means, in whatever case."""
    folded = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=NEAR_ENOUGH)
    return folded[near[0]] if near else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return what to say about an unknown name: the nearest known one, else all of them."""
    names = list(known)
    near = nearest(name, names)
    return f"did you mean {near!r}?" if near else f"known are {', '.join(names) or 'none'}"


class LobdeskError(Exception):
    """Root of all errors that lobdesk raises on purpose.

    Attributes:
        exit_code: What the command line ends with when this error reaches it.
    """

    exit_code: ClassVar[int] = 1


class SettingsError(LobdeskError):
    """A setting is unknown, malformed or out of range."""

    exit_code: ClassVar[int] = 2

    def __init__(self, origin: str, key: str, reason: str) -> None:
        self.origin = origin
        self.key = key
        self.reason = reason
        super().__init__(
            f"{origin}: {key}: {reason}" if key not in ("", origin) else f"{origin}: {reason}"
        )


class MissingExtraError(SettingsError, ImportError):
    """A command or module needs an optional part that is not installed."""

    def __init__(self, extra: str, needed_for: str) -> None:
        self.extra = extra
        super().__init__(
            needed_for, "", f'needs the extra "{extra}"; run: pip install "lobdesk[{extra}]"'
        )


class FeedError(LobdeskError):
    """An exchange sent something we cannot use, or nothing at all."""

    exit_code: ClassVar[int] = 3


class JournalError(LobdeskError):
    """A journal cannot be written or read."""


class IntegrityError(LobdeskError):
    """Stored data contradict themselves."""

    exit_code: ClassVar[int] = 4


class ImportFormatError(LobdeskError):
    """A file is not what its format says, at a place that is named."""

    def __init__(self, path: Path, where: str, reason: str) -> None:
        self.path = path
        self.where = where
        self.reason = reason
        super().__init__(f"{path}:{where}: {reason}" if where else f"{path}: {reason}")


class CatalogError(LobdeskError):
    """The index is missing, foreign or cannot answer."""


class WindowError(LobdeskError):
    """Windows cannot be built or a store cannot be opened."""


class DatasetError(LobdeskError):
    """A target or split is impossible or would leak."""


class TrainingError(LobdeskError):
    """A training run cannot start or go on."""


class BacktestError(LobdeskError):
    """A backtest was given data, orders or a scenario it must refuse."""


class JobError(LobdeskError):
    """A background job cannot be started, found or stopped."""


class RunError(LobdeskError):
    """A run cannot be created, found or read."""


class EngineNotBuiltError(LobdeskError, ImportError):
    """The native module is missing or cannot be loaded."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the native engine cannot be loaded ({reason}); build it: pip install -e .  "
            "(or: cmake -S . -B build && cmake --build build)"
        )
