from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobdesk.paths import DataPaths, decode_symbol, default_data_dir, encode_symbol


def test_a_slash_is_percent_encoded() -> None:
    assert encode_symbol("BTC/USD") == "BTC%2FUSD"


@given(st.text(min_size=1))
def test_encoding_is_injective_and_a_plain_file_name(symbol: str) -> None:
    name = encode_symbol(symbol)
    assert decode_symbol(name) == symbol
    assert "/" not in name
    assert name not in {".", ".."}


def test_environment_names_the_data_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOBDESK_HOME", "/h")
    monkeypatch.delenv("LOBDESK_DATA_DIR", raising=False)
    assert default_data_dir() == Path("/h/data")
    monkeypatch.setenv("LOBDESK_DATA_DIR", "/d")
    assert default_data_dir() == Path("/d")


def test_journals_are_the_recorder_and_each_source_by_name(tmp_path: Path) -> None:
    for folder in ("l2", "sources/b/l2", "sources/a/l2", "sources/empty"):
        (tmp_path / folder).mkdir(parents=True)
    assert [root.source for root in DataPaths(tmp_path).journals()] == ["recorder", "a", "b"]
