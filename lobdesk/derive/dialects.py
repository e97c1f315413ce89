"""The dialects that an ``open`` note may name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobdesk.derive.binance import Binance
from lobdesk.derive.bitstamp import Bitstamp
from lobdesk.derive.databento import DatabentoBook
from lobdesk.derive.databento_mbo import DatabentoOrders
from lobdesk.derive.fi2010 import Fi2010
from lobdesk.derive.kraken_v1 import KrakenV1
from lobdesk.derive.lob10 import Lob10
from lobdesk.derive.lobster import Lobster

if TYPE_CHECKING:
    from collections.abc import Callable

    from lobdesk.derive.foreign import Dialect

MAKERS: dict[str, Callable[[dict[str, Any]], Dialect]] = {
    "binance": lambda facts: Binance(
        str(facts["symbol"]), int(facts["price_precision"]), int(facts["qty_precision"])
    ),
    "bitstamp": lambda facts: Bitstamp(
        str(facts["symbol"]), int(facts["price_precision"]), int(facts["qty_precision"])
    ),
    "databento-mbo": lambda facts: DatabentoOrders(
        str(facts["symbol"]), str(facts["columns"]), int(facts["price_precision"])
    ),
    "databento-mbp10": lambda facts: DatabentoBook(
        str(facts["symbol"]), str(facts["columns"]), int(facts["price_precision"])
    ),
    "fi2010": lambda facts: Fi2010(int(facts["price_precision"]), int(facts["qty_precision"])),
    "kraken-v1": lambda _facts: KrakenV1(),
    "lob10": lambda facts: Lob10(
        str(facts["symbol"]), str(facts["price_tick"]), str(facts["qty_unit"])
    ),
    "lobster": lambda facts: Lobster(str(facts["symbol"]), int(facts["midnight_us"])),
}


def make_dialect(facts: dict[str, Any]) -> Dialect | None:
    """Return the books of a connection by its ``open`` note; None if it speaks Kraken v2.

    A note that was damaged after it was written gives None, too: nothing can be derived from its
    frames then, which ``verify`` reports as a difference beside the broken chain.
    """
    maker = MAKERS.get(str(facts.get("dialect", "")))
    try:
        return None if maker is None else maker(facts)
    except (KeyError, TypeError, ValueError):
        return None
