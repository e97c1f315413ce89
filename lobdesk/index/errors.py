"""What can go wrong with the index, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lobdesk.errors import CatalogError, JournalError, did_you_mean, nearest

if TYPE_CHECKING:
    from pathlib import Path


class IndexMissingError(CatalogError):
    """There is no published index yet."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        super().__init__(f"{data_dir}: there is no index; run: lobdesk index")


class IndexUnreadableError(CatalogError):
    """The published index is damaged, foreign or of another version."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}; it is disposable, rebuild it with: lobdesk index")


class IndexBusyError(CatalogError):
    """Another process is writing the index."""

    def __init__(self, path: Path, holder: str) -> None:
        self.path = path
        self.holder = holder
        super().__init__(f"{path}: another indexer is at work ({holder}); try again when it ends")


class IndexWriteError(CatalogError):
    """A file of the index cannot be written, for example because the disk is full."""

    def __init__(self, path: Path, error: Exception) -> None:
        self.path = path
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        super().__init__(
            f"{path}: cannot be written: {reason}; the journal and what was indexed before are "
            "untouched: when that is put right (is the disk full?), run: lobdesk index"
        )


class NewerJournalError(JournalError):
    """A journal was written by a newer lobdesk."""

    def __init__(self, path: Path, offset: int, version: int, known: int) -> None:
        self.path = path
        self.version = version
        super().__init__(
            f"{path}: the line at byte {offset} has version {version}, this lobdesk reads "
            f"version {known}: update lobdesk"
        )


class UnknownSymbolError(CatalogError):
    """The index has no rows of a symbol."""

    exit_code: ClassVar[int] = 2

    def __init__(self, symbol: str, known: list[str]) -> None:
        self.symbol = symbol
        self.known = known
        names = ", ".join(known) if known else "none"
        near = nearest(symbol, known)
        hint = f"did you mean {near!r}? " if near else ""
        super().__init__(f"{symbol!r} is not indexed; {hint}indexed are: {names}")


class UnknownSourceError(CatalogError):
    """The index has nothing of a symbol from the source that was named."""

    exit_code: ClassVar[int] = 2

    def __init__(self, symbol: str | None, source: str, known: list[str]) -> None:
        self.symbol = symbol
        self.source = source
        self.known = known
        what = f"{symbol}: {source!r} does not have it" if symbol else f"{source!r} is not indexed"
        super().__init__(f"{what}; {did_you_mean(source, known)}")


class BookMissingError(CatalogError):
    """There is no book at or before an instant."""

    def __init__(self, symbol: str, time: str) -> None:
        self.symbol = symbol
        super().__init__(
            f"{symbol}: the first book is after {time}" if time else f"{symbol}: has no books"
        )


class SourceNeededError(CatalogError):
    """An event's number means nothing without its source."""

    exit_code: ClassVar[int] = 2

    def __init__(self, symbol: str | None, known: list[str]) -> None:
        self.symbol = symbol
        self.known = known
        names = ", ".join(known) if known else "none"
        place = f"{symbol}: " if symbol else ""
        super().__init__(f"{place}events count in each source; name one with --source: {names}")


class LineMissingError(CatalogError):
    """The journal's line behind a row cannot be shown."""

    def __init__(self, source: str, seq: int, reason: str) -> None:
        self.source = source
        self.seq = seq
        super().__init__(f"{source}: event {seq}: {reason}")


class QueryError(CatalogError):
    """A query is wrong, was refused or failed; the message is one line."""


class WrongQuestionError(QueryError):
    """What was asked for does not exist: a shipped query, its parameter, a symbol, a source."""

    exit_code: ClassVar[int] = 2


class QueryTimeoutError(QueryError):
    """A query was stopped at its deadline."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        super().__init__(f"the query was stopped after {timeout_s:g} s, the time that it had")


class QueryCancelledError(QueryError):
    """A query was stopped by its owner."""

    def __init__(self) -> None:
        super().__init__("the query was cancelled")


class FenceError(QueryError):
    """No fence by the operating system can be set up around a query."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"SQL from outside is refused: {reason}; run it without a fence, if you trust it, "
            "with: --unsafe-sql"
        )


class RecordsError(CatalogError):
    """Market data records cannot be written or opened."""
