"""Queries that ship with lobdesk, one ``.sql`` file each, and the macros that they share.

The comment at the head of a file is its description: a sentence, a paragraph, and a line for each
parameter (``param name = default: text``) and column (``column name (unit): text``).
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lobdesk.errors import nearest
from lobdesk.index.errors import WrongQuestionError

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent
SHARED = "macros"
PARAMETER = re.compile(r"param (?P<name>\w+) = (?P<default>\d+): (?P<text>.+)")
COLUMN = re.compile(r"column (?P<name>\w+)(?: \((?P<unit>[^)]+)\))?: (?P<text>.+)")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that changes what a query returns.

    Attributes:
        name: Of the SQL variable.
        default: Its value if it is not set.
        text: What it is, with its unit.
    """

    name: str
    default: int
    text: str


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """One column of a query's result.

    Attributes:
        name: As in the result.
        unit: Empty for texts and plain numbers.
        text: What it is.
    """

    name: str
    unit: str
    text: str


@dataclass(frozen=True, slots=True)
class Query:
    """A shipped query.

    Attributes:
        name: File name without the suffix.
        text: One sentence.
        answers: What to know about the answer.
        parameters: Besides source, symbol, and times.
        columns: Of the result, in order.
        sql: The whole file.
    """

    name: str
    text: str
    answers: str
    parameters: tuple[Parameter, ...]
    columns: tuple[ResultColumn, ...]
    sql: str

    def describe(self) -> str:
        """Return the description for a person."""
        lines = [f"{self.name}: {self.text}", "", self.answers, ""]
        if self.parameters:
            lines.append("parameters (--param name=value):")
            lines += [f"  {one.name:<16} {one.default:<8} {one.text}" for one in self.parameters]
            lines.append("")
        lines.append("columns:")
        for one in self.columns:
            lines.append(f"  {one.name:<18} {one.unit:<16} {one.text}".rstrip())
        return "\n".join(lines)

    def facts(self) -> dict[str, Any]:
        """Return the description for a program: all but the SQL."""
        found = dataclasses.asdict(self)
        del found["sql"]
        return found

    def parameter_names(self) -> str:
        """Return the names of the parameters for a person."""
        return ", ".join(parameter.name for parameter in self.parameters) or "none"

    def read_parameters(self, given: Mapping[str, str]) -> dict[str, float]:
        """Return the values of parameters that a person typed.

        Raises:
            WrongQuestionError: The query has no such parameter, or it is no number above zero.
        """
        known = [parameter.name for parameter in self.parameters]
        values: dict[str, float] = {}
        for name, text in given.items():
            if name not in known:
                offered = self.parameter_names()
                raise WrongQuestionError(
                    f"{self.name} has no parameter {name!r}; it has: {offered}"
                )
            values[name] = _number(name, text)
        return values


def list_queries() -> list[Query]:
    """Return the shipped queries by name."""
    return [_read(path) for path in sorted(FOLDER.glob("*.sql")) if path.stem != SHARED]


def load_query(name: str) -> Query:
    """Return one shipped query.

    Raises:
        WrongQuestionError: There is none of that name.
    """
    known = {query.name: query for query in list_queries()}
    if name in known:
        return known[name]
    near = nearest(name, known)
    hint = f"did you mean {near!r}?" if near else "see: lobdesk sql"
    if any(char.isspace() for char in name.strip()):
        hint = "SQL goes behind -c"
    raise WrongQuestionError(f"{name!r} is not a shipped query; {hint}")


def shared_macros() -> str:
    """Return the SQL that defines what the queries share."""
    return (FOLDER / f"{SHARED}.sql").read_text(encoding="utf-8")


def _read(path: Path) -> Query:
    sql = path.read_text(encoding="utf-8")
    lines = [line[2:].strip() for line in _head(sql)]
    parameters = [found for line in lines if (found := PARAMETER.fullmatch(line))]
    columns = [found for line in lines if (found := COLUMN.fullmatch(line))]
    prose = [
        line for line in lines[1:] if not (PARAMETER.fullmatch(line) or COLUMN.fullmatch(line))
    ]
    return Query(
        name=path.stem,
        text=lines[0],
        answers="\n".join(prose).strip(),
        parameters=tuple(Parameter(m["name"], int(m["default"]), m["text"]) for m in parameters),
        columns=tuple(ResultColumn(m["name"], m["unit"] or "", m["text"]) for m in columns),
        sql=sql,
    )


def _head(sql: str) -> list[str]:
    lines = sql.splitlines()
    end = next((i for i, line in enumerate(lines) if not line.startswith("--")), len(lines))
    return lines[:end]


def _number(name: str, text: str) -> float:
    try:
        value = int(text) if text.isascii() and text.isdigit() else float(text)
    except ValueError:
        value = -1
    if not 0 < value < 1e12:
        raise WrongQuestionError(f"parameter {name} is {text!r}; a number above zero is expected")
    return value
