"""``lobdesk index``: bring the index up to the journal."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import click

from lobdesk.cli.options import (
    data_dir_option,
    data_paths,
    json_option,
    print_json,
    progress_option,
)
from lobdesk.progress import make_progress

if TYPE_CHECKING:
    from pathlib import Path

    from lobdesk.index import IndexReport


@click.command("index")
@click.option("--rebuild", is_flag=True, help="Drop what the journal still holds and index anew.")
@data_dir_option
@json_option
@progress_option
def index_command(*, rebuild: bool, data_dir: Path | None, as_json: bool, progress: str) -> None:
    """Bring the index up to the journal.

    Doing it twice changes nothing; it may be killed at any moment. With --json it prints one
    object: rows added for each table, rejects, bytes, parts, merged, replaced, missing, removed,
    is_published, totals, seconds.
    """
    from lobdesk.index import update_index

    reporter = make_progress(progress)
    start_s = time.monotonic()
    try:
        report = update_index(data_paths(data_dir).root, rebuild=rebuild, progress=reporter)
    except BaseException:
        reporter.finish("failed")
        raise
    seconds = round(time.monotonic() - start_s, 3)
    reporter.finish("finished", rows=sum(report.rows.values()), rejects=report.rejects)
    if as_json:
        print_json(dataclasses.asdict(report) | {"seconds": seconds})
    else:
        _narrate(report, seconds)
    _warn(report)


def _narrate(report: IndexReport, seconds: float) -> None:
    for table, total in report.totals.items():
        click.echo(f"{table:<12} {total:>14,} rows  (+{report.rows.get(table, 0):,})")
    if not report.totals:
        click.echo("the journal is empty: record (lobdesk daemon run) or import first", err=True)
    click.echo(f"{report.bytes / 1e6:,.1f} MB indexed in {seconds:.2f} s", err=True)


def _warn(report: IndexReport) -> None:
    if report.rejects:
        click.echo(
            f"warning: {report.rejects:,} lines were rejected; see: lobdesk sql rejects", err=True
        )

    for name in report.replaced:
        click.echo(f"warning: {name} was replaced since it was indexed; indexed anew", err=True)
    for name in report.missing:
        click.echo(f"warning: {name} is gone from the journal; its rows stay", err=True)
