"""Fitting: a quiet, deterministic trainer whose interrupted work goes on bit for bit."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import Trainer

from lobdesk.errors import TrainingError
from lobdesk.progress import NoProgress
from lobdesk.training.callbacks import CancelFlag, Checkpoints, Reporter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lobdesk.dataset.datamodule import LOBDataModule
    from lobdesk.progress import Progress
    from lobdesk.training.forecaster import LOBForecaster


def fit(
    forecaster: LOBForecaster,
    data: LOBDataModule,
    folder: Path,
    *,
    max_steps: int = -1,
    max_epochs: int = 10,
    resume: bool = False,
    progress: Progress | None = None,
    cancel: CancelFlag | None = None,
) -> dict[str, Any]:
    """Train a forecaster and leave ``last.ckpt`` and ``best.ckpt`` in a folder.

    Equal seeds and thread counts give equal weights, also when the training was interrupted and
    resumed any number of times.

    Args:
        forecaster: Fresh, made after seeding torch.
        data: The fold; its loaders fix the order of batches.
        folder: Where checkpoints go and, on resume, come from.
        max_steps: Optimizer steps at most; -1 for no limit.
        max_epochs: Passes at most, at least 1.
        resume: Go on from ``last.ckpt``.
        progress: Hears of every step.
        cancel: Stops the training after the present batch.

    Returns:
        ``steps``, ``epochs``, ``loss`` and ``samples_per_s`` of the last report, ``best_val_loss``.

    Raises:
        TrainingCancelledError: The flag was set; ``last.ckpt`` holds the state.
        TrainingError: There is nothing to resume, or the loss stopped being a number.
    """
    cancel = cancel if cancel is not None else CancelFlag()
    checkpoints = Checkpoints(folder, cancel)
    reporter = Reporter(progress if progress is not None else NoProgress())
    if resume and not checkpoints.last.is_file():
        raise TrainingError(f"{folder}: there is no last.ckpt to resume from; train anew")
    with quiet_lightning(), deterministic_torch():
        trainer = Trainer(
            accelerator="cpu",
            devices=1,
            max_steps=max_steps,
            max_epochs=max_epochs,
            callbacks=[reporter, checkpoints],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            default_root_dir=folder,
        )
        # Inside, so that our handlers replace those the trainer sets up.
        ckpt_path = checkpoints.last if resume else None
        trainer.fit(forecaster, datamodule=data, ckpt_path=ckpt_path, weights_only=True)
        if checkpoints.validated_step != trainer.global_step:
            checkpoints.offer(trainer, validation_loss(forecaster, data, cancel))
    return {
        "steps": trainer.global_step,
        "epochs": trainer.current_epoch,
        **reporter.facts,
        "best_val_loss": checkpoints.best_loss,
    }


def validation_loss(
    forecaster: LOBForecaster, data: LOBDataModule, cancel: CancelFlag | None = None
) -> float:
    """Return the mean loss over the validation anchors."""
    total, samples = 0.0, 0
    was_training = forecaster.training
    forecaster.eval()
    with torch.inference_mode():
        for batch in data.val_dataloader():
            if cancel is not None:
                cancel.check()
            total += float(forecaster.loss(batch)) * len(batch["y"])
            samples += len(batch["y"])
    forecaster.train(was_training)
    return total / samples


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's remarks off standard error; its errors are raised and unaffected."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Lightning 2.6 calls a name that torch 2.13 deprecates.
            warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
            # Our run folder holds the manifest already; the trainer writes nothing there itself.
            warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def deterministic_torch() -> Iterator[None]:
    """Use deterministic algorithms only, and leave torch's choice as it was."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
