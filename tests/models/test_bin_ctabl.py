"""BiN-CTABL: its published size, its normalization, and windows out of chunks."""

from __future__ import annotations

import torch

from lobdesk.models import BinCTABL


def test_size_for_ten_rows_is_the_published_one() -> None:
    model = BinCTABL(window_rows=10)

    assert sum(p.numel() for p in model.parameters()) == 11_446


def test_scale_and_level_of_a_window_change_nothing_over_time() -> None:
    torch.manual_seed(0)
    model = BinCTABL(window_rows=20).double()
    with torch.no_grad():
        model.normalize.over_features.fill_(-1)  # its share is cut at 0
    x = torch.randn(4, 20, 40, dtype=torch.float64)

    with torch.inference_mode():
        difference = (model(x) - model(1e3 * x + 7)).abs().max()

    assert difference < 1e-4


def test_constant_features_have_a_finite_gradient() -> None:
    torch.manual_seed(0)
    model = BinCTABL(window_rows=20)

    model(torch.zeros(4, 20, 40)).sum().backward()

    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_chunks_give_what_their_windows_give_alone() -> None:
    torch.manual_seed(0)
    model = BinCTABL(window_rows=20)
    chunk = torch.randn(1, 24, 40)

    with torch.inference_mode():
        together = model(chunk)
        alone = torch.cat([model(chunk[:, i : i + 20]) for i in range(5)])

    assert torch.allclose(together, alone, atol=1e-6)
