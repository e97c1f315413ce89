from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lobdesk.errors import CatalogError, WindowError
from lobdesk.index import open_catalog
from lobdesk.windows import (
    TooFewRowsError,
    UnindexedSymbolError,
    WindowSpec,
    build_store,
    build_windows,
)
from tests.reference import windows as reference

SPEC = WindowSpec(window_rows=10, norm_window_rows=60, norm_min_rows=20, targets=("mean:1s",))


def test_recorded_frames_become_the_store_of_their_rows(indexed: Path, tmp_path: Path) -> None:
    store = build_windows(indexed, SPEC)

    with open_catalog(indexed) as catalog:
        rows = [catalog.snapshot_columns(symbol) for symbol in ("BTC/USD", "ETH/USD")]
    again = build_store(tmp_path, rows, SPEC)
    assert store.path.parent == indexed / "windows"
    assert store.id == again.id
    assert store.symbols == ["BTC/USD", "ETH/USD"]
    assert np.array_equal(store.seq, np.concatenate([r.seq for r in rows]))
    for number, columns in enumerate(rows):
        mine = store.symbol == number
        segment = store.segment[mine] - store.segment[mine][0]
        assert np.array_equal(segment, reference.segments(columns, SPEC.max_pause_us))


def test_resync_of_the_recording_ends_a_segment(indexed: Path) -> None:
    store = build_windows(indexed, SPEC)

    with open_catalog(indexed) as catalog:
        resyncs = catalog.quality("BTC/USD").resyncs
    assert resyncs > 0
    assert store.manifest["sources"]["BTC/USD"]["segments"] >= 1 + resyncs


def test_symbol_may_be_named_without_its_quote(indexed: Path) -> None:
    both = WindowSpec(window_rows=10, norm_min_rows=20, symbols=("BTC", "btc/usd", "BTC/USD"))

    assert build_windows(indexed, both).symbols == ["BTC/USD"]


def test_unknown_symbol_brings_the_nearest(indexed: Path) -> None:
    with pytest.raises(UnindexedSymbolError, match=r"'ETHUSD' .* did you mean 'ETH/USD'"):
        build_windows(indexed, WindowSpec(symbols=("ETHUSD",)))


def test_short_recording_says_what_is_missing(indexed: Path) -> None:
    with pytest.raises(TooFewRowsError, match="BTC/USD: a window needs 1100 rows"):
        build_windows(indexed, WindowSpec(norm_min_rows=1000))


def test_missing_index_tells_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="lobdesk index"):
        build_windows(tmp_path, SPEC)


def test_store_built_last_is_the_newest_even_if_it_existed(indexed: Path) -> None:
    first = build_windows(indexed, SPEC)
    other = build_windows(indexed, WindowSpec(window_rows=10, norm_min_rows=30))

    build_windows(indexed, SPEC)

    def written_ns(store) -> int:
        return (store.path / "manifest.json").stat().st_mtime_ns

    assert written_ns(first) > written_ns(other)


def test_folder_that_cannot_be_written_is_named(indexed: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with open_catalog(indexed) as catalog:
        rows = [catalog.snapshot_columns("BTC/USD")]

    with pytest.raises(WindowError, match="file: cannot be written"):
        build_store(tmp_path / "file", rows, SPEC)
