"""Queries that ship with lobdesk, one ``.sql`` file each; the first line describes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lobdesk.errors import nearest
from lobdesk.index.errors import QueryError

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Query:
    """A shipped query.

    Attributes:
        name: File name without the suffix.
        text: One sentence.
        sql: The whole file.
    """

    name: str
    text: str
    sql: str


def list_queries() -> list[Query]:
    """Return the shipped queries by name."""
    return [_read(path) for path in sorted(FOLDER.glob("*.sql"))]


def load_query(name: str) -> Query:
    """Return one shipped query.

    Raises:
        QueryError: There is none of that name.
    """
    known = {query.name: query for query in list_queries()}
    if name in known:
        return known[name]
    near = nearest(name, known)
    hint = f"did you mean {near!r}?" if near else "see: lobdesk sql"
    raise QueryError(f"{name!r} is not a shipped query; {hint}")


def _read(path: Path) -> Query:
    sql = path.read_text(encoding="utf-8")
    return Query(path.stem, sql.partition("\n")[0].removeprefix("--").strip(), sql)
