"""Building window stores: rows of the index in, a folder of columns out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.format import open_memmap

from lobdesk import __version__, engine
from lobdesk.errors import WindowError
from lobdesk.progress import NoProgress
from lobdesk.windows.segments import (
    crossed_rows,
    longest_segment_rows,
    rows_digest,
    segment_starts,
)
from lobdesk.windows.store import FORMAT, FORMAT_VERSION, MANIFEST, WindowStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from lobdesk.index import SnapshotColumns
    from lobdesk.progress import Progress
    from lobdesk.windows.spec import Target, WindowSpec

BUILD_VERSION = 1
"""Part of every id: raised when the same spec and rows give other bytes than before."""

UNITS = {
    "features": "z-score, see features",
    "ready": "bool",
    "vwm": "quote currency",
    "exch_ts_us": "us since 1970, UTC",
    "recv_ts_us": "us since 1970, UTC",
    "seq": "journal sequence",
    "segment": "number, from 0",
    "symbol": "index into symbols",
}


class TooFewRowsError(WindowError):
    """A symbol has no segment long enough for one window."""

    def __init__(self, symbol: str, *, needed: int, available: int) -> None:
        self.symbol = symbol
        self.needed = needed
        self.available = available
        super().__init__(
            f"{symbol}: a window needs {needed} rows without a gap (norm_min_rows + window_rows), "
            f"the longest segment has {available}; record more, lower these settings, or choose "
            "other symbols"
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One symbol's share of a store.

    Attributes:
        rows: Its rows.
        starts: Which of them start a segment.
        digest: Of the rows.
        first_row: Where its rows begin in the store.
        first_segment: Number of its first segment.
        number: Index of the symbol.
    """

    rows: SnapshotColumns
    starts: NDArray[np.bool_]
    digest: str
    first_row: int = 0
    first_segment: int = 0
    number: int = 0

    @property
    def symbol(self) -> str:
        return self.rows.symbol

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def segments(self) -> int:
        return int(self.starts.sum())

    @property
    def place(self) -> slice:
        return slice(self.first_row, self.first_row + len(self))


def build_store(
    windows_dir: Path,
    rows: Sequence[SnapshotColumns],
    spec: WindowSpec,
    *,
    threads: int = 1,
    progress: Progress | None = None,
) -> WindowStore:
    """Build the store of these rows, or return it if it exists.

    The folder appears under its final name only when it is complete. Its bytes depend on spec and
    rows alone: not on the number of threads, nor on the order of ``rows``.

    Args:
        windows_dir: Parent of all stores.
        rows: One item for each symbol.
        spec: All choices; ``spec.symbols`` is replaced by the symbols of ``rows``.
        threads: Symbols built at a time.
        progress: Told after each symbol.

    Raises:
        TooFewRowsError: A symbol has no segment long enough for one window.
        WindowError: There are no rows, a symbol comes twice, or the folder cannot be written.
    """
    progress = progress or NoProgress()
    ordered = sorted(rows, key=lambda item: item.symbol)
    symbols = tuple(item.symbol for item in ordered)
    if not symbols or len(set(symbols)) != len(symbols):
        raise WindowError(f"rows of different symbols are needed, got {list(symbols)}")
    spec = replace(spec, symbols=symbols)
    with ThreadPoolExecutor(max(threads, 1)) as pool:
        parts = _place(list(pool.map(lambda item: _part(item, spec), ordered)))
        manifest = _manifest(parts, spec)
        final = windows_dir / manifest["id"]
        if (final / MANIFEST).is_file():
            return WindowStore.open(final)
        with _new_folder(final) as folder:
            columns = _new_columns(folder, manifest)
            done = 0
            for part in pool.map(lambda part: _build_part(part, spec, columns), parts):
                done += len(part)
                progress.update("build", done, manifest["rows"], symbol=part.symbol)
            text = json.dumps(manifest, indent=1) + "\n"
            (folder / MANIFEST).write_text(text, encoding="utf-8")
    return WindowStore.open(final)


def _part(rows: SnapshotColumns, spec: WindowSpec) -> _Part:
    starts = segment_starts(rows, max_pause_us=spec.max_pause_us)
    available = longest_segment_rows(starts)
    if available < spec.min_segment_rows:
        raise TooFewRowsError(rows.symbol, needed=spec.min_segment_rows, available=available)
    return _Part(rows, starts, rows_digest(rows))


def _place(parts: list[_Part]) -> list[_Part]:
    placed: list[_Part] = []
    row = segment = 0
    for number, part in enumerate(parts):
        placed.append(replace(part, first_row=row, first_segment=segment, number=number))
        row, segment = row + len(part), segment + part.segments
    return placed


def _manifest(parts: list[_Part], spec: WindowSpec) -> dict[str, Any]:
    sources = {
        part.symbol: {
            "rows": len(part),
            "segments": part.segments,
            "crossed_rows": int(crossed_rows(part.rows).sum()),
            "rows_digest": part.digest,
            "sources": part.rows.sources,
        }
        for part in parts
    }
    made_of = {"build_version": BUILD_VERSION, "spec": spec.to_dict(), "sources": sources}
    text = json.dumps(made_of, sort_keys=True, separators=(",", ":"))
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "id": hashlib.blake2b(text.encode(), digest_size=8).hexdigest(),
        "lobdesk_version": __version__,
        **made_of,
        "symbols": list(spec.symbols),
        "rows": sum(map(len, parts)),
        "features": [{"name": c.name, "unit": c.unit} for c in spec.feature_columns],
        "targets": [
            {"name": t.name, "column": t.column, "end_column": t.end_column, "unit": "bps"}
            for t in spec.parsed_targets
        ],
        "columns": _columns(spec, sum(map(len, parts))),
    }


def _columns(spec: WindowSpec, rows: int) -> dict[str, dict[str, Any]]:
    types = {"features": "<f4", "ready": "|b1", "vwm": "<f8", "segment": "<i4", "symbol": "<i4"}
    columns = {
        name: {"dtype": types.get(name, "<i8"), "shape": [rows], "unit": unit}
        for name, unit in UNITS.items()
    }
    columns["features"]["shape"] = [rows, len(spec.feature_columns)]
    for target in spec.parsed_targets:
        columns[target.column] = {"dtype": "<f8", "shape": [rows], "unit": "bps"}
        columns[target.end_column] = {"dtype": "<i8", "shape": [rows], "unit": "row"}
    return columns


def _new_columns(folder: Path, manifest: dict[str, Any]) -> dict[str, NDArray[Any]]:
    return {
        name: open_memmap(
            folder / f"{name}.npy",
            mode="w+",
            dtype=column["dtype"],
            shape=tuple(column["shape"]),
        )
        for name, column in manifest["columns"].items()
    }


def _build_part(part: _Part, spec: WindowSpec, columns: dict[str, NDArray[Any]]) -> _Part:
    rows, place = part.rows, part.place
    segment = np.cumsum(part.starts, dtype=np.int32) - np.int32(1)
    exch_ts_us = np.ascontiguousarray(rows.exch_ts_us, np.int64)
    try:
        _build_features(part, spec, columns, segment)
    except ValueError as error:
        raise WindowError(f"{part.symbol}: {error}; run: lobdesk verify") from error
    vwm = np.array(columns["vwm"][place])
    for target in spec.parsed_targets:
        returns, ends = _targets(target, vwm, segment, exch_ts_us)
        columns[target.column][place] = returns
        columns[target.end_column][place] = np.where(ends < 0, -1, ends + part.first_row)
    columns["exch_ts_us"][place] = exch_ts_us
    columns["recv_ts_us"][place] = rows.recv_ts_us
    columns["seq"][place] = rows.seq
    columns["segment"][place] = segment + np.int32(part.first_segment)
    columns["symbol"][place] = part.number
    return part


def _build_features(
    part: _Part,
    spec: WindowSpec,
    columns: dict[str, NDArray[Any]],
    segment: NDArray[np.int32],
) -> None:
    rows, place = part.rows, part.place
    engine.build_feature_rows(
        bid_ticks=np.ascontiguousarray(rows.bid_ticks, np.int64),
        bid_lots=np.ascontiguousarray(rows.bid_lots, np.int64),
        ask_ticks=np.ascontiguousarray(rows.ask_ticks, np.int64),
        ask_lots=np.ascontiguousarray(rows.ask_lots, np.int64),
        price_precision=np.ascontiguousarray(rows.price_precision, np.int8),
        qty_precision=np.ascontiguousarray(rows.qty_precision, np.int8),
        exch_ts_us=np.ascontiguousarray(rows.exch_ts_us, np.int64),
        segment=segment,
        features=columns["features"][place],
        ready=columns["ready"][place],
        vwm=columns["vwm"][place],
        feature_sets=list(spec.feature_sets),
        vwm_levels=spec.vwm_levels,
        window_rows=spec.norm_window_rows,
        min_rows=spec.norm_min_rows,
    )


def _targets(
    target: Target,
    vwm: NDArray[np.float64],
    segment: NDArray[np.int32],
    exch_ts_us: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    if target.is_time:
        return engine.time_targets(
            vwm, segment, exch_ts_us, kind=target.kind, horizon_us=target.horizon
        )
    return engine.row_targets(vwm, segment, kind=target.kind, horizon_rows=target.horizon)


@contextmanager
def _new_folder(final: Path) -> Iterator[Path]:
    """Give a folder its final name once the body has filled it; remove it if the body fails."""
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{final.name}-", dir=final.parent))
    except OSError as error:
        raise WindowError(f"{final.parent}: cannot be written: {error.strerror}") from error
    try:
        yield folder
        folder.chmod(0o755)
        for path in (*folder.iterdir(), folder):
            _sync(path)
        _rename(folder, final)
    except OSError as error:
        raise WindowError(f"{final.parent}: cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _rename(folder: Path, final: Path) -> None:
    try:
        folder.rename(final)
    except OSError:
        if not (final / MANIFEST).is_file():  # else another build of the same store was faster
            raise
    _sync(final.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
