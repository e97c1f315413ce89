"""What DuckDB reads of columns is what they hold."""

from __future__ import annotations

import gc

import numpy as np
import pyarrow as pa
import pytest

from lobdesk import engine
from lobdesk.index import duck
from lobdesk.index.hand_over import Codes, HandOver, Texts
from lobdesk.index.schema import Column, Table

TABLE = Table(
    "t",
    "",
    (
        Column("seq", "BIGINT", ""),
        Column("small", "TINYINT", ""),
        Column("length", "INTEGER", ""),
        Column("flag", "BOOLEAN", ""),
        Column("maybe", "UINTEGER", ""),
        Column("maybe_flag", "BOOLEAN", ""),
        Column("levels", "BIGINT[10]", ""),
        Column("code", "VARCHAR", ""),
        Column("whole_code", "VARCHAR", ""),
        Column("raw", "VARCHAR", ""),
        Column("reason", "VARCHAR", ""),
        Column("source", "VARCHAR", ""),
    ),
)


def columns(rows: int) -> dict[str, object]:
    number = np.arange(rows, dtype=np.int64)
    texts = [b"", "é☃😀".encode(), b'{"a":1}'] * rows
    ends = np.cumsum([0, *map(len, texts[:rows])], dtype=np.int64)
    words = np.array(["", None, "why"] * rows, dtype=object)[:rows]
    return {
        "seq": number + (1 << 60),
        "small": (number % 5).astype(np.int8),
        "length": number * 3,
        "flag": number % 3 == 0,
        "maybe": np.ma.masked_equal(number % 4, 3),
        "maybe_flag": np.ma.masked_less((number % 3).astype(np.int8) - 1, 0),
        "levels": np.arange(rows * 10, dtype=np.int64).reshape(rows, 10),
        "code": Codes((number % 3).astype(np.int32) - 1, ["book", "é"]),
        "whole_code": Codes((number % 2).astype(np.int32), ["", "x"]),
        "raw": Texts(np.frombuffer(b"".join(texts[:rows]) or b" ", np.uint8), ends),
        "reason": words,
        "source": "it's",
    }


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 5000])
def test_rows_arrive_as_they_are(rows: int) -> None:
    block = HandOver(TABLE, columns(rows))
    con = duck.connect(threads=1)
    con.register("block", block)
    found = con.execute(f"SELECT {block.select} FROM block").fetchall()

    assert found == [
        (
            (1 << 60) + row, row % 5, row * 3, row % 3 == 0, None if row % 4 == 3 else row % 4,
            None if row % 3 == 0 else row % 3 == 2, list(range(row * 10, row * 10 + 10)),
            [None, "book", "é"][row % 3], ["", "x"][row % 2], ["", "é☃😀", '{"a":1}'][row % 3],
            ["", None, "why"][row % 3], "it's",
        )
        for row in range(rows)
    ]  # fmt: skip


def test_memory_outlives_the_columns() -> None:
    table = pa.RecordBatchReader.from_stream(HandOver(TABLE, columns(5000))).read_all()
    gc.collect()

    assert table["levels"].to_pylist()[-1] == list(range(49_990, 50_000))
    assert table["raw"].to_pylist()[-1] == "é☃😀"
    assert table["whole_code"].to_pylist()[-2:] == ["", "x"]


def test_codes_and_texts_can_be_asked() -> None:
    codes = Codes(np.array([1, -1, 0], np.int32), ["a", "b"])
    texts = Texts(np.frombuffer(b"xyz", np.uint8), np.array([0, 1, 1, 3]))

    assert codes.are("b").tolist() == [True, False, False]
    assert codes.are("c").tolist() == [False, False, False]
    assert [codes.text(row) for row in range(3)] == ["b", None, "a"]
    assert [texts.text(row) for row in range(3)] == ["x", "", "yz"]


@pytest.mark.parametrize(
    ("column", "begins"),
    [
        (("a", "l", np.zeros(3, np.int64), None, None), {}),
        (("a", "l", np.zeros((2, 2), np.int64).T, None, None), {}),
        (("a", "l", np.zeros((2, 2, 2), np.int64), None, None), {}),
        (("a", "l", np.zeros(2, np.int64), np.zeros(2, np.uint8), None), {}),
        (("a", "b", np.zeros(2, np.uint8), None, None), {}),
        (("a", "U", np.zeros(9, np.uint8), None, None), {"a": np.zeros(2, np.int64)}),
    ],
)
def test_columns_of_other_shapes_are_refused(column: tuple, begins: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match="column a does not have the rows of the table"):
        engine.arrow_stream([column], 2, text_begins=begins)
