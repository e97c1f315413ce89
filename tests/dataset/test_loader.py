"""Batches: every anchor once an epoch, an order fixed by seed and epoch, exact resumption."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lobdesk.dataset.loader import BatchPlan, WindowLoader, gather_chunks
from lobdesk.windows import WindowStore
from tests.training.store_files import write_store

ROWS = np.concatenate([np.arange(40, 133), np.arange(150, 151), np.arange(300, 364)])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> WindowStore:
    return WindowStore.open(write_store(tmp_path_factory.mktemp("data") / "store", rows=500))


def anchors(batches: list[tuple[np.ndarray, int]]) -> list[int]:
    return [int(a) + i for first, length in batches for a in first for i in range(length)]


@pytest.mark.parametrize("chunk_windows", [1, 4, 6, 32])
def test_every_anchor_comes_once_an_epoch(chunk_windows: int) -> None:
    plan = BatchPlan(ROWS, batch_size=16, chunk_windows=chunk_windows, seed=3)

    for epoch in range(3):
        batches = plan.epoch(epoch)
        assert sorted(anchors(batches)) == ROWS.tolist()
        assert len(batches) == len(plan)
        assert all(len(first) * length <= 16 for first, length in batches)


def test_order_depends_on_seed_and_epoch_only() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        plan = BatchPlan(ROWS, batch_size=16, chunk_windows=4, seed=seed)
        return anchors(plan.epoch(epoch))

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


def test_chunk_borders_move_between_epochs() -> None:
    plan = BatchPlan(np.arange(100, 203), batch_size=32, chunk_windows=4, seed=1)
    phases = {
        int(a) % 4
        for epoch in range(6)
        for first, length in plan.epoch(epoch)
        if length == 4
        for a in first
    }

    assert len(phases) > 1


def test_unshuffled_order_repeats() -> None:
    plan = BatchPlan(ROWS, batch_size=16, is_shuffled=False)

    assert anchors(plan.epoch(0)) == anchors(plan.epoch(5)) == ROWS.tolist()


def test_processes_share_the_batches_and_get_equally_many() -> None:
    whole = BatchPlan(ROWS, batch_size=16, seed=1)
    shards = [BatchPlan(ROWS, batch_size=16, seed=1, shard=(rank, 3)) for rank in range(3)]
    seen = [anchors(shard.epoch(2)) for shard in shards]

    assert len({len(shard) for shard in shards}) == 1
    assert len(whole) - 3 < sum(map(len, shards)) <= len(whole)
    assert len(set().union(*seen)) == sum(map(len, seen))


def test_batch_holds_the_rows_up_to_each_anchor(store: WindowStore) -> None:
    loader = WindowLoader(BatchPlan(ROWS, batch_size=8, seed=1), store, np.arange(500.0))

    batch = next(iter(loader))

    assert batch["x"].shape == (8, store.window_rows, 40)
    assert batch["x"].dtype == torch.float32
    for x, y, row in zip(batch["x"], batch["y"], batch["row"], strict=True):
        last = int(row)
        np.testing.assert_array_equal(x, store.features[last - store.window_rows + 1 : last + 1])
        assert y == last


def test_chunks_hold_the_windows_of_their_anchors(store: WindowStore) -> None:
    chunks = gather_chunks(store, np.array([60, 310]), 5)

    assert chunks.shape == (2, store.window_rows + 4, 40)
    for chunk, first in zip(chunks, (60, 310), strict=True):
        for i in range(5):
            window = store.gather(np.array([first + i]))[0]
            np.testing.assert_array_equal(chunk[i : i + store.window_rows], window)


def test_restored_loader_goes_on_with_the_next_batch(store: WindowStore) -> None:
    def loader() -> WindowLoader:
        return WindowLoader(BatchPlan(ROWS, batch_size=16, seed=1), store, store.seq)

    straight = loader()
    straight.set_epoch(2)
    expected = [batch["row"].tolist() for batch in straight]
    interrupted = loader()
    interrupted.set_epoch(2)
    batches = iter(interrupted)
    seen = [next(batches)["row"].tolist() for _ in range(3)]
    restored = loader()
    restored.load_state_dict(interrupted.state_dict())
    restored.set_epoch(2)

    seen += [batch["row"].tolist() for batch in restored]

    assert seen == expected


def test_epoch_after_a_restored_one_is_whole(store: WindowStore) -> None:
    loader = WindowLoader(BatchPlan(ROWS, batch_size=16, seed=1), store, store.seq)
    loader.load_state_dict({"epoch": 1, "position": 4})
    assert sum(1 for _ in loader) == len(loader) - 4

    loader.set_epoch(2)

    assert sum(1 for _ in loader) == len(loader)


def test_epoch_that_was_left_early_does_not_shorten_the_next(store: WindowStore) -> None:
    loader = WindowLoader(BatchPlan(ROWS, batch_size=16, seed=1), store, store.seq)
    next(iter(loader))

    loader.set_epoch(1)

    assert sum(1 for _ in loader) == len(loader)
