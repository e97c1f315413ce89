"""The optional part that training needs, asked for before anything else."""

from __future__ import annotations

from lobdesk.errors import MissingExtraError


def require_training(command: str) -> None:
    """Load torch and lightning.

    Raises:
        MissingExtraError: They are not installed.
    """
    try:
        import lightning  # noqa: F401
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError("train", command) from error
