"""The optional part that training needs, asked for before anything else."""

from __future__ import annotations

import importlib.util
import os

from lobdesk.errors import MissingExtraError


def require_installed(command: str) -> None:
    """Look whether torch and lightning are installed, without loading them.

    Raises:
        MissingExtraError: They are not.
    """
    if None in map(importlib.util.find_spec, ("torch", "lightning")):
        raise MissingExtraError("train", command)


def require_training(command: str) -> None:
    """Load torch and lightning, with threads that sleep while they wait.

    Raises:
        MissingExtraError: They are not installed.
    """
    # Read when torch's OpenMP loads. Spinning threads starve each other on a busy machine: 17
    # windows a second instead of 130.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import lightning  # noqa: F401
        import torch  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError("train", command) from error
