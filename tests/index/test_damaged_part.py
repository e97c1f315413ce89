"""A part whose description is damaged: DuckDB's reader names no file then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lobdesk.index import open_catalog, run_user_sql, update_index
from lobdesk.index.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

QUERY = "SELECT sum(best_bid_ticks) FROM snapshots"


def by_catalog(data: Path) -> None:
    with open_catalog(data) as catalog:
        catalog.sql(QUERY)


def behind_the_fence(data: Path) -> None:
    run_user_sql(data, QUERY)


@pytest.mark.parametrize("ask", [by_catalog, behind_the_fence])
def test_error_says_how_to_get_it_back(recorded: Path, ask: Callable[[Path], None]) -> None:
    update_index(recorded)
    part = next((recorded / "lake" / "v1" / "snapshots").rglob("*.parquet"))
    data = bytearray(part.read_bytes())
    begin = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    data[begin : begin + 40] = bytes(range(200, 240))
    part.write_bytes(data)

    with pytest.raises(QueryError, match=r"^a part cannot be read \([^\n]*lobdesk index --check$"):
        ask(recorded)

    update_index(recorded, check=True)
    ask(recorded)
