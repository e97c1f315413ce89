"""``lobdesk verify``: checksums, chains, re-derivation, gaps."""

from __future__ import annotations

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
    from pathlib import Path

    from lobdesk.verify import Counts, VerifyReport

EXIT_INTEGRITY = 4
MAX_PROBLEMS = 20
COLUMNS = (
    "events", "book_frames", "verified", "failed", "unverified", "without_checksum", "resyncs",
    "gaps",
)  # fmt: skip


@click.command("verify")
@data_dir_option
@json_option
@progress_option
@click.pass_context
def verify_command(ctx: click.Context, data_dir: Path | None, as_json: bool, progress: str) -> None:
    """Check every stored line and recompute every book from the raw frames.

    Exit code 4 if a checksum failed, a line is not what was written, or the snapshots, trades
    and orders are not what the raw events give. Recorded gaps and resyncs are counted only.
    """
    from lobdesk.progress import make_progress
    from lobdesk.verify import verify_data

    reporter = make_progress(progress)
    try:
        report = verify_data(data_paths(data_dir), progress=reporter)
    except BaseException:
        reporter.finish("failed")
        raise
    reporter.finish("finished", events=report.total.events)
    for problem in report.problems[:MAX_PROBLEMS]:
        click.echo(f"problem: {problem}", err=True)
    if len(report.problems) > MAX_PROBLEMS:
        click.echo(f"problem: … and {len(report.problems) - MAX_PROBLEMS} more", err=True)
    for source, seq in report.deleted_up_to.items():
        text = f"{source}: deleted by retention up to seq {seq:,}; the rest is checked"
        click.echo(text, err=True)
    for source, seq in report.derived_up_to.items():
        text = f"{source}: derived up to seq {seq:,}; the recorder's next start derives the rest"
        click.echo(text, err=True)
    if as_json:
        print_json(report.to_json())
    else:
        click.echo(_table(report))
        for line in _level3(report):
            click.echo(line)
    if not report.is_good:
        ctx.exit(EXIT_INTEGRITY)


def _level3(report: VerifyReport) -> list[str]:
    return [
        f"level 3 of {name}: {found.frames:,} frames, {found.verified:,} verified, "
        f"{found.failed:,} failed, {found.unverified:,} unverified, {found.gaps:,} gaps"
        for name, found in sorted(report.orders.items())
    ]


def _table(report: VerifyReport) -> str:
    rows: list[tuple[str, ...]] = [("symbol", *COLUMNS, "chain", "re-derived")]
    rows += [_row(name, counts) for name, counts in sorted(report.symbols.items())]
    rows.append(_row("total", report.total))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _row(name: str, counts: Counts) -> tuple[str, ...]:
    numbers = [f"{getattr(counts, column):,}" for column in COLUMNS]
    chain = "ok" if counts.chain_ok else "BROKEN"
    derived = "equal" if counts.rederived_equal else "DIFFERS"
    return (name, *numbers, chain, derived)
