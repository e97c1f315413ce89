"""Every table of the index: its stored columns, and what the views add to them."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA_VERSION = 2
"""Version of parts, commits and catalogue. What has another one is indexed anew."""

BOOK_LEVELS = 10


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: In SQL.
        type: DuckDB's name of the type.
        text: One sentence for people.
        expression: For columns that only the view has: SQL over the stored ones.
    """

    name: str
    type: str
    text: str
    expression: str = ""

    @property
    def stored_type(self) -> str:
        """Type in parts: Parquet has no arrays of fixed size, and making them costs most of all."""
        return self.type.replace(f"[{BOOK_LEVELS}]", "[]")


@dataclass(frozen=True, slots=True)
class Table:
    """One table: stored as Parquet parts, read through the view of the same name.

    Attributes:
        name: Of folder and view.
        text: One sentence for people.
        columns: Stored ones.
        view_columns: What the view adds.
        is_by_pair: True if parts lie in folders ``pair=…``.
        joins: SQL behind the view's FROM, whose source is called ``t``.
    """

    name: str
    text: str
    columns: tuple[Column, ...]
    view_columns: tuple[Column, ...] = ()
    is_by_pair: bool = False
    joins: str = ""

    def column_list(self) -> str:
        """Return the stored columns as SQL, quoted."""
        return ", ".join(f'"{column.name}"' for column in self.columns)

    def definition(self) -> str:
        """Return the stored columns with types, as in CREATE TABLE."""
        return ", ".join(f'"{column.name}" {column.stored_type}' for column in self.columns)


SOURCE = Column("source", "VARCHAR", "Recorder or imported source.")
SYMBOL = Column("symbol", "VARCHAR", "Exchange name of the pair, for example `BTC/USD`.")
SEQ = Column("seq", "BIGINT", "Number of the raw event, in one order over all symbols of a source.")
EXCH = Column("exch_ts_us", "BIGINT", "Exchange time, µs since the epoch, UTC.")
RECV = Column("recv_ts_us", "BIGINT", "Time of receipt by our clock, µs since the epoch, UTC.")
PRICE_PRECISION = Column("price_precision", "TINYINT", "Digits after the point of a price.")
QTY_PRECISION = Column("qty_precision", "TINYINT", "Digits after the point of a quantity.")
PLACE = (
    Column("segment", "VARCHAR", "Journal segment, as a path within the source's journal."),
    Column("offset", "BIGINT", "Where the line begins in the segment (uncompressed bytes)."),
    Column("length", "INTEGER", "Bytes of the line with its newline."),
)
EXCH_TIME = Column(
    "exch_ts", "TIMESTAMP", "`exch_ts_us` as a time, UTC.", "make_timestamp(t.exch_ts_us)"
)
RECV_TIME = Column(
    "recv_ts", "TIMESTAMP", "`recv_ts_us` as a time, UTC.", "make_timestamp(t.recv_ts_us)"
)


def _decimal(name: str, text: str, mantissa: str, precision: str) -> Column:
    return Column(name, "DECIMAL(38,18)", text, f"exact_decimal(t.{mantissa}, t.{precision})")


_LEVELS = tuple(
    Column(
        f"{side}_{what}",
        f"BIGINT[{BOOK_LEVELS}]",
        f"{side.title()} {word}, best first, 0 where missing.",
    )
    for side in ("bid", "ask")
    for what, word in (("ticks", "prices"), ("lots", "quantities"))
)
_BEST = tuple(
    Column(f"best_{side}_{what}", "BIGINT", f"Best {side}'s {word}; null if the side is empty.")
    for side in ("bid", "ask")
    for what, word in (("ticks", "price"), ("lots", "quantity"))
)
_MID = "(t.best_bid_ticks + t.best_ask_ticks)::DOUBLE"
_SPREAD = "(t.best_ask_ticks - t.best_bid_ticks)"

RAW_EVENTS = Table(
    "raw_events",
    "Every line of the raw event logs: what the socket said, what we sent, our own notes.",
    (
        SOURCE, SEQ, RECV,
        Column("mono_us", "BIGINT", "Monotonic clock at receipt, comparable within one `boot`."),
        Column("boot", "VARCHAR", "Boot that `mono_us` belongs to; null without such a clock."),
        Column("conn", "BIGINT", "Connection number."),
        Column("dir", "VARCHAR", "`in` received, `out` sent, `note` our own record."),
        Column("channel", "VARCHAR", "Channel that the frame names, else null."),
        Column("type", "VARCHAR", "The frame's type or method, a note's kind."),
        Column("symbol", "VARCHAR", "First symbol that the frame names, else null."),
        Column("raw", "VARCHAR", "The exact text of the frame."),
        *PLACE,
    ),
    (
        RECV_TIME,
        Column(
            "checksum_ok", "BOOLEAN",
            "Of a book frame: true if our book had the exchange's checksum, false if not, null if "
            "it was not compared. A failure shows once the book is verified again.",
            "verdicts.checksum_ok",
        ),
    ),
    joins="LEFT JOIN internal.verdicts verdicts "
    "ON verdicts.source = t.source AND verdicts.seq = t.seq",
)  # fmt: skip

SNAPSHOTS = Table(
    "snapshots",
    "One row for each verified book frame: the ten best levels after it.",
    (
        SOURCE, SYMBOL, SEQ, EXCH, RECV, PRICE_PRECISION, QTY_PRECISION, *_BEST, *_LEVELS,
        Column("checksum", "UINTEGER", "Checksum that the exchange sent; null if it sends none."),
        Column("verified", "BOOLEAN", "True if our book had that checksum; null if there is none."),
        Column("is_snapshot", "BOOLEAN", "True if the frame replaced the book, as a resync does."),
        Column("crossed", "BOOLEAN", "True if the best bid is not below the best ask."),
        *PLACE,
    ),
    (
        EXCH_TIME, RECV_TIME,
        _decimal("best_bid", "Best bid price, exact.", "best_bid_ticks", "price_precision"),
        _decimal("best_bid_qty", "Its quantity, exact.", "best_bid_lots", "qty_precision"),
        _decimal("best_ask", "Best ask price, exact.", "best_ask_ticks", "price_precision"),
        _decimal("best_ask_qty", "Its quantity, exact.", "best_ask_lots", "qty_precision"),
        Column("mid", "DOUBLE", "Middle of best bid and ask, quote currency.",
               f"{_MID} / 2 / pow(10, t.price_precision)"),
        Column("vwm", "DOUBLE", "Volume-weighted mid of the best level, quote currency.",
               "(t.best_ask_ticks::DOUBLE * t.best_bid_lots"
               " + t.best_bid_ticks::DOUBLE * t.best_ask_lots)"
               " / (t.best_bid_lots::DOUBLE + t.best_ask_lots) / pow(10, t.price_precision)"),
        Column("spread_ticks", "BIGINT", "Best ask less best bid.", _SPREAD),
        Column("spread_bps", "DOUBLE", "Spread over mid, hundredths of a percent.",
               f"{_SPREAD} * 20000 / {_MID}"),
    ),
    is_by_pair=True,
)  # fmt: skip

TRADES = Table(
    "trades",
    "One row for each trade that the exchange reported.",
    (
        SOURCE, SYMBOL, SEQ, EXCH, RECV,
        Column(
            "trade_id", "BIGINT",
            "The exchange's number, +1 from trade to trade of a symbol; 0 if it has none.",
        ),
        Column("side", "VARCHAR", "The aggressor: `buy` or `sell`."),
        Column(
            "ord_type", "VARCHAR", "The aggressor's order: `limit` or `market`; empty if not told.",
        ),
        Column("price_ticks", "BIGINT", "Price."),
        Column("qty_lots", "BIGINT", "Quantity."),
        PRICE_PRECISION, QTY_PRECISION, *PLACE,
    ),
    (
        EXCH_TIME, RECV_TIME,
        _decimal("price", "Price, exact.", "price_ticks", "price_precision"),
        _decimal("qty", "Quantity, exact.", "qty_lots", "qty_precision"),
    ),
    is_by_pair=True,
)  # fmt: skip

GAPS = Table(
    "gaps",
    "Stretches without a verified book, as the recorder noted them.",
    (
        SOURCE, SEQ, RECV, SYMBOL,
        Column("cause", "VARCHAR", "Why: `checksum`, `close`, `unsubscribed`, `precision`, …"),
        Column("last_verified_seq", "BIGINT", "Last verified event before; null if there is none."),
        Column("first_verified_seq", "BIGINT", "First verified event after."),
        Column("from_us", "BIGINT", "Receipt of the last verified event, µs."),
        Column("to_us", "BIGINT", "Receipt of the first verified event, µs."),
        *PLACE,
    ),
    (
        RECV_TIME,
        Column("duration_us", "BIGINT", "Length.", "t.to_us - t.from_us"),
        Column("from_ts", "TIMESTAMP", "`from_us` as a time, UTC.", "make_timestamp(t.from_us)"),
        Column("to_ts", "TIMESTAMP", "`to_us` as a time, UTC.", "make_timestamp(t.to_us)"),
    ),
)  # fmt: skip

INSTRUMENTS = Table(
    "instruments",
    "What the exchange said about each pair, every time it said it.",
    (
        SOURCE, SEQ, RECV, SYMBOL, PRICE_PRECISION, QTY_PRECISION,
        Column("price_increment", "VARCHAR", "Smallest price step, exact decimal text."),
        Column("qty_increment", "VARCHAR", "Smallest quantity step, exact decimal text."),
        Column("qty_min", "VARCHAR", "Smallest order, exact decimal text."),
        Column("status", "VARCHAR", "The exchange's word, for example `online`."),
        Column("is_inferred", "BOOLEAN", "True if read from the digits of a book snapshot."),
    ),
    (RECV_TIME,),
)  # fmt: skip

REJECTS = Table(
    "rejects",
    "Journal lines that are not what their log says; they are in no other table.",
    (
        SOURCE,
        *PLACE,
        Column("reason", "VARCHAR", "What did not fit, and at which byte of the line."),
    ),
)

TABLES = {
    table.name: table for table in (RAW_EVENTS, SNAPSHOTS, TRADES, GAPS, INSTRUMENTS, REJECTS)
}

PUBLISHED = ("gaps", "instruments", "rejects")
"""Small tables whose rows the catalogue repeats, so that readers need not open their parts."""
