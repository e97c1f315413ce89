"""Views that are not stored in the lake: the journal's segments, runs and their ledgers."""

from __future__ import annotations

from lobdesk.index.schema import SOURCE, SYMBOL, Column, Table

_RUN = Column("run", "VARCHAR", "Run, for example `k0007`.")
_ORDER = Column("order_id", "BIGINT", "Number that the strategy gave the order.")
_SIDE = Column("side", "VARCHAR", "`buy` or `sell`.")
_TICKS = Column("price_ticks", "BIGINT", "Price in multiples of the price increment.")
_LOTS = Column("qty_lots", "BIGINT", "Quantity.")
_DECISION = Column("decision_mid", "DOUBLE", "Mid when the strategy decided.")
_ARRIVAL = Column("arrival_mid", "DOUBLE", "Mid when the order reached the exchange.")
_AHEAD = Column("ahead_at_arrival", "DOUBLE", "Lots ahead of it when it arrived.")


def _time(name: str, text: str, us: str) -> Column:
    return Column(name, "TIMESTAMP", text, f"make_timestamp(nullif({us}, 0))")


def _exact(name: str, text: str, count: str, unit: str) -> Column:
    return Column(name, "DECIMAL(38,18)", text, f"{count}::DECIMAL(19,0) * {{{unit}}}")


_PRICE = _exact("price", "Price, exact; null if the run does not tell.", "price_ticks", "tick")
_QTY = _exact("qty", "Quantity, exact; null if the run does not tell.", "qty_lots", "lot")

SEGMENTS = Table(
    "segments",
    "The journal's segments and what is indexed of each.",
    (
        SOURCE,
        Column("kind", "VARCHAR", "`events`, `snapshots` or `trades`."),
        Column("symbol", "VARCHAR", "Empty for events."),
        Column("date", "VARCHAR", "UTC date of its folder."),
        Column("segment", "VARCHAR", "Path within the source's journal, without the suffix."),
        Column("indexed_bytes", "BIGINT", "Uncompressed bytes that are in parts."),
        Column("is_sealed", "BOOLEAN", "True if it was compressed when it was last indexed."),
        Column(
            "is_missing",
            "BOOLEAN",
            "True if its file was gone, or could not be read, when last indexed.",
        ),
        Column("rows", "BIGINT", "Lines in parts."),
        Column("rejects", "BIGINT", "Lines that could not be indexed."),
        Column("crossed", "BIGINT", "Snapshots with a crossed or locked book."),
        Column("unverified", "BIGINT", "Snapshots of sources without checksums."),
        *(
            Column(f"{name}_{end}", "BIGINT", f"{word} `{name}`.")
            for name in ("seq", "exch_ts_us", "recv_ts_us")
            for end, word in (("min", "Least"), ("max", "Greatest"))
        ),
        Column("first_exch_ts", "TIMESTAMP", "`exch_ts_us_min` as a time, UTC."),
        Column("last_exch_ts", "TIMESTAMP", "`exch_ts_us_max` as a time, UTC."),
        Column("first_recv_ts", "TIMESTAMP", "`recv_ts_us_min` as a time, UTC."),
        Column("last_recv_ts", "TIMESTAMP", "`recv_ts_us_max` as a time, UTC."),
    ),
)

RUNS = Table(
    "runs",
    "Trainings, backtests, sweeps and signal files.",
    (
        Column("id", "VARCHAR", "Identifier, which is also the folder's name."),
        Column("kind", "VARCHAR", "`train`, `backtest`, `signals` or `sweep`."),
        Column("name", "VARCHAR", "For people."),
        Column("state", "VARCHAR", "`running`, `finished`, `cancelled` or `failed`."),
        Column("created_ts_us", "BIGINT", "Start, µs."),
        Column("ended_ts_us", "BIGINT", "End, µs; null while it runs."),
        Column("version", "VARCHAR", "Version of lobdesk."),
        Column("config", "JSON", "Everything needed to repeat the run."),
        Column("inputs", "JSON", "Digests of what it read."),
        Column("outputs", "JSON", "Digests and names of what it wrote."),
        Column("metrics", "JSON", "Its results, for example `metrics->>'sharpe'`."),
        Column("created_ts", "TIMESTAMP", "`created_ts_us` as a time, UTC."),
        Column("ended_ts", "TIMESTAMP", "`ended_ts_us` as a time, UTC."),
    ),
)

FILLS = Table(
    "fills",
    "Fills of all backtests.",
    (
        _RUN,
        Column("exch_ts_us", "BIGINT", "Fill at the exchange, µs."),
        Column("local_ts_us", "BIGINT", "Arrival of its report, µs."),
        _ORDER, SYMBOL, _SIDE,
        Column("is_maker", "BOOLEAN", "True if the order rested."),
        Column("is_certain", "BOOLEAN", "False if it depends on the queue model."),
        _TICKS, _LOTS,
        Column("fee", "DOUBLE", "Quote currency; negative is a rebate."),
        _DECISION, _ARRIVAL,
        Column("slip_decision", "DOUBLE", "Slippage against `decision_mid`."),
        Column("slip_arrival", "DOUBLE", "Slippage against `arrival_mid`."),
        _AHEAD,
        Column("wait_us", "BIGINT", "Time from arrival to this fill."),
        Column("position_lots", "BIGINT", "Position after it."),
        Column("cash", "DOUBLE", "Cash after it."),
        Column("realized", "DOUBLE", "Profit that this fill realized."),
        Column("realized_total", "DOUBLE", "Profit realized so far."),
    ),
    (
        _time("exch_ts", "`exch_ts_us` as a time, UTC.", "exch_ts_us"),
        _time("local_ts", "`local_ts_us` as a time, UTC.", "local_ts_us"),
        _PRICE, _QTY,
    ),
)  # fmt: skip

ORDERS = Table(
    "orders",
    "Orders of all backtests.",
    (
        _RUN, _ORDER, SYMBOL, _SIDE,
        Column("type", "VARCHAR", "`limit` or `market`."),
        Column("tif", "VARCHAR", "`GTC`, `IOC`, `FOK` or `GTX`."),
        Column("status", "VARCHAR", "Last status."),
        Column("reason", "VARCHAR", "Why it ended, else null."),
        Column("last_reject", "VARCHAR", "Why the last request about it was refused, else null."),
        _TICKS, _LOTS,
        Column("leaves_lots", "BIGINT", "What was still open at the end."),
        Column("filled_lots", "BIGINT", "What was filled."),
        *(
            Column(f"{name}_us", "BIGINT", f"{text}, µs; 0 if it never came to that.")
            for name, text in (
                ("decision", "Decision"), ("arrival", "Arrival at the exchange"),
                ("ack", "First report"), ("first_fill", "First fill"),
                ("last_fill", "Last fill"), ("close", "End"),
            )
        ),
        _DECISION, _ARRIVAL, _AHEAD,
    ),
    (
        *(
            _time(f"{name}_ts", f"`{name}_us` as a time, UTC; null if it never came.", f"{name}_us")
            for name in ("decision", "arrival", "ack", "first_fill", "last_fill", "close")
        ),
        _PRICE, _QTY,
        _exact("filled_qty", "`filled_lots`, exact.", "filled_lots", "lot"),
    ),
)  # fmt: skip

EQUITY = Table(
    "equity",
    "Samples of all backtests' accounts.",
    (
        _RUN,
        Column("ts_us", "BIGINT", "Local time, µs."),
        SYMBOL,
        Column("bid_ticks", "BIGINT", "Best bid, 0 where the side is empty."),
        Column("ask_ticks", "BIGINT", "Best ask, 0 where the side is empty."),
        Column("mid", "DOUBLE", "Last valid mid, quote currency."),
        Column("position_lots", "BIGINT", "Position."),
        Column("cash", "DOUBLE", "Cash."),
        Column("fee", "DOUBLE", "Fees so far."),
        Column("realized", "DOUBLE", "Profit realized so far."),
        Column("equity", "DOUBLE", "Cash and position at the mid, less fees."),
    ),
    (
        _time("ts", "`ts_us` as a time, UTC.", "ts_us"),
        _exact("bid", "Best bid, exact; null if empty.", "nullif(bid_ticks, 0)", "tick"),
        _exact("ask", "Best ask, exact; null if empty.", "nullif(ask_ticks, 0)", "tick"),
        _exact("position", "Position, exact.", "position_lots", "lot"),
    ),
)

SWEEP_POINTS = Table(
    "sweep_points",
    "One row for each combination of every finished sweep.",
    (
        Column("run", "VARCHAR", "Sweep, for example `w0001`."),
        Column("point", "BIGINT", "Number of the combination."),
        Column("axes", "JSON", "What was varied, for example `axes->>'queue'`."),
        Column("error", "VARCHAR", "Why it could not be run, else null."),
        Column("final_pnl", "DOUBLE", "Profit after fees, quote currency."),
        Column("realized", "DOUBLE", "Profit that fills realized, before fees."),
        Column("fee", "DOUBLE", "Fees; negative is a rebate."),
        Column("fills", "BIGINT", "Fills."),
        Column("orders", "BIGINT", "Orders."),
        Column("maker_share", "DOUBLE", "Share of traded value whose order rested."),
        Column("certain_share", "DOUBLE", "Share of fills that depend on no queue model."),
        Column("turnover", "DOUBLE", "Traded value, quote currency."),
        Column("max_drawdown", "DOUBLE", "Largest fall below an earlier peak."),
        Column("sharpe", "DOUBLE", "Annualized; null where equity was not sampled."),
        Column("sortino", "DOUBLE", "Annualized; null where equity was not sampled."),
        Column("digest", "VARCHAR", "Digest of the ledger."),
        Column("records", "VARCHAR", "Digest of the market data records."),
        Column("seconds", "DOUBLE", "How long it took."),
    ),
)

LEDGERS = (FILLS, ORDERS, EQUITY)
OPEN_ENDED = (*LEDGERS, SWEEP_POINTS)
"""Their files may have more columns than are listed, which then appear in the view."""

OTHER_VIEWS = (SEGMENTS, RUNS, *OPEN_ENDED)
