"""``lobdesk import``: take recordings of others into the journal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lobdesk.cli.options import (
    data_dir_option,
    data_paths,
    json_option,
    print_json,
    progress_option,
)

if TYPE_CHECKING:
    from lobdesk.importers import ImportReport

NAMES = (
    "auto",
    "cbcap",
    "jsonl",
    "cryptofeed",
    "hftbacktest",
    "lobster",
    "databento-csv",
    "bitstamp",
    "lob10",
    "fi2010",
)


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_name",
    type=click.Choice(NAMES),
    default="auto",
    show_default=True,
    help="Format of the files; auto looks at their content.",
)
@click.option(
    "--as-one",
    is_flag=True,
    help="The files are one recording that was cut, in this order: books go on over the cuts.",
)
@data_dir_option
@json_option
@progress_option
def import_command(
    *,
    files: tuple[Path, ...],
    format_name: str,
    as_one: bool,
    data_dir: Path | None,
    as_json: bool,
    progress: str,
) -> None:
    """Take recordings of others into the journal, each file as its own source.

    A file that was imported before is recognized by its content and skipped (exit code 0). A
    damaged file is refused whole; the files before it stay imported.
    """
    from lobdesk.importers import import_as_one
    from lobdesk.progress import make_progress

    paths = data_paths(data_dir)
    reporter = make_progress(progress)
    reports: list[ImportReport] = []
    try:
        for group in [files] if as_one else [(file,) for file in files]:
            report = import_as_one(paths, group, format_name=format_name, progress=reporter)
            reports.append(report)
            if not as_json:
                click.echo(_describe(report))
    except BaseException:
        reporter.finish("failed", files=len(reports))
        raise
    reporter.finish("finished", files=len(reports))
    if as_json:
        print_json({"sources": [_to_json(report) for report in reports]})


def _describe(report: ImportReport) -> str:
    source = report.source
    if not report.is_new:
        return f"{source.file}: already imported as {source.id}"
    return f"{source.file}: {source.frames:,} frames imported as {source.id}"


def _to_json(report: ImportReport) -> dict[str, object]:
    import msgspec

    facts: dict[str, object] = msgspec.to_builtins(report.source)
    return {**facts, "state": "imported" if report.is_new else "already_imported"}
