"""Trainable models by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lobdesk.errors import TrainingError
from lobdesk.models.deeplob import DeepLOB

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn


def _deeplob(profile: str) -> Callable[[int, int, int], nn.Module]:
    def build(features: int, window_rows: int, outputs: int) -> nn.Module:
        return DeepLOB(features=features, window_rows=window_rows, outputs=outputs, profile=profile)

    return build


MODELS: dict[str, Callable[[int, int, int], nn.Module]] = {
    "deeplob": _deeplob("pytorch"),
    "deeplob-tf1": _deeplob("tf1"),
    "deeplob-paper": _deeplob("paper"),
}
"""Name → factory of (features, window_rows, outputs). A model takes chunks ``[C, T-1+M, F]`` and
returns ``[C * M, outputs]``, see ``DeepLOB.forward``."""


def build_model(name: str, *, features: int, window_rows: int, outputs: int) -> nn.Module:
    """Return a fresh model.

    Args:
        name: One of ``MODELS``.
        features: Columns of a row.
        window_rows: Rows of a window.
        outputs: Classes, or 1 for regression.

    Raises:
        TrainingError: The name is unknown, or the model cannot take this shape.
    """
    if name not in MODELS:
        raise TrainingError(f"model {name!r} is not one of {', '.join(MODELS)}")
    try:
        return MODELS[name](features, window_rows, outputs)
    except ValueError as error:
        raise TrainingError(f"{name}: {error}; build another window store") from error
