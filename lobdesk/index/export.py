"""Query results as text and files."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lobdesk.errors import MissingExtraError
from lobdesk.index.table import draw
from lobdesk.index.user_sql import DEFAULT_TIMEOUT_S, write_user_sql
from lobdesk.progress import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lobdesk.index.result import SqlResult
    from lobdesk.index.user_sql import Answer, Written

NUMBERS = ("INT", "DECIMAL", "DOUBLE", "FLOAT")
WIDEST = 60


def render(result: SqlResult | Answer, form: str, *, width: int | None = None) -> Iterator[str]:
    """Yield a result as ``table``, ``csv``, ``json`` or ``jsonl``, in pieces.

    Args:
        result: The rows.
        form: One of these.
        width: Of the terminal that it goes to; None if it goes elsewhere, where nothing is changed.
    """
    forms = {"csv": _csv, "json": _json, "jsonl": _jsonl}
    pieces = _table(result, width) if form == "table" else forms[form](result)
    if width is None or form == "table":
        yield from pieces
        return
    for piece in pieces:
        yield "\n".join(map(printable, piece.split("\n")))


def plain(value: object) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value as JSON can hold it without loss.

    Integers stay integers whatever their size; decimals become strings without trailing zeros;
    times become ISO strings; floats that are no number become ``"NaN"``, ``"Infinity"`` or
    ``"-Infinity"``; bytes become hexadecimal strings.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _no_number(value)
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    return _text(value)


def decimal_text(value: Decimal) -> str:
    """Return an exact decimal without an exponent and without zeros behind its last digit."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


def cell(value: object) -> str:
    """Return a value for a person's eyes."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    found = plain(value)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def write_arrow(
    data_dir: Path | str,
    text: str,
    path: Path,
    *,
    limit: int | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    is_unsafe: bool = False,
    variables: Mapping[str, str | float] | None = None,
) -> Written:
    """Run one SELECT from outside and write its rows to an Arrow IPC file.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - only here, and optional
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError:
        raise MissingExtraError("dev", "the format arrow (pyarrow)") from None
    with tempfile.TemporaryDirectory(prefix="lobdesk-arrow-") as folder:
        parquet = Path(folder) / "rows.parquet"
        written = write_user_sql(
            data_dir, text, parquet, limit=limit, timeout_s=timeout_s, is_unsafe=is_unsafe,
            variables=variables,
        )  # fmt: skip
        table = pq.read_table(parquet)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    return written


def _table(result: SqlResult | Answer, width: int | None) -> Iterator[str]:
    rows = [[_short(cell(value)) for value in row] for row in result.rows]
    numbers, shrinkable = set(), set()
    for column, kind in enumerate(result.types):
        if any(word in kind for word in NUMBERS) and "[" not in kind:
            numbers.add(column)
        elif not kind.startswith(("TIMESTAMP", "DATE", "TIME", "BOOLEAN")):
            shrinkable.add(column)
    yield from draw(result.columns, rows, numbers=numbers, shrinkable=shrinkable, width=width)


def _short(text: str) -> str:
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"


def _csv(result: SqlResult | Answer) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(result.columns)
    for row in result.rows:
        writer.writerow([_csv_cell(value) for value in row])
        if buffer.tell() > 1 << 16:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _csv_cell(value: object) -> object:
    found = plain(value)
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, list | dict):
        return json.dumps(found)
    return found if not isinstance(found, float) else repr(found)


def _json(result: SqlResult | Answer) -> Iterator[str]:
    yield "["
    separator = ""
    for text in _objects(result):
        yield f"{separator}\n{text}"
        separator = ","
    yield "\n]\n" if separator else "]\n"


def _jsonl(result: SqlResult | Answer) -> Iterator[str]:
    for text in _objects(result):
        yield text + "\n"


def _objects(result: SqlResult | Answer) -> Iterator[str]:
    names = unique_names(result.columns)
    for row in result.rows:
        yield json.dumps({name: plain(value) for name, value in zip(names, row, strict=True)})


def unique_names(columns: Sequence[str]) -> list[str]:
    """Return the names with ``_2``, ``_3``, … behind repeated ones, so that none is lost."""
    seen: dict[str, int] = {}
    names = []
    for name in columns:
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return names


def _no_number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
