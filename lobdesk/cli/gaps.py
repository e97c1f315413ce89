"""``lobdesk gaps``: how complete the recordings are, and where they are not."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import click

from lobdesk.cli.options import (
    data_dir_option,
    data_paths,
    json_option,
    print_json,
    terminal_width,
    warn,
)
from lobdesk.errors import SettingsError
from lobdesk.index.table import draw
from lobdesk.progress import printable
from lobdesk.units import format_rfc3339_us

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lobdesk.index.gap_report import GapReport, GapRow, SymbolDay

HEAD = (
    "day", "symbol", "verified", "clean", "unverifiable", "gaps", "resyncs", "lost", "its cost",
    "no trades", "clock offset", "source",
)  # fmt: skip
TEXTS = (0, 1, len(HEAD) - 1)


@click.command("gaps")
@click.argument("symbols", metavar="[SYMBOL]...", nargs=-1)
@click.option("--symbol", "more", metavar="SYMBOL", multiple=True, help="The same as an argument.")
@click.option("--day", help="Only this UTC day of receipt, for example 2026-08-01.")
@data_dir_option
@json_option
def gaps_command(
    *,
    symbols: tuple[str, ...],
    more: tuple[str, ...],
    day: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Tell how complete the recordings of all symbols, or of each SYMBOL, are.

    One line for each symbol and day: how many book frames were verified, what share of the
    observed time a verified book covers, and what was lost by us. Then every stretch without a
    verified book. Asks the index, so run first: lobdesk index. With --json it prints one object:
    "days" and "gaps", whose keys docs/index.md lists.
    """
    from lobdesk.index import open_catalog
    from lobdesk.index.gap_report import report_gaps
    from lobdesk.index.result import left_out_note

    with open_catalog(data_paths(data_dir).root) as catalog:
        names = [catalog.find_symbol(name) for name in (*symbols, *more)]
        try:
            report = report_gaps(catalog, names, day=day)
        except ValueError as error:
            raise SettingsError("--day", day or "", "expected a date like 2026-08-01") from error
        if note := left_out_note(catalog.left_out_bytes):
            warn(note)
    if as_json:
        print_json(dataclasses.asdict(report))
        return
    for line in _lines(report, terminal_width()):
        click.echo(line, nl=False)
    click.echo(f"{len(report.gaps):,} gaps", err=True)


def _lines(report: GapReport, width: int | None) -> Iterator[str]:
    rows = [_cells(day) for day in report.days]
    numbers = set(range(len(HEAD))) - set(TEXTS)
    yield from draw(HEAD, rows, numbers=numbers, shrinkable=TEXTS[1:], width=width, has_rule=False)
    yield "\n" if report.gaps else ""
    for gap in report.gaps:
        yield printable(_gap(gap)) + "\n"


def _cells(day: SymbolDay) -> tuple[str, ...]:
    return (
        day.day, day.symbol, _percent(day.verified_pct), _percent(day.clean_pct),
        f"{day.unverifiable_us / 1e6:,.3f} s", f"{day.gaps:,}", f"{day.resyncs:,}",
        f"{day.lost_records:,}", f"{day.lost_cost_us / 1e6:,.3f} s", f"{day.trades_missed:,}",
        _offset(day), day.source,
    )  # fmt: skip


def _percent(value: float | None) -> str:
    # Rounded down: what is not whole must not look so.
    return "-" if value is None else f"{math.floor(value * 1000) / 1000:.3f} %"


def _offset(day: SymbolDay) -> str:
    if day.offset_min_us is None or day.offset_max_us is None:
        return "-"
    least, greatest = day.offset_min_us / 1e3, day.offset_max_us / 1e3
    return f"{least:+,.1f} … {greatest:+,.1f} ms ({day.offset_method})"


def _gap(gap: GapRow) -> str:
    ours = "  by us" if gap.is_ours else ""
    last = "-" if gap.last_verified_seq is None else gap.last_verified_seq
    first = "-" if gap.first_verified_seq is None else gap.first_verified_seq
    return (
        f"{format_rfc3339_us(gap.from_us)}  {format_rfc3339_us(gap.to_us)}  "
        f"{gap.duration_us / 1e6:>10.3f} s  {gap.symbol:<12} {gap.cause:<14} "
        f"events {last} to {first}  {gap.source}{ours}"
    )
