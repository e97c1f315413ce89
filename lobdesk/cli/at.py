"""``lobdesk at``: the book at an instant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lobdesk.cli.options import data_dir_option, data_paths, json_option, print_json
from lobdesk.errors import SettingsError
from lobdesk.units import format_rfc3339_us, from_mantissa, parse_rfc3339_us

if TYPE_CHECKING:
    from pathlib import Path

    from lobdesk.records import L2Snapshot


@click.command("at")
@click.argument("symbol")
@click.argument("time")
@click.option("--source", help="Only this source.")
@data_dir_option
@json_option
def at_command(
    *, symbol: str, time: str, source: str | None, data_dir: Path | None, as_json: bool
) -> None:
    """Show SYMBOL's book at TIME, an exchange time.

    TIME is RFC 3339 with an offset, for example 2026-08-01T02:54:00Z, or microseconds since the
    epoch. It is the last book that is not newer. With --json it prints one object: the L2Snapshot,
    or null if there was none yet. Without a book the exit code is 1.
    """
    from lobdesk.index import open_catalog
    from lobdesk.index.errors import BookMissingError

    ts_us = _instant(time)
    with open_catalog(data_paths(data_dir).root) as catalog:
        symbol = catalog.find_symbol(symbol)
        book = catalog.book_at(symbol, ts_us, source=source)
    if as_json:
        print_json(None if book is None else _plain(book))
    elif book is not None:
        _show(book)
    if book is None:
        raise BookMissingError(symbol, format_rfc3339_us(ts_us))


def _instant(text: str) -> int:
    try:
        if not (text.isascii() and text.isdigit()):
            return parse_rfc3339_us(text)
        ts_us = int(text)
        format_rfc3339_us(ts_us)
    except ValueError as error:
        raise SettingsError("at", "TIME", str(error)) from error
    except OverflowError as error:
        raise SettingsError("at", "TIME", f"{text} is after the year 9999") from error
    return ts_us


def _plain(book: L2Snapshot) -> object:
    import msgspec

    return msgspec.to_builtins(book)


def _show(book: L2Snapshot) -> None:
    verdict = {True: "verified", None: "source without checksums"}.get(book.verified, "unverified")
    click.echo(
        f"{book.symbol}  exchange {format_rfc3339_us(book.exch_ts_us)}  "
        f"received {format_rfc3339_us(book.recv_ts_us)}  event {book.seq}  {verdict}"
    )
    for price, qty in reversed(book.asks):
        click.echo(_level("ask", price, qty, book))
    for price, qty in book.bids:
        click.echo(_level("bid", price, qty, book))


def _level(side: str, price: int, qty: int, book: L2Snapshot) -> str:
    price_text = format(from_mantissa(price, book.price_precision), "f")
    qty_text = format(from_mantissa(qty, book.qty_precision), "f")
    return f"{side}  {price_text:>18}  {qty_text:>22}"
