"""Where everything lives below one data directory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import platformdirs

APP_NAME = "lobdesk"
RECORDER_SOURCE = "recorder"


def encode_symbol(symbol: str) -> str:
    """Return a file name for a symbol; different symbols never share one."""
    return quote(symbol, safe="").replace(".", "%2E")


def decode_symbol(name: str) -> str:
    """Return the symbol of a file name made by ``encode_symbol``."""
    return unquote(name)


def home() -> Path | None:
    """Return the folder that ``LOBDESK_HOME`` names, under which everything lives."""
    value = os.environ.get("LOBDESK_HOME")
    return Path(value) if value else None


def default_data_dir() -> Path:
    """Return ``LOBDESK_DATA_DIR``, else ``LOBDESK_HOME/data``, else the platform's place."""
    value = os.environ.get("LOBDESK_DATA_DIR")
    if value:
        return Path(value)
    root = home()
    return root / "data" if root else platformdirs.user_data_path(APP_NAME)


def config_file() -> Path:
    """Return the user's configuration file, which need not exist."""
    root = home()
    return (root / "config" if root else platformdirs.user_config_path(APP_NAME)) / "config.toml"


def state_dir() -> Path:
    """Return the folder for history, layout and logs."""
    root = home()
    return root / "state" if root else platformdirs.user_state_path(APP_NAME)


@dataclass(frozen=True, slots=True)
class JournalRoot:
    """One journal: the logs of one recorder or one imported source.

    Attributes:
        source: ``recorder``, or the identifier an import was given.
        path: Folder with ``events/``, ``snapshots/`` and ``trades/``.
    """

    source: str
    path: Path


@dataclass(frozen=True, slots=True)
class DataPaths:
    """The layout of one data directory."""

    root: Path

    @property
    def recorder_journal(self) -> Path:
        """Journal of the recorder: ``<data>/l2``."""
        return self.root / "l2"

    @property
    def sources(self) -> Path:
        """Parent of the imported sources."""
        return self.root / "sources"

    def source_journal(self, source: str) -> Path:
        """Journal of one imported source: ``<data>/sources/<source>/l2``."""
        return self.sources / source / "l2"

    def journals(self) -> list[JournalRoot]:
        """Return the journals that exist, the recorder's first, then by name."""
        found = []
        if self.recorder_journal.is_dir():
            found.append(JournalRoot(RECORDER_SOURCE, self.recorder_journal))
        if self.sources.is_dir():
            found += [
                JournalRoot(folder.name, folder / "l2")
                for folder in sorted(self.sources.iterdir())
                if (folder / "l2").is_dir()
            ]
        return found

    @property
    def catalog(self) -> Path:
        """The published index."""
        return self.root / "catalog.duckdb"

    @property
    def lake(self) -> Path:
        """Immutable Parquet parts and market data records."""
        return self.root / "lake" / "v1"

    @property
    def rejects(self) -> Path:
        """Lines that could not be indexed."""
        return self.root / "rejects"

    @property
    def windows(self) -> Path:
        """Window stores, one folder each."""
        return self.root / "windows"

    @property
    def runs(self) -> Path:
        """Trainings and backtests, one folder each."""
        return self.root / "runs"

    @property
    def jobs(self) -> Path:
        """Background jobs, one folder each."""
        return self.root / "jobs"
