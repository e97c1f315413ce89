"""DeepLOB: the published sizes, and one pass over shared rows instead of one a window."""

from __future__ import annotations

import pytest
import torch

from lobdesk.errors import TrainingError
from lobdesk.models import MODELS, DeepLOB, build_model


def seeded(profile: str = "pytorch", *, window_rows: int = 100, outputs: int = 3) -> DeepLOB:
    """Return a model in evaluation mode whose normalizations have seen something."""
    torch.manual_seed(1)
    model = DeepLOB(profile=profile, window_rows=window_rows, outputs=outputs)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
    return model.eval()


def windows_of(chunks: torch.Tensor, window_rows: int) -> torch.Tensor:
    count = chunks.shape[1] - window_rows + 1
    each = [chunk[i : i + window_rows] for chunk in chunks for i in range(count)]
    return torch.stack(each)


@pytest.mark.parametrize(
    ("profile", "parameters"), [("pytorch", 143_907), ("tf1", 142_691), ("paper", 60_947)]
)
def test_profiles_have_the_published_number_of_parameters(profile: str, parameters: int) -> None:
    model = DeepLOB(profile=profile)

    assert sum(p.numel() for p in model.parameters()) == parameters


def test_unpadded_blocks_leave_82_of_100_steps() -> None:
    rows = DeepLOB().blocks(torch.zeros(2, 1, 100, 40))

    assert rows.shape == (2, 32, 82, 1)


def test_output_is_logits_not_probabilities() -> None:
    with torch.inference_mode():
        logits = seeded()(torch.randn(64, 100, 40))

    assert logits.shape == (64, 3)
    assert not torch.allclose(logits.sum(dim=1), torch.ones(64), atol=1e-3)


def test_second_block_of_the_pytorch_profile_uses_tanh_and_normalizes_after_it() -> None:
    kinds = [type(m).__name__ for m in DeepLOB().blocks[1].modules()]
    layers = [kind for kind in kinds if kind != "Sequential"]

    assert layers == ["Conv2d", "Tanh", "BatchNorm2d"] * 3


@pytest.mark.parametrize("profile", ["pytorch", "tf1", "paper"])
@pytest.mark.parametrize(("chunks", "windows"), [(1, 2), (3, 5), (2, 32)])
def test_chunks_give_what_their_windows_give_alone(profile: str, chunks: int, windows: int) -> None:
    model = seeded(profile, window_rows=40).double()
    x = torch.randn(chunks, 39 + windows, 40, dtype=torch.float64)

    with torch.inference_mode():
        together = model(x)
        alone = model(windows_of(x, 40))

    # Not 0: matrix products round differently for different batch sizes.
    assert (together - alone).abs().max() < 1e-14


def test_chunks_give_the_same_in_single_precision() -> None:
    model = seeded()
    x = torch.randn(4, 99 + 16, 40)

    with torch.inference_mode():
        difference = (model(x) - model(windows_of(x, 100))).abs().max()

    assert difference < 1e-6


def test_chunks_have_the_gradient_of_their_windows() -> None:
    x = torch.randn(2, 39 + 4, 40, dtype=torch.float64)
    gradients = []
    for batch in (x, windows_of(x, 40)):
        model = seeded(window_rows=40).double()  # evaluation mode: fixed normalization
        model(batch).square().sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters()]))

    assert torch.allclose(*gradients, rtol=1e-9, atol=1e-12)


def test_rows_before_and_after_a_window_do_not_change_its_output() -> None:
    model = seeded(window_rows=40).double()
    x = torch.randn(1, 39 + 9, 40, dtype=torch.float64)
    changed = x.clone()
    changed[0, :4] += 1e3
    changed[0, 44:] -= 1e3

    with torch.inference_mode():
        before, after = model(x), model(changed)

    assert torch.equal(before[4], after[4])
    assert not torch.equal(before[0], after[0])
    assert not torch.equal(before[8], after[8])


def test_regression_has_one_output() -> None:
    with torch.inference_mode():
        assert seeded(outputs=1)(torch.zeros(2, 100, 40)).shape == (2, 1)


@pytest.mark.parametrize("name", list(MODELS))
def test_every_registered_model_takes_windows_and_chunks(name: str) -> None:
    model = build_model(name, features=44, window_rows=30, outputs=3).eval()

    with torch.inference_mode():
        assert model(torch.zeros(2, 30, 44)).shape == (2, 3)
        assert model(torch.zeros(2, 34, 44)).shape == (10, 3)


def test_unknown_model_is_refused_with_the_known_names() -> None:
    with pytest.raises(TrainingError, match="did you mean 'deeplob'"):
        build_model("deplob", features=40, window_rows=100, outputs=3)


def test_window_too_short_for_the_convolutions_is_refused() -> None:
    with pytest.raises(TrainingError, match="window_rows is 20"):
        build_model("deeplob", features=40, window_rows=20, outputs=3)
