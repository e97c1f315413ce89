"""Batches of windows: which anchors, in which order, and how an interrupted epoch goes on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from lobdesk.windows import WindowStore

Piece = tuple["NDArray[np.int64]", int]
"""First anchor rows of several chunks, and the number of consecutive anchors of each."""


class BatchPlan:
    """Cuts anchors into chunks of consecutive rows and orders them anew each epoch.

    With ``chunk_windows`` 1 this is plain shuffling. Otherwise each run of consecutive anchors is
    cut into chunks of that many windows, its remainder into powers of two, in an order drawn per
    epoch, so that chunk borders move. Every anchor comes exactly once an epoch, all chunks of a
    batch have one length, and the number of batches never changes.
    """

    def __init__(
        self,
        rows: NDArray[np.int64],
        *,
        batch_size: int,
        chunk_windows: int = 1,
        seed: int = 0,
        is_shuffled: bool = True,
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        """Plan the batches of one set of anchors.

        Args:
            rows: Anchor rows of the store, rising.
            batch_size: Windows of a batch; the last batch of a chunk length may hold fewer.
            chunk_windows: Windows of a chunk, at most ``batch_size``.
            seed: With the epoch it fixes the order.
            is_shuffled: False keeps the order of the rows.
            shard: This process's rank and the number of processes; all get equally many batches.
        """
        self.batch_size = batch_size
        self.seed = seed
        self.is_shuffled = is_shuffled
        self.shard = shard
        breaks = np.flatnonzero(np.diff(rows) != 1) + 1
        self._runs = [
            (int(run[0]), _pieces(len(run), min(chunk_windows, batch_size)))
            for run in np.split(rows, breaks)
            if len(run)
        ]
        self._length = len(self._shard(self._batches(epoch=0)))

    def __len__(self) -> int:
        return self._length

    def epoch(self, epoch: int) -> list[Piece]:
        """Return this process's batches of one epoch."""
        return self._shard(self._batches(epoch))

    def _batches(self, epoch: int) -> list[Piece]:
        random = np.random.default_rng([self.seed, epoch])
        starts: dict[int, list[NDArray[np.int64]]] = {}
        for first, lengths in self._runs:
            order = random.permutation(lengths) if self.is_shuffled else lengths
            at = first + np.cumsum(order) - order
            for length in np.unique(order):
                starts.setdefault(int(length), []).append(at[order == length])
        batches: list[Piece] = []
        for length in sorted(starts):
            at = np.concatenate(starts[length])
            if self.is_shuffled:
                random.shuffle(at)
            size = self.batch_size // length
            batches += [(at[i : i + size], length) for i in range(0, len(at), size)]
        if not self.is_shuffled:
            return batches
        return [batches[i] for i in random.permutation(len(batches))]

    def _shard(self, batches: list[Piece]) -> list[Piece]:
        rank, size = self.shard
        usable = len(batches) - len(batches) % size  # ranks that differ in length would hang
        return batches[rank:usable:size]


class WindowLoader:
    """Yields batches ``x`` (float32 ``[C, T-1+M, F]``), ``y`` and ``row`` (``[C * M]``).

    M is 1 unless the plan makes chunks, so ``x`` is ``[B, T, F]`` by default. The position within
    an epoch is part of ``state_dict``: a trainer that saves it goes on with the next batch. There
    are no worker processes: gathering is native and about 500 times faster than a training step.
    """

    def __init__(self, plan: BatchPlan, store: WindowStore, target: NDArray[Any]) -> None:
        """Serve a plan.

        Args:
            plan: Which anchors make up which batch.
            store: Where the windows come from.
            target: Value of every row of the store, shape ``[rows]``.
        """
        self.plan = plan
        self._store = store
        self._target = target
        self._epoch = 0
        self._start = 0
        self._position = 0

    @property
    def batch_sampler(self) -> SimpleNamespace:
        """Where trainers look for ``sampler.set_epoch``, which is this loader's."""
        return SimpleNamespace(sampler=self)

    def set_epoch(self, epoch: int) -> None:
        """Choose the order; another epoch than the present one starts at its first batch."""
        if epoch != self._epoch:
            self._epoch, self._start, self._position = epoch, 0, 0

    def state_dict(self) -> dict[str, int]:
        """Return where this loader stands."""
        return {"epoch": self._epoch, "position": self._position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where another loader of the same plan stood."""
        self._epoch = state["epoch"]
        self._start = self._position = state["position"]

    def __len__(self) -> int:
        return len(self.plan)

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        # The body runs at the first `next`: trainers make the iterator before they set the epoch.
        batches = self.plan.epoch(self._epoch)
        start, self._start = self._start, 0
        for position in range(start, len(batches)):
            self._position = position + 1
            yield self.batch(*batches[position])

    def batch(self, first: NDArray[np.int64], length: int) -> dict[str, torch.Tensor]:
        """Return the batch of chunks of ``length`` anchors that begin at rows ``first``."""
        rows = (first[:, None] + np.arange(length)).reshape(-1)
        return {
            "x": torch.from_numpy(gather_chunks(self._store, first, length)),
            "y": torch.from_numpy(self._target[rows]),
            "row": torch.from_numpy(rows),
        }


def gather_chunks(store: WindowStore, first: NDArray[np.int64], length: int) -> NDArray[np.float32]:
    """Return the rows of chunks, float32 ``[C, T-1+M, F]``.

    Args:
        store: Where the rows come from.
        first: First anchor row of each chunk.
        length: Consecutive anchors of a chunk (M).
    """
    if length == 1:
        return store.gather(first)
    before = store.window_rows - 1
    features = store.features
    chunks = np.empty((len(first), before + length, features.shape[1]), dtype=np.float32)
    for chunk, row in zip(chunks, first.tolist(), strict=True):
        chunk[:] = features[row - before : row + length]
    return chunks


def _pieces(anchors: int, chunk: int) -> NDArray[np.int64]:
    """Return chunk lengths that add up to ``anchors``: whole ones, then falling powers of two."""
    whole, rest = divmod(anchors, chunk)
    powers = [1 << bit for bit in reversed(range(rest.bit_length())) if rest >> bit & 1]
    return np.array([chunk] * whole + powers, dtype=np.int64)
