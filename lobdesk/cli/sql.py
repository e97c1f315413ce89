"""``lobdesk sql``: ask the index."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lobdesk.cli.options import data_dir_option, data_paths
from lobdesk.errors import SettingsError

if TYPE_CHECKING:
    from lobdesk.index import SqlResult

TABLE_ROWS = 100
FORMATS = ("table", "csv", "json", "jsonl", "parquet", "arrow")
BINARY = {"parquet", "arrow"}


@click.command("sql")
@click.argument("name", required=False)
@click.option("-c", "--command", "text", help="The query.")
@click.option(
    "-f", "--file", "file", type=click.Path(dir_okay=False, path_type=Path), help="A file with it."
)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True,
    help="Form of the answer.",
)  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(min=0), help=f"Most rows (table: {TABLE_ROWS}; others: all)."
)
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0.1), default=60.0,
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
    form: str,
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
    """
    from lobdesk.index.queries import list_queries

    query = _query(name, text, file)
    if query is None:
        for one in list_queries():
            click.echo(f"{one.name:<22} {one.text}")
        return
    root = data_paths(data_dir).root
    if limit is None and form == "table":
        limit = TABLE_ROWS
    if form in BINARY:
        _write_binary(
            root, query, form, output, limit=limit, timeout_s=timeout_s, is_unsafe=is_unsafe
        )
        return
    from lobdesk.index.user_sql import run_user_sql

    result = run_user_sql(root, query, limit=limit, timeout_s=timeout_s, is_unsafe=is_unsafe)
    _print(result, form, output)
    for note in result.notes:
        click.echo(f"warning: {note}", err=True)
    if result.is_cut:
        click.echo(_cut_note(len(result.rows)), err=True)


def _query(name: str | None, text: str | None, file: Path | None) -> str | None:
    from lobdesk.index.queries import load_query

    given = [one for one in (name, text, file) if one is not None]
    if len(given) > 1:
        raise SettingsError("sql", "", "give one of NAME, -c and -f")
    if text is not None:
        return text
    if file is not None:
        try:
            return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
            raise SettingsError(str(file), "", f"cannot be read: {reason}") from error
    return load_query(name).sql if name is not None else None


def _write_binary(
    root: Path,
    query: str,
    form: str,
    output: Path | None,
    *,
    limit: int | None,
    timeout_s: float,
    is_unsafe: bool,
) -> None:
    from lobdesk.index.export import write_arrow
    from lobdesk.index.user_sql import write_user_sql

    if output is None:
        raise SettingsError("sql", "--output", f"{form} is not text; name a file with -o")
    write = write_user_sql if form == "parquet" else write_arrow
    rows, is_cut = write(root, query, output, limit=limit, timeout_s=timeout_s, is_unsafe=is_unsafe)
    click.echo(f"{rows:,} rows in {output}", err=True)
    if is_cut:
        click.echo(_cut_note(rows), err=True)


def _print(result: SqlResult, form: str, output: Path | None) -> None:
    from lobdesk.index.export import render

    if output is None:
        for piece in render(result, form):
            click.echo(piece, nl=False)
        return
    try:
        with output.open("w", encoding="utf-8", newline="") as stream:
            stream.writelines(render(result, form))
    except OSError as error:
        raise SettingsError(str(output), "", f"cannot be written: {error.strerror}") from error


def _cut_note(rows: int) -> str:
    return f"cut after {rows:,} rows; there are more: raise --limit"
