"""Targets, splits and one fold of a window store as batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobdesk.dataset.labels import forward_return, volume_weighted_mid
from lobdesk.dataset.splits import (
    CombinatorialPurgedKFold,
    PurgedKFold,
    SplitError,
    WalkForward,
    purged_train,
)
from lobdesk.errors import MissingExtraError

if TYPE_CHECKING:
    from lobdesk.dataset.datamodule import LOBDataModule

__all__ = [
    "CombinatorialPurgedKFold",
    "LOBDataModule",
    "PurgedKFold",
    "SplitError",
    "WalkForward",
    "forward_return",
    "purged_train",
    "volume_weighted_mid",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the protocol of modules
    """Load the data module, and with it torch, when it is asked for."""
    if name == "LOBDataModule":
        try:
            from lobdesk.dataset.datamodule import LOBDataModule  # noqa: PLC0415 - loads torch
        except ModuleNotFoundError as error:
            raise MissingExtraError("train", "LOBDataModule") from error
        return LOBDataModule
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
