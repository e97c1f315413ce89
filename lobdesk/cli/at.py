"""``lobdesk at``: the book at an instant."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

import click

from lobdesk.cli.options import (
    data_dir_option,
    data_paths,
    json_option,
    print_json,
    read_instant,
    warn,
)
from lobdesk.errors import SettingsError
from lobdesk.progress import is_terminal, printable
from lobdesk.units import format_rfc3339_us, from_mantissa

if TYPE_CHECKING:
    from pathlib import Path

    from lobdesk.index import Catalog
    from lobdesk.index.places import BookAt, RawLine
    from lobdesk.records import L2Snapshot


@click.command("at")
@click.argument("symbol", required=False)
@click.argument("time", required=False)
@click.option("--seq", type=click.IntRange(min=1), help="The book after this event, not at a time.")
@click.option("--source", help="Only this source; with --seq the one whose event it is.")
@click.option("--raw", "is_raw", is_flag=True, help="Print the journal's line of the event behind.")
@data_dir_option
@json_option
def at_command(
    *,
    symbol: str | None,
    time: str | None,
    seq: int | None,
    source: str | None,
    is_raw: bool,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Show SYMBOL's book at TIME, an exchange time, or after the event --seq.

    TIME is RFC 3339 with an offset, for example 2026-08-01T02:54:00Z, or microseconds since the
    epoch. It is the last book that is not newer; standard error says if it is not known to have
    stood then: in a gap, behind the last book. With --json it prints one object: the L2Snapshot,
    or null if there was none yet. Without a book the exit code is 1.

    With --raw it prints the line of the raw log instead: of the event --seq itself, which then
    needs no SYMBOL, or of the frame that made the book at TIME. Where it lies goes to standard
    error as file:line:byte (line from 1, uncompressed byte from 0). With --json it is one object
    with source, seq, file, line, offset, length and text.
    """
    from lobdesk.index import open_catalog
    from lobdesk.index.places import find_line, only_source

    if symbol is None and not (is_raw and seq is not None):
        raise SettingsError("at", "", "name a SYMBOL; only --raw with --seq needs none")
    if (time is None) == (seq is None):
        raise SettingsError("at", "", "give either TIME or --seq")
    ts_us = None if time is None else read_instant(time, "at")
    with open_catalog(data_paths(data_dir).root) as catalog:
        symbol = None if symbol is None else catalog.find_symbol(symbol)
        if source is not None:
            catalog.require_source(symbol, source)
        if symbol is None or (is_raw and seq is not None):
            assert seq is not None  # noqa: S101 - checked above
            line = find_line(catalog, source or only_source(catalog, symbol), seq)
            _print_line(line, as_json=as_json)
            return
        found = _find_book(catalog, symbol, ts_us, seq, source, as_json=as_json)
        if is_raw:
            _print_line(find_line(catalog, found.source, found.book.seq), as_json=as_json)
        elif as_json:
            print_json(_plain(found.book))
        else:
            _show(found)
    if found.note:
        warn(found.note)


def _print_line(line: RawLine, *, as_json: bool) -> None:
    if as_json:
        print_json(dataclasses.asdict(line) | {"file": str(line.file)})
        return
    click.echo(printable(f"{line.file}:{line.line}:{line.offset}"), err=True)
    is_safe = is_terminal(sys.stdout)
    sys.stdout.write((printable(line.text) if is_safe else line.text) + "\n")


def _find_book(
    catalog: Catalog,
    symbol: str,
    ts_us: int | None,
    seq: int | None,
    source: str | None,
    *,
    as_json: bool,
) -> BookAt:
    from lobdesk.index.errors import BookMissingError
    from lobdesk.index.places import find_book

    try:
        return find_book(catalog, symbol, ts_us=ts_us, seq=seq, source=source)
    except BookMissingError:
        if as_json:
            print_json(None)
        raise


def _plain(book: L2Snapshot) -> object:
    import msgspec

    return msgspec.to_builtins(book)


def _show(found: BookAt) -> None:
    book = found.book
    verdict = {True: "verified", None: "source without checksums"}.get(book.verified, "unverified")
    head = (
        f"{book.symbol}  exchange {format_rfc3339_us(book.exch_ts_us)}  "
        f"received {format_rfc3339_us(book.recv_ts_us)}  event {book.seq} of {found.source}  "
        f"{verdict}"
    )
    click.echo(printable(head))
    for price, qty in reversed(book.asks):
        click.echo(_level("ask", price, qty, book))
    for price, qty in book.bids:
        click.echo(_level("bid", price, qty, book))


def _level(side: str, price: int, qty: int, book: L2Snapshot) -> str:
    price_text = format(from_mantissa(price, book.price_precision), "f")
    qty_text = format(from_mantissa(qty, book.qty_precision), "f")
    return f"{side}  {price_text:>18}  {qty_text:>22}"
