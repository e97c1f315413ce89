"""The index: journal lines as Parquet parts, a published catalogue, SQL and columns over both."""

from lobdesk.index.catalog import Catalog, Gap, Quality, SymbolInfo, open_catalog
from lobdesk.index.columns import SnapshotColumns, TradeColumns
from lobdesk.index.indexer import IndexReport, update_index
from lobdesk.index.result import SqlResult

__all__ = [
    "Catalog",
    "Gap",
    "IndexReport",
    "Quality",
    "SnapshotColumns",
    "SqlResult",
    "SymbolInfo",
    "TradeColumns",
    "open_catalog",
    "update_index",
]
