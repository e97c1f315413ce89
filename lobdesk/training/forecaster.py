"""The trainable part: a model, its loss and its optimizer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.nn import functional

from lobdesk.models import build_model

if TYPE_CHECKING:
    from collections.abc import Sequence

CLASSIFICATION = "classification"
REGRESSION = "regression"


class LOBForecaster(LightningModule):
    """Predicts the next return of a book: its class, or its size over past volatility.

    Every argument is a plain type, so that checkpoints load with ``weights_only=True`` and
    describe themselves: ``LOBForecaster.load_from_checkpoint(path, weights_only=True)``.
    """

    def __init__(
        self,
        *,
        model: str = "deeplob",
        columns: Sequence[int] | None = None,
        features: int = 40,
        window_rows: int = 100,
        task: str = CLASSIFICATION,
        learning_rate: float = 1e-3,
        class_weights: Sequence[float] = (1.0, 1.0, 1.0),
        class_means_bps: Sequence[float] = (-1.0, 0.0, 1.0),
        volatility_floor_bps: float = 1e-9,
        target_scale: float = 1.0,
        seed: int = 0,
    ) -> None:
        """Make a forecaster with fresh weights from torch's global generator.

        Args:
            model: Registered name.
            columns: Those of a row that the model reads; None means all.
            features: Columns of a row.
            window_rows: Rows of a window (T).
            task: ``classification`` or ``regression``.
            learning_rate: Adam's.
            class_weights: Of the loss, down, flat, up; from the training fold.
            class_means_bps: Mean return of each class in the training fold.
            volatility_floor_bps: Least past volatility that targets were divided by (regression).
            target_scale: Standard deviation of the training fold's divided targets (regression).
            seed: Seeds what the model draws in each step, whatever ran before that step.
        """
        super().__init__()
        self.save_hyperparameters()
        self.task = task
        self.window_rows = window_rows
        self.learning_rate = learning_rate
        self.volatility_floor_bps = volatility_floor_bps
        self.target_scale = target_scale
        self.seed = seed
        outputs = len(class_weights) if task == CLASSIFICATION else 1
        self.columns = list(columns) if columns is not None else list(range(features))
        self.reads_all = self.columns == list(range(features))
        self.model = build_model(
            model, features=len(self.columns), window_rows=window_rows, outputs=outputs
        )
        self.class_weights: Tensor
        self.class_shares: Tensor
        self.class_means_bps: Tensor
        weights = torch.tensor(list(class_weights), dtype=torch.float32)
        means = torch.tensor(list(class_means_bps), dtype=torch.float32)
        self.register_buffer("class_weights", weights, persistent=False)
        shares = torch.where(weights > 0, 1 / weights.clamp(min=1e-12), 0.0)
        self.register_buffer("class_shares", shares, persistent=False)
        self.register_buffer("class_means_bps", means, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``[B, 3]``, or scaled returns ``[B, 1]``, of windows ``[B, T, F]``."""
        out: Tensor = self.model(x if self.reads_all else x[..., self.columns])
        return out

    def value_bps(self, outputs: Tensor, volatility_bps: Tensor) -> Tensor:
        """Return expected returns in basis points.

        Args:
            outputs: Of ``forward``, ``[B, 3]`` or ``[B, 1]``.
            volatility_bps: Of each window, ``past_volatility``, ``[B]``; classes do not use it.

        Returns:
            Shape ``[B]``.
        """
        if self.task == CLASSIFICATION:
            return self.probabilities(outputs) @ self.class_means_bps
        volatility_bps = volatility_bps.clamp(min=self.volatility_floor_bps)
        return outputs.squeeze(-1) * self.target_scale * volatility_bps

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return the probability of each class ``[B, 3]`` for logits of ``forward``."""
        # The loss evened out the classes; dividing by its weights undoes that.
        odds = outputs.softmax(dim=-1) * self.class_shares
        return odds / odds.sum(dim=-1, keepdim=True)

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the mean loss of one batch."""
        outputs = self(batch["x"])
        if self.task == CLASSIFICATION:
            return functional.cross_entropy(outputs, batch["y"], weight=self.class_weights)
        return functional.mse_loss(outputs.squeeze(-1), batch["y"] / self.target_scale)

    @property
    def naive_loss(self) -> float | None:
        """The loss of knowing nothing: one answer for every window; None for regression.

        The weights even out the classes, so the best constant answer is the same for each class
        that occurs.
        """
        if self.task != CLASSIFICATION:
            return None
        return math.log(int((self.class_weights > 0).sum()))

    def training_step(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the loss of one training batch."""
        return self.loss(batch)

    def validation_step(self, batch: dict[str, Tensor]) -> None:
        """Log the loss of one validation batch under ``val_loss``."""
        size = len(batch["y"])
        self.log("val_loss", self.loss(batch), batch_size=size, sync_dist=True)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:  # noqa: ANN401, ARG002
        """Seed this step, so that a resumed training draws the same dropout masks."""
        torch.manual_seed(self.seed * 1_000_003 + self.global_step)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam over all weights."""
        return torch.optim.Adam(self.parameters(), lr=self.learning_rate)
