"""``lobdesk retain``: delete the oldest part of the journal that the index holds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lobdesk.cli.options import config_option, data_dir_option, data_paths, json_option, print_json

if TYPE_CHECKING:
    from lobdesk.settings import DaemonSettings


@click.command("retain")
@data_dir_option
@config_option
@click.option(
    "--days", type=click.FloatRange(min=0), help="Days to keep, 0 for all [L2_RETENTION_DAYS]."
)
@click.option(
    "--bytes",
    "max_bytes",
    type=click.IntRange(min=0),
    help="Stored bytes to keep, 0 for all [L2_RETENTION_BYTES].",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would go.")
@json_option
def retain_command(
    *,
    data_dir: Path | None,
    config: Path | None,
    days: float | None,
    max_bytes: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Delete the oldest segments of the recorder's journal beyond the limits.

    Only what is sealed, derived and wholly indexed goes, never the newest segment; the index keeps
    its rows. It may run beside the recorder, after lobdesk index. Without a limit it does nothing.
    Exit code 0, also when nothing could go; 1 if the indexer is at work; 4 if what would go is
    damaged.
    """
    from dataclasses import asdict

    from lobdesk.retention import apply_retention

    settings = _settings(config, days, max_bytes)
    report = apply_retention(
        data_paths(data_dir).root,
        now_us=time.time_ns() // 1000,
        max_days=settings.retention_days,
        max_bytes=settings.retention_bytes,
        dry_run=dry_run,
    )
    if as_json:
        print_json(asdict(report))
        return
    word = "would go" if dry_run else "deleted"
    click.echo(
        f"{report.segments} segments {word}, {report.bytes:,} bytes; {report.kept_bytes:,} stay; "
        f"deleted up to seq {report.deleted_up_to:,}"
    )
    if not (settings.retention_days or settings.retention_bytes):
        click.echo("no limit is set, so everything stays: give --days or --bytes", err=True)
    if report.reason:
        click.echo(f"more is due, but {report.reason}", err=True)


def _settings(config: Path | None, days: float | None, max_bytes: int | None) -> DaemonSettings:
    from lobdesk.settings import load_settings

    loaded = load_settings(
        config=config,
        dotenv=Path(".env"),
        overrides={"daemon.retention_days": days, "daemon.retention_bytes": max_bytes},
    )
    return loaded.settings.daemon
