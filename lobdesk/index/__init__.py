"""The index: journal lines as Parquet parts, a published catalogue, SQL and columns over both."""

from lobdesk.index.audits import run_audit
from lobdesk.index.catalog import Catalog, Gap, Quality, SymbolInfo, open_catalog
from lobdesk.index.columns import SnapshotColumns, TradeColumns
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
