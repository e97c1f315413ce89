"""DeepLOB: convolutions over levels and time, an inception block, an LSTM.

Three published variants differ and are kept apart as profiles: ``pytorch`` (the authors' PyTorch
notebook), ``tf1`` (their TensorFlow notebook) and ``paper`` (figure 3). All return logits: the
published softmax before a cross-entropy loss is left out on purpose.

Source: Zhang, Zohren, Roberts (2019), DeepLOB, IEEE Transactions on Signal Processing 67(11).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from lobdesk.models.chunks import cut_windows
from lobdesk.models.shared_lstm import last_hidden

if TYPE_CHECKING:
    from collections.abc import Callable

TIME_KERNELS = 6
"""Convolutions over four rows, two in each of the three blocks."""

INCEPTION_EDGE = 2
"""Steps at each end of a window that the padding of the widest inception kernel touches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepLOBProfile:
    """What distinguishes the published variants.

    Attributes:
        filters: Channels of the three blocks.
        branch_filters: Channels of each inception branch.
        pads_time: Whether the blocks keep the number of rows (zeros at both ends).
        normalizes: Whether a batch normalization follows each activation.
        middle_tanh: Whether the second block uses tanh instead of a leaky ReLU.
        dropout: Share of inception channels dropped in training, one mask for all steps.
    """

    filters: int
    branch_filters: int
    pads_time: bool
    normalizes: bool
    middle_tanh: bool
    dropout: float


PROFILES = {
    "pytorch": DeepLOBProfile(
        filters=32, branch_filters=64, pads_time=False, normalizes=True, middle_tanh=True, dropout=0
    ),
    # The notebook leaves dropout on at prediction too; here it acts in training only.
    "tf1": DeepLOBProfile(
        filters=32, branch_filters=64, pads_time=True, normalizes=False, middle_tanh=False,
        dropout=0.2,
    ),
    "paper": DeepLOBProfile(
        filters=16, branch_filters=32, pads_time=True, normalizes=False, middle_tanh=False,
        dropout=0,
    ),
}  # fmt: skip


class DeepLOB(nn.Module):
    """Logits (or one regression output) of windows of book rows.

    The input may be windows, or chunks of consecutive rows that hold several overlapping windows.
    Consecutive windows share all rows but one, so in chunks the convolutions run once over the
    rows (``shared`` execution); profiles that pad in time cannot share and cut the windows first.
    """

    def __init__(
        self,
        *,
        features: int = 40,
        window_rows: int = 100,
        outputs: int = 3,
        profile: str = "pytorch",
    ) -> None:
        """Make a model with fresh weights from torch's global generator.

        Args:
            features: Columns of a row; four for each level, so a multiple of 4.
            window_rows: Rows of one window (T).
            outputs: Classes, or 1 for regression.
            profile: ``pytorch``, ``tf1`` or ``paper``.

        Raises:
            ValueError: The profile is unknown, or the shape cannot be convolved.
        """
        super().__init__()
        if profile not in PROFILES:
            raise ValueError(f"profile {profile!r} is not one of {', '.join(PROFILES)}")
        if features < 4 or features % 4:
            raise ValueError(f"features is {features}; deeplob needs a multiple of 4")
        chosen = PROFILES[profile]
        steps = window_rows if chosen.pads_time else window_rows - 3 * TIME_KERNELS
        if steps <= 2 * INCEPTION_EDGE:
            raise ValueError(f"window_rows is {window_rows}; deeplob needs at least 23")
        self.profile = profile
        self.window_rows = window_rows
        self.steps = steps
        self.shares_rows = not chosen.pads_time
        width = chosen.filters
        middle = nn.Tanh if chosen.middle_tanh else _leaky
        self.blocks = nn.Sequential(
            _block(chosen, 1, (1, 2), (1, 2), _leaky),  # [C, 32, R-6, F/2]
            _block(chosen, width, (1, 2), (1, 2), middle),  # [C, 32, R-12, F/4]
            _block(chosen, width, (1, features // 4), (1, 1), _leaky),  # [C, 32, R-18, 1]
        )
        self.short = _Branch(width, chosen.branch_filters, 3, chosen)
        self.long = _Branch(width, chosen.branch_filters, 5, chosen)
        self.pooled = _pointwise(width, chosen.branch_filters, chosen)
        self.dropout = nn.Dropout1d(chosen.dropout)
        self.lstm = nn.LSTM(3 * chosen.branch_filters, 64, batch_first=True)
        self.head = nn.Linear(64, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs of all windows of all chunks, in order.

        Args:
            x: Shape ``[C, T-1+M, F]``: C chunks of M windows each (M = 1: plain windows).

        Returns:
            Shape ``[C * M, outputs]``.
        """
        windows = x.shape[1] - self.window_rows + 1
        if windows > 1 and not self.shares_rows:
            x, windows = cut_windows(x, self.window_rows), 1  # [C*M, T, F]
        rows = self.blocks(x.unsqueeze(1)).squeeze(-1)  # [C, 32, S], S = steps - 1 + M
        if windows > 1:
            last = self._last_shared(rows, windows)
        else:
            pooled = functional.max_pool1d(rows, 3, stride=1, padding=1)  # [C, 32, steps]
            branches = [self.short(rows), self.long(rows), self.pooled(pooled)]
            sequence = self.dropout(torch.cat(branches, dim=1)).transpose(1, 2)
            last = self.lstm(sequence)[0][:, -1]  # [C, steps, 192] -> [C, 64]
        logits: Tensor = self.head(last)  # [C*M, outputs]
        return logits

    def _last_shared(self, rows: Tensor, windows: int) -> Tensor:
        """Return the LSTM's last state of each window, padded as if it stood alone."""
        size, reach = rows.shape[-1], INCEPTION_EDGE
        # Branches of all rows once, then of each window's steps 0, 1 and last two: [C, 64, S + 4M].
        branches = [
            self.short.with_ends(rows, windows, self.steps),
            self.long.with_ends(rows, windows, self.steps),
            self._pooled_with_ends(rows, windows),
        ]
        parts = torch.cat(branches, dim=1).transpose(1, 2)  # [C, S + 4M, 192]
        shared, *ends = torch.split(parts, [size, *[windows] * (2 * reach)], dim=1)
        return last_hidden(self.lstm, shared, ends, self.steps)  # [C*M, 64]

    def _pooled_with_ends(self, rows: Tensor, windows: int) -> Tensor:
        steps, maximum = self.steps, torch.maximum
        inner = functional.max_pool1d(rows, 3, stride=1, padding=1)  # [C, 32, S]
        ends = [  # no row before a window's first step, none after its last
            maximum(rows[..., :windows], rows[..., 1 : windows + 1]),
            inner[..., 1 : windows + 1],
            inner[..., steps - 2 : -1],
            maximum(rows[..., steps - 2 : -1], rows[..., steps - 1 :]),
        ]
        out: Tensor = self.pooled(torch.cat([inner, *ends], dim=-1))
        return out


class _Branch(nn.Module):
    """A 1x1 convolution, then one over a few steps that keeps their number."""

    def __init__(self, inputs: int, filters: int, kernel: int, profile: DeepLOBProfile) -> None:
        super().__init__()
        self.reach = kernel // 2
        self.pointwise = _pointwise(inputs, filters, profile)
        self.conv = nn.Conv1d(filters, filters, kernel, padding=self.reach)
        self.after = _after(nn.BatchNorm1d(filters), profile, _leaky)

    def forward(self, rows: Tensor) -> Tensor:
        out: Tensor = self.after(self.conv(self.pointwise(rows)))  # [C, filters, S]
        return out

    def with_ends(self, rows: Tensor, windows: int, steps: int) -> Tensor:
        """Convolve all rows once, and each window's end steps with a kernel cut at its edge.

        In training the normalization sees every row once, and the end steps besides.

        Returns:
            ``[C, filters, S + 4M]``: all rows, then steps 0, 1, -2, -1 of the M windows.
        """
        inner = self.pointwise(rows)  # [C, filters, S]
        weight, bias, reach = self.conv.weight, self.conv.bias, self.reach
        parts = [self.conv(inner)]
        for step in range(INCEPTION_EDGE):  # no row before a window's step 0
            cut = inner[..., max(step - reach, 0) : windows + step + reach]
            parts.append(functional.conv1d(cut, weight[..., max(reach - step, 0) :], bias))
        for left in reversed(range(INCEPTION_EDGE)):  # rows left in the window after this step
            last = inner.shape[-1] - max(left - reach, 0)
            cut = inner[..., steps - 1 - left - reach : last]
            parts.append(functional.conv1d(cut, weight[..., : reach + 1 + min(left, reach)], bias))
        # One pass through activation and normalization, so that all parts share its statistics.
        out: Tensor = self.after(torch.cat(parts, dim=-1))
        return out


def _block(
    profile: DeepLOBProfile,
    inputs: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    activation: Callable[[], nn.Module],
) -> nn.Sequential:
    filters = profile.filters
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, filters, kernel, stride=stride),
        _after(nn.BatchNorm2d(filters), profile, activation),
    ]
    for _ in range(2):
        if profile.pads_time:
            layers.append(nn.ZeroPad2d((0, 0, 1, 2)))  # as TensorFlow pads an even kernel
        layers.append(nn.Conv2d(filters, filters, (4, 1)))
        layers.append(_after(nn.BatchNorm2d(filters), profile, activation))
    return nn.Sequential(*layers)


def _pointwise(inputs: int, filters: int, profile: DeepLOBProfile) -> nn.Sequential:
    after = _after(nn.BatchNorm1d(filters), profile, _leaky)
    return nn.Sequential(nn.Conv1d(inputs, filters, 1), after)


def _after(
    norm: nn.Module, profile: DeepLOBProfile, activation: Callable[[], nn.Module]
) -> nn.Module:
    return nn.Sequential(activation(), norm) if profile.normalizes else activation()


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.01)
