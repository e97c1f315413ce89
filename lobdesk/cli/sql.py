"""``lobdesk sql``: ask the index."""

from __future__ import annotations

import itertools
import os
import shlex
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lobdesk.cli.options import (
    Seconds,
    data_dir_option,
    data_paths,
    print_json,
    read_instant,
    terminal_width,
    warn,
)
from lobdesk.errors import SettingsError
from lobdesk.progress import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lobdesk.index.queries import Query
    from lobdesk.index.user_sql import Answer

TABLE_ROWS = 100
FORMATS = ("table", "csv", "json", "jsonl", "parquet", "arrow")
BINARY = {"parquet", "arrow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What is asked, and how it may run."""

    root: Path
    text: str
    limit: int | None
    timeout_s: float
    is_unsafe: bool
    variables: dict[str, str | float]


def _complete(_ctx: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    from lobdesk.index.queries import list_queries

    return [query.name for query in list_queries() if query.name.startswith(begun)]


@click.command("sql")
@click.argument("name", required=False, shell_complete=_complete)
@click.option("-c", "--command", "text", help="The query.")
@click.option(
    "-f", "--file", "file", type=click.Path(dir_okay=False, path_type=Path), help="A file with it."
)
@click.option("--describe", "is_described", is_flag=True, help="Only say what NAME answers.")
@click.option("--symbol", help="Shipped queries: only this pair.")
@click.option("--source", help="Shipped queries: only this source.")
@click.option("--from", "begin", help="Shipped queries: from this time on (RFC 3339 or µs).")
@click.option("--to", "end", help="Shipped queries: before this time.")
@click.option(
    "--param", "params", multiple=True, help="Shipped queries: NAME=VALUE, see --describe."
)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True,
    help="Form of the answer.",
)  # fmt: skip
@click.option(
    "--json", "as_json", is_flag=True,
    help="The same as --format json; also of the list and of --describe.",
)  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(min=0), help=f"Most rows (table: {TABLE_ROWS}; others: all)."
)
@click.option("--timeout", "timeout_s", type=Seconds(min=0.1), default=60.0,
              show_default=True, help="Seconds after which it is stopped.")  # fmt: skip
@click.option("--unsafe-sql", "is_unsafe", is_flag=True, help="Run even where no fence can be set.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path),
    help="File for the answer (needed for parquet and arrow).",
)  # fmt: skip
@data_dir_option
def sql_command(
    *,
    name: str | None,
    text: str | None,
    file: Path | None,
    is_described: bool,
    symbol: str | None,
    source: str | None,
    begin: str | None,
    end: str | None,
    params: tuple[str, ...],
    form: str,
    as_json: bool,
    limit: int | None,
    timeout_s: float,
    is_unsafe: bool,
    output: Path | None,
    data_dir: Path | None,
) -> None:
    """Ask the index in SQL, read-only.

    NAME is a shipped query; without any query the shipped ones are listed. The query runs in a
    process that can write nothing. JSON is one array of objects; integers are integers, decimals
    and times are strings. A cut answer says so on standard error.

    Times of --from and --to are exchange times of books and trades, receipts of raw events. In a
    query of your own the same values are getvariable('symbol'), 'source', 'from_us' and 'to_us',
    and WHERE in_scope(source, symbol, exch_ts_us) applies them.
    """
    if as_json:
        if form not in {"table", "json"}:
            raise SettingsError("sql", "--json", f"does not go with --format {form}")
        form = "json"
    query, text = _query(name, text, file)
    if is_described and text is not None and query is None:
        raise SettingsError("sql", "", "--describe goes with NAME")
    if text is None:
        _list_queries(as_json=form == "json")
        return
    if query is not None and is_described:
        print_json(query.facts()) if form == "json" else click.echo(query.describe())
        return
    question = _Question(
        root=data_paths(data_dir).root,
        text=text,
        limit=TABLE_ROWS if limit is None and form == "table" else limit,
        timeout_s=timeout_s,
        is_unsafe=is_unsafe,
        variables=_parameters(query, params) | _scope(symbol, source, begin, end),
    )
    if output is not None:
        _require_folder(output)
    if form in BINARY:
        _write_binary(question, form, output)
    else:
        _write_text(question, form, output, is_shipped=query is not None)


def _list_queries(*, as_json: bool) -> None:
    from lobdesk.index.other_views import OTHER_VIEWS
    from lobdesk.index.queries import list_queries
    from lobdesk.index.schema import TABLES

    if as_json:
        print_json([query.facts() for query in list_queries()])
        return
    queries = [(query.name, query.text) for query in list_queries()]
    width = terminal_width()
    if width is None:
        for name, text in queries:
            click.echo(f"{name:<22} {text}")
    else:
        formatter = click.HelpFormatter(width=width)
        formatter.write_dl(queries)
        click.echo(formatter.getvalue(), nl=False)
    click.echo("what one answers: lobdesk sql NAME --describe", err=True)
    tables = ", ".join([*TABLES, *(table.name for table in OTHER_VIEWS)])
    click.echo(f'your own: lobdesk sql -c "SELECT …" over {tables}', err=True)


def _query(
    name: str | None, text: str | None, file: Path | None
) -> tuple[Query | None, str | None]:
    from lobdesk.index.queries import load_query

    given = [one for one in (name, text, file) if one is not None]
    if len(given) > 1:
        raise SettingsError("sql", "", "give one of NAME, -c and -f")
    if name is not None:
        query = load_query(name)
        return query, query.sql
    if file is not None:
        try:
            text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
            raise SettingsError(str(file), "", f"cannot be read: {reason}") from error
    return None, text


def _parameters(query: Query | None, params: tuple[str, ...]) -> dict[str, str | float]:
    if query is None:
        if params:
            raise SettingsError("sql", "--param", "only shipped queries have parameters")
        return {}
    given: dict[str, str] = {}
    for param in params:
        key, sign, value = (part.strip() for part in param.partition("="))
        if not sign:
            offered = f"{query.name} has: {query.parameter_names()}"
            raise SettingsError("sql", "--param", f"{param!r} is not NAME=VALUE; {offered}")
        if key in given:
            raise SettingsError("sql", "--param", f"{key} is given twice")
        given[key] = value
    return dict(query.read_parameters(given))


def _scope(
    symbol: str | None, source: str | None, begin: str | None, end: str | None
) -> dict[str, str | float]:
    named = {"symbol": symbol, "source": source}
    found: dict[str, str | float] = {key: text for key, text in named.items() if text is not None}
    from_us = None if begin is None else read_instant(begin, "sql", "--from")
    to_us = None if end is None else read_instant(end, "sql", "--to")
    if from_us is not None and to_us is not None and to_us <= from_us:
        raise SettingsError("sql", "--to", "is not after --from")
    limits = {"from_us": from_us, "to_us": to_us}
    return found | {key: ts_us for key, ts_us in limits.items() if ts_us is not None}


def _write_binary(question: _Question, form: str, output: Path | None) -> None:
    from lobdesk.index.export import write_arrow
    from lobdesk.index.user_sql import write_user_sql

    if output is None:
        raise SettingsError("sql", "--output", f"{form} is not text; name a file with -o")
    write = write_user_sql if form == "parquet" else write_arrow
    with _whole(output) as partial:
        written = write(
            question.root, question.text, partial, limit=question.limit,
            timeout_s=question.timeout_s, is_unsafe=question.is_unsafe,
            variables=question.variables,
        )  # fmt: skip
    click.echo(printable(f"{written.rows:,} rows in {output}"), err=True)
    if written.note:
        warn(written.note)
    if written.is_cut:
        click.echo(_cut_note(written.rows), err=True)


def _write_text(question: _Question, form: str, output: Path | None, *, is_shipped: bool) -> None:
    from lobdesk.index.user_sql import open_user_sql

    with open_user_sql(
        question.root, question.text, limit=question.limit, timeout_s=question.timeout_s,
        is_unsafe=question.is_unsafe, variables=question.variables,
    ) as answer:  # fmt: skip
        first = next(answer.rows, None)
        if first is not None:
            answer.rows = itertools.chain([first], answer.rows)
        _print(answer, form, output)
    if is_shipped and form == "table" and first is not None:
        _tell_place(dict(zip(answer.columns, first, strict=True)), question.root)
    for note in answer.notes:
        warn(note)
    if answer.is_cut:
        click.echo(_cut_note(question.limit or 0), err=True)


def _tell_place(row: dict[str, Any], root: Path) -> None:
    """Say how to see the line behind the first row; others have another number and source."""
    if not {"seq", "source"} <= row.keys():
        return
    words = ["--seq", str(row["seq"]), "--source", row["source"], "--data-dir", str(root), "--raw"]
    symbol = [row["symbol"]] if row.get("symbol") else []
    command = printable(shlex.join(["lobdesk", "at", *symbol, *words]))
    click.echo(f"the first row's line: {command}", err=True)


def _print(answer: Answer, form: str, output: Path | None) -> None:
    from lobdesk.index.export import render

    if output is None:
        # Not by click, which takes control sequences out of what goes to a pipe.
        sys.stdout.writelines(render(answer, form, width=terminal_width()))
        return
    with _whole(output) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        stream.writelines(render(answer, form))


@contextmanager
def _whole(output: Path) -> Iterator[Path]:
    """Give a file to write, which becomes ``output`` at the end.

    A query that fails half-way, or a disk that is full, leaves no half answer under the name of a
    whole one, nor takes an earlier one away.
    """
    partial = output.with_name(f".{output.name}.part")
    try:
        yield partial
        partial.replace(output)
    except OSError as error:
        reason = error.strerror or str(error)
        raise click.ClickException(f"{output}: cannot be written: {reason}") from error
    finally:
        partial.unlink(missing_ok=True)


def _require_folder(output: Path) -> None:
    """Refuse a place that cannot be written before a query runs for a minute."""
    folder = output.absolute().parent
    if not folder.is_dir():
        raise SettingsError("sql", "--output", f"there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise SettingsError("sql", "--output", f"the folder {folder} cannot be written")


def _cut_note(rows: int) -> str:
    return f"cut after {rows:,} rows; there are more: raise --limit"
