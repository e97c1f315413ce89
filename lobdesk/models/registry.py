"""Trainable models by name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lobdesk.errors import TrainingError, did_you_mean
from lobdesk.models.bin_ctabl import BinCTABL
from lobdesk.models.deeplob import DeepLOB

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import nn

LEVEL_COLUMN = re.compile(r"(ask|bid)_(price|quantity)_\d+")


@dataclass(frozen=True, slots=True)
class Model:
    """One entry of the registry.

    A model takes chunks ``[C, T-1+M, F]`` and returns ``[C * M, outputs]``, see
    ``DeepLOB.forward``; ``cut_windows`` is all that a model without shared work needs.

    Attributes:
        build: Factory of (features, window_rows, outputs).
        reads_levels_only: Whether it takes prices and quantities of levels, and no other columns.
    """

    build: Callable[[int, int, int], nn.Module]
    reads_levels_only: bool = False


def _deeplob(profile: str) -> Model:
    def build(features: int, window_rows: int, outputs: int) -> nn.Module:
        return DeepLOB(features=features, window_rows=window_rows, outputs=outputs, profile=profile)

    return Model(build, reads_levels_only=True)


def _bin_ctabl(features: int, window_rows: int, outputs: int) -> nn.Module:
    return BinCTABL(features=features, window_rows=window_rows, outputs=outputs)


MODELS: dict[str, Model] = {
    "deeplob": _deeplob("pytorch"),
    "deeplob-tf1": _deeplob("tf1"),
    "deeplob-paper": _deeplob("paper"),
    "bin-ctabl": Model(_bin_ctabl),
}
"""Name → model."""


def build_model(name: str, *, features: int, window_rows: int, outputs: int) -> nn.Module:
    """Return a fresh model.

    Args:
        name: One of ``MODELS``.
        features: Columns that it reads.
        window_rows: Rows of a window.
        outputs: Classes, or 1 for regression.

    Raises:
        UnknownModelError: The name is unknown, or the model cannot take this shape.
    """
    try:
        return _named(name).build(features, window_rows, outputs)
    except ValueError as error:
        raise TrainingError(f"{name}: {error}; build another window store") from error


def model_columns(name: str, feature_names: Sequence[str]) -> list[int]:
    """Return which columns of a store a model reads.

    Raises:
        UnknownModelError: The name is unknown.
    """
    columns = list(range(len(feature_names)))
    if not _named(name).reads_levels_only:
        return columns
    return [column for column in columns if LEVEL_COLUMN.fullmatch(feature_names[column])]


class UnknownModelError(TrainingError):
    """No model is registered under a name."""

    exit_code: ClassVar[int] = 2

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"model {name!r} does not exist; {did_you_mean(name, MODELS)}")


def _named(name: str) -> Model:
    if name not in MODELS:
        raise UnknownModelError(name)
    return MODELS[name]
