from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb

from lobdesk.index import open_catalog, update_index
from lobdesk.index.other_views import OTHER_VIEWS
from lobdesk.index.schema import TABLES
from lobdesk.index.schema_doc import render
from tests.conftest import ROOT


def test_views_have_exactly_the_documented_columns(tmp_path: Path) -> None:
    update_index(tmp_path)

    with open_catalog(tmp_path) as catalog:
        for table in (*TABLES.values(), *OTHER_VIEWS):
            found = catalog.sql(f"DESCRIBE {table.name}").rows
            expected = [(c.name, c.type) for c in (*table.columns, *table.view_columns)]
            assert [(row[0], row[1]) for row in found] == expected, table.name


def test_views_over_parts_have_the_same_types(indexed: Path) -> None:
    with open_catalog(indexed) as catalog:
        for table in TABLES.values():
            found = catalog.sql(f"DESCRIBE {table.name}").rows
            expected = [(c.name, c.type) for c in (*table.columns, *table.view_columns)]
            assert [(row[0], row[1]) for row in found] == expected, table.name


def test_rows_and_arrays_need_no_other_library(indexed: Path) -> None:
    """Times without a zone become Python and NumPy values although there is no pytz."""
    script = (
        "import sys; sys.modules['pytz'] = sys.modules['pandas'] = sys.modules['pyarrow'] = None\n"
        "from lobdesk.index import open_catalog\n"
        "with open_catalog(sys.argv[1]) as catalog:\n"
        "    for name in sys.argv[2:]:\n"
        "        found = catalog.sql(f'SELECT * FROM {name} LIMIT 5')\n"
        "        found.fetchall(); found.to_numpy()\n"
        "        assert not any('TIME ZONE' in kind for kind in found.types)\n"
    )
    names = [*TABLES, *(table.name for table in OTHER_VIEWS)]
    subprocess.run([sys.executable, "-c", script, indexed, *names], check=True, cwd=ROOT)


def test_catalogue_says_what_the_views_are(indexed: Path) -> None:
    con = duckdb.connect(str(indexed / "catalog.duckdb"), read_only=True)
    tables = {row[0] for row in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    views = {row[0] for row in con.execute("SELECT name FROM views").fetchall()}
    con.close()

    assert tables == {
        "meta", "parts", "segments", "book_frames", "commits", "gaps", "instruments", "rejects",
        "runs", "views", "retired",
    }  # fmt: skip
    assert views == {*TABLES, "segments", "runs"}


def test_document_is_the_schema() -> None:
    path = ROOT / "docs" / "schema.md"

    assert path.read_text(encoding="utf-8") == render(), (
        "run: python -m lobdesk.index.schema_doc > docs/schema.md"
    )


def test_index_loads_nothing_of_the_desk_or_training() -> None:
    script = (
        "import sys, lobdesk.index, lobdesk.index.worker; "
        "print([m for m in ('textual', 'torch', 'lightning', 'plotext', 'pyarrow', 'pandas') "
        "if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert found.stdout.strip() == "[]"
