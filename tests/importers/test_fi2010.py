"""FI-2010: books of the DecPre files by row number; normalized files are refused."""

from __future__ import annotations

import json

import pytest

from lobdesk.errors import ImportFormatError
from lobdesk.importers import find_format, import_file, list_sources
from lobdesk.importers.fi2010 import Fi2010NormalizedError
from lobdesk.journal import SNAPSHOTS, read_events, symbol_log_dir
from lobdesk.paths import DataPaths
from lobdesk.verify import verify_data

NAME = "Train_Dst_NoAuction_DecPre_CF_1.txt"


def matrix(asks, *, rows=149, change=None):
    """The rows of a file whose columns have these best asks, one tick between levels."""
    lines = []
    for row in range(rows):
        level, field = divmod(row, 4)
        values = []
        for column, ask in enumerate(asks):
            value = 0.0
            if row < 40:
                sign = 1 if field == 0 else -1
                price = ask + sign * level * 0.0001 - (field == 2) * 0.0001
                value = price if field % 2 == 0 else 0.00001 * (level + 1)
            values.append(f"{change(row, column, value) if change else value:.7e}")
        lines.append("   " + "   ".join(values) + "\n")
    return "".join(lines)


@pytest.fixture
def paths(tmp_path) -> DataPaths:
    return DataPaths(tmp_path / "data")


def save(folder, *args, **options):
    file = folder / NAME
    file.write_text(matrix(*args, **options))
    return file


def test_columns_are_books_and_a_jump_begins_the_next_stock(paths, tmp_path) -> None:
    file = save(tmp_path, [0.2615, 0.2616, 0.1300, 0.1301])
    assert find_format(file).name == "fi2010"

    source = import_file(paths, file).source

    assert (source.frames, source.recv_derived) == (4, True)
    events = [e for e in read_events(paths.source_journal(source.id)) if e.dir == "in"]
    assert [e.recv_ts_us for e in events] == [1_000_000, 2_000_000, 3_000_000, 4_000_000]
    assert events[0].raw.startswith("2.6150000e-01 1.0000000e-05 2.6140000e-01 1.0000000e-05 ")
    lines = []
    for stock in (1, 2):
        folder = symbol_log_dir(paths.source_journal(source.id), SNAPSHOTS, f"FI2010/{stock}")
        text = "".join(f.read_text() for f in folder.rglob("*.jsonl"))
        lines.append([json.loads(line) for line in text.splitlines()])
    assert [len(part) for part in lines] == [2, 2]
    first = lines[0][0]
    assert (first["asks"][:2], first["bids"][0]) == ([[2615, 1], [2616, 2]], [2614, 1])
    assert (first["price_precision"], first["qty_precision"], first["verified"]) == (4, 5, None)
    assert verify_data(paths).is_good


@pytest.mark.parametrize(
    "change",
    [
        lambda row, _column, value: value - 1.5 if row < 40 else value,
        lambda row, _column, value: 0.5 if row < 40 and row % 2 == 0 else value,
    ],
)
def test_normalized_values_are_refused(paths, tmp_path, change) -> None:
    file = save(tmp_path, [0.2615, 0.2616], change=change)

    with pytest.raises(Fi2010NormalizedError, match="import the DecPre file of the same fold"):
        import_file(paths, file)

    assert list_sources(paths) == []


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda text: text[: text.rindex("   ")], "line 149: 1 columns instead of 2"),
        (lambda text: "".join(text.splitlines(keepends=True)[:-1]), "148 rows instead of 149"),
        (lambda text: text.replace("   2.6140000e-01", "", 1), "line 3: 1 columns instead of 2"),
        (lambda text: text.replace("2.6140000e-01", "2.61x0000e-01", 1), "line 3: .* is no number"),
        (lambda text: text.replace("2.6160000e-01\n", "2.6360000e-01\n", 1), "column 2: .* order"),
    ],
)
def test_damage_is_refused_with_its_place(paths, tmp_path, edit, reason) -> None:
    file = save(tmp_path, [0.2615, 0.2616])
    file.write_text(edit(file.read_text()))

    with pytest.raises(ImportFormatError, match=reason):
        import_file(paths, file)
