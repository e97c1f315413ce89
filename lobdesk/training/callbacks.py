"""What happens beside the training steps: progress, checkpoints, cancelling."""

# ruff: noqa: ANN401, ARG002 - the signatures of hooks are Lightning's

from __future__ import annotations

import math
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch.callbacks import Callback

from lobdesk.errors import TrainingError
from lobdesk.training.forecaster import LOBForecaster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lightning.pytorch import LightningModule, Trainer

    from lobdesk.progress import Progress

SAVE_INTERVAL_S = 60.0
"""Time between periodic checkpoints; a killed process loses at most this much."""

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class TrainingCancelledError(TrainingError):
    """Somebody asked the training to stop; a checkpoint was written."""

    exit_code = 130


class CancelFlag:
    """Set by SIGTERM and SIGINT; work looks at it between batches."""

    def __init__(self) -> None:
        self.is_set = False
        self._old: dict[signal.Signals, Any] = {}

    def set(self) -> None:
        """Ask the work to stop."""
        self.is_set = True

    def check(self) -> None:
        """Stop here if asked to.

        Raises:
            TrainingCancelledError: The flag is set.
        """
        if self.is_set:
            raise TrainingCancelledError("cancelled")

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Let SIGTERM and SIGINT set the flag; only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._old = {number: signal.getsignal(number) for number in STOP_SIGNALS}
        self.claim_signals()
        try:
            yield
        finally:
            for number, handler in self._old.items():
                signal.signal(number, handler)
            self._old = {}

    def claim_signals(self) -> None:
        """Take the signals back from whoever took them meanwhile (the trainer does)."""
        for number in self._old:
            signal.signal(number, lambda *_: self.set())


class Reporter(Callback):
    """Reports steps, loss and speed of a training."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._samples = 0
        self._start_s = 0.0
        self.facts: dict[str, float] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock, and name the loss to beat."""
        self._start_s = time.monotonic()
        if isinstance(pl_module, LOBForecaster) and pl_module.naive_loss is not None:
            self.facts["naive_loss"] = pl_module.naive_loss

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Report a step."""
        self._samples += len(batch["y"])
        elapsed_s = max(time.monotonic() - self._start_s, 1e-9)
        loss = float(outputs["loss"])
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} at step {trainer.global_step}; lower training.learning_rate"
            )
        self.facts |= {"loss": loss, "samples_per_s": round(self._samples / elapsed_s, 1)}
        total = planned_steps(trainer)
        self._progress.update(
            "train", trainer.global_step, total, epoch=trainer.current_epoch, **self.facts
        )

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the validation loss for the next reports."""
        if "val_loss" in trainer.callback_metrics:
            self.facts["val_loss"] = float(trainer.callback_metrics["val_loss"])


class Checkpoints(Callback):
    """Writes ``last.ckpt`` (to resume) and ``best.ckpt`` (lowest validation loss).

    Both appear by renaming, so a reader never sees half a file. ``last.ckpt`` is written after a
    batch: every ``SAVE_INTERVAL_S``, before a validation, when cancelled, and after the last one.
    """

    def __init__(self, folder: Path, cancel: CancelFlag) -> None:
        self.last = folder / "last.ckpt"
        self.best = folder / "best.ckpt"
        self.best_loss: float | None = None
        self.validated_step = -1
        self._cancel = cancel
        self._saved_s = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the signals back: the trainer's own handler would end the process as a success."""
        self._cancel.claim_signals()

    def state_dict(self) -> dict[str, Any]:
        """Return what the checkpoint being written should remember."""
        return {"best_loss": self.best_loss}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Recall the best loss, from ``best.ckpt``: it may be newer than the resumed state."""
        if self.best.is_file():
            best = torch.load(self.best, weights_only=True, map_location="cpu")
            self.best_loss = best["callbacks"][self.state_key]["best_loss"]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save when it is time and at the end of an epoch or of all, and stop if asked to.

        Never later than here: once it leaves an epoch, the trainer counts it as complete, and a
        state saved then would not go on with the batches that were left.
        """
        is_due = time.monotonic() - self._saved_s >= SAVE_INTERVAL_S
        is_end = trainer.is_last_batch or trainer.global_step == trainer.max_steps
        if self._cancel.is_set or is_due or is_end:
            save(trainer.save_checkpoint, self.last)
            self._saved_s = time.monotonic()
        self._cancel.check()

    def on_validation_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Stop if asked to; the epoch's last step has been saved."""
        self._cancel.check()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the best weights."""
        if "val_loss" in trainer.callback_metrics:
            self.offer(trainer, float(trainer.callback_metrics["val_loss"]))

    def offer(self, trainer: Trainer, val_loss: float) -> None:
        """Save the present weights as the best ones if their validation loss is the lowest."""
        self.validated_step = trainer.global_step
        if self.best_loss is None or val_loss < self.best_loss:
            self.best_loss = val_loss
            save(trainer.save_checkpoint, self.best)


def save(write: Callable[[Path], None], path: Path) -> None:
    """Let ``write`` make a file that appears under its name when it is whole."""
    temporary = path.with_name(f".{path.name}.tmp")
    write(temporary)
    temporary.replace(path)


def planned_steps(trainer: Trainer) -> int:
    """Return how many optimizer steps a fit will make at most, without touching the loader."""
    by_epochs = trainer.num_training_batches * (trainer.max_epochs or 1)
    return int(min(by_epochs, trainer.max_steps) if trainer.max_steps > 0 else by_epochs)
