"""Tables for people: fitted to their terminal, and without anything that could write over it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lobdesk.cli import run_cli
from lobdesk.index import update_index
from lobdesk.index.table import draw
from tests.index.journals import JournalWriter, plain_snapshot

Capture = pytest.CaptureFixture[str]

HEAD = ("symbol", "source", "books", "first")
ROWS = [
    ("BTC/USD", "kraken-btc-usd-20260801t025352-cfec8332", "301", "2026-08-01 02:53:53"),
    ("ETH/USD", "recorder", "1129", "2026-08-02 04:23:43"),
]


def drawn(width: int | None) -> list[str]:
    text = draw(HEAD, ROWS, numbers={2}, shrinkable={0, 1}, width=width)
    return [line.removesuffix("\n") for line in text]


def test_table_without_a_terminal_holds_everything() -> None:
    assert drawn(None) == [
        "symbol   source                                   books  first",
        "─" * 7 + "  " + "─" * 39 + "  " + "─" * 5 + "  " + "─" * 19,
        "BTC/USD  kraken-btc-usd-20260801t025352-cfec8332    301  2026-08-01 02:53:53",
        "ETH/USD  recorder                                  1129  2026-08-02 04:23:43",
    ]
    assert drawn(76) == drawn(None)


def test_texts_give_way_to_numbers_and_times_and_keep_both_ends() -> None:
    lines = drawn(60)

    assert max(map(len, lines)) == 60
    assert lines[2] == "BTC/USD  kraken-btc-usd…cfec8332    301  2026-08-01 02:53:53"


def test_table_that_cannot_fit_has_a_line_for_each_value() -> None:
    assert drawn(40) == [
        "─ 1 " + "─" * 36,
        "symbol  BTC/USD",
        "source  kraken-btc-usd-20260801…cfec8332",
        "books   301",
        "first   2026-08-01 02:53:53",
        "─ 2 " + "─" * 36,
        "symbol  ETH/USD",
        "source  recorder",
        "books   1129",
        "first   2026-08-02 04:23:43",
    ]
    assert draw(HEAD, [], numbers=set(), shrinkable=set(), width=10) is not None


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A pair and a source whose names would write over a terminal."""
    data = tmp_path / "data"
    for source in ("evil\x1b[2J", "other"):
        writer = JournalWriter(data / "sources" / source / "l2")
        for seq in (1, 2):
            writer.snapshot("X\x1b[31m/\x9bY", plain_snapshot(seq, 10**15 + seq), 10**15)
        writer.frame('{"a":"\x9b1m"}', 10**15 + 3)
    update_index(data)
    return data


def answers(data: Path) -> list[tuple[str, ...]]:
    symbol = "X\x1b[31m/\x9bY"
    query = "SELECT symbol, source, 'a\x1b\nb' AS \"\x1b[1mname\" FROM snapshots"
    return [
        ("sql", "-c", query),
        ("sql", "-c", query, "--format", "csv"),
        ("sql", "-c", query, "--format", "json"),
        ("sql", "-c", query, "--format", "jsonl"),
        ("sql", "overview"),
        ("sql", "-c", "SELECT error('\x1b[2J')"),
        ("sql", "spread", "--symbol", "nope"),
        ("sql", "spread", "--source", "evil\x1b["),
        ("at", symbol, "--seq", "1"),
        ("at", symbol, str(10**15 + 2)),
        ("at", symbol, "--seq", "1", "--source", "other", "--raw"),
        ("at", symbol, "--seq", "1", "--source", "evil\x1b[2J", "--raw"),
        ("gaps",),
        ("index",),
    ]


def test_control_characters_do_not_reach_the_terminal(
    hostile: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hostile / "sources" / "other" / "l2" / "events" / "2001-09-09" / "000000000001.jsonl").unlink()
    for width in ("200", "40"):
        monkeypatch.setenv("COLUMNS", width)
        for args in answers(hostile):
            with monkeypatch.context() as patch:
                patch.setattr(sys.stdout, "isatty", lambda: True)
                run_cli([*args, "--data-dir", str(hostile)])
            out, err = capsys.readouterr()

            assert out + err
            unsafe = {char for char in out + err if not char.isprintable()} - {"\n"}
            assert not unsafe, (args, unsafe, out + err)


def test_a_pipe_gets_every_character(hostile: Path, capsys: Capture) -> None:
    query = "SELECT symbol, 'a\x1b\nb' AS x FROM snapshots LIMIT 1"

    run_cli(["sql", "-c", query, "--format", "csv", "--data-dir", str(hostile)])

    assert capsys.readouterr().out == 'symbol,x\nX\x1b[31m/\x9bY,"a\x1b\nb"\n'


def test_answer_is_fitted_to_the_terminal(
    hostile: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = "SELECT repeat('x', 70) AS one, 5 AS two"
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    run_cli(["sql", "-c", query, "--data-dir", str(hostile)])

    assert max(map(len, capsys.readouterr().out.splitlines())) == 30
