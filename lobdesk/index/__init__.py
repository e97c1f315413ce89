"""The index: journal lines as Parquet parts, a published catalogue, SQL and columns over both."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lobdesk.index.audits import run_audit
    from lobdesk.index.catalog import Catalog, open_catalog
    from lobdesk.index.columns import SnapshotColumns, TradeColumns
    from lobdesk.index.facts import Gap, Quality, SymbolInfo
    from lobdesk.index.indexer import IndexReport, update_index
    from lobdesk.index.records import write_market_records
    from lobdesk.index.records_file import MarketRecords, open_market_records
    from lobdesk.index.result import SqlResult
    from lobdesk.index.symbols import match_symbol
    from lobdesk.index.user_sql import run_user_sql

__all__ = [
    "Catalog",
    "Gap",
    "IndexReport",
    "MarketRecords",
    "Quality",
    "SnapshotColumns",
    "SqlResult",
    "SymbolInfo",
    "TradeColumns",
    "match_symbol",
    "open_catalog",
    "open_market_records",
    "run_audit",
    "run_user_sql",
    "update_index",
    "write_market_records",
]

_PLACES = {
    "Catalog": "catalog",
    "Gap": "facts",
    "IndexReport": "indexer",
    "MarketRecords": "records_file",
    "Quality": "facts",
    "SnapshotColumns": "columns",
    "SqlResult": "result",
    "SymbolInfo": "facts",
    "TradeColumns": "columns",
    "match_symbol": "symbols",
    "open_catalog": "catalog",
    "open_market_records": "records_file",
    "run_audit": "audits",
    "run_user_sql": "user_sql",
    "update_index": "indexer",
    "write_market_records": "records",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the protocol of modules
    # The process that runs SQL from outside starts for each query: it loads a third of this room.
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
