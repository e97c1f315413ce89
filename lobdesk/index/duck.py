"""Opening DuckDB the way this project needs it. All of its traps are handled here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


MEMORY_LIMIT = "2GB"


def connect(
    *, threads: int = 2, temp_dir: Path | None = None, memory_limit: str = MEMORY_LIMIT
) -> duckdb.DuckDBPyConnection:
    """Open a private in-memory database.

    Args:
        threads: Workers; 1 makes what is written repeat byte for byte.
        temp_dir: Where large sorts may spill; None forbids spilling.
        memory_limit: DuckDB's own bound.
    """
    config: dict[str, Any] = {
        "threads": str(threads),
        "memory_limit": memory_limit,
        # Objects are texts or None: without this DuckDB guesses from the first thousand.
        "pandas_analyze_sample": "0",
        # The default is a folder in the current directory.
        "temp_directory": str(temp_dir) if temp_dir is not None else "",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    con = duckdb.connect(":memory:", config=config)
    # The bar would be drawn across the desk's screen.
    con.execute("SET enable_progress_bar_print = false")
    con.execute("SET TimeZone = 'UTC'")
    return con


def quote(text: str) -> str:
    """Return a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def glob_free(path: Path) -> str:
    """Return a path in which DuckDB sees no pattern."""
    text = str(path).replace("[", "[[]")
    return text.replace("*", "[*]").replace("?", "[?]")


def parquet_scan(paths: Iterable[Path], *, has_names: bool = False) -> str:
    """Return a SQL table expression over Parquet files, with a column ``filename`` if asked for.

    Folder names such as ``pair=…`` must never override columns, so partitioning is off.
    """
    names = ", ".join(quote(glob_free(path)) for path in paths)
    options = ", filename = true" if has_names else ""
    return f"read_parquet([{names}], hive_partitioning = false{options})"
