"""Windows out of chunks, for models that take each window alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def cut_windows(chunks: Tensor, window_rows: int) -> Tensor:
    """Return the windows of chunks, oldest first.

    Args:
        chunks: Shape ``[C, T-1+M, F]``.
        window_rows: Rows of a window (T).

    Returns:
        Shape ``[C * M, T, F]``.
    """
    if chunks.shape[1] == window_rows:
        return chunks
    windows = chunks.unfold(1, window_rows, 1)  # [C, M, F, T]
    return windows.transpose(2, 3).flatten(0, 1)
