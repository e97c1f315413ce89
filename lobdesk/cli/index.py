"""``lobdesk index``: bring the index up to the journal."""

from __future__ import annotations

import dataclasses
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lobdesk.cli.options import (
    Seconds,
    data_dir_option,
    data_paths,
    json_option,
    print_json,
    progress_option,
    warn,
)
from lobdesk.errors import IntegrityError, LobdeskError, SettingsError
from lobdesk.progress import make_progress, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobdesk.index import IndexReport

FIRST = "record (lobdesk daemon run) or import first"


@click.command("index")
@click.option(
    "--rebuild",
    is_flag=True,
    help="Index anew what the journal still holds; readers see the old state until then.",
)
@click.option(
    "--check", is_flag=True, help="Read all parts and the journal, and index anew what is damaged."
)
@click.option("--follow", is_flag=True, help="Stay and index what comes, until SIGTERM or Ctrl-C.")
@click.option(
    "--every", "every_s", type=Seconds(min=0.1), default=10.0, show_default=True,
    help="Seconds between two updates of --follow.",
)  # fmt: skip
@click.option(
    "--retain", is_flag=True, help="With --follow: each hour do what lobdesk retain does."
)
@data_dir_option
@json_option
@progress_option
@click.pass_context
def index_command(
    ctx: click.Context,
    *,
    rebuild: bool,
    check: bool,
    follow: bool,
    every_s: float,
    retain: bool,
    data_dir: Path | None,
    as_json: bool,
    progress: str,
) -> None:
    """Bring the index up to the journal.

    Doing it twice changes nothing; it may be killed at any moment. A part that is gone or cut is
    made again. What is damaged in the journal is named, all else is indexed, and the exit code is
    4. With --json it prints one object (with --follow one a line for each update): rows added for
    each table, rejects, bytes, parts, merged, replaced, missing, damaged, lost, repaired, removed,
    is_published, totals, seconds.
    """
    root = data_paths(data_dir).root
    if follow:
        if rebuild or check:
            raise click.UsageError("--follow goes with neither --rebuild nor --check")
        _follow(root, every_s, hourly=_retaining(root) if retain else None, as_json=as_json)
        return
    if retain:
        raise click.UsageError("--retain goes with --follow; by itself: lobdesk retain")
    if not root.is_dir():
        raise SettingsError("index", "", f"{root}: there is no such folder; {FIRST}")
    from lobdesk.index import update_index

    reporter = make_progress(progress)
    start_s = time.monotonic()
    try:
        report = update_index(root, rebuild=rebuild, check=check, progress=reporter)
    except BaseException:
        reporter.finish("failed")
        raise
    seconds = round(time.monotonic() - start_s, 3)
    reporter.finish("finished", rows=sum(report.rows.values()), rejects=report.rejects)
    if as_json:
        print_json(dataclasses.asdict(report) | {"seconds": seconds})
    else:
        _narrate(root, report, seconds)
    _warn(report)
    if not report.is_sound:
        ctx.exit(IntegrityError.exit_code)


def _retaining(
    root: Path, now_us: Callable[[], int] = lambda: time.time_ns() // 1000
) -> Callable[[], None]:
    from lobdesk.retention import apply_retention
    from lobdesk.settings import load_settings

    limits = load_settings(dotenv=Path(".env")).settings.daemon
    if not (limits.retention_days or limits.retention_bytes):
        raise click.UsageError("--retain needs L2_RETENTION_DAYS or L2_RETENTION_BYTES")

    def retain() -> None:
        try:
            report = apply_retention(
                root,
                now_us=now_us(),
                max_days=limits.retention_days,
                max_bytes=limits.retention_bytes,
                is_locked=True,
            )
        except (LobdeskError, OSError) as error:
            click.echo(f"error: nothing was deleted: {error}", err=True)
            return
        if report.segments:
            freed = f"{report.segments} segments, {report.bytes / 1e6:,.1f} MB"
            click.echo(f"{freed} deleted, up to seq {report.deleted_up_to:,}", err=True)

    return retain


def _follow(
    root: Path, every_s: float, *, hourly: Callable[[], None] | None, as_json: bool
) -> None:
    from lobdesk.index.follow import follow_index

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def tell(report: IndexReport) -> None:
        if as_json:
            print_json(dataclasses.asdict(report))
        else:
            click.echo(
                f"{sum(report.rows.values()):,} rows, {report.bytes / 1e6:,.1f} MB", err=True
            )
        _warn(report)

    def complain(error: LobdeskError) -> None:
        click.echo(printable(f"error: {error}"), err=True)

    click.echo(f"indexing {root} every {every_s:g} s; SIGTERM or Ctrl-C ends it", err=True)
    follow_index(root, stop=stop, every_s=every_s, told=tell, failed=complain, hourly=hourly)


def _narrate(root: Path, report: IndexReport, seconds: float) -> None:
    for table, total in report.totals.items():
        click.echo(f"{table:<12} {total:>14,} rows  (+{report.rows.get(table, 0):,})")
    if not report.totals:
        warn(f"{root}: the journal is empty; {FIRST}")
    click.echo(f"{report.bytes / 1e6:,.1f} MB indexed in {seconds:.2f} s", err=True)


def _warn(report: IndexReport) -> None:
    if report.rejects:
        warn(f"{report.rejects:,} lines were rejected; see: lobdesk sql rejects")
    for name in report.damaged:
        warn(f"{name}; all else is indexed")
    for name in report.replaced:
        warn(f"{name} was replaced since it was indexed; indexed anew")
    for name in report.repaired:
        warn(f"a part of {name} was gone or damaged; indexed anew")
    for name in report.missing:
        warn(f"{name} is gone from the journal; its rows stay")
    for name in report.lost:
        warn(f"{name}: a part is gone or damaged, and so is its journal: its rows are lost")
