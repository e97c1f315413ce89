"""Text-grid snapshots: what a widget or the whole screen shows, and in which styles.

``UPDATE_SNAPSHOTS=1 pytest tests/app`` writes them anew; look at the difference before committing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lobdesk.app.widgets.rows import Row, row_text
from tests.app.data import make_data_dir

FOLDER = Path(__file__).parent / "snapshots"
STYLE_LETTERS = {
    "bid": "b", "ask": "a", "dim": ".", "strong": "s", "warn": "w", "good": "g", "bad": "x",
    "accent": "c", "cursor": "_", "tab": "t", "": " ",
}  # fmt: skip

Check = Callable[[str, str], None]


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory, captures: Path) -> Path:
    """A data directory with both captures and one backtest; tests only read it."""
    return make_data_dir(tmp_path_factory.mktemp("desk"), captures)


@pytest.fixture
def snapshot() -> Check:
    """Compare a text with the stored one of that name."""

    def check(name: str, text: str) -> None:
        path = FOLDER / f"{name}.txt"
        if os.environ.get("UPDATE_SNAPSHOTS"):
            FOLDER.mkdir(exist_ok=True)
            path.write_text(text + "\n", encoding="utf-8")
        assert path.is_file(), f"no snapshot {name}; run with UPDATE_SNAPSHOTS=1"
        assert text + "\n" == path.read_text(encoding="utf-8")

    return check


def grid_text(rows: Sequence[Row]) -> str:
    """Return the rows as text, then one letter of style a cell."""
    text = [row_text(row).rstrip() for row in rows]
    styles = [
        "".join(STYLE_LETTERS[names.split("+")[0]] * len(part) for part, names in row).rstrip()
        for row in rows
    ]
    return "\n".join([*text, "-" * 8, *styles])
