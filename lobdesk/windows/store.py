"""Window stores: memory-mapped columns, and the windows in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np

from lobdesk import engine
from lobdesk.errors import WindowError
from lobdesk.windows.spec import Target, unknown

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FORMAT = "lobdesk-windows"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
REPAIR = "remove the store's folder, then build it again: lobdesk build"


class WindowStoreError(WindowError):
    """A folder is no window store that this version can read."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


class _Column(msgspec.Struct):
    dtype: str
    shape: list[int]


class _Named(msgspec.Struct):
    name: str


class _Spec(msgspec.Struct):
    window_rows: int
    stride_rows: int
    norm_window_rows: int


class _Manifest(msgspec.Struct):
    """What a store must know about itself; names of columns are names of files."""

    id: str
    rows: int
    spec: _Spec
    symbols: list[str]
    features: list[_Named]
    targets: list[_Named]
    columns: dict[Annotated[str, msgspec.Meta(pattern="^[a-z0-9_]+$")], _Column]


class WindowStore:
    """All rows of some symbols, normalized once; windows are views of them.

    Rows are sorted by symbol, then in the order of their journal. Every column is a read-only
    NumPy memory map over all rows.

    Attributes:
        path: Folder of the store.
        manifest: What the store was made of: spec, sources with digests, columns with units.
        features: float32 ``[rows, columns]``, normalized; 0 where not ready.
        ready: bool ``[rows]``, enough rows before, and both sides of the book there.
        vwm: float64 ``[rows]``, volume-weighted mid, quote currency; NaN where a side is empty.
        exch_ts_us: int64 ``[rows]``, exchange time.
        recv_ts_us: int64 ``[rows]``, time of receipt.
        seq: int64 ``[rows]``, that of the raw event.
        segment: int32 ``[rows]``, number of the segment, rising from 0 over the whole store.
        symbol: int32 ``[rows]``, index into ``symbols``.

    Each target, for example ``mean:10``, has two more columns: ``target_mean_10`` (float64, bps,
    NaN where none) and ``target_end_mean_10`` (int64, last row it uses, -1 where none).
    """

    features: NDArray[np.float32]
    ready: NDArray[np.bool_]
    vwm: NDArray[np.float64]
    exch_ts_us: NDArray[np.int64]
    recv_ts_us: NDArray[np.int64]
    seq: NDArray[np.int64]
    segment: NDArray[np.int32]
    symbol: NDArray[np.int32]

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest
        self._columns = {name: _open_column(path, name, manifest) for name in manifest["columns"]}
        for name, column in self._columns.items():
            setattr(self, name, column)

    @classmethod
    def open(cls, path: Path | str) -> WindowStore:
        """Open a store's folder; nothing is read until a column is used.

        Raises:
            WindowStoreError: The folder is missing, no store, of another version, or damaged.
        """
        folder = Path(path)
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise WindowStoreError(folder, "is no window store; make one: lobdesk build") from None
        except (OSError, ValueError) as error:
            raise WindowStoreError(
                folder, f"its manifest cannot be read: {error}; {REPAIR}"
            ) from error
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise WindowStoreError(folder, "its manifest is not that of a window store")
        if manifest.get("version") != FORMAT_VERSION:
            raise WindowStoreError(
                folder,
                f"has format version {manifest.get('version')}, this lobdesk reads "
                f"{FORMAT_VERSION}; build it again: lobdesk build",
            )
        try:
            msgspec.convert(manifest, _Manifest)
        except msgspec.ValidationError as error:
            raise WindowStoreError(folder, f"its manifest is damaged: {error}; {REPAIR}") from error
        return cls(folder, manifest)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the protocol of attributes
        """Explain which columns there are."""
        columns = self.__dict__.get("_columns", {})
        raise AttributeError(f"{name!r} {unknown(name, columns)}")

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self.manifest["rows"])

    @property
    def id(self) -> str:
        """Digest of spec and sources."""
        return str(self.manifest["id"])

    @property
    def window_rows(self) -> int:
        """Rows of a window (T)."""
        return int(self.manifest["spec"]["window_rows"])

    @property
    def symbols(self) -> list[str]:
        """Names that ``symbol`` counts."""
        return list(self.manifest["symbols"])

    @property
    def feature_names(self) -> list[str]:
        """Names of the columns of ``features``."""
        return [feature["name"] for feature in self.manifest["features"]]

    def targets(self) -> list[str]:
        """Return the names of the targets, for example ``mean:10``."""
        return [target["name"] for target in self.manifest["targets"]]

    def target(self, name: str) -> NDArray[np.float64]:
        """Return a target's column: bps, NaN where there is none.

        Raises:
            WindowError: The store has no such target.
        """
        column: NDArray[np.float64] = self._columns[self._known(name).column]
        return column

    def target_end(self, name: str) -> NDArray[np.int64]:
        """Return the last row that each value of a target uses, -1 where there is none.

        Raises:
            WindowError: The store has no such target.
        """
        column: NDArray[np.int64] = self._columns[self._known(name).end_column]
        return column

    def anchors(self, target: str | None = None, *, stride: int | None = None) -> NDArray[np.int64]:
        """Return the last rows of all windows, rising.

        A window's rows are all ready, and so all of one segment.

        Args:
            target: Keep only anchors that have this target.
            stride: Keep every n-th row of each segment, counted from its start; None takes the
                spec's.

        Raises:
            WindowError: The store has no such target.
            ValueError: ``stride`` is below 1.
        """
        step = int(self.manifest["spec"]["stride_rows"]) if stride is None else stride
        if step < 1:
            raise ValueError(f"stride is {step}, it must be at least 1")
        number = np.arange(len(self))
        last_unready = np.maximum.accumulate(np.where(self.ready, -1, number))
        is_anchor = number - last_unready >= self.window_rows
        if step > 1:
            is_anchor &= (number - self._segment_start(number)) % step == 0
        if target is not None:
            is_anchor &= ~np.isnan(self.target(target))
        return np.flatnonzero(is_anchor)

    def gather(
        self,
        rows: ArrayLike,
        out: NDArray[np.float32] | None = None,
        *,
        threads: int = 1,
    ) -> NDArray[np.float32]:
        """Return the windows that end with the given rows, copied natively without the GIL.

        Args:
            rows: Anchors, integers ``[B]``; see ``anchors``.
            out: Where to put them, float32 ``[B, T, F]``, contiguous; None allocates.
            threads: Threads that copy.

        Returns:
            float32 ``[B, T, F]``, oldest row first.

        Raises:
            ValueError: A row has fewer than T - 1 rows before it, or ``out`` does not fit.
        """
        ends = np.ascontiguousarray(rows, np.int64)
        if out is None:
            shape = (len(ends), self.window_rows, self.features.shape[1])
            out = np.empty(shape, np.float32)
        elif out.ndim != 3 or out.shape[1] != self.window_rows:
            raise ValueError(f"out must have shape [rows, {self.window_rows}, columns]")
        engine.gather_windows(self.features, ends, out, threads=threads)
        return out

    def first_input(self, rows: ArrayLike) -> NDArray[np.int64]:
        """Return the earliest row that enters each window, by its normalization.

        Args:
            rows: Anchors, integers ``[B]``.

        Returns:
            int64 ``[B]``, row numbers of the store.
        """
        ends = np.asarray(rows, np.int64)
        first = ends - self.window_rows + 1
        valued = np.flatnonzero(~np.isnan(self.vwm))
        at = np.searchsorted(valued, first) - int(self.manifest["spec"]["norm_window_rows"])
        reached = valued[np.maximum(at, 0)] if len(valued) else first
        return np.maximum(np.minimum(reached, first), self._segment_start(ends))

    def _segment_start(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        starts = np.flatnonzero(np.diff(self.segment, prepend=-1))
        return starts[np.asarray(self.segment)[rows]]

    def _known(self, name: str) -> Target:
        if name not in self.targets():
            raise WindowError(f"{self.path}: target {name!r} {unknown(name, self.targets())}")
        return Target.parse(name)


def _open_column(path: Path, name: str, manifest: dict[str, Any]) -> NDArray[Any]:
    file = path / f"{name}.npy"
    try:
        column: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise WindowStoreError(file, f"cannot be read: {error.strerror}; {REPAIR}") from error
    except (ValueError, EOFError) as error:  # NumPy's own text speaks of pickles
        raise WindowStoreError(file, f"is cut or no NumPy array; {REPAIR}") from error
    expected = manifest["columns"][name]
    if column.dtype.str != expected["dtype"] or list(column.shape) != expected["shape"]:
        raise WindowStoreError(
            file,
            f"holds {column.dtype.str} {list(column.shape)}, the manifest says "
            f"{expected['dtype']} {expected['shape']}; {REPAIR}",
        )
    return column
