"""BiN-CTABL: normalization along both axes of a window, then bilinear layers with attention.

Small (about 13,000 weights for 100 rows) and quick, and the one published model whose results on
FI-2010 an independent study could repeat. The published training also bounds the norms of the
weights; this one leaves that out.

Sources: Tran, Iosifidis, Kanniainen, Gabbouj (2019), Temporal attention-augmented bilinear
network, IEEE Transactions on Neural Networks and Learning Systems 30(5); Tran, Kanniainen, Gabbouj,
Iosifidis (2021), Data normalization for bilinear structures in high-frequency financial
time-series, ICPR.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lobdesk.models.chunks import cut_windows

EPSILON = 1e-6


class BinCTABL(nn.Module):
    """Logits (or one regression output) of windows of book rows."""

    def __init__(self, *, features: int = 40, window_rows: int = 100, outputs: int = 3) -> None:
        """Make a model with fresh weights from torch's global generator.

        Args:
            features: Columns of a row.
            window_rows: Rows of one window (T).
            outputs: Classes, or 1 for regression.
        """
        super().__init__()
        self.window_rows = window_rows
        self.normalize = _Normalization(features, window_rows)
        self.first = _Bilinear(features, 60, window_rows, 10)
        self.second = _Bilinear(60, 120, 10, 5)
        self.attention = _TemporalAttention(120, outputs, 5)

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs ``[C * M, outputs]`` of the M windows in each chunk ``[C, T-1+M, F]``."""
        x = cut_windows(x, self.window_rows).transpose(1, 2)  # [B, F, T]
        x = self.normalize(x)  # [B, F, T]
        x = self.first(x).relu()  # [B, 60, 10]
        x = self.second(x).relu()  # [B, 120, 5]
        logits: Tensor = self.attention(x)  # [B, outputs]
        return logits


class _Normalization(nn.Module):
    """A weighted sum of each feature's z-score over time and each row's over features."""

    def __init__(self, features: int, rows: int) -> None:
        super().__init__()
        self.over_time = nn.Parameter(torch.tensor(0.5))
        self.over_features = nn.Parameter(torch.tensor(0.5))
        self.feature_scale = nn.Parameter(torch.ones(features, 1))
        self.feature_shift = nn.Parameter(torch.zeros(features, 1))
        self.row_scale = nn.Parameter(torch.ones(1, rows))
        self.row_shift = nn.Parameter(torch.zeros(1, rows))

    def forward(self, x: Tensor) -> Tensor:
        by_feature = _z_score(x, dim=2) * self.feature_scale + self.feature_shift  # [B, F, T]
        by_row = _z_score(x, dim=1) * self.row_scale + self.row_shift  # [B, F, T]
        return self.over_time.relu() * by_feature + self.over_features.relu() * by_row


class _Bilinear(nn.Module):
    """One product over features and one over time."""

    def __init__(self, features: int, out_features: int, rows: int, out_rows: int) -> None:
        super().__init__()
        self.left = nn.Parameter(_kaiming(out_features, features))
        self.right = nn.Parameter(_kaiming(rows, out_rows))
        self.bias = nn.Parameter(torch.zeros(out_features, out_rows))

    def forward(self, x: Tensor) -> Tensor:
        return self.left @ x @ self.right + self.bias  # [B, F', T']


class _TemporalAttention(nn.Module):
    """A bilinear layer that first stresses some of the rows."""

    def __init__(self, features: int, outputs: int, rows: int) -> None:
        super().__init__()
        self.left = nn.Parameter(_kaiming(outputs, features))
        self.score = nn.Parameter(torch.full((rows, rows), 1.0 / rows))
        self.right = nn.Parameter(_kaiming(rows, 1))
        self.bias = nn.Parameter(torch.zeros(outputs, 1))
        self.share = nn.Parameter(torch.tensor(0.5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.left @ x  # [B, outputs, T']
        off_diagonal = 1 - torch.eye(len(self.score), dtype=x.dtype, device=x.device)
        # A row's own weight stays at 1 / T', as published.
        score = self.score * off_diagonal + (1 - off_diagonal) / len(self.score)
        attention = (x @ score).softmax(dim=-1)  # [B, outputs, T']
        share = self.share.clamp(0, 1)
        x = share * (x * attention) + (1 - share) * x
        return (x @ self.right + self.bias).squeeze(-1)  # [B, outputs]


def _z_score(x: Tensor, dim: int) -> Tensor:
    centred = x - x.mean(dim=dim, keepdim=True)
    # The root of the variance has no slope at 0, which constant rows would divide by.
    return centred / (centred.square().mean(dim=dim, keepdim=True) + EPSILON).sqrt()


def _kaiming(rows: int, columns: int) -> Tensor:
    return nn.init.kaiming_uniform_(torch.empty(rows, columns), nonlinearity="relu")
